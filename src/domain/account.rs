//! Those who come back with a password.

use std::fmt;
use std::sync::Arc;

use super::secret::{OfJoin, OfSession};
use super::{
    Admission, Chat, Departure, Digest, Event, Fresh, Member, MemberId, Refusal, Role, Salt, Session, SessionId,
    Timestamp, Username,
};

/// A password as it is kept: an argon2id hash with its salt and its cost, as one string (PHC format).
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Arc<str>);

impl PasswordHash {
    /// What the hash function wrote.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        Self(text.into())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// A username and a password that belong to one chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Who the holder is whenever they are in.
    pub member_id: MemberId,
    pub username: Username,
    pub password: PasswordHash,
    /// What the holder may do whenever they are in.
    pub role: Role,
}

impl Account {
    /// How many one chat may have.
    pub const MAX: u32 = 200;
}

impl Chat {
    /// The account of that name.
    #[must_use]
    pub fn account(&self, username: &Username) -> Option<&Account> {
        self.accounts.iter().find(|account| account.username.same_as(username))
    }

    /// Whether `username` could be registered now. Registering takes no seat.
    ///
    /// # Errors
    /// [`Refusal::WrongAdmission`], [`Refusal::UsernameTaken`], [`Refusal::Invalid`] where the chat
    /// has as many accounts as it may, [`Refusal::ChatNotFound`].
    pub fn may_register(&self, username: &Username, now: Timestamp) -> Result<(), Refusal> {
        self.enters_by(Admission::Account)?;
        self.check_name(username, None, now)?;
        if self.accounts.len() >= Account::MAX as usize {
            let problem = format!("cannot be registered: this chat has {} accounts already", Account::MAX);
            return Err(Refusal::Invalid { field: "username", problem });
        }
        Ok(())
    }

    /// The members whose sessions were given for `join`, each with the salt that the token was derived
    /// with. Where people log in, one browser may have shown the same secret for several accounts.
    pub fn members_given_for(&self, join: Digest<OfJoin>, now: Timestamp) -> impl Iterator<Item = (&Member, Salt)> {
        self.live_sessions(now)
            .filter(move |(_, session)| session.is_given_for(join.as_source()))
            .filter_map(|(member, session)| session.source.map(|source| (member, source.salt)))
    }

    pub(super) fn register(
        &self,
        username: &Username,
        password: &PasswordHash,
        now: Timestamp,
        fresh: Fresh,
    ) -> Result<Event, Refusal> {
        self.may_register(username, now)?;
        let member_id = MemberId::from_random_bytes(fresh.id);
        let (username, password) = (username.clone(), password.clone());
        Ok(Event::Registered { account: Account { member_id, username, password, role: Role::Guest } })
    }

    /// Seats the account's holder. An account has one seat and may have several sessions, one for each
    /// browser: from a browser that has one, logging in again changes nothing. The caller has seen to it
    /// that the password is right.
    pub(super) fn log_in(
        &self,
        username: &Username,
        join: Digest<OfJoin>,
        ends_oldest: bool,
        now: Timestamp,
        fresh: Fresh,
    ) -> Result<Vec<Event>, Refusal> {
        self.enters_by(Admission::Account)?;
        let account = self.account(username).ok_or(Refusal::WrongPassword)?;
        let session = self.session_given_for_join(join, now, fresh)?;
        let Some(member) = self.live_members(now).find(|member| member.id == account.member_id) else {
            self.free_seats(now)?;
            let member = Member::guest(account.member_id, &account.username, join, session, now);
            return Ok(vec![Event::MemberJoined { member: Member { role: account.role, ..member } }]);
        };
        if member.sessions.iter().any(|session| session.is_given_for(join.as_source())) {
            return Ok(Vec::new());
        }
        self.start_session(member, session, ends_oldest)
    }

    /// The account of the member of that id, seated or not.
    pub(super) fn account_of(&self, member_id: MemberId) -> Option<&Account> {
        self.accounts.iter().find(|account| account.member_id == member_id)
    }

    /// One more session of `member`. Where there are as many as may be, the oldest ends if `ends_oldest` says
    /// so.
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

    /// Ends a session of `member` from another browser. The browser that is logged out may hold the member's
    /// recovery code, so that ends too.
    fn log_out(&self, member: &Member, ended: Digest<OfSession>) -> impl Iterator<Item = Event> + use<> {
        let member_id = member.id;
        let has_recovery = self.recoveries.iter().any(|recovery| recovery.member_id == member_id);
        let recovery = has_recovery.then_some(Event::RecoveryEnded { member_id });
        [Event::SessionEnded { member_id, ended, why: Departure::Left }].into_iter().chain(recovery)
    }

    /// Ends one of a member's own sessions: `by` itself, where none is named.
    pub(super) fn end_session(
        &self,
        by: Digest<OfSession>,
        session_id: Option<SessionId>,
        now: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        let member = self.authenticate(by, now)?;
        let is_meant = |session: &&Session| session_id.map_or(session.digest == by, |id| session.id() == id);
        let session = member.sessions.iter().find(is_meant);
        let ended = session.ok_or(Refusal::NotFound("session of yours"))?.digest;
        if member.sessions.len() == 1 {
            return Ok(vec![Event::MemberLeft { member_id: member.id, why: Departure::Left, at: now }]);
        }
        if ended != by {
            return Ok(self.log_out(member, ended).collect());
        }
        Ok(vec![Event::SessionEnded { member_id: member.id, ended, why: Departure::Left }])
    }
}
