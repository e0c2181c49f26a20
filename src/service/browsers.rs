//! Browsers that have said who they are, and the chats that they enter by their address.

use super::{Caller, Posted, Result, Seat, Service, seen};
use crate::domain::{
    Admission, BrowserSession, BrowserToken, Chat, ChatId, ChatName, Command, Digest, Fresh, JoinSecret, Member,
    MessageText, MessagesAfter, OfSession, Refusal, Username,
};

impl Service {
    /// A session for a browser whose people are called `username`, in place of the one it may have under
    /// another name.
    pub async fn open_browser_session(
        &self,
        caller: Caller,
        username: Username,
        before: Option<BrowserToken>,
    ) -> Result<(BrowserToken, BrowserSession)> {
        self.limit(|limits| limits.check_browser_session(caller))?;
        if let Some(token) = before {
            match self.find_browser_session(&token).await? {
                // Who says the same again, because an answer was lost or in another tab, is the same.
                Some(session) if session.username.same_as(&username) => return Ok((token, session)),
                _ => self.inner.store.end_session(token.digest()).await?,
            }
        }
        let token: BrowserToken = self.draw_secret();
        let expires_at = self.now().after(self.inner.policy.session_lifetime);
        let session = BrowserSession { token: token.digest(), username, expires_at };
        self.inner.store.open_session(&session).await?;
        Ok((token, session))
    }

    /// The browser's session, which has not expired.
    pub async fn show_browser_session(&self, token: &BrowserToken) -> Result<BrowserSession> {
        Ok(self.find_browser_session(token).await?.ok_or(Refusal::BrowserSessionRequired)?)
    }

    async fn find_browser_session(&self, token: &BrowserToken) -> Result<Option<BrowserSession>> {
        let session = self.inner.store.session(token.digest()).await?;
        Ok(session.filter(|session| session.is_live(self.now())))
    }

    /// Forgets who the browser is. The seats that it took stay its members' own.
    pub async fn end_browser_session(&self, token: &BrowserToken) -> Result<()> {
        self.show_browser_session(token).await?;
        Ok(self.inner.store.end_session(token.digest()).await?)
    }

    /// Whether there is such a chat, entered by its address.
    pub async fn check_entered_by_address(&self, chat_id: ChatId) -> Result<()> {
        self.look(chat_id, |state, _| state.chat.enters_by(Admission::Open)).await
    }

    /// Takes a seat in a chat that is entered by its address, under the name of the browser's session.
    /// The same browser has one seat in a chat.
    pub async fn enter(&self, caller: Caller, chat_id: ChatId, token: &BrowserToken) -> Result<Seat> {
        let session = self.show_browser_session(token).await?;
        self.take_seat(caller, chat_id, session, &token.join(chat_id)).await
    }

    async fn take_seat(
        &self,
        caller: Caller,
        chat_id: ChatId,
        session: BrowserSession,
        join: &JoinSecret,
    ) -> Result<Seat> {
        self.limit(|limits| limits.check_join(caller))?;
        let salt = self.draw_salt();
        let fresh = Fresh { id: self.draw_id(), salt, session: join.session(&salt).digest(), ..Fresh::NOTHING };
        let BrowserSession { username, expires_at, .. } = session;
        let command = Command::Enter { username, join: join.digest(), until: expires_at };
        self.change(chat_id, command, fresh).await?;
        self.seat_given_for(chat_id, join, |_, _| true).await
    }

    /// The seat whose session was given for `join`, of a member whom `is_meant` accepts.
    pub(super) async fn seat_given_for(
        &self,
        chat_id: ChatId,
        join: &JoinSecret,
        is_meant: impl Fn(&Chat, &Member) -> bool,
    ) -> Result<Seat> {
        self.look(chat_id, |state, now| {
            let mut given = state.chat.members_given_for(join.digest(), now);
            let given = given.find(|(member, _)| is_meant(&state.chat, member));
            let (member, salt) = given.ok_or(Refusal::SessionExpired)?;
            Ok(Seat { token: join.session(&salt), member: seen(&state.chat, member, now) })
        })
        .await
    }

    /// What is kept of a chat that is entered by its address, and what it is called. It takes no seat.
    pub async fn read_by_address(
        &self,
        chat_id: ChatId,
        token: &BrowserToken,
    ) -> Result<(Option<ChatName>, MessagesAfter)> {
        self.show_browser_session(token).await?;
        let join = token.join(chat_id).digest();
        self.look(chat_id, |state, now| {
            state.chat.enters_by(Admission::Open)?;
            if let Some(member) = state.chat.member_joined_as(join, now) {
                state.hear(member.id, now);
            }
            Ok((state.chat.name().cloned(), state.chat.messages_after(0)))
        })
        .await
    }

    /// Says something in a chat that is entered by its address, from a seat that is taken if there is
    /// none yet.
    pub async fn post_by_address(
        &self,
        caller: Caller,
        chat_id: ChatId,
        token: &BrowserToken,
        text: MessageText,
    ) -> Result<Posted> {
        let session = self.show_browser_session(token).await?;
        let join = token.join(chat_id);
        // The session as it stands: whoever renewed it goes on with the new one.
        let seated: Option<Digest<OfSession>> = self
            .look(chat_id, |state, now| {
                state.chat.enters_by(Admission::Open)?;
                Ok(state.chat.member_joined_as(join.digest(), now).map(|member| member.session.digest))
            })
            .await?;
        let by = match seated {
            Some(by) => by,
            None => self.take_seat(caller, chat_id, session, &join).await?.token.digest(),
        };
        self.post_by(chat_id, by, text, None).await
    }
}
