//! A member's sessions: listed, renewed, ended, recovered.

use super::{Caller, Result, Seat, Service, with_current_role};
use crate::domain::{
    ChatId, Command, Member, Randomness, RecoveryCode, Refusal, SessionId, SessionToken, Timestamp, Username,
};

/// A session as its own member sees it.
#[derive(Clone, Debug)]
pub struct OwnSession {
    pub id: SessionId,
    pub started_at: Timestamp,
    pub expires_at: Timestamp,
    /// Whether it is the session of this call.
    pub is_current: bool,
}

impl Service {
    /// Lists the member's own sessions, oldest first.
    pub async fn list_sessions(&self, chat_id: ChatId, token: &SessionToken) -> Result<Vec<OwnSession>> {
        let by = token.digest();
        self.query(chat_id, |state, now| {
            let member = state.chat.authenticate(by, now)?;
            state.touch_presence(member.id, now);
            let live = member.sessions.iter().filter(|session| session.is_live(now));
            Ok(live
                .map(|session| OwnSession {
                    id: session.id(),
                    started_at: session.started_at,
                    expires_at: session.expires_at,
                    is_current: session.digest == by,
                })
                .collect())
        })
        .await
    }

    /// Ends one of the member's own sessions, by default the session of this call. The last one frees the seat.
    pub async fn end_session(
        &self,
        chat_id: ChatId,
        token: &SessionToken,
        session_id: Option<SessionId>,
    ) -> Result<()> {
        let command = Command::EndSession { by: token.digest(), session_id };
        self.execute(chat_id, command, Randomness::NONE).await.map(drop)
    }

    /// Replaces the session's token by one with a full lifetime. Repeated with the old token within five minutes,
    /// it returns the same new token.
    pub async fn renew_session(&self, chat_id: ChatId, token: &SessionToken) -> Result<(SessionToken, Timestamp)> {
        let salt = self.draw_salt();
        let by = token.digest();
        let randomness = Randomness { salt, session: token.renewed(&salt).digest(), ..Randomness::NONE };
        self.execute(chat_id, Command::Renew { by }, randomness).await?;
        self.query(chat_id, |state, now| {
            let session = state.chat.renewed_by(by, now).ok_or(Refusal::SessionExpired)?;
            let source = session.source.ok_or(Refusal::SessionExpired)?;
            Ok((token.renewed(&source.salt), session.expires_at))
        })
        .await
    }

    /// The session's member, and when the session expires.
    pub async fn show_seat(&self, chat_id: ChatId, token: &SessionToken) -> Result<(Member, Timestamp)> {
        let by = token.digest();
        self.query(chat_id, |state, now| {
            let member = state.chat.authenticate(by, now)?;
            state.touch_presence(member.id, now);
            let expires_at = member.session(by).map_or(now, |session| session.expires_at);
            Ok((with_current_role(&state.chat, member, now), expires_at))
        })
        .await
    }

    /// Replaces an owner's recovery code.
    pub async fn renew_recovery(&self, chat_id: ChatId, token: &SessionToken) -> Result<RecoveryCode> {
        let code: RecoveryCode = self.draw_secret();
        let randomness = Randomness { recovery: code.digest(), ..Randomness::NONE };
        self.execute(chat_id, Command::SetRecovery { by: token.digest() }, randomness).await?;
        Ok(code)
    }

    /// Gives an owner a new session for a recovery code, and returns the next code. Repeated with the same code
    /// within five minutes, it returns the same.
    pub async fn recover(
        &self,
        caller: Caller,
        chat_id: ChatId,
        code: &RecoveryCode,
        username: Username,
    ) -> Result<(Seat, RecoveryCode)> {
        self.check_join(caller).await?;
        let salt = self.draw_salt();
        let digest = code.digest();
        let randomness = Randomness {
            salt,
            session: code.session(&salt).digest(),
            recovery: code.next(&salt).digest(),
            ..Randomness::NONE
        };
        self.execute(chat_id, Command::Recover { code: digest, username }, randomness).await?;
        self.query(chat_id, |state, now| {
            let (member, session) = state.chat.recovered_by(digest, now).ok_or(Refusal::InvalidRecovery)?;
            let source = session.source.ok_or(Refusal::InvalidRecovery)?;
            let seat = Seat { token: code.session(&source.salt), member: with_current_role(&state.chat, member, now) };
            Ok((seat, code.next(&source.salt)))
        })
        .await
    }
}
