//! Opening the database: first look, and touch nothing that is not ours or not whole.

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

/// How long the file is looked through for damage at the start; a larger one is looked at in part.
const INSPECTION: Duration = Duration::from_secs(2);
/// A database begins with so many bytes, and the id of its program stands among them.
const HEADER: usize = 100;
const APPLICATION_ID_AT: usize = 68;
/// Steps of SQLite's machine between two looks at the clock.
const STEPS: i32 = 10_000;

/// Why the database cannot be used; its text is one line.
#[derive(Debug, Error)]
pub enum OpenError {
    #[error("{}: the file is in use by another program", .0.display())]
    InUse(PathBuf),
    #[error("{}: the file is no SQLite database, or it is damaged from its first byte; it was not touched", .0.display())]
    NotADatabase(PathBuf),
    #[error("{}: the file is a database of another program; it was not touched", .0.display())]
    NotOurs(PathBuf),
    #[error("{}: the database is of version {found}, made by a newer program; this one knows up to {NEWEST}", path.display())]
    Newer { path: PathBuf, found: usize },
    #[error("{}: the database is damaged ({damage}); it was not touched. Restore a backup, or move it away to begin anew", path.display())]
    Damaged { path: PathBuf, damage: String },
    #[error("{}: {cause}", path.display())]
    Failed { path: PathBuf, cause: String },
}

impl OpenError {
    pub(super) fn failed(path: &Path, cause: impl fmt::Display) -> Self {
        Self::Failed { path: path.to_owned(), cause: cause.to_string() }
    }

    fn of(path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse(path),
            Some(ErrorCode::NotADatabase) => Self::NotADatabase(path),
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { path, damage: error.to_string() },
            _ => Self::failed(&path, error),
        }
    }
}

/// The whole path, the claim on the file, and the connection that writes, all up to date.
pub(super) fn open(path: &Path) -> Result<(PathBuf, File, Connection), OpenError> {
    let path = find_or_make(path).map_err(|error| OpenError::failed(path, error))?;
    check_header(&path)?;
    let lock = claim(&path)?;
    inspect(&path)?;
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

/// How files are made: for their owner's eyes alone. Those that SQLite puts beside the database
/// follow suit.
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

/// Turns away what cannot be ours before anything is put beside it.
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
    // After a crash in its first moments, what makes a file ours is still in its log alone.
    if header[APPLICATION_ID_AT..][..4] != APPLICATION_ID.to_be_bytes() && !beside(path, LOG).exists() {
        return Err(OpenError::NotOurs(path.to_owned()));
    }
    Ok(())
}

/// What this node holds in memory is true only while nobody else writes, so a second program on
/// the same file is kept out. The system lets go of the claim when the program ends, however it
/// ends.
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

/// Looks without writing a byte into the file.
fn inspect(path: &Path) -> Result<(), OpenError> {
    let is_new = path.metadata().map_err(|error| OpenError::failed(path, error))?.len() == 0;
    if is_new {
        return Ok(());
    }
    let sqlite = |error| OpenError::of(path, &error);
    let connection = open_to_look(path).map_err(sqlite)?;
    let number = |query| connection.query_row(query, [], |row| row.get::<_, i32>(0)).map_err(sqlite);
    if number("PRAGMA application_id")? != APPLICATION_ID {
        return Err(OpenError::NotOurs(path.to_owned()));
    }
    let version = usize::try_from(number("PRAGMA user_version")?).unwrap_or(usize::MAX);
    if version > NEWEST {
        return Err(OpenError::Newer { path: path.to_owned(), found: version });
    }
    if number("PRAGMA auto_vacuum")? != 0 {
        let cause = "it has auto_vacuum, under which deleted rows cannot be erased; \
            run 'PRAGMA auto_vacuum = NONE; VACUUM' on it";
        return Err(OpenError::failed(path, cause));
    }
    let damage = find_damage(&connection).map_err(sqlite)?;
    damage.map_or(Ok(()), |damage| Err(OpenError::Damaged { path: path.to_owned(), damage }))
}

fn open_to_look(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    keep_log_on_close(&connection, true)?;
    Ok(connection)
}

fn find_damage(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let deadline = Instant::now() + INSPECTION;
    connection.progress_handler(STEPS, Some(move || Instant::now() > deadline))?;
    let found = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match found {
        Ok(word) if word == "ok" => Ok(None),
        // The last line says what, those before it where.
        Ok(damage) => Ok(Some(damage.lines().last().unwrap_or_default().to_owned())),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the SQLite in this program has the table by which pages are scrubbed.
fn can_scrub() -> bool {
    let option = Connection::open_in_memory().and_then(|connection| {
        connection.query_row("SELECT sqlite_compileoption_used('ENABLE_DBPAGE_VTAB')", [], |row| row.get(0))
    });
    option.unwrap_or(false)
}

fn prepare(path: &Path) -> Result<Connection, rusqlite_migration::Error> {
    let mut connection = open_writer(path)?;
    // Someone who writes without claiming the file is found out here.
    connection.transaction_with_behavior(TransactionBehavior::Immediate)?.commit()?;
    MIGRATIONS.to_latest(&mut connection)?;
    // What a crash left in the log. On a full disk it waits, and what can be read is served.
    if let Err(error) = scrub(&mut connection, path) {
        tracing::warn!(%error, "what was deleted before the last end of the program is not erased yet");
    }
    Ok(connection)
}
