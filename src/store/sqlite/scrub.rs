//! Erases deleted data from all of the database's files.
//!
//! `secure_delete` overwrites a deleted row in place. Two kinds of copies remain: older versions of a page in the
//! write-ahead log, and the copies that SQLite leaves in the unused middle of a page when it moves rows from page
//! to page to balance a tree. The scrub therefore fills the middle of every page in the log (that is, of every page
//! that has changed since the last scrub) with zeros, then checkpoints the log into the database and truncates it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, Error, Result, TransactionBehavior, ffi};

use super::connection::BUSY;
use super::{LOG, beside};

/// Sizes in bytes of the log's header and of the header before each page in it. SQLite's "WAL-mode File Format"
/// describes both.
const LOG_HEADER: u64 = 32;
const FRAME_HEADER: u64 = 24;

/// How long a checkpoint waits until nobody reads the log. Commits wait too. The program reads a chat within
/// milliseconds; a backup may read for minutes.
const WAIT_FOR_READERS: Duration = Duration::from_millis(200);

/// From this many pages on (137 GB), an overflow page may begin with the same byte as a tree page, so the middles
/// are not erased.
const MAX_PAGES: u32 = 0x0200_0000;

/// Returns the size of the log that was erased, in bytes.
pub(super) fn scrub(connection: &mut Connection, database: &Path) -> Result<u64> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let page_count: u32 = transaction.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    let page_size: u32 = transaction.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    let (changed, log_bytes) = pages_in(&beside(database, LOG), page_size).map_err(|error| io_failure(&error))?;
    if log_bytes == 0 {
        return Ok(0);
    }
    if page_count < MAX_PAGES {
        let mut read = transaction.prepare("SELECT data FROM sqlite_dbpage WHERE pgno = ?1")?;
        let mut write = transaction.prepare("UPDATE sqlite_dbpage SET data = ?2 WHERE pgno = ?1")?;
        // After a power cut, the log may end with zeros, and with pages that were never committed.
        for number in changed.range(1..=page_count) {
            let mut page: Vec<u8> = read.query_row([number], |row| row.get(0))?;
            if let Some(middle) = unused_middle(&page)
                && page[middle.clone()].iter().any(|byte| *byte != 0)
            {
                page[middle].fill(0);
                write.execute((number, page))?;
            }
        }
    } else {
        tracing::warn!("the database is too large to erase the copies of rows that SQLite leaves in pages");
    }
    transaction.commit()?;
    connection.busy_timeout(WAIT_FOR_READERS)?;
    let checkpoint = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
    connection.busy_timeout(BUSY)?;
    let is_blocked = checkpoint?;
    if is_blocked {
        let held = "a backup or another program is reading the database, so deleted data stays in its log".to_owned();
        return Err(Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), Some(held)));
    }
    Ok(log_bytes)
}

/// Returns the numbers of all pages in the log, and its length in bytes.
fn pages_in(log: &Path, page_size: u32) -> io::Result<(BTreeSet<u32>, u64)> {
    let mut pages = BTreeSet::new();
    let mut log = match File::open(log) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((pages, 0)),
        log => log?,
    };
    let frame = FRAME_HEADER + u64::from(page_size);
    let length = log.metadata()?.len();
    let mut at = LOG_HEADER;
    while at + frame <= length {
        let mut number = [0; 4];
        log.seek(SeekFrom::Start(at))?;
        log.read_exact(&mut number)?;
        pages.insert(u32::from_be_bytes(number));
        at += frame;
    }
    Ok((pages, length))
}

/// Returns the range between the cell pointers and the cells of a tree page, or `None` for a page of another kind.
/// The first page begins with the file's header, so it counts as another kind; it contains only the schema. A page
/// of `auto_vacuum`'s pointer map could be mistaken for a tree page, so a database with `auto_vacuum` is not opened.
fn unused_middle(page: &[u8]) -> Option<Range<usize>> {
    let header = match page.first()? {
        0x02 | 0x05 => 12,
        0x0a | 0x0d => 8,
        _ => return None,
    };
    let number = |at: usize| page.get(at..at + 2).map(|bytes| usize::from(u16::from_be_bytes([bytes[0], bytes[1]])));
    let begin = header + 2 * number(3)?;
    // In a page of 65,536 bytes without cells, zero means 65,536.
    let end = Some(number(5)?).filter(|end| *end != 0).unwrap_or(0x1_0000);
    (begin <= end && end <= page.len()).then_some(begin..end)
}

fn io_failure(error: &io::Error) -> Error {
    Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR), Some(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(kind: u8, cells: u16, content: u16) -> Vec<u8> {
        let mut page = vec![0; 512];
        page[0] = kind;
        page[3..5].copy_from_slice(&cells.to_be_bytes());
        page[5..7].copy_from_slice(&content.to_be_bytes());
        page
    }

    #[test]
    fn the_unused_middle_lies_between_the_cell_pointers_and_the_cells() {
        assert_eq!(unused_middle(&page(0x0d, 3, 400)), Some(14..400));
        assert_eq!(unused_middle(&page(0x0a, 0, 512)), Some(8..512));
        assert_eq!(unused_middle(&page(0x05, 2, 16)), Some(16..16));
        assert_eq!(unused_middle(&page(0x02, 1, 100)), Some(14..100));
    }

    #[test]
    fn pages_that_are_not_valid_btree_pages_are_left_alone() {
        for other in
            [page(0, 1, 100), page(b'S', 1, 100), page(0x0d, 3, 600), page(0x0d, 300, 400), Vec::new(), vec![13]]
        {
            assert_eq!(unused_middle(&other), None);
        }
    }
}
