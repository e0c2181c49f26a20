//! JSON bodies of knocks, and of the free seats.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Joined;
use crate::domain::{self, Decision, KnockStatus, Timestamp};

/// Approves or declines a knock.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DecideKnock {
    pub decision: Decision,
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

/// The waiting knocks, longest-waiting first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KnockList {
    pub knocks: Vec<Knock>,
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
#[serde(tag = "type", rename_all = "snake_case", from = "UpdateFields")]
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

/// The fields of all updates.
#[derive(Deserialize)]
struct UpdateFields {
    r#type: UpdateType,
    session: Option<Joined>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum UpdateType {
    Pending,
    Approved,
    Declined,
    Ended,
}

impl From<UpdateFields> for KnockUpdate {
    fn from(UpdateFields { r#type, session }: UpdateFields) -> Self {
        match r#type {
            UpdateType::Pending => Self::Pending,
            UpdateType::Approved => Self::Approved { session },
            UpdateType::Declined => Self::Declined,
            UpdateType::Ended => Self::Ended,
        }
    }
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

/// The seats of a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Seats {
    /// Number of free seats.
    pub free: u32,
    /// Total number of seats.
    pub capacity: u32,
}
