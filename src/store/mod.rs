//! Where chats are kept between the moments they are used. All stores pass one contract suite.

mod memory;
mod sqlite;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

use crate::domain::{BrowserDigest, BrowserSession, Chat, ChatId, SealedChatId, Timestamp, Transition, Username};

pub use memory::MemoryStore;
pub use sqlite::{OpenError, SqliteOptions, SqliteStore};

/// The outside world failed; nothing is known of the rules. The cause is for the log.
#[derive(Debug, Error)]
#[error("the store is unavailable: {cause}")]
pub struct Unavailable {
    pub cause: String,
}

/// Why a commit did not happen.
#[derive(Debug, Error)]
pub enum CommitError {
    /// Someone else changed the chat first: load it and decide again.
    #[error("another change came first")]
    Conflict,
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Stores chats.
#[async_trait]
pub trait ChatStore: Send + Sync + fmt::Debug {
    /// The chat as all its commits made it; `None` if there is no such chat.
    async fn load(&self, id: ChatId) -> Result<Option<Arc<Chat>>, Unavailable>;

    /// Stores `transition` if the chat's revision is still the one it was decided on: all of it or
    /// nothing. When this returns, the transition is as durable as the store can make it. A chat that
    /// has ended leaves nothing behind.
    async fn commit(&self, transition: &Transition) -> Result<(), CommitError>;

    /// At most `at_most` chats that have changed by `now` through time alone ([`Chat::due_at`]).
    async fn due(&self, now: Timestamp, forget_after: Duration, at_most: usize) -> Result<Vec<ChatId>, Unavailable>;

    /// Removes the last traces of deleted data from the store's medium.
    async fn scrub(&self) -> Result<(), Unavailable> {
        Ok(())
    }

    /// Checks that the store answers.
    async fn ping(&self) -> Result<(), Unavailable> {
        Ok(())
    }

    /// Whether other nodes may commit to the same chats, so that a chat held in memory may be stale.
    fn is_shared(&self) -> bool {
        false
    }
}

/// Stores the sessions that browsers have across chats.
#[async_trait]
pub trait BrowserSessionStore: Send + Sync + fmt::Debug {
    async fn save_browser_session(&self, session: &BrowserSession) -> Result<(), Unavailable>;

    /// The session, even if it has expired.
    async fn load_browser_session(&self, token: BrowserDigest) -> Result<Option<BrowserSession>, Unavailable>;

    /// Changes the session's username, if there is such a session.
    async fn rename_browser_session(&self, token: BrowserDigest, username: &Username) -> Result<(), Unavailable>;

    /// Adds a chat to those that the browser has entered, if there is such a session. It keeps the last
    /// [`BrowserSession::MAX_CHATS`].
    async fn add_entered_chat(&self, token: BrowserDigest, chat: &SealedChatId) -> Result<(), Unavailable>;

    /// The chats that the browser has entered, oldest first.
    async fn load_entered_chats(&self, token: BrowserDigest) -> Result<Vec<SealedChatId>, Unavailable>;

    /// Deletes the session with the chats that the browser has entered, if there is such a session.
    async fn delete_browser_session(&self, token: BrowserDigest) -> Result<(), Unavailable>;

    /// Deletes the sessions that have expired by `now`.
    async fn delete_expired_browser_sessions(&self, now: Timestamp) -> Result<(), Unavailable>;
}

/// Everything that a service stores. Clones share it.
#[derive(Clone, Debug)]
pub struct Stores {
    pub chats: Arc<dyn ChatStore>,
    pub browser_sessions: Arc<dyn BrowserSessionStore>,
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
