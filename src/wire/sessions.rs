//! JSON bodies of a member's sessions, and of the recovery of an owner's seat.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{CreateChat, Member};
use crate::domain::{self, Refusal, Timestamp, Username};

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

/// A renewed session.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// The new session token. Returned only once; it replaces the previous token.
    pub session_token: String,
    /// When the session expires.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// Recovers an owner's seat.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Recover {
    /// The owner's newest recovery code.
    pub recovery_code: String,
    /// The owner's name. Used only if the seat has become free in the meantime, because the
    /// server keeps no name for it. Default: `Owner`.
    #[serde(default)]
    pub username: Option<String>,
}

impl Recover {
    /// Validates the fields.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] that names the field, or [`Refusal::InvalidRecovery`] if `recovery_code` has the wrong
    /// form.
    pub fn parse(&self) -> Result<(domain::RecoveryCode, Username), Refusal> {
        let username = Username::parse(self.username.as_deref().unwrap_or(CreateChat::DEFAULT_USERNAME))?;
        Ok((domain::RecoveryCode::parse(&self.recovery_code).ok_or(Refusal::InvalidRecovery)?, username))
    }
}

/// A code that recovers an owner's seat if the session is lost.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RecoveryCode {
    /// The new code. Returned only once; it replaces any earlier code.
    pub recovery_code: String,
}

/// A recovered owner's seat and the next recovery code.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(from = "RecoveredFields")]
pub struct Recovered {
    #[serde(flatten)]
    pub seat: Joined,
    /// The next code. Returned only once; it replaces the code that was used.
    pub recovery_code: String,
}

/// The fields of [`Recovered`].
#[derive(Deserialize)]
struct RecoveredFields {
    session_token: String,
    expires_at: Timestamp,
    member: Member,
    recovery_code: String,
}

impl From<RecoveredFields> for Recovered {
    fn from(RecoveredFields { session_token, expires_at, member, recovery_code }: RecoveredFields) -> Self {
        Self { seat: Joined { session_token, expires_at, member }, recovery_code }
    }
}
