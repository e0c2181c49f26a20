//! Chats kept in memory alone, for those who want nothing on a disk.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use parking_lot::Mutex;

use super::{CommitError, Store, Unavailable};
use crate::domain::{Chat, ChatId, Event, Timestamp};

/// Forgets everything when the program ends.
#[derive(Default)]
pub struct MemoryStore {
    /// Each chat has a lock of its own: the map's locks are held only to find it.
    chats: DashMap<ChatId, Arc<Mutex<Chat>>>,
}

impl MemoryStore {
    fn find(&self, id: ChatId) -> Option<Arc<Mutex<Chat>>> {
        self.chats.get(&id).map(|chat| Arc::clone(&chat))
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn load(&self, id: ChatId) -> Result<Option<Chat>, Unavailable> {
        let kept = self.find(id);
        Ok(kept.map(|chat| chat.lock().clone()).filter(|chat| !chat.has_ended()))
    }

    async fn commit(&self, id: ChatId, expected: u64, events: &[Event]) -> Result<(), CommitError> {
        if expected == 0 {
            let mut chat = Chat::new(id);
            events.iter().for_each(|event| chat.apply(event));
            return match self.chats.entry(id) {
                Entry::Occupied(_) => Err(CommitError::Conflict),
                Entry::Vacant(place) => {
                    place.insert(Arc::new(Mutex::new(chat)));
                    Ok(())
                }
            };
        }
        let kept = self.find(id).ok_or(CommitError::Conflict)?;
        let ended = {
            let mut chat = kept.lock();
            if chat.revision() != expected {
                return Err(CommitError::Conflict);
            }
            events.iter().for_each(|event| chat.apply(event));
            chat.has_ended()
        };
        if ended {
            self.chats.remove(&id);
        }
        Ok(())
    }

    async fn due(&self, now: Timestamp, forget_after: Duration) -> Result<Vec<ChatId>, Unavailable> {
        let due = self.chats.iter().filter(|chat| chat.lock().due_at(forget_after) <= now);
        Ok(due.map(|chat| *chat.key()).collect())
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
