//! Storage of chats and browser sessions. All stores pass the same contract tests.

mod measured;
mod memory;
mod redis;
mod shared;
mod sqlite;
mod transfer;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

use crate::domain::{
    BrowserDigest, BrowserSession, Chat, ChatId, Position, SealedChatId, Timestamp, Transition, Username,
};
use crate::metrics::{Registry, StoreMetrics};

use measured::Measured;

pub use memory::MemoryStore;
pub use redis::{RedisAddress, RedisOpenError, RedisOptions, RedisStore};
pub use shared::{Checked, Committed, Count, News, SharedStore, Signal, TakeNews};
pub use sqlite::{BACKUP_TIME, Backup, BackupError, OpenError, SqliteOptions, SqliteStore, back_up};
pub use transfer::{TransferError, Transferred, Watcher, export, import};

/// The storage failed. This is not a refusal: it says nothing about the rules. The cause is for the log.
#[derive(Clone, Debug, Error)]
#[error("the store is unavailable: {cause}")]
pub struct Unavailable {
    pub cause: String,
}

/// Why a commit failed.
#[derive(Debug, Error)]
pub enum CommitError {
    /// The chat has changed since the transition was decided: load it and decide again.
    #[error("another change was committed first")]
    Conflict,
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Stores chats.
#[async_trait]
pub trait ChatStore: Send + Sync + fmt::Debug {
    /// Returns the chat with all its commits applied, or `None` if there is no such chat.
    async fn load(&self, id: ChatId) -> Result<Option<Arc<Chat>>, Unavailable>;

    /// Stores all of `transition` if the chat's revision is still the one on which it was decided, and nothing
    /// otherwise. On return, the transition is as durable as the store can make it. If the transition ends the
    /// chat, the store deletes everything it has of the chat.
    async fn commit(&self, transition: &Transition) -> Result<(), CommitError>;

    /// Stores the whole `chat`, in the place of the stored one if that is at the position `over`, or as a new one if
    /// there is none and `over` is `None`; and nothing otherwise.
    async fn restore(&self, chat: &Arc<Chat>, over: Option<Position>) -> Result<(), CommitError>;

    /// Returns at most `at_most` chats in which a session, a knock or the grace period has expired by `now`
    /// ([`Chat::due_at`]).
    async fn due(&self, now: Timestamp, forget_after: Duration, at_most: usize) -> Result<Vec<ChatId>, Unavailable>;

    /// Returns the number of stored chats.
    async fn count_chats(&self) -> Result<usize, Unavailable>;

    /// Returns the ids of all stored chats, sorted. A store that forgets chats by itself may return ids of forgotten
    /// ones.
    async fn all_chats(&self) -> Result<Vec<ChatId>, Unavailable>;

    /// Removes the last traces of deleted data from the store's medium.
    async fn scrub(&self) -> Result<(), Unavailable> {
        Ok(())
    }

    /// Checks that the store answers.
    async fn ping(&self) -> Result<(), Unavailable> {
        Ok(())
    }

    /// The part that nodes need which share the store. `None` if only one node uses it, so that a chat in that node's
    /// memory is never stale.
    fn shared(&self) -> Option<&dyn SharedStore> {
        None
    }

    /// Adds metrics that only this kind of store has.
    fn register_metrics(&self, _registry: &mut Registry) {}
}

/// Stores browser sessions, which belong to no single chat.
#[async_trait]
pub trait BrowserSessionStore: Send + Sync + fmt::Debug {
    async fn save_browser_session(&self, session: &BrowserSession) -> Result<(), Unavailable>;

    /// Returns the session, even if it has expired.
    async fn load_browser_session(&self, token: BrowserDigest) -> Result<Option<BrowserSession>, Unavailable>;

    /// Changes the session's username, if there is such a session.
    async fn rename_browser_session(&self, token: BrowserDigest, username: &Username) -> Result<(), Unavailable>;

    /// Records that the browser has entered a chat, if there is such a session. Only the last
    /// [`BrowserSession::MAX_CHATS`] chats are kept.
    async fn add_entered_chat(&self, token: BrowserDigest, chat: &SealedChatId) -> Result<(), Unavailable>;

    /// Returns the chats that the browser has entered, in the order in which it entered them.
    async fn load_entered_chats(&self, token: BrowserDigest) -> Result<Vec<SealedChatId>, Unavailable>;

    /// Deletes the session and the list of chats that the browser has entered, if there is such a session.
    async fn delete_browser_session(&self, token: BrowserDigest) -> Result<(), Unavailable>;

    /// Returns the number of stored sessions.
    async fn count_browser_sessions(&self) -> Result<usize, Unavailable>;

    /// Returns the digests of all stored sessions' tokens, in no order.
    async fn all_browser_sessions(&self) -> Result<Vec<BrowserDigest>, Unavailable>;

    /// Deletes the sessions that have expired by `now`.
    async fn delete_expired_browser_sessions(&self, now: Timestamp) -> Result<(), Unavailable>;
}

/// The stores of a service. Clones share them.
#[derive(Clone, Debug)]
pub struct Stores {
    pub chats: Arc<dyn ChatStore>,
    pub browser_sessions: Arc<dyn BrowserSessionStore>,
}

impl Stores {
    /// The same stores, measured.
    #[must_use]
    pub fn measured(self, metrics: StoreMetrics) -> Self {
        Measured::new(self, metrics).into()
    }
}

impl<S: ChatStore + BrowserSessionStore + 'static> From<Arc<S>> for Stores {
    fn from(store: Arc<S>) -> Self {
        Self { chats: store.clone(), browser_sessions: store }
    }
}

impl<S: ChatStore + BrowserSessionStore + 'static> From<S> for Stores {
    fn from(store: S) -> Self {
        Arc::new(store).into()
    }
}
