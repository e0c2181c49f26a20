//! A store in one SQLite file. Acknowledged writes survive a crash and a power cut; the next scrub erases deleted
//! data from every byte of the database's files.

mod backup;
mod browser_sessions;
mod columns;
mod connection;
mod open;
mod read;
mod readers;
mod schema;
mod scrub;
mod write;
mod writer;

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{BrowserSessionStore, ChatStore, CommitError, Unavailable};
use crate::domain::{
    BrowserDigest, BrowserSession, Chat, ChatId, Position, SealedChatId, Timestamp, Transition, Username,
};
use crate::metrics::{Registry, SqliteMetrics};

pub use backup::{BACKUP_TIME, Backup, BackupError, back_up};
pub use open::OpenError;

use readers::Readers;
use writer::Writer;

/// Settings of the writer. Only benchmarks and tests need anything but the defaults.
#[derive(Clone, Copy, Debug)]
pub struct SqliteOptions {
    /// Maximum number of commits that share one transaction, and so one wait for the disk.
    pub max_batch: usize,
    /// Size of the write-ahead log in bytes above which the writer scrubs it without waiting for the schedule.
    pub max_log_bytes: u64,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { max_batch: 256, max_log_bytes: 32 * 1024 * 1024 }
    }
}

/// A store in one database file, with the `-wal`, `-shm` and `-lock` files beside it.
pub struct SqliteStore {
    path: PathBuf,
    // Fields drop in this order: the lock is released last, when nothing uses the file.
    readers: Readers,
    writer: Writer,
    metrics: SqliteMetrics,
    _lock: File,
}

impl SqliteStore {
    /// Opens the database at `path`. Creates it if there is none, and migrates an older one. Blocks the calling
    /// thread.
    ///
    /// # Errors
    /// [`OpenError`]; the file is then unchanged.
    pub fn open(path: &Path, options: SqliteOptions) -> Result<Self, OpenError> {
        let (path, lock, connection) = open::open(path)?;
        let metrics = SqliteMetrics::default();
        let writer = Writer::start(path.clone(), connection, options, metrics.clone());
        let writer = writer.map_err(|error| OpenError::failed(&path, error))?;
        Ok(Self { readers: Readers::new(path.clone()), path, writer, metrics, _lock: lock })
    }
}

#[async_trait]
impl ChatStore for SqliteStore {
    async fn load(&self, id: ChatId) -> Result<Option<Arc<Chat>>, Unavailable> {
        let chat = self.readers.ask(move |reader| read::chat(reader, id)).await?;
        Ok(chat.map(Arc::new))
    }

    async fn commit(&self, change: &Transition) -> Result<(), CommitError> {
        self.writer.commit(change.clone()).await
    }

    async fn restore(&self, chat: &Arc<Chat>, over: Option<Position>) -> Result<(), CommitError> {
        self.writer.restore(Arc::clone(chat), over).await
    }

    async fn due(&self, now: Timestamp, forget_after: Duration, at_most: usize) -> Result<Vec<ChatId>, Unavailable> {
        self.readers.ask(move |reader| read::due(reader, now, forget_after, at_most)).await
    }

    async fn count_chats(&self) -> Result<usize, Unavailable> {
        self.readers.ask(|reader| read::count(reader, "SELECT count(*) FROM chat")).await
    }

    async fn all_chats(&self) -> Result<Vec<ChatId>, Unavailable> {
        self.readers.ask(read::all_chats).await
    }

    async fn scrub(&self) -> Result<(), Unavailable> {
        self.writer.scrub().await
    }

    async fn ping(&self) -> Result<(), Unavailable> {
        self.readers.ask(read::probe).await
    }

    fn register_metrics(&self, registry: &mut Registry) {
        self.metrics.register(registry);
    }
}

#[async_trait]
impl BrowserSessionStore for SqliteStore {
    async fn save_browser_session(&self, session: &BrowserSession) -> Result<(), Unavailable> {
        let session = session.clone();
        self.writer.run(move |connection| browser_sessions::save(connection, &session)).await
    }

    async fn load_browser_session(&self, token: BrowserDigest) -> Result<Option<BrowserSession>, Unavailable> {
        self.readers.ask(move |reader| browser_sessions::find(reader, token)).await
    }

    async fn rename_browser_session(&self, token: BrowserDigest, username: &Username) -> Result<(), Unavailable> {
        let username = username.clone();
        self.writer.run(move |connection| browser_sessions::rename(connection, token, &username)).await
    }

    async fn add_entered_chat(&self, token: BrowserDigest, chat: &SealedChatId) -> Result<(), Unavailable> {
        let chat = chat.clone();
        self.writer.run(move |connection| browser_sessions::add_entered_chat(connection, token, &chat)).await
    }

    async fn load_entered_chats(&self, token: BrowserDigest) -> Result<Vec<SealedChatId>, Unavailable> {
        self.readers.ask(move |reader| browser_sessions::entered_chats(reader, token)).await
    }

    async fn delete_browser_session(&self, token: BrowserDigest) -> Result<(), Unavailable> {
        self.writer.run(move |connection| browser_sessions::delete(connection, token)).await
    }

    async fn count_browser_sessions(&self) -> Result<usize, Unavailable> {
        self.readers.ask(|reader| read::count(reader, "SELECT count(*) FROM browser_session")).await
    }

    async fn all_browser_sessions(&self) -> Result<Vec<BrowserDigest>, Unavailable> {
        self.readers.ask(browser_sessions::all).await
    }

    async fn delete_expired_browser_sessions(&self, now: Timestamp) -> Result<(), Unavailable> {
        self.writer.run(move |connection| browser_sessions::delete_expired(connection, now)).await
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqliteStore({})", self.path.display())
    }
}

/// The suffix of the write-ahead log's file name.
const LOG: &str = "-wal";

/// Returns the path of the file beside the database with the suffix `end`.
fn beside(database: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(end);
    name.into()
}

/// Converts a failure for the service. SQLite's messages name files and statements, never stored data.
fn unavailable(error: impl fmt::Display) -> Unavailable {
    Unavailable { cause: error.to_string() }
}
