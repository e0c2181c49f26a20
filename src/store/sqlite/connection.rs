//! Opens and configures connections to the database.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, Error, OpenFlags, Result, ffi};

/// How long a connection waits for another program to release its lock on the file.
pub(super) const BUSY: Duration = Duration::from_secs(2);
/// Size of the cache of prepared statements: enough for all statements of a change.
const STATEMENTS: usize = 64;

/// Opens the only connection that writes.
pub(super) fn open_writer(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    keep_log_on_close(&connection, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Takes effect only in a new file.
    connection.execute_batch("PRAGMA auto_vacuum = NONE")?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        let cause = "its file system lacks the shared memory that a write-ahead log needs".to_owned();
        return Err(Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CANTOPEN), Some(cause)));
    }
    connection.execute_batch(
        "PRAGMA synchronous = FULL; -- a commit returns when it is on the disk
         PRAGMA fullfsync = ON; -- without it, macOS may return before that
         PRAGMA checkpoint_fullfsync = ON;
         PRAGMA wal_autocheckpoint = 0; -- only the scrub does it, after it has read from the log which pages changed
         PRAGMA secure_delete = ON; -- deleted bytes become zeros
         PRAGMA temp_store = MEMORY; -- no deleted bytes in temporary files
         PRAGMA foreign_keys = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA cache_size = -16384; -- KiB",
    )?;
    Ok(connection)
}

/// Opens a connection that only reads. It creates no file: if the database is gone, it fails.
pub(super) fn open_reader(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    keep_log_on_close(&connection, true)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;")?;
    Ok(connection)
}

/// Sets whether the write-ahead log stays as it is when the last connection closes. It must stay while it may
/// contain changes that are not scrubbed.
pub(super) fn keep_log_on_close(connection: &Connection, keep: bool) -> Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep).map(drop)
}
