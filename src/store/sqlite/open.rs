//! Opens the database. It is inspected first, so that a damaged file or another program's file stays untouched.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use thiserror::Error;

use super::connection::{keep_log_on_close, open_writer};
use super::schema::{APPLICATION_ID, MIGRATIONS, NEWEST};
use super::scrub::scrub;
use super::{LOG, beside};

/// Time limit of the check for damage at startup, so that a large database is checked only in part. A small one is
/// checked as a whole even on a busy machine, because the check takes at least this many turns.
const INSPECTION: Duration = Duration::from_millis(40);
const INSPECTION_TURNS: usize = 100;
/// Pages, or instructions of SQLite's virtual machine, that are checked in a turn.
const TURN: i32 = 50;
/// Length in bytes of the header of a SQLite file, and the offset of the application id in it.
const HEADER: usize = 100;
const APPLICATION_ID_AT: usize = 68;

/// Why the database cannot be opened. The message is one line.
#[derive(Debug, Error)]
pub enum OpenError {
    #[error("{}: the file is in use by another program", .0.display())]
    InUse(PathBuf),
    #[error("{}: the file is not a SQLite database, or its header is damaged; it was not touched", .0.display())]
    NotADatabase(PathBuf),
    #[error("{}: the file is another program's database; it was not touched", .0.display())]
    NotOurs(PathBuf),
    #[error("{}: the database has version {found}, from a newer program; this program supports versions up to {NEWEST}", path.display())]
    Newer { path: PathBuf, found: usize },
    #[error("{}: the database is damaged ({damage}); it was not touched. Restore a backup, or move the file away to start empty", path.display())]
    Damaged { path: PathBuf, damage: String },
    #[error("{}: {cause}", path.display())]
    Failed { path: PathBuf, cause: String },
}

impl OpenError {
    pub(super) fn failed(path: &Path, cause: impl fmt::Display) -> Self {
        Self::Failed { path: path.to_owned(), cause: one_line(&cause.to_string()) }
    }

    pub(super) fn of(path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse(path),
            Some(ErrorCode::NotADatabase) => Self::NotADatabase(path),
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { path, damage: one_line(&error.to_string()) },
            _ => Self::failed(&path, error),
        }
    }
}

/// Removes line breaks and other control characters: SQLite's messages quote names from the file, which may be damaged.
fn one_line(message: &str) -> String {
    message.replace(char::is_control, " ")
}

/// Opens the database, migrated to the newest version. Returns its canonical path, the lock on it, and the
/// connection that writes.
pub(super) fn open(path: &Path) -> Result<(PathBuf, File, Connection), OpenError> {
    let path = find_or_make(path).map_err(|error| OpenError::failed(path, error))?;
    check_header(&path)?;
    let lock = claim(&path)?;
    let is_new = path.metadata().map_err(|error| OpenError::failed(&path, error))?.len() == 0;
    if !is_new {
        inspect(&path)?;
    }
    if !can_scrub() {
        let cause = "SQLite was built without its dbpage table; build with the project's .cargo/config.toml";
        return Err(OpenError::failed(&path, cause));
    }
    let connection = prepare(&path).map_err(|error| match error {
        rusqlite_migration::Error::RusqliteError { err, .. } => OpenError::of(&path, &err),
        error => OpenError::failed(&path, error),
    })?;
    Ok((path, lock, connection))
}

/// Opens an existing database to read it, while another program may write to it. Writes nothing to the database or to
/// its log.
pub(super) fn open_existing(path: &Path) -> Result<Connection, OpenError> {
    check_header(path)?;
    inspect(path)
}

/// Returns options that create files which only their owner can read. SQLite gives the files that it creates beside
/// the database the same mode.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn find_or_make(path: &Path) -> io::Result<PathBuf> {
    match private().create_new(true).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => path.canonicalize(),
    }
}

