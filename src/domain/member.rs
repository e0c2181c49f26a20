//! Who holds a seat.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::secret::OfSession;
use super::{Digest, MemberId, Timestamp, Username};

/// What a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Creates invites, removes others, ends the chat.
    Owner,
    /// Reads and writes.
    Guest,
}

/// The proof of a seat, and how long it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub digest: Digest<OfSession>,
    pub expires_at: Timestamp,
}

/// Someone who holds a seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub id: MemberId,
    pub username: Username,
    pub role: Role,
    pub joined_at: Timestamp,
    pub session: Session,
}

impl Member {
    /// Whether the seat is taken at `now`: a session that has expired frees it at once.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.session.expires_at
    }
}
