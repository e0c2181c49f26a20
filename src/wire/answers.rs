//! What the server answers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::{self, MessageId, Role, Timestamp};

/// A new chat, with what its owner needs.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Created {
    pub chat_id: Uuid,
    /// Proves the owner's seat; shown this once.
    pub session_token: String,
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    pub member: Member,
    /// The chat's first magic link.
    pub invite: Invite,
}

/// A seat, with the proof of it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Joined {
    /// Proves the seat; shown this once.
    pub session_token: String,
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    pub member: Member,
}

/// A new proof of a seat one already has.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// Proves the seat from now on; shown this once. The one before proves nothing any more.
    pub session_token: String,
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// Someone in a chat, as everyone in it may know them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Member {
    pub member_id: Uuid,
    pub username: String,
    pub role: Role,
    /// When the seat was taken.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
}

/// A member, and whether anything was heard of them just now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberSummary {
    #[serde(flatten)]
    pub member: Member,
    pub online: bool,
}

/// Those who hold a seat, longest-seated first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MemberList {
    pub members: Vec<MemberSummary>,
    /// Seats in all.
    pub capacity: u32,
    /// Messages kept.
    pub history: u32,
    /// What the chat is called, if it has a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What the server still holds of a chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Retention {
    /// How many messages are kept now.
    pub messages: usize,
    /// How many are kept at most; older ones are deleted as new ones come.
    pub history: u32,
    /// When the oldest of them was sent; `null` while there is none.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub oldest_sent_at: Option<Timestamp>,
    /// How many hold a seat.
    pub members: usize,
    /// When nothing of the chat will be left, unless someone enters or renews a session before.
    #[schema(value_type = String, format = DateTime)]
    pub forgotten_at: Timestamp,
}

/// A new magic link; the only answer that ever holds its key.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Invite {
    pub key: String,
    /// `<the site>/join/<chat_id>#<key>`. Opening it changes nothing.
    pub magic_link: String,
    #[serde(flatten)]
    pub invite: InviteSummary,
}

/// A magic link without its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InviteSummary {
    pub invite_id: Uuid,
    pub label: Option<String>,
    /// How many may come by it; null is no limit.
    pub max_uses: Option<u32>,
    /// How many have.
    pub uses: u32,
    /// When it ends; null is as long as the chat.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

/// The chat's magic links, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct InviteList {
    pub invites: Vec<InviteSummary>,
}

/// Something someone said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Message {
    /// 1, 2, 3 … in its chat.
    pub id: MessageId,
    pub member_id: Uuid,
    /// What the author was called then.
    pub username: String,
    pub text: String,
    #[schema(value_type = String, format = DateTime)]
    pub sent_at: Timestamp,
    /// What the sender called it, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<Uuid>,
}

/// The messages after a cursor, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Messages {
    pub messages: Vec<Message>,
    /// The newest id in the chat: the `after` of the next call.
    pub last_id: MessageId,
    /// How many messages after the cursor were deleted before this call.
    pub missed: u64,
}

/// That the server can do its work.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok`
    pub status: String,
}

impl From<&domain::Member> for Member {
    fn from(member: &domain::Member) -> Self {
        Self {
            member_id: member.id.as_uuid(),
            username: member.username.as_str().to_owned(),
            role: member.role,
            since: member.joined_at,
        }
    }
}

impl From<&domain::Invite> for InviteSummary {
    fn from(invite: &domain::Invite) -> Self {
        Self {
            invite_id: invite.id.as_uuid(),
            label: invite.label.as_ref().map(|label| label.as_str().to_owned()),
            max_uses: invite.max_uses,
            uses: invite.uses,
            expires_at: invite.expires_at,
        }
    }
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

impl From<&domain::MessagesAfter> for Messages {
    fn from(unseen: &domain::MessagesAfter) -> Self {
        Self {
            messages: unseen.messages.iter().map(Message::from).collect(),
            last_id: unseen.last_id,
            missed: unseen.missed,
        }
    }
}
