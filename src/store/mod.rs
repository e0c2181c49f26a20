//! Where chats are kept between the moments they are used. All stores pass one contract suite.

mod memory;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

use crate::domain::{Chat, ChatId, Event, Timestamp};

pub use memory::MemoryStore;

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

/// Keeps chats.
#[async_trait]
pub trait Store: Send + Sync + fmt::Debug {
    /// The chat as all its commits made it; `None` where there is none, any more or at all.
    async fn load(&self, id: ChatId) -> Result<Option<Chat>, Unavailable>;

    /// Adds `events` to the chat if its revision is still `expected`, all of them or none. A new
    /// chat has revision 0. After [`Event::ChatEnded`] nothing of the chat is left.
    async fn commit(&self, id: ChatId, expected: u64, events: &[Event]) -> Result<(), CommitError>;

    /// The chats that time alone has changed by `now` ([`Chat::due_at`]).
    async fn due(&self, now: Timestamp, forget_after: Duration) -> Result<Vec<ChatId>, Unavailable>;

    /// Whether the store would answer now.
    async fn ping(&self) -> Result<(), Unavailable>;

    /// Whether others may commit to the same chats, so that what this node holds may be stale.
    fn is_shared(&self) -> bool;
}
