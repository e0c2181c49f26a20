//! A member's sessions: issued, renewed, ended.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Chat, Departure, Event, JoinDigest, Member, Randomness, Refusal, Salt, SessionDigest, SessionId, SourceDigest,
    Timestamp,
};

/// A session: the digest of its token, and when it expires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub digest: SessionDigest,
    /// When the member entered or logged in. Renewing the session does not change it.
    pub started_at: Timestamp,
    pub expires_at: Timestamp,
    /// `None` if the token was not issued for a secret, so it cannot be issued again.
    pub source: Option<SessionSource>,
}

impl Session {
    /// Maximum number of sessions of one member, one for each browser that is logged in to the account.
    pub const MAX_PER_MEMBER: usize = 10;

    #[must_use]
    pub fn id(&self) -> SessionId {
        SessionId::of_token(self.digest)
    }

    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }

    /// Whether the session was issued for the secret with this digest.
    pub(super) fn is_issued_for(&self, source: SourceDigest) -> bool {
        self.source.is_some_and(|given| given.digest == source)
    }
}

/// The secret that a session was issued for, and the salt of its token. A caller who presents the same secret again
/// gets the same token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionSource {
    pub digest: SourceDigest,
    pub salt: Salt,
}

/// How long a secret that was exchanged for a session returns the same session, so that a caller can retry when the
/// response was lost.
const RETRY_WITHIN: Duration = Duration::from_mins(5);

impl Chat {
    pub(super) fn renew(
        &self,
        by: SessionDigest,
        now: Timestamp,
        randomness: Randomness,
    ) -> Result<Vec<Event>, Refusal> {
        if self.renewed_by(by, now).is_some() {
            return Ok(Vec::new());
        }
        let member = self.authenticate(by, now)?;
        let started_at = member.session(by).map_or(now, |before| before.started_at);
        let session =
            self.new_session(randomness, Some(SessionSource { digest: by.as_source(), salt: randomness.salt }), now)?;
        Ok(vec![Event::SessionRenewed { member_id: member.id, ended: by, session: Session { started_at, ..session } }])
    }

    /// Returns the session that replaced this token within the last five minutes.
    #[must_use]
    pub fn renewed_by(&self, token: SessionDigest, now: Timestamp) -> Option<&Session> {
        self.session_issued_for(token.as_source(), now).map(|(_, session)| session)
    }

    pub(super) fn session_issued_for(&self, source: SourceDigest, now: Timestamp) -> Option<(&Member, &Session)> {
        let lifetime = self.settings().ok()?.session_lifetime;
        let is_recent = |session: &Session| session.expires_at > now.after(lifetime.saturating_sub(RETRY_WITHIN));
        self.live_sessions(now).find(|(_, session)| session.is_issued_for(source) && is_recent(session))
    }

    pub(super) fn new_session(
        &self,
        randomness: Randomness,
        source: Option<SessionSource>,
        now: Timestamp,
    ) -> Result<Session, Refusal> {
        let expires_at = now.after(self.settings()?.session_lifetime);
        Ok(Session { digest: randomness.session, started_at: now, expires_at, source })
    }

    /// Creates a session whose token can be issued again to a caller who presents the same `join`.
    pub(super) fn session_given_for_join(
        &self,
        join: JoinDigest,
        now: Timestamp,
        randomness: Randomness,
    ) -> Result<Session, Refusal> {
        self.new_session(randomness, Some(SessionSource { digest: join.as_source(), salt: randomness.salt }), now)
    }

    /// Starts another session of `member`. If the member has the maximum number of sessions, `ends_oldest` ends the
    /// oldest one; otherwise the login is refused.
    pub(super) fn start_session(
        &self,
        member: &Member,
        session: Session,
        ends_oldest: bool,
    ) -> Result<Vec<Event>, Refusal> {
        let started = Event::SessionStarted { member_id: member.id, session };
        if member.sessions.len() < Session::MAX_PER_MEMBER {
            return Ok(vec![started]);
        }
        let oldest = member.sessions.iter().min_by_key(|session| session.started_at).filter(|_| ends_oldest);
        let oldest = oldest.ok_or(Refusal::TooManySessions { at_most: Session::MAX_PER_MEMBER })?;
        Ok(self.log_out(member, oldest.digest).chain([started]).collect())
    }

    /// Ends a session of `member` from another browser. The browser that is logged out may hold the member's recovery
    /// code, so the code ends too.
    fn log_out(&self, member: &Member, ended: SessionDigest) -> impl Iterator<Item = Event> + use<> {
        let member_id = member.id;
        let has_recovery = self.recoveries.iter().any(|recovery| recovery.member_id == member_id);
        let recovery = has_recovery.then_some(Event::RecoveryEnded { member_id });
        [Event::SessionEnded { member_id, ended, why: Departure::Left }].into_iter().chain(recovery)
    }

    /// Ends one of the caller's own sessions; `None` is the session `by`.
    pub(super) fn end_session(
        &self,
        by: SessionDigest,
        session_id: Option<SessionId>,
        now: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        let member = self.authenticate(by, now)?;
        let is_meant = |session: &&Session| session_id.map_or(session.digest == by, |id| session.id() == id);
        let session = member.sessions.iter().find(is_meant);
        let ended = session.ok_or(Refusal::NotFound("session"))?.digest;
        if member.sessions.len() == 1 {
            return Ok(vec![Event::MemberLeft { member_id: member.id, why: Departure::Left, at: now }]);
        }
        if ended != by {
            return Ok(self.log_out(member, ended).collect());
        }
        Ok(vec![Event::SessionEnded { member_id: member.id, ended, why: Departure::Left }])
    }
}
