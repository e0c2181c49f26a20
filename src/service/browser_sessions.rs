//! Browser sessions: one name for all chats that people join by their address.

use std::collections::HashSet;

use tokio::sync::Mutex;

use super::{Caller, Error, Posted, Result, Seat, Service, with_current_role};
use crate::domain::{
    BrowserSession, BrowserToken, Chat, ChatId, ChatName, Command, Event, JoinSecret, Member, MessageId, MessageText,
    MessagesAfter, Randomness, Refusal, SealedChatId, SessionDigest, Username,
};

/// Held while a browser's name changes in all its chats, so that two changes do not interleave. All browsers
/// share these locks.
#[derive(Debug)]
pub(super) struct RenamingLocks([Mutex<()>; 64]);

impl RenamingLocks {
    fn of(&self, token: &BrowserToken) -> &Mutex<()> {
        &self.0[usize::from(token.digest().as_bytes()[0]) % self.0.len()]
    }
}

impl Default for RenamingLocks {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::new(())))
    }
}

impl Service {
    /// Opens a session, or renames the one of `before` in every chat that the browser has entered.
    pub async fn open_browser_session(
        &self,
        caller: Caller,
        username: Username,
        before: Option<BrowserToken>,
    ) -> Result<(BrowserToken, BrowserSession)> {
        self.limit(|limits| limits.check_browser_session(caller))?;
        if let Some(token) = before
            && self.find_browser_session(&token).await?.is_some()
        {
            return self.run_to_completion(|service| service.rename_browser(token, username)).await;
        }
        self.check_room(&self.inner.census.browser_sessions)?;
        let token: BrowserToken = self.draw_secret();
        let expires_at = self.now().after(self.inner.policy.session_lifetime);
        let session = BrowserSession { token: token.digest(), username, expires_at };
        self.inner.stores.browser_sessions.save_browser_session(&session).await?;
        Ok((token, session))
    }

    /// The session, unless it has expired.
    pub async fn show_browser_session(&self, token: &BrowserToken) -> Result<BrowserSession> {
        Ok(self.find_browser_session(token).await?.ok_or(Refusal::BrowserSessionRequired)?)
    }

    async fn find_browser_session(&self, token: &BrowserToken) -> Result<Option<BrowserSession>> {
        let session = self.inner.stores.browser_sessions.load_browser_session(token.digest()).await?;
        Ok(session.filter(|session| session.is_live(self.now())))
    }

    /// Renames the session and all its seats, or none of them if the name is taken in one of the chats.
    async fn rename_browser(self, token: BrowserToken, username: Username) -> Result<(BrowserToken, BrowserSession)> {
        let _turn = self.inner.renaming.of(&token).lock().await;
        let session = self.show_browser_session(&token).await?;
        if session.username != username {
            self.limit(|limits| limits.check_rename(token.digest()))?;
        }
        let chats = self.chats_entered(&token).await?;
        for chat_id in &chats {
            let join = token.join(*chat_id).digest();
            let free = self.query(*chat_id, |state, now| {
                let name = state.chat.name().cloned();
                state.chat.check_rename(join, &username, now).map_err(|refusal| named(refusal, name))
            });
            ignore_departed(free.await)?;
        }
        let old = session.username.clone();
        self.inner.stores.browser_sessions.rename_browser_session(token.digest(), &username).await?;
        let mut failure = None;
        for (at, chat_id) in chats.iter().enumerate() {
            match self.rename_in(*chat_id, &token, &username).await {
                Ok(()) => {}
                Err(refusal @ Error::Refused(_)) => {
                    // Someone took the name in the meantime: undo.
                    for chat_id in &chats[..at] {
                        let _ = self.rename_in(*chat_id, &token, &old).await;
                    }
                    self.inner.stores.browser_sessions.rename_browser_session(token.digest(), &old).await?;
                    return Err(refusal);
                }
                // Continue with the others; repeating the call does the rest.
                Err(error) => failure = Some(error),
            }
        }
        match failure {
            Some(error) => Err(error),
            None => Ok((token, BrowserSession { username, ..session })),
        }
    }

    /// Renames the browser's member in a chat, if both still exist.
    async fn rename_in(&self, chat_id: ChatId, token: &BrowserToken, username: &Username) -> Result<()> {
        let command = Command::Rename { join: token.join(chat_id).digest(), username: username.clone() };
        match self.execute(chat_id, command, Randomness::NONE).await {
            Err(Error::Refused(refusal)) => {
                let name = self.query(chat_id, |state, _| Ok(state.chat.name().cloned())).await.unwrap_or_default();
                ignore_departed(Err(named(refusal, name).into()))
            }
            changed => changed.map(drop),
        }
    }

    /// The chats that the browser has entered.
    async fn chats_entered(&self, token: &BrowserToken) -> Result<Vec<ChatId>> {
        let mut seen = HashSet::new();
        let entered = self.inner.stores.browser_sessions.load_entered_chats(token.digest()).await?;
        Ok(entered.iter().map(|chat| chat.open(token)).filter(|chat_id| seen.insert(*chat_id)).collect())
    }

