//! Opening the database: first look, and touch nothing that is not ours or not whole.

use std::ffi::OsString;
use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use thiserror::Error;

use super::connection::{keep_log_on_close, open_writer};
use super::schema::{APPLICATION_ID, MIGRATIONS, NEWEST};
use super::scrub::scrub;

/// How long the file is looked through for damage at the start; a larger one is looked at in part.
const INSPECTION: Duration = Duration::from_secs(2);
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

/// A new file is for its owner's eyes alone; those that SQLite puts beside it follow suit.
fn find_or_make(path: &Path) -> io::Result<PathBuf> {
    let mut new = OpenOptions::new();
    new.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut new, 0o600);
    match new.open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => path.canonicalize(),
    }
}

/// What this node holds in memory is true only while nobody else writes, so a second program on
/// the same file is kept out. The system lets go of the claim when the program ends, however it
/// ends.
fn claim(path: &Path) -> Result<File, OpenError> {
    let mut beside = OsString::from(path);
    beside.push("-lock");
    let lock = OpenOptions::new().write(true).create(true).truncate(false).open(&beside);
    let lock = lock.map_err(|error| OpenError::failed(Path::new(&beside), error))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(OpenError::failed(Path::new(&beside), error)),
    }
}

/// Looks without writing a byte.
fn inspect(path: &Path) -> Result<(), OpenError> {
    let is_new = path.metadata().map_err(|error| OpenError::failed(path, error))?.len() == 0;
    if is_new {
        return Ok(());
    }
    let (application_id, version, tables, damage) = look(path).map_err(|error| OpenError::of(path, &error))?;
    let path = path.to_owned();
    if application_id != APPLICATION_ID && (application_id != 0 || version != 0 || tables != 0) {
        return Err(OpenError::NotOurs(path));
    }
    if version > NEWEST {
        return Err(OpenError::Newer { path, found: version });
    }
    damage.map_or(Ok(()), |damage| Err(OpenError::Damaged { path, damage }))
}

fn look(path: &Path) -> rusqlite::Result<(i32, usize, usize, Option<String>)> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    keep_log_on_close(&connection, true)?;
    let number = |query| connection.query_row(query, [], |row| row.get::<_, i32>(0));
    let count = |query| number(query).map(|found| usize::try_from(found).unwrap_or(usize::MAX));
    let application_id = number("PRAGMA application_id")?;
    let version = count("PRAGMA user_version")?;
    let tables = count("SELECT count(*) FROM sqlite_schema")?;

    let deadline = Instant::now() + INSPECTION;
    connection.progress_handler(STEPS, Some(move || Instant::now() > deadline))?;
    let found = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    let damage = match found {
        Ok(word) if word == "ok" => None,
        // The last line says what, those before it where.
        Ok(damage) => Some(damage.lines().last().unwrap_or_default().to_owned()),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => None,
        Err(error) => return Err(error),
    };
    Ok((application_id, version, tables, damage))
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
