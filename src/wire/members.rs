//! JSON bodies of members.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::{self, Admission, Role, Timestamp};

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

/// A member and their presence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(from = "MemberFields")]
pub struct MemberSummary {
    #[serde(flatten)]
    pub member: Member,
    /// Whether the member was active just now.
    pub online: bool,
}

/// The fields of a [`MemberSummary`].
#[derive(Deserialize)]
struct MemberFields {
    member_id: Uuid,
    username: String,
    role: Role,
    since: Timestamp,
    online: bool,
}

impl From<MemberFields> for MemberSummary {
    fn from(MemberFields { member_id, username, role, since, online }: MemberFields) -> Self {
        Self { member: Member { member_id, username, role, since }, online }
    }
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

/// Changes a member's role.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ChangeMember {
    /// `owner` promotes another member. `guest` steps down as an owner; only for your own seat, while there is
    /// another owner.
    pub role: Role,
}
