//! JSON bodies of the Chat App dialect, as its document defines them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::{self, ChatName, MessageId, MessagesAfter, Refusal, Settings, Timestamp};

/// Starts a browser session.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewBrowserSession {
    /// The user's name in every chatroom.
    pub username: String,
}

/// A new browser session.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BrowserSession {
    /// Token of the browser session, which is also set as a cookie. Returned only once.
    pub token: String,
    pub username: String,
    /// When the browser session expires.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// The current browser session.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct OwnName {
    pub username: String,
    /// When the browser session expires.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// Creates a chatroom.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewChatroom {
    /// The chatroom's name.
    pub name: String,
    /// Number of seats. Default: 50.
    #[serde(default)]
    pub capacity: Option<u32>,
    /// Maximum number of messages that the chatroom keeps. Default: 1,000.
    #[serde(default)]
    pub history: Option<u32>,
}

impl NewChatroom {
    /// Validates the fields.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] that names the field.
    pub fn parse(&self) -> Result<(ChatName, Settings), Refusal> {
        Ok((ChatName::parse(&self.name)?, Settings::new(domain::Admission::Open, self.capacity, self.history)?))
    }
}

/// A new chatroom.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Chatroom {
    pub name: String,
    /// Id of the chatroom.
    pub hash_key: Uuid,
    /// URL of the chatroom's page. Anyone with this URL can enter.
    pub url: String,
}

/// A chatroom's messages, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ChatroomMessages {
    pub name: Option<String>,
    pub hash_key: Uuid,
    pub messages: Vec<ChatroomMessage>,
    /// Id of the newest message in the chatroom. Pass it as `after` in the next call.
    pub last_id: MessageId,
    /// Number of messages after the cursor that were deleted before this call.
    pub missed: u64,
    /// Whether the server may have lost messages after the cursor, as after a failover of its store. Left out if not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub incomplete: bool,
}

impl ChatroomMessages {
    #[must_use]
    pub fn new(hash_key: Uuid, name: Option<&ChatName>, read: &MessagesAfter) -> Self {
        let name = name.map(|name| name.as_str().to_owned());
        let messages = read.messages.iter().map(|message| ChatroomMessage::from(&**message)).collect();
        Self { name, hash_key, messages, last_id: read.last_id, missed: read.missed, incomplete: read.is_incomplete }
    }
}

/// A message in a chatroom.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ChatroomMessage {
    /// Sequence number in the chatroom: 1, 2, 3 …
    pub id: u64,
    /// When the message was sent.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
    /// The author's name when the message was sent.
    pub username: String,
    pub content: String,
}

impl From<&domain::Message> for ChatroomMessage {
    fn from(message: &domain::Message) -> Self {
        Self {
            id: message.id,
            timestamp: message.sent_at,
            username: message.username.as_str().to_owned(),
            content: message.text.as_str().to_owned(),
        }
    }
}

/// Posts a message.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = ChatroomSaying)]
pub struct ChatroomPostBody {
    /// Text of the message, at most 16 KiB.
    pub content: String,
}
