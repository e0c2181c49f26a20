//! The sessions of a member: one for each browser in which the member is in.

use super::{Result, Service};
use crate::domain::{ChatId, Command, Fresh, Refusal, SessionId, SessionToken, Timestamp};

/// One of a member's own sessions, as that member may know it.
#[derive(Clone, Debug)]
pub struct OwnSession {
    pub id: SessionId,
    pub started_at: Timestamp,
    pub expires_at: Timestamp,
    /// Whether it is the one that asks.
    pub is_current: bool,
}

impl Service {
    /// The member's own sessions, in the order in which they started.
    pub async fn list_sessions(&self, chat_id: ChatId, token: &SessionToken) -> Result<Vec<OwnSession>> {
        let by = token.digest();
        self.look(chat_id, |state, now| {
            let member = state.chat.authenticate(by, now)?;
            state.hear(member.id, now);
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

    /// Ends one of the member's own sessions: the one that asks, where none is named. With the last, the seat is
    /// free.
    pub async fn end_session(
        &self,
        chat_id: ChatId,
        token: &SessionToken,
        session_id: Option<SessionId>,
    ) -> Result<()> {
        let command = Command::EndSession { by: token.digest(), session_id };
        self.change(chat_id, command, Fresh::NOTHING).await.map(drop)
    }

    /// A new token for the same session, with a whole lifetime before it; the old one ends. Asked
    /// again with the old one soon after, it gives the same new one.
    pub async fn renew_session(&self, chat_id: ChatId, token: &SessionToken) -> Result<(SessionToken, Timestamp)> {
        let salt = self.draw_salt();
        let by = token.digest();
        let fresh = Fresh { salt, session: token.renewed(&salt).digest(), ..Fresh::NOTHING };
        self.change(chat_id, Command::Renew { by }, fresh).await?;
        self.look(chat_id, |state, now| {
            let session = state.chat.renewed_by(by, now).ok_or(Refusal::SessionExpired)?;
            let source = session.source.ok_or(Refusal::SessionExpired)?;
            Ok((token.renewed(&source.salt), session.expires_at))
        })
        .await
    }
}
