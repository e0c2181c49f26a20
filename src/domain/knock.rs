//! Those who ask to be let in.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::secret::{OfJoin, OfSession, OfTicket};
use super::{Digest, InviteId, KnockId, MemberId, Salt, Timestamp, Username};

/// Someone who came by an invite that asks first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Knock {
    pub id: KnockId,
    pub ticket: Digest<OfTicket>,
    /// By what the one who knocks is known when they redeem the same invite again.
    pub join: Digest<OfJoin>,
    /// What the ticket, and the session that it may become, are derived with.
    pub salt: Salt,
    /// The session of the one who is let in.
    pub session: Digest<OfSession>,
    pub invite_id: InviteId,
    pub username: Username,
    pub knocked_at: Timestamp,
    pub status: KnockStatus,
    /// When it is forgotten.
    pub expires_at: Timestamp,
}

/// What became of a knock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KnockStatus {
    /// No owner has decided yet.
    Pending,
    Approved,
    Declined,
}

/// What an owner says to a knock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    Approve,
    Decline,
}

/// Why a knock is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KnockEnd {
    /// The one who knocked has gone away.
    Withdrawn,
    /// Nobody decided in time; or it was decided, and there was time enough to hear of it.
    Expired,
}

impl Knock {
    /// How long a knock waits to be decided, and how long after that it can be heard of.
    pub const LIFETIME: Duration = Duration::from_mins(15);
    /// How many may wait at one chat.
    pub const MAX_WAITING: usize = 20;
    /// How many decided ones are kept to be heard of.
    pub const MAX_DECIDED: usize = 20;

    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }

    /// Whether it waits to be decided at `now`.
    #[must_use]
    pub fn is_waiting(&self, now: Timestamp) -> bool {
        self.status == KnockStatus::Pending && self.is_live(now)
    }

    /// Who the one who knocks is, once let in.
    #[must_use]
    pub fn member_id(&self) -> MemberId {
        self.id.as_uuid().into()
    }
}
