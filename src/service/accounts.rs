//! Accounts of one chat: made, and logged in to.

use super::{Caller, Password, Result, Seat, Service};
use crate::domain::{
    Admission, Chat, ChatId, Command, Departure, Event, JoinSecret, Member, Randomness, Refusal, Username,
};

/// What someone shows to log in.
#[derive(Debug)]
pub struct Login<'a> {
    pub username: Username,
    pub password: Password,
    /// Identifies the browser that logs in.
    pub join: &'a JoinSecret,
    /// Whether the session that started first ends where there are as many as may be.
    pub ends_oldest: bool,
}

impl Service {
    /// Makes an account. It takes no seat.
    pub async fn register(
        &self,
        caller: Caller,
        chat_id: ChatId,
        username: Username,
        password: Password,
    ) -> Result<()> {
        self.limit(|limits| limits.check_register(caller))?;
        // What must be refused is refused before the costly part.
        self.query(chat_id, |state, now| state.chat.may_register(&username, now)).await?;
        let password = self.inner.passwords.hash(password, self.draw_id()).await?;
        let randomness = Randomness { id: self.draw_id(), ..Randomness::NONE };
        self.execute(chat_id, Command::Register { username, password }, randomness).await.map(drop)
    }

    /// Takes the account's seat, or one more session in it. The same `join` has the same effect as before.
    /// Where the account has as many sessions as it may, the oldest ends if `ends_oldest` says so; whether
    /// it did is the second part of the answer.
    pub async fn log_in(
        &self,
        caller: Caller,
        chat_id: ChatId,
        Login { username, password, join, ends_oldest }: Login<'_>,
    ) -> Result<(Seat, bool)> {
        let kept = self
            .query(chat_id, |state, _| {
                state.chat.enters_by(Admission::Account)?;
                Ok(state.chat.account(&username).map(|account| account.password.clone()))
            })
            .await?;
        let account = (chat_id, username.folded());
        let logins = self.inner.limits.as_ref().map(|limits| &limits.logins);
        let attempt = logins.map(|logins| logins.begin(caller, account)).transpose()?;
        let compared = self.inner.passwords.verify(password, kept).await;
        if let (Some(logins), Some(attempt)) = (logins, attempt) {
            match compared {
                Ok(true) => logins.succeed(attempt),
                // It was counted as a failure before.
                Ok(false) => {}
                Err(_) => logins.cancel(attempt),
            }
        }
        if !compared? {
            return Err(Refusal::WrongPassword.into());
        }
        let salt = self.draw_salt();
        let randomness = Randomness { salt, session: join.session(&salt).digest(), ..Randomness::NONE };
        let command = Command::LogIn { username: username.clone(), join: join.digest(), ends_oldest };
        let events = self.execute(chat_id, command, randomness).await?;
        let is_end = |event: &Event| matches!(event, Event::SessionEnded { why: Departure::Left, .. });
        let has_ended_oldest = events.iter().any(is_end);
        // One browser may have logged in to several accounts with the same secret.
        let is_holder = |chat: &Chat, member: &Member| {
            chat.account(&username).is_some_and(|account| account.member_id == member.id)
        };
        Ok((self.seat_given_for(chat_id, join, is_holder).await?, has_ended_oldest))
    }

    /// A secret for one who logs in and shows nothing to be known by again.
    #[must_use]
    pub fn draw_join(&self) -> JoinSecret {
        self.draw_secret()
    }
}