/// Rejects a file that cannot be ours before anything is created beside it.
fn check_header(path: &Path) -> Result<(), OpenError> {
    let mut header = Vec::with_capacity(HEADER);
    let read = File::open(path).and_then(|file| file.take(HEADER as u64).read_to_end(&mut header));
    read.map_err(|error| OpenError::failed(path, error))?;
    if header.is_empty() {
        return Ok(());
    }
    if header.len() < HEADER || !header.starts_with(b"SQLite format 3\0") {
        return Err(OpenError::NotADatabase(path.to_owned()));
    }
    // If the program crashed right after it created the file, the application id is only in the log.
    if header[APPLICATION_ID_AT..][..4] != APPLICATION_ID.to_be_bytes() && !beside(path, LOG).exists() {
        return Err(OpenError::NotOurs(path.to_owned()));
    }
    Ok(())
}

/// Locks the file against a second program, because a chat in this node's memory is current only while no other
/// program writes. The operating system releases the lock when the program ends, even after a crash.
fn claim(path: &Path) -> Result<File, OpenError> {
    let place = beside(path, "-lock");
    let lock = private().create(true).truncate(false).open(&place);
    let lock = lock.map_err(|error| OpenError::failed(&place, error))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(OpenError::failed(&place, error)),
    }
}

/// Checks the database without writing a byte to it. Returns a connection that only reads it.
fn inspect(path: &Path) -> Result<Connection, OpenError> {
    let sqlite = |error| OpenError::of(path, &error);
    let connection = open_read_only(path).map_err(sqlite)?;
    let number = |query| connection.query_row(query, [], |row| row.get::<_, i32>(0)).map_err(sqlite);
    if number("PRAGMA application_id")? != APPLICATION_ID {
        return Err(OpenError::NotOurs(path.to_owned()));
    }
    let version = usize::try_from(number("PRAGMA user_version")?).unwrap_or(usize::MAX);
    if version > NEWEST {
        return Err(OpenError::Newer { path: path.to_owned(), found: version });
    }
    if number("PRAGMA auto_vacuum")? != 0 {
        let cause = "auto_vacuum is on, and with it deleted rows cannot be erased; \
            run 'PRAGMA auto_vacuum = NONE; VACUUM' on the database";
        return Err(OpenError::failed(path, cause));
    }
    let damage = find_damage(&connection).map_err(sqlite)?;
    let damaged = |damage: String| OpenError::Damaged { path: path.to_owned(), damage: one_line(&damage) };
    damage.map_or(Ok(connection), |damage| Err(damaged(damage)))
}

fn open_read_only(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    keep_log_on_close(&connection, true)?;
    Ok(connection)
}

fn find_damage(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let (begin, mut turns) = (Instant::now(), 0);
    let is_enough = move || {
        turns += 1;
        turns > INSPECTION_TURNS && begin.elapsed() > INSPECTION
    };
    connection.progress_handler(TURN, Some(is_enough))?;
    let found = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    connection.progress_handler(0, None::<fn() -> bool>)?;
    match found {
        Ok(word) if word == "ok" => Ok(None),
        // The last line says what is damaged, the lines before it say where.
        Ok(damage) => Ok(Some(damage.lines().last().unwrap_or_default().to_owned())),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether this program's SQLite has the `dbpage` table, through which pages are scrubbed.
fn can_scrub() -> bool {
    let option = Connection::open_in_memory().and_then(|connection| {
        connection.query_row("SELECT sqlite_compileoption_used('ENABLE_DBPAGE_VTAB')", [], |row| row.get(0))
    });
    option.unwrap_or(false)
}

fn prepare(path: &Path) -> Result<Connection, rusqlite_migration::Error> {
    let mut connection = open_writer(path)?;
    // Fails if another program writes to the database without having taken the lock on the file.
    connection.transaction_with_behavior(TransactionBehavior::Immediate)?.commit()?;
    MIGRATIONS.to_latest(&mut connection)?;
    // Erases what a crash left in the log. On a full disk this has to wait, but chats can still be read.
    if let Err(error) = scrub(&mut connection, path) {
        tracing::warn!(%error, "data deleted before the program last ended is not erased yet");
    }
    Ok(connection)
}
