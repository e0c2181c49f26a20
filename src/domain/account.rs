//! Those who come back with a password.

use std::fmt;
use std::sync::Arc;

use super::secret::OfJoin;
use super::{Admission, Chat, Digest, Event, Fresh, Member, MemberId, Refusal, Salt, Timestamp, Username};

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
}

impl Account {
    /// How many one chat may have.
    pub const MAX: usize = 200;
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
        if self.accounts.len() >= Account::MAX {
            let problem = format!("cannot be registered: this chat has {} accounts already", Account::MAX);
            return Err(Refusal::Invalid { field: "username", problem });
        }
        Ok(())
    }

    /// The members whose sessions were given for `join`, each with the salt that the token was derived
    /// with. Where people log in, one browser may have shown the same secret for several accounts.
    pub fn members_given_for(&self, join: Digest<OfJoin>, now: Timestamp) -> impl Iterator<Item = (&Member, Salt)> {
        let given = self.live_members(now).filter(move |member| member.session.is_given_for(join.as_source()));
        given.filter_map(|member| member.session.source.map(|source| (member, source.salt)))
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
        Ok(Event::Registered { account: Account { member_id, username: username.clone(), password: password.clone() } })
    }

    /// Seats the account's holder. An account has one seat: from the browser that has it, logging in
    /// again changes nothing; from another, it takes the seat over. The caller has seen to it that
    /// the password is right.
    pub(super) fn log_in(
        &self,
        username: &Username,
        join: Digest<OfJoin>,
        now: Timestamp,
        fresh: Fresh,
    ) -> Result<Option<Event>, Refusal> {
        self.enters_by(Admission::Account)?;
        let account = self.account(username).ok_or(Refusal::WrongPassword)?;
        let session = self.session_given_for_join(join, now, fresh)?;
        if let Some(member) = self.live_members(now).find(|member| member.id == account.member_id) {
            return Ok(member.give_seat(join, session, true));
        }
        self.free_seats(now)?;
        let member = Member::guest(account.member_id, &account.username, join, session, now);
        Ok(Some(Event::MemberJoined { member }))
    }
}
