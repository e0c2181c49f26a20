//! A store in memory, for operators who want nothing on a disk.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use super::{BrowserSessionStore, ChatStore, CommitError, Unavailable};
use crate::domain::{
    BrowserDigest, BrowserSession, Chat, ChatId, Position, SealedChatId, Timestamp, Transition, Username,
};

/// Loses everything when the program ends.
#[derive(Default)]
pub struct MemoryStore {
    chats: DashMap<ChatId, Arc<Chat>>,
    /// Keyed by the digests of their tokens.
    sessions: DashMap<[u8; 32], StoredSession>,
}

struct StoredSession {
    session: BrowserSession,
    entered: VecDeque<SealedChatId>,
}

#[async_trait]
impl ChatStore for MemoryStore {
    async fn load(&self, id: ChatId) -> Result<Option<Arc<Chat>>, Unavailable> {
        Ok(self.chats.get(&id).map(|chat| Arc::clone(&chat)))
    }

    async fn commit(&self, change: &Transition) -> Result<(), CommitError> {
        match self.chats.entry(change.after.id()) {
            Entry::Vacant(place) if change.before == 0 => {
                place.insert(Arc::clone(&change.after));
            }
            Entry::Occupied(mut kept) if kept.get().revision() == change.before => {
                if change.after.has_ended() {
                    kept.remove();
                } else {
                    kept.insert(Arc::clone(&change.after));
                }
            }
            Entry::Vacant(_) | Entry::Occupied(_) => return Err(CommitError::Conflict),
        }
        Ok(())
    }

    async fn restore(&self, chat: &Arc<Chat>, over: Option<Position>) -> Result<(), CommitError> {
        match self.chats.entry(chat.id()) {
            Entry::Vacant(place) if over.is_none() => {
                place.insert(Arc::clone(chat));
            }
            Entry::Occupied(mut kept) if Some(kept.get().position()) == over => {
                kept.insert(Arc::clone(chat));
            }
            Entry::Vacant(_) | Entry::Occupied(_) => return Err(CommitError::Conflict),
        }
        Ok(())
    }

    async fn due(&self, now: Timestamp, forget_after: Duration, at_most: usize) -> Result<Vec<ChatId>, Unavailable> {
        let due = self.chats.iter().filter(|chat| chat.due_at(forget_after) <= now);
        Ok(due.map(|chat| *chat.key()).take(at_most).collect())
    }

    async fn count_chats(&self) -> Result<usize, Unavailable> {
        Ok(self.chats.len())
    }

    async fn all_chats(&self) -> Result<Vec<ChatId>, Unavailable> {
        let mut ids: Vec<ChatId> = self.chats.iter().map(|chat| *chat.key()).collect();
        ids.sort_unstable();
        Ok(ids)
    }
}

#[async_trait]
impl BrowserSessionStore for MemoryStore {
    async fn save_browser_session(&self, session: &BrowserSession) -> Result<(), Unavailable> {
        let kept = StoredSession { session: session.clone(), entered: VecDeque::new() };
        self.sessions.insert(*session.token.as_bytes(), kept);
        Ok(())
    }

    async fn load_browser_session(&self, token: BrowserDigest) -> Result<Option<BrowserSession>, Unavailable> {
        Ok(self.sessions.get(token.as_bytes()).map(|kept| kept.session.clone()))
    }

    async fn rename_browser_session(&self, token: BrowserDigest, username: &Username) -> Result<(), Unavailable> {
        if let Some(mut kept) = self.sessions.get_mut(token.as_bytes()) {
            kept.session.username = username.clone();
        }
        Ok(())
    }

    async fn add_entered_chat(&self, token: BrowserDigest, chat: &SealedChatId) -> Result<(), Unavailable> {
        if let Some(mut kept) = self.sessions.get_mut(token.as_bytes()) {
            kept.entered.push_back(chat.clone());
            if kept.entered.len() > BrowserSession::MAX_CHATS {
                kept.entered.pop_front();
            }
        }
        Ok(())
    }

    async fn load_entered_chats(&self, token: BrowserDigest) -> Result<Vec<SealedChatId>, Unavailable> {
        Ok(self.sessions.get(token.as_bytes()).map(|kept| kept.entered.iter().cloned().collect()).unwrap_or_default())
    }

    async fn delete_browser_session(&self, token: BrowserDigest) -> Result<(), Unavailable> {
        self.sessions.remove(token.as_bytes());
        Ok(())
    }

    async fn count_browser_sessions(&self) -> Result<usize, Unavailable> {
        Ok(self.sessions.len())
    }

    async fn all_browser_sessions(&self) -> Result<Vec<BrowserDigest>, Unavailable> {
        Ok(self.sessions.iter().map(|kept| kept.session.token).collect())
    }

    async fn delete_expired_browser_sessions(&self, now: Timestamp) -> Result<(), Unavailable> {
        self.sessions.retain(|_, kept| kept.session.is_live(now));
        Ok(())
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryStore({} chats)", self.chats.len())
    }
}
