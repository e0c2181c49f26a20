//! What the server answers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::{self, Admission, KnockStatus, MessageId, PublicAccess, Role, Timestamp};

/// A new chat, with what its owner needs.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Created {
    pub chat_id: Uuid,
    /// Proves the owner's seat; shown this once.
    pub session_token: String,
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    pub member: Member,
    /// Brings the owner back when the session is lost; shown this once.
    pub recovery_code: String,
    /// The chat's first magic link; `null` where one does not come by links.
    pub invite: Option<Invite>,
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

/// That one has knocked, and must wait for an owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Knocked {
    pub knock_id: Uuid,
    /// Proves this knock and nothing else.
    pub ticket: String,
    pub status: KnockStatus,
    /// When it is forgotten.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// What came of an invite: a seat, or a knock.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Entered {
    Seated(Joined),
    Knocked(Knocked),
}

/// How a knock stands, for the one who knocked.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct KnockState {
    pub status: KnockStatus,
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// The seat of one who was let in, as long as this session is not renewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Joined>,
}

/// What the stream of a knock tells; each event is named by its `type`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum KnockUpdate {
    /// No owner has decided yet.
    Pending,
    /// One is in; nothing comes after.
    Approved { session: Option<Joined> },
    /// Nothing comes after.
    Declined,
    /// The knock was withdrawn, has expired, or the chat has ended. Nothing comes after.
    Ended,
}

impl KnockUpdate {
    /// The value of `type`, which names the event too.
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

/// Someone who waits to be let in, as owners may know them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Knock {
    pub knock_id: Uuid,
    pub username: String,
    /// The magic link they came by.
    pub invite_id: Uuid,
    #[schema(value_type = String, format = DateTime)]
    pub knocked_at: Timestamp,
    pub status: KnockStatus,
    /// When it is forgotten.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// Those who wait to be let in, longest-waiting first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KnockList {
    pub knocks: Vec<Knock>,
}

/// How many seats are free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Seats {
    pub free: u32,
    /// Seats in all.
    pub capacity: u32,
}

/// One's own seat.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct OwnSeat {
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    pub member: Member,
}

/// One of a member's own sessions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwnSession {
    /// Names the session; it proves nothing.
    pub session_id: Uuid,
    /// When the member entered, or logged in; renewing keeps this.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// Whether it is the session that asks.
    pub current: bool,
}

/// A member's own sessions, in the order in which they started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwnSessions {
    pub sessions: Vec<OwnSession>,
}

/// What anyone who knows the chat's address may know of it before entering.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Preview {
    /// What the chat is called, if it has a name.
    pub name: Option<String>,
    pub admission: Admission,
    pub public_access: PublicAccess,
}

/// What brings an owner back when the session is lost.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RecoveryCode {
    /// Shown this once; any that was given before brings nobody back any more.
    pub recovery_code: String,
}

/// An owner's seat, and the code for the next time.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Recovered {
    #[serde(flatten)]
    pub seat: Joined,
    /// Shown this once; the one that was used brings nobody back any more.
    pub recovery_code: String,
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
    /// How others enter.
    pub admission: Admission,
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
    /// Whether an owner must let in who comes by it.
    pub asks_first: bool,
    /// Whether someone made it who knew the chat's address alone.
    #[serde(default)]
    pub by_address: bool,
}

/// A magic link without its key, and who of those that are here came by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InviteWithMembers {
    #[serde(flatten)]
    pub invite: InviteSummary,
    pub members: Vec<Member>,
}

/// The chat's magic links, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct InviteList {
    pub invites: Vec<InviteWithMembers>,
}

/// Something someone said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Message {
    /// 1, 2, 3 … in its chat.
    pub id: MessageId,
    /// Its author; the nil UUID for what was posted without a session.
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
