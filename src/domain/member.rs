//! Who holds a seat.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::secret::{OfJoin, OfRecovery, OfSession, OfSource};
use super::{Digest, Event, InviteId, MemberId, Salt, SessionId, Timestamp, Username};

/// What a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Creates invites, decides knocks, removes others, ends the chat.
    Owner,
    /// Reads and writes.
    Guest,
}

/// The proof of a seat, and how long it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub digest: Digest<OfSession>,
    /// When the member entered by it; renewing keeps this.
    pub started_at: Timestamp,
    pub expires_at: Timestamp,
    /// `None` where the token was drawn for nothing that could be shown again.
    pub source: Option<Source>,
}

impl Session {
    /// How many sessions one member may have at one time: browsers in which an account is used.
    pub const MAX_PER_MEMBER: usize = 10;

    #[must_use]
    pub fn id(&self) -> SessionId {
        SessionId::of_token(self.digest)
    }

    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }

    /// Whether it was given for the secret of this digest.
    pub(super) fn is_given_for(&self, source: Digest<OfSource>) -> bool {
        self.source.is_some_and(|given| given.digest == source)
    }
}

/// The secret that a session was given for, and the salt its token was derived with: who shows
/// the same secret again is given the same token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    pub digest: Digest<OfSource>,
    pub salt: Salt,
}

/// Someone who holds a seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub id: MemberId,
    pub username: Username,
    pub role: Role,
    pub joined_at: Timestamp,
    /// The invite that the member came by; the creator came by none.
    pub invite_id: Option<InviteId>,
    /// By what the member is known who redeems the same invite again.
    pub join: Option<Digest<OfJoin>>,
    /// In the order in which they started; at least one. There are several only where people log in.
    pub sessions: Vec<Session>,
}

impl Member {
    /// Someone who has come by no invite.
    pub(super) fn guest(
        id: MemberId,
        username: &Username,
        join: Digest<OfJoin>,
        session: Session,
        now: Timestamp,
    ) -> Self {
        let username = username.clone();
        Self {
            id,
            username,
            role: Role::Guest,
            joined_at: now,
            invite_id: None,
            join: Some(join),
            sessions: vec![session],
        }
    }

    /// Gives the seat to whoever shows `join`, by `session`, in place of the session that they had;
    /// nothing where it is theirs already.
    pub(super) fn give_seat(&self, join: Digest<OfJoin>, session: Session) -> Option<Event> {
        let before = self.sessions.first().filter(|before| !before.is_given_for(join.as_source()))?;
        let session = Session { started_at: before.started_at, ..session };
        Some(Event::SessionRenewed { member_id: self.id, ended: before.digest, session })
    }

    /// Whether the seat is taken at `now`: the last session that expires frees it at once.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.sessions.iter().any(|session| session.is_live(now))
    }

    /// The session whose token has this digest.
    #[must_use]
    pub fn session(&self, token: Digest<OfSession>) -> Option<&Session> {
        self.sessions.iter().find(|session| session.digest == token)
    }

    /// When the last of the sessions expires.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.sessions.iter().map(|session| session.expires_at).max().unwrap_or(Timestamp::EPOCH)
    }
}

/// How an owner whose session is lost comes back. It holds no name: the owner knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    pub member_id: MemberId,
    pub digest: Digest<OfRecovery>,
    /// The code that was used to get this one; `None` for one that was asked for.
    pub source: Option<Digest<OfSource>>,
}