    /// Ends the session. Its seats stay.
    pub async fn end_browser_session(&self, token: &BrowserToken) -> Result<()> {
        self.show_browser_session(token).await?;
        Ok(self.inner.stores.browser_sessions.delete_browser_session(token.digest()).await?)
    }

    /// Checks that the chat exists and that people join it by its address.
    pub async fn check_entered_by_address(&self, chat_id: ChatId) -> Result<()> {
        self.query(chat_id, |state, _| state.chat.check_admission(|rules| rules.is_open)).await
    }

    /// Takes a seat under the session's name. A browser has one seat in a chat.
    pub async fn enter(&self, caller: Caller, chat_id: ChatId, token: &BrowserToken) -> Result<Seat> {
        let session = self.show_browser_session(token).await?;
        self.take_seat(caller, chat_id, session, token).await
    }

    async fn take_seat(
        &self,
        caller: Caller,
        chat_id: ChatId,
        session: BrowserSession,
        token: &BrowserToken,
    ) -> Result<Seat> {
        self.check_join(caller).await?;
        let (salt, join) = (self.draw_salt(), token.join(chat_id));
        let randomness =
            Randomness { id: self.draw_id(), salt, session: join.session(&salt).digest(), ..Randomness::NONE };
        let BrowserSession { username, expires_at, .. } = session;
        let command = Command::Enter { username: username.clone(), join: join.digest(), until: expires_at };
        // Recorded before the seat is taken, so that a change of name misses no seat.
        if !self.chats_entered(token).await?.contains(&chat_id) {
            let sealed = SealedChatId::seal(chat_id, token, self.draw_salt());
            self.inner.stores.browser_sessions.add_entered_chat(token.digest(), &sealed).await?;
        }
        let events = self.execute(chat_id, command, randomness).await?;
        if events.iter().any(|event| matches!(event, Event::MemberJoined { .. })) {
            // The name may have changed in the meantime.
            let _turn = self.inner.renaming.of(token).lock().await;
            if let Some(session) = self.find_browser_session(token).await?
                && session.username != username
            {
                self.rename_in(chat_id, token, &session.username).await?;
            }
        }
        self.seat_given_for(chat_id, &join, |_, _| true).await
    }

    /// The seat whose session was issued for `join`, of a member that `is_meant` accepts.
    pub(super) async fn seat_given_for(
        &self,
        chat_id: ChatId,
        join: &JoinSecret,
        is_meant: impl Fn(&Chat, &Member) -> bool,
    ) -> Result<Seat> {
        self.query(chat_id, |state, now| {
            let mut given = state.chat.members_issued_for(join.digest(), now);
            let given = given.find(|(member, _)| is_meant(&state.chat, member));
            let (member, salt) = given.ok_or(Refusal::SessionExpired)?;
            Ok(Seat { token: join.session(&salt), member: with_current_role(&state.chat, member, now) })
        })
        .await
    }

    /// The chat's name and its messages after `after`. Takes no seat.
    pub async fn read_open_chat(
        &self,
        chat_id: ChatId,
        token: &BrowserToken,
        after: MessageId,
    ) -> Result<(Option<ChatName>, MessagesAfter)> {
        self.show_browser_session(token).await?;
        let join = token.join(chat_id).digest();
        self.query(chat_id, |state, now| {
            state.chat.check_admission(|rules| rules.is_open)?;
            if let Some(member) = state.chat.member_joined_as(join, now) {
                state.touch_presence(member.id, now);
            }
            Ok((state.chat.name().cloned(), state.chat.messages_after(after)))
        })
        .await
        .inspect(|(_, unseen)| self.record_poll(after, unseen))
    }

    /// Posts a message, and takes a seat first if the browser has none.
    pub async fn post_to_open_chat(
        &self,
        caller: Caller,
        chat_id: ChatId,
        token: &BrowserToken,
        text: MessageText,
    ) -> Result<Posted> {
        let session = self.show_browser_session(token).await?;
        let join = token.join(chat_id);
        // The current session, which may have been renewed.
        let seated: Option<SessionDigest> = self
            .query(chat_id, |state, now| {
                state.chat.check_admission(|rules| rules.is_open)?;
                let member = state.chat.member_joined_as(join.digest(), now);
                Ok(member.and_then(|member| member.sessions.first()).map(|session| session.digest))
            })
            .await?;
        let by = match seated {
            Some(by) => by,
            None => self.take_seat(caller, chat_id, session, token).await?.token.digest(),
        };
        self.post_by(chat_id, by, text, None).await
    }
}

/// Adds the chat's name to "username taken", because the browser may be in several chats.
fn named(refusal: Refusal, chat: Option<ChatName>) -> Refusal {
    match (refusal, chat) {
        (Refusal::UsernameTaken, Some(chat)) => Refusal::UsernameTakenIn(chat),
        (refusal, _) => refusal,
    }
}

/// Treats a chat that has ended as a success.
fn ignore_departed(answer: Result<()>) -> Result<()> {
    match answer {
        Err(Error::Refused(Refusal::ChatNotFound)) => Ok(()),
        answer => answer,
    }
}
