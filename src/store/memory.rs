//! Chats kept in memory alone, for those who want nothing on a disk.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use super::{CommitError, Store, Unavailable};
use crate::domain::{Change, Chat, ChatId, Timestamp};

/// Forgets everything when the program ends.
#[derive(Default)]
pub struct MemoryStore {
    chats: DashMap<ChatId, Arc<Chat>>,
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
