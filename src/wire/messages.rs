//! JSON bodies of messages.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::chat_app::ChatroomMessage;
use crate::domain::{self, ClientId, MessageId, MessageText, Refusal, Timestamp};

/// Posts a message.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PostMessage {
    /// Text of the message, at most 16 KiB.
    pub text: String,
    /// A UUID that the sender chooses. Repeating the request with the same `client_id` returns the message that the
    /// first request created.
    #[serde(default)]
    pub client_id: Option<Uuid>,
}

impl PostMessage {
    /// Validates the fields.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] that names the field.
    pub fn parse(&self) -> Result<(MessageText, Option<ClientId>), Refusal> {
        Ok((MessageText::parse(&self.text)?, self.client_id.map(ClientId::from)))
    }
}

/// A message in a chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Message {
    /// Sequence number in the chat: 1, 2, 3 …
    pub id: MessageId,
    /// The author; the nil UUID for a message that was posted without a session.
    pub member_id: Uuid,
    /// The author's name when the message was sent.
    pub username: String,
    pub text: String,
    /// When the message was sent.
    #[schema(value_type = String, format = DateTime)]
    pub sent_at: Timestamp,
    /// The sender's own id for the message, if it sent one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<Uuid>,
}

impl From<&domain::Message> for Message {
    fn from(message: &domain::Message) -> Self {
        Self {
            id: message.id,
            member_id: message.member_id.as_uuid(),
            username: message.username.as_str().to_owned(),
            text: message.text.as_str().to_owned(),
            sent_at: message.sent_at,
            client_id: message.client_id.map(domain::ClientId::as_uuid),
        }
    }
}

/// The messages after a cursor, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Messages {
    pub messages: Vec<Message>,
    /// Id of the newest message in the chat. Pass it as `after` in the next call.
    pub last_id: MessageId,
    /// Number of messages after the cursor that were deleted before this call.
    pub missed: u64,
    /// Whether the server may have lost messages after the cursor, as after a failover of its store. Left out if not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub incomplete: bool,
}

impl From<ChatroomMessage> for Message {
    fn from(message: ChatroomMessage) -> Self {
        Self {
            id: message.id,
            member_id: Uuid::nil(),
            username: message.username,
            text: message.content,
            sent_at: message.timestamp,
            client_id: None,
        }
    }
}

impl From<&domain::MessagesAfter> for Messages {
    fn from(unseen: &domain::MessagesAfter) -> Self {
        Self {
            messages: unseen.messages.iter().map(|message| Message::from(&**message)).collect(),
            last_id: unseen.last_id,
            missed: unseen.missed,
            incomplete: unseen.is_incomplete,
        }
    }
}
