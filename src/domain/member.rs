//! Who holds a seat.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::secret::{OfJoin, OfRecovery, OfSession, OfSource};
use super::{Digest, Event, InviteId, MemberId, Salt, Timestamp, Username};

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
    pub expires_at: Timestamp,
    /// `None` where the token was drawn for nothing that could be shown again.
    pub source: Option<Source>,
}

impl Session {
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
    pub session: Session,
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
        Self { id, username, role: Role::Guest, joined_at: now, invite_id: None, join: Some(join), session }
    }

    /// Gives the seat to whoever shows `join`, by `session`; nothing where it is theirs already.
    pub(super) fn give_seat(&self, join: Digest<OfJoin>, session: Session, is_taken_back: bool) -> Option<Event> {
        let is_theirs = self.session.is_given_for(join.as_source());
        let (member_id, ended) = (self.id, self.session.digest);
        (!is_theirs).then_some(Event::SessionRenewed { member_id, ended, session, is_taken_back })
    }

    /// Whether the seat is taken at `now`: a session that has expired frees it at once.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.session.expires_at
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
