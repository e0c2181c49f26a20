//! Chats kept in memory alone, for those who want nothing on a disk.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use super::{CommitError, Store, Unavailable};
use crate::domain::{BrowserSession, Change, Chat, ChatId, Digest, OfBrowser, SealedChatId, Timestamp, Username};

/// Forgets everything when the program ends.
#[derive(Default)]
pub struct MemoryStore {
    chats: DashMap<ChatId, Arc<Chat>>,
    /// By the digests of their tokens.
    sessions: DashMap<[u8; 32], KeptSession>,
}

struct KeptSession {
    session: BrowserSession,
    entered: VecDeque<SealedChatId>,
}

#[async_trait]
impl Store for MemoryStore {
    async fn load(&self, id: ChatId) -> Result<Option<Arc<Chat>>, Unavailable> {
        Ok(self.chats.get(&id).map(|chat| Arc::clone(&chat)))
    }

    async fn commit(&self, change: &Change) -> Result<(), CommitError> {
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

    async fn due(&self, now: Timestamp, forget_after: Duration, at_most: usize) -> Result<Vec<ChatId>, Unavailable> {
        let due = self.chats.iter().filter(|chat| chat.due_at(forget_after) <= now);
        Ok(due.map(|chat| *chat.key()).take(at_most).collect())
    }

    async fn open_session(&self, session: &BrowserSession) -> Result<(), Unavailable> {
        let kept = KeptSession { session: session.clone(), entered: VecDeque::new() };
        self.sessions.insert(*session.token.as_bytes(), kept);
        Ok(())
    }

    async fn session(&self, token: Digest<OfBrowser>) -> Result<Option<BrowserSession>, Unavailable> {
        Ok(self.sessions.get(token.as_bytes()).map(|kept| kept.session.clone()))
    }

    async fn rename_session(&self, token: Digest<OfBrowser>, username: &Username) -> Result<(), Unavailable> {
        if let Some(mut kept) = self.sessions.get_mut(token.as_bytes()) {
            kept.session.username = username.clone();
        }
        Ok(())
    }

    async fn note_entered(&self, token: Digest<OfBrowser>, chat: &SealedChatId) -> Result<(), Unavailable> {
        if let Some(mut kept) = self.sessions.get_mut(token.as_bytes()) {
            kept.entered.push_back(chat.clone());
            if kept.entered.len() > BrowserSession::MAX_CHATS {
                kept.entered.pop_front();
            }
        }
        Ok(())
    }

    async fn entered(&self, token: Digest<OfBrowser>) -> Result<Vec<SealedChatId>, Unavailable> {
        Ok(self.sessions.get(token.as_bytes()).map(|kept| kept.entered.iter().cloned().collect()).unwrap_or_default())
    }

    async fn end_session(&self, token: Digest<OfBrowser>) -> Result<(), Unavailable> {
        self.sessions.remove(token.as_bytes());
        Ok(())
    }

    async fn end_expired_sessions(&self, now: Timestamp) -> Result<(), Unavailable> {
        self.sessions.retain(|_, kept| kept.session.is_live(now));
        Ok(())
    }

    async fn scrub(&self) -> Result<(), Unavailable> {
        Ok(())
    }

    async fn ping(&self) -> Result<(), Unavailable> {
        Ok(())
    }

    fn is_shared(&self) -> bool {
        false
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryStore({} chats)", self.chats.len())
    }
}
