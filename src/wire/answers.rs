//! JSON bodies of the API's responses.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::{self, Admission, KnockStatus, MessageId, PublicAccess, Role, Timestamp};

/// A new chat with the credentials of its owner.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Created {
    pub chat_id: Uuid,
    /// Session token of the owner's seat. Returned only once.
    pub session_token: String,
    /// When the session expires.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    pub member: Member,
    /// Code that recovers the owner's seat if the session is lost. Returned only once.
    pub recovery_code: String,
    /// The chat's first invite; `null` if the chat's `admission` does not use invites.
    pub invite: Option<Invite>,
}

/// A seat in a chat and its session token.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Joined {
    /// Session token of the seat. Returned only once.
    pub session_token: String,
    /// When the session expires.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    pub member: Member,
}

/// A new knock, which waits for an owner's decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Knocked {
    pub knock_id: Uuid,
    /// Authenticates the guest for this knock and nothing else.
    pub ticket: String,
    pub status: KnockStatus,
    /// When the knock expires and is deleted.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// The result of redeeming an invite: a seat, or a knock.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Entered {
    Seated(Joined),
    Knocked(Knocked),
}

/// The state of a knock, for the guest who knocked.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct KnockState {
    pub status: KnockStatus,
    /// When the knock expires and is deleted.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// The approved guest's seat, until that session is renewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Joined>,
}

/// An event on the stream of a knock. `type` is also the name of the server-sent event.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum KnockUpdate {
    /// No owner has decided yet.
    Pending,
    /// The guest has a seat. The stream ends.
    Approved { session: Option<Joined> },
    /// An owner declined. The stream ends.
    Declined,
    /// The knock was withdrawn or has expired, or the chat has ended. The stream ends.
    Ended,
}

impl KnockUpdate {
    /// Returns the value of `type`, which is also the event's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved { .. } => "approved",
            Self::Declined => "declined",
            Self::Ended => "ended",
        }
    }
}

/// A guest who asks to join, as owners see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Knock {
    pub knock_id: Uuid,
    pub username: String,
    /// The invite that the guest used.
    pub invite_id: Uuid,
    /// When the guest knocked.
    #[schema(value_type = String, format = DateTime)]
    pub knocked_at: Timestamp,
    pub status: KnockStatus,
    /// When the knock expires and is deleted.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// The waiting knocks, longest-waiting first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KnockList {
    pub knocks: Vec<Knock>,
}

/// The seats of a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Seats {
    /// Number of free seats.
    pub free: u32,
    /// Total number of seats.
    pub capacity: u32,
}

/// The caller's own seat.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct OwnSeat {
    /// When the session expires.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    pub member: Member,
}

/// One of the caller's own sessions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwnSession {
    /// Public id of the session; not a credential.
    pub session_id: Uuid,
    /// When the member joined or logged in. Renewing the session does not change it.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// When the session expires.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// Whether this is the session that made the request.
    pub current: bool,
}

/// The caller's own sessions, in the order in which they started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwnSessions {
    pub sessions: Vec<OwnSession>,
}

/// What anyone who knows the chat's address can see without a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Preview {
    /// The chat's name, if it has one.
    pub name: Option<String>,
    pub admission: Admission,
    pub public_access: PublicAccess,
}

/// A code that recovers an owner's seat if the session is lost.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RecoveryCode {
    /// The new code. Returned only once; it replaces any earlier code.
    pub recovery_code: String,
}

/// A recovered owner's seat and the next recovery code.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Recovered {
    #[serde(flatten)]
    pub seat: Joined,
    /// The next code. Returned only once; it replaces the code that was used.
    pub recovery_code: String,
}

/// A renewed session.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// The new session token. Returned only once; it replaces the previous token.
    pub session_token: String,
    /// When the session expires.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// A member of a chat, as everyone in the chat sees them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Member {
    pub member_id: Uuid,
    pub username: String,
    pub role: Role,
    /// When the member took the seat.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
}

/// A member and their presence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberSummary {
    #[serde(flatten)]
    pub member: Member,
    /// Whether the member was active just now.
    pub online: bool,
}

/// The chat's members, longest-seated first, and its settings.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MemberList {
    pub members: Vec<MemberSummary>,
    /// Total number of seats.
    pub capacity: u32,
    /// Maximum number of messages that the chat keeps.
    pub history: u32,
    /// How people enter the chat.
    pub admission: Admission,
    /// The chat's name, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What the server still keeps of a chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Retention {
    /// Number of messages that the chat keeps now.
    pub messages: usize,
    /// Maximum number of messages that the chat keeps. Each new message beyond it deletes the oldest one.
    pub history: u32,
    /// When the oldest kept message was sent; `null` if there is none.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub oldest_sent_at: Option<Timestamp>,
    /// Number of members.
    pub members: usize,
    /// When the chat is deleted, unless someone enters or renews a session before then.
    #[schema(value_type = String, format = DateTime)]
    pub forgotten_at: Timestamp,
}

/// A new invite. This is the only response that contains its key.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Invite {
    /// The secret that redeems the invite.
    pub key: String,
    /// Magic link with the key: `<site>/join/<chat_id>#<key>`. Opening it does not use up the invite.
    pub magic_link: String,
    #[serde(flatten)]
    pub invite: InviteSummary,
}

/// An invite without its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InviteSummary {
    pub invite_id: Uuid,
    /// The owner's label for the invite.
    pub label: Option<String>,
    /// Maximum number of uses; `null` means no limit.
    pub max_uses: Option<u32>,
    /// Number of members who have joined with the invite so far.
    pub uses: u32,
    /// When the invite expires; `null` means that it lasts as long as the chat.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// Whether an owner must approve each guest who uses the invite.
    pub asks_first: bool,
    /// Whether the invite was created without a session, from the chat's address alone.
    #[serde(default)]
    pub by_address: bool,
}

/// An invite without its key, and the current members who joined with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InviteWithMembers {
    #[serde(flatten)]
    pub invite: InviteSummary,
    pub members: Vec<Member>,
}

/// The chat's invites, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct InviteList {
    pub invites: Vec<InviteWithMembers>,
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

/// The messages after a cursor, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Messages {
    pub messages: Vec<Message>,
    /// Id of the newest message in the chat. Pass it as `after` in the next call.
    pub last_id: MessageId,
    /// Number of messages after the cursor that were deleted before this call.
    pub missed: u64,
}

/// The server's health.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// Always `ok`.
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
            asks_first: invite.asks_first,
            by_address: invite.is_by_address,
        }
    }
}

impl From<&domain::Knock> for Knock {
    fn from(knock: &domain::Knock) -> Self {
        Self {
            knock_id: knock.id.as_uuid(),
            username: knock.username.as_str().to_owned(),
            invite_id: knock.invite_id.as_uuid(),
            knocked_at: knock.knocked_at,
            status: knock.status,
            expires_at: knock.expires_at,
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
