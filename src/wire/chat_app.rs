//! The bodies of Chat App's dialect, as its document has them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::{self, ChatName, MessageId, MessagesAfter, Refusal, Settings, Timestamp};

/// Says who a browser's people are.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewBrowserSession {
    /// 1 to 32 characters.
    pub username: String,
}

/// A new session.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BrowserSession {
    /// The same as the cookie; shown this once.
    pub token: String,
    pub username: String,
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// Who one is between chats.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct OwnName {
    pub username: String,
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// Asks for a chatroom.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewChatroom {
    /// 1 to 64 characters.
    pub name: String,
    /// Seats, 1 to 50; 50 where it is left out.
    #[serde(default)]
    pub capacity: Option<u32>,
    /// Messages kept, 1 to 1,000; 1,000 where it is left out.
    #[serde(default)]
    pub history: Option<u32>,
}

impl NewChatroom {
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
    pub hash_key: Uuid,
    /// Its page; whoever has this may enter.
    pub url: String,
}

/// A chatroom's messages, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ChatroomMessages {
    pub name: Option<String>,
    pub hash_key: Uuid,
    pub messages: Vec<ChatroomMessage>,
    /// The newest id in the chat: the `after` of the next call.
    pub last_id: MessageId,
    /// How many messages after the cursor were deleted before this call.
    pub missed: u64,
}

impl ChatroomMessages {
    #[must_use]
    pub fn new(hash_key: Uuid, name: Option<&ChatName>, read: &MessagesAfter) -> Self {
        let name = name.map(|name| name.as_str().to_owned());
        let messages = read.messages.iter().map(ChatroomMessage::from).collect();
        Self { name, hash_key, messages, last_id: read.last_id, missed: read.missed }
    }
}

/// What was said.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ChatroomMessage {
    /// 1, 2, 3 … in its chat.
    pub id: u64,
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
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

/// Something to say.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ChatroomSaying {
    /// 1 to 2,000 characters, at most 16 KiB.
    pub content: String,
}
