//! Accounts: usernames with a password, in chats where people log in.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Chat, Event, JoinDigest, Member, MemberId, Randomness, Refusal, Role, Salt, Timestamp, Username};

/// A password as it is stored: an argon2id hash with its salt and cost, as one string (PHC format).
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Arc<str>);

impl PasswordHash {
    /// Wraps a string that the hash function produced.
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

/// A username and password of one chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The member id of the account's holder, the same at each login.
    pub member_id: MemberId,
    pub username: Username,
    pub password: PasswordHash,
    /// The holder's role, the same at each login.
    pub role: Role,
}

impl Account {
    /// Maximum number of accounts in a chat.
    pub const MAX: u32 = 200;
}

impl Chat {
    /// Returns the account with this name.
    #[must_use]
    pub fn account(&self, username: &Username) -> Option<&Account> {
        self.accounts.iter().find(|account| account.username.same_as(username))
    }

    /// Checks that `username` can be registered now. Registering takes no seat.
    ///
    /// # Errors
    /// [`Refusal::WrongAdmission`], [`Refusal::UsernameTaken`], [`Refusal::Invalid`] if the chat has the maximum
    /// number of accounts, [`Refusal::ChatNotFound`].
    pub fn check_registration(&self, username: &Username, now: Timestamp) -> Result<(), Refusal> {
        self.check_admission(|rules| rules.has_accounts)?;
        self.check_name(username, None, now)?;
        if self.accounts.len() >= Account::MAX as usize {
            let problem =
                format!("cannot be registered: this chat already has the maximum of {} accounts", Account::MAX);
            return Err(Refusal::Invalid { field: "username", problem });
        }
        Ok(())
    }

    /// Returns the members whose sessions were issued for `join`, each with the salt of its token. In a chat with
    /// accounts, one browser may have presented the same secret for several accounts.
    pub fn members_issued_for(&self, join: JoinDigest, now: Timestamp) -> impl Iterator<Item = (&Member, Salt)> {
        self.live_sessions(now)
            .filter(move |(_, session)| session.is_issued_for(join.as_source()))
            .filter_map(|(member, session)| session.source.map(|source| (member, source.salt)))
    }

    pub(super) fn register(
        &self,
        username: &Username,
        password: &PasswordHash,
        now: Timestamp,
        randomness: Randomness,
    ) -> Result<Event, Refusal> {
        self.check_registration(username, now)?;
        let member_id = MemberId::from_random_bytes(randomness.id);
        let (username, password) = (username.clone(), password.clone());
        Ok(Event::Registered { account: Account { member_id, username, password, role: Role::Guest } })
    }

    /// Seats the account's holder; the caller has checked the password. An account has one seat and can have several
    /// sessions, one for each browser. Logging in again from a browser that has a session changes nothing.
    pub(super) fn log_in(
        &self,
        username: &Username,
        join: JoinDigest,
        ends_oldest: bool,
        now: Timestamp,
        randomness: Randomness,
    ) -> Result<Vec<Event>, Refusal> {
        self.check_admission(|rules| rules.has_accounts)?;
        let account = self.account(username).ok_or(Refusal::WrongPassword)?;
        let session = self.session_given_for_join(join, now, randomness)?;
        let Some(member) = self.live_members(now).find(|member| member.id == account.member_id) else {
            self.free_seats(now)?;
            let member = Member::guest(account.member_id, &account.username, join, session, now);
            return Ok(vec![Event::MemberJoined { member: Member { role: account.role, ..member } }]);
        };
        if member.sessions.iter().any(|session| session.is_issued_for(join.as_source())) {
            return Ok(Vec::new());
        }
        self.start_session(member, session, ends_oldest)
    }

    /// Returns the account with this member id, whether or not its holder has a seat.
    pub(super) fn account_of(&self, member_id: MemberId) -> Option<&Account> {
        self.accounts.iter().find(|account| account.member_id == member_id)
    }
}
