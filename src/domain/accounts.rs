//! Those who come back with a password.

use std::fmt;
use std::sync::Arc;

use super::{
    Admission, Chat, Event, JoinDigest, Member, MemberId, Randomness, Refusal, Role, Salt, Timestamp, Username,
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
    pub fn members_given_for(&self, join: JoinDigest, now: Timestamp) -> impl Iterator<Item = (&Member, Salt)> {
        self.live_sessions(now)
            .filter(move |(_, session)| session.is_given_for(join.as_source()))
            .filter_map(|(member, session)| session.source.map(|source| (member, source.salt)))
    }

    pub(super) fn register(
        &self,
        username: &Username,
        password: &PasswordHash,
        now: Timestamp,
        randomness: Randomness,
    ) -> Result<Event, Refusal> {
        self.may_register(username, now)?;
        let member_id = MemberId::from_random_bytes(randomness.id);
        let (username, password) = (username.clone(), password.clone());
        Ok(Event::Registered { account: Account { member_id, username, password, role: Role::Guest } })
    }

    /// Seats the account's holder. An account has one seat and may have several sessions, one for each
    /// browser: from a browser that has one, logging in again changes nothing. The caller has seen to it
    /// that the password is right.
    pub(super) fn log_in(
        &self,
        username: &Username,
        join: JoinDigest,
        ends_oldest: bool,
        now: Timestamp,
        randomness: Randomness,
    ) -> Result<Vec<Event>, Refusal> {
        self.enters_by(Admission::Account)?;
        let account = self.account(username).ok_or(Refusal::WrongPassword)?;
        let session = self.session_given_for_join(join, now, randomness)?;
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
}
