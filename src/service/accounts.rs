//! Accounts of one chat: register and log in.

use super::{Caller, Password, Result, Seat, Service};
use crate::domain::{Chat, ChatId, Command, Departure, Event, JoinSecret, Member, Randomness, Refusal, Username};

/// A request to log in.
#[derive(Debug)]
pub struct Login<'a> {
    pub username: Username,
    pub password: Password,
    /// Identifies the browser that logs in.
    pub join: &'a JoinSecret,
    /// Whether to end the oldest session if the account has as many as it may.
    pub ends_oldest: bool,
}

impl Service {
    /// Registers an account. It takes no seat.
    pub async fn register(
        &self,
        caller: Caller,
        chat_id: ChatId,
        username: Username,
        password: Password,
    ) -> Result<()> {
        self.limit(|limits| limits.check_register(caller))?;
        // Check the rules before the costly hash.
        self.query(chat_id, |state, now| state.chat.check_registration(&username, now)).await?;
        let password = self.inner.passwords.hash(password, self.draw_id()).await?;
        let randomness = Randomness { id: self.draw_id(), ..Randomness::NONE };
        self.execute(chat_id, Command::Register { username, password }, randomness).await.map(drop)
    }

    /// Logs in: takes the account's seat, or adds a session to it. Repeated with the same `join`, it returns the same
    /// session. Also returns whether the oldest session ended for it.
    pub async fn log_in(
        &self,
        caller: Caller,
        chat_id: ChatId,
        Login { username, password, join, ends_oldest }: Login<'_>,
    ) -> Result<(Seat, bool)> {
        let kept = self
            .query(chat_id, |state, _| {
                state.chat.check_admission(|rules| rules.has_accounts)?;
                Ok(state.chat.account(&username).map(|account| account.password.clone()))
            })
            .await?;
        let account = (chat_id, username.folded());
        let logins = self.inner.limits.as_ref().map(|limits| &limits.logins);
        let attempt = logins.map(|logins| logins.begin(caller, account.clone())).transpose()?;
        let shared_attempt = match self.begin_shared_login(caller, &account).await {
            Ok(shared_attempt) => shared_attempt,
            Err(error) => {
                if let (Some(logins), Some(attempt)) = (logins, attempt) {
                    logins.cancel(attempt);
                }
                return Err(error);
            }
        };
        let compared = self.inner.passwords.verify(password, kept).await;
        // An attempt was counted as a failure when it began.
        if let (Some(logins), Some(attempt)) = (logins, attempt) {
            match compared {
                Ok(true) => logins.succeed(attempt),
                Ok(false) => {}
                Err(_) => logins.cancel(attempt),
            }
        }
        if let Some(attempt) = shared_attempt {
            match compared {
                Ok(true) => self.succeed_shared_login(attempt).await?,
                Ok(false) => {}
                Err(_) => self.cancel_shared_login(attempt).await?,
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
        // One browser may have used the same secret for several accounts.
        let is_holder = |chat: &Chat, member: &Member| {
            chat.account(&username).is_some_and(|account| account.member_id == member.id)
        };
        Ok((self.seat_given_for(chat_id, join, is_holder).await?, has_ended_oldest))
    }

    /// A new join secret, for a client that has none.
    #[must_use]
    pub fn draw_join(&self) -> JoinSecret {
        self.draw_secret()
    }
}
