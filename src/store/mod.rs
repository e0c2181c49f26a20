//! Where chats are kept between the moments they are used. All stores pass one contract suite.

mod memory;
mod sqlite;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

use crate::domain::{BrowserSession, Change, Chat, ChatId, Digest, OfBrowser, SealedChatId, Timestamp, Username};

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

/// Keeps chats.
#[async_trait]
pub trait Store: Send + Sync + fmt::Debug {
    /// The chat as all its commits made it; `None` where there is none, any more or at all.
    async fn load(&self, id: ChatId) -> Result<Option<Arc<Chat>>, Unavailable>;

    /// Keeps `change` if the chat's revision is still the one it was decided on: all of it or
    /// nothing. When this answers, the change is as durable as the store can make it. Of a chat
    /// that has ended nothing is left.
    async fn commit(&self, change: &Change) -> Result<(), CommitError>;

    /// Chats that time alone has changed by `now` ([`Chat::due_at`]), not more than `at_most`.
    async fn due(&self, now: Timestamp, forget_after: Duration, at_most: usize) -> Result<Vec<ChatId>, Unavailable>;

    /// Keeps a browser's session.
    async fn open_session(&self, session: &BrowserSession) -> Result<(), Unavailable>;

    /// The browser's session, which may have expired.
    async fn session(&self, token: Digest<OfBrowser>) -> Result<Option<BrowserSession>, Unavailable>;

    /// Gives a browser's session another name, if there is one.
    async fn rename_session(&self, token: Digest<OfBrowser>, username: &Username) -> Result<(), Unavailable>;

    /// Keeps with a browser's session, if there is one, that the browser entered `chat`; of more than
    /// [`BrowserSession::MAX_CHATS`] the first go.
    async fn note_entered(&self, token: Digest<OfBrowser>, chat: &SealedChatId) -> Result<(), Unavailable>;

    /// The chats that the browser has entered, in the order in which it did.
    async fn entered(&self, token: Digest<OfBrowser>) -> Result<Vec<SealedChatId>, Unavailable>;

    /// Forgets a browser's session and the chats that it has entered, if there is one.
    async fn end_session(&self, token: Digest<OfBrowser>) -> Result<(), Unavailable>;

    /// Forgets the browsers' sessions that have expired by `now`.
    async fn end_expired_sessions(&self, now: Timestamp) -> Result<(), Unavailable>;

    /// Removes the last traces of what was deleted, from wherever the store's medium keeps them.
    async fn scrub(&self) -> Result<(), Unavailable>;

    /// Whether the store would answer now.
    async fn ping(&self) -> Result<(), Unavailable>;

    /// Whether others may commit to the same chats, so that what this node holds may be stale.
    fn is_shared(&self) -> bool;
}
