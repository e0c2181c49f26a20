//! Copies the database to a new file while another program uses it.
//!
//! `VACUUM INTO` reads one snapshot and writes only live rows, so the copy is consistent and contains no deleted data.
//! The write-ahead log cannot be truncated while the snapshot is in use, so the time to copy is limited.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};
use tempfile::NamedTempFile;
use thiserror::Error;

use super::open::{OpenError, open_existing};
use super::{LOG, beside};

/// How long the program's `backup` command may copy. Until the copy ends, the running program does not erase deleted
/// data from its log.
pub const BACKUP_TIME: Duration = Duration::from_mins(5);
/// Instructions of SQLite's virtual machine between two checks of the clock.
const STEPS: i32 = 10_000;

/// What a backup contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backup {
    pub chats: u32,
    /// Size of the file in bytes.
    pub bytes: u64,
}

impl fmt::Display for Backup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chats = if self.chats == 1 { "chat" } else { "chats" };
        write!(f, "copied {} {chats} ({} KiB)", self.chats, self.bytes.div_ceil(1024))
    }
}

/// Why there is no backup. The message is one line.
#[derive(Debug, Error)]
pub enum BackupError {
    #[error("{}: there is no such database; --store names the database to copy", .0.display())]
    NoDatabase(PathBuf),
    #[error("{}: the database is empty, so there is nothing to copy", .0.display())]
    Empty(PathBuf),
    #[error(transparent)]
    Unusable(#[from] OpenError),
    #[error("{}: the file exists already, and a backup never overwrites a file", .0.display())]
    TargetExists(PathBuf),
    #[error("{}: there is no such folder", .0.display())]
    NoFolder(PathBuf),
    #[error("{}: the disk is full; the incomplete copy was removed", .0.display())]
    DiskFull(PathBuf),
    #[error("{}: the copy took longer than {} seconds and was removed; try a faster disk", path.display(), limit.as_secs())]
    TooSlow { path: PathBuf, limit: Duration },
    #[error("{}: the copy was interrupted and removed", .0.display())]
    Cancelled(PathBuf),
    #[error("{}: the copy cannot be written: {cause}", path.display())]
    Failed { path: PathBuf, cause: String },
}

impl BackupError {
    fn failed(target: &Path, cause: impl fmt::Display) -> Self {
        Self::Failed { path: target.to_owned(), cause: cause.to_string() }
    }

    fn io(target: &Path, error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::AlreadyExists => Self::TargetExists(target.to_owned()),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::DiskFull(target.to_owned()),
            _ => Self::failed(target, error),
        }
    }
}

/// Copies the database to `target`, which must not exist, and returns when the copy is on the disk. The copy contains
/// every change that was acknowledged before the call. Gives up after `limit`, or soon after `is_cancelled` returns
/// true. Blocks the calling thread.
///
/// Call this in a process that has not opened the database itself: on Unix, closing the file that this function reads
/// would release the locks that SQLite holds on it.
///
/// # Errors
/// [`BackupError`]; there is then no file at `target` that was not there before.
pub fn back_up(
    database: &Path,
    target: &Path,
    limit: Duration,
    is_cancelled: impl Fn() -> bool + Send + 'static,
) -> Result<Backup, BackupError> {
    if target.symlink_metadata().is_ok() {
        return Err(BackupError::TargetExists(target.to_owned()));
    }
    let source = open_source(database)?;
    let folder = folder_of(target);
    // The file has its name only when it is complete. On Unix, only its owner can read it.
    let partial = tempfile::Builder::new().prefix(".watch-party-").suffix(".partial").tempfile_in(folder);
    let partial = partial.map_err(|error| match error.kind() {
        ErrorKind::NotFound if !folder.exists() => BackupError::NoFolder(folder.to_owned()),
        _ => BackupError::io(target, &error),
    })?;
    let deadline = Instant::now() + limit;
    copy(&source, &partial, deadline, is_cancelled).map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) if Instant::now() >= deadline => {
            BackupError::TooSlow { path: target.to_owned(), limit }
        }
        Some(ErrorCode::OperationInterrupted) => BackupError::Cancelled(target.to_owned()),
        Some(ErrorCode::DiskFull) => BackupError::DiskFull(target.to_owned()),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseCorrupt) => OpenError::of(database, &error).into(),
        _ => BackupError::failed(target, &error),
    })?;
    drop(source);
    let chats = count_chats(partial.path()).map_err(|error| BackupError::failed(target, error))?;
    let bytes = keep(partial, target).map_err(|error| BackupError::io(target, &error))?;
    Ok(Backup { chats, bytes })
}

fn open_source(database: &Path) -> Result<Connection, BackupError> {
    let path = database.canonicalize().map_err(|error| match error.kind() {
        ErrorKind::NotFound => BackupError::NoDatabase(database.to_owned()),
        _ => OpenError::failed(database, error).into(),
    })?;
    let is_empty = |file: &Path| file.metadata().is_ok_and(|file| file.is_file() && file.len() == 0);
    if is_empty(&path) && (is_empty(&beside(&path, LOG)) || !beside(&path, LOG).exists()) {
        return Err(BackupError::Empty(database.to_owned()));
    }
    Ok(open_existing(&path)?)
}

fn folder_of(target: &Path) -> &Path {
    target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn copy(
    source: &Connection,
    partial: &NamedTempFile,
    deadline: Instant,
    is_cancelled: impl Fn() -> bool + Send + 'static,
) -> rusqlite::Result<()> {
    let path = partial.path().to_str().ok_or_else(|| rusqlite::Error::InvalidPath(partial.path().to_owned()))?;
    // The finished copy is made durable as a whole, so SQLite need not wait for the disk while it holds the snapshot.
    source.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY; PRAGMA synchronous = OFF")?;
    source.progress_handler(STEPS, Some(move || Instant::now() >= deadline || is_cancelled()))?;
    source.execute("VACUUM INTO ?1", [path]).map(drop)
}

fn count_chats(copy: &Path) -> rusqlite::Result<u32> {
    let copy = Connection::open_with_flags(copy, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    copy.query_row("SELECT count(*) FROM chat", [], |row| row.get(0))
}

/// Makes the complete copy durable, gives it its name, and returns its size in bytes.
fn keep(partial: NamedTempFile, target: &Path) -> io::Result<u64> {
    partial.as_file().sync_all()?;
    let bytes = partial.as_file().metadata()?.len();
    partial.persist_noclobber(target).map_err(|error| error.error)?;
    if let Err(error) = sync_folder(folder_of(target)) {
        fs::remove_file(target)?;
        return Err(error);
    }
    Ok(bytes)
}

/// Makes the names in the folder durable. Only Unix can do this; elsewhere, the file system does it by itself.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
