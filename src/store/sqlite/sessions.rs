//! The browsers' sessions as rows.

use rusqlite::{Connection, OptionalExtension as _, Result};

use super::columns::moment;
use crate::domain::{BrowserSession, Digest, OfBrowser, Timestamp, Username};

pub(super) fn open(connection: &Connection, session: &BrowserSession) -> Result<()> {
    let columns = (session.token.as_bytes(), session.username.as_str(), session.expires_at.as_millis());
    connection
        .prepare_cached("INSERT INTO browser_session (token, username, expires_at) VALUES (?1, ?2, ?3)")?
        .execute(columns)
        .map(drop)
}

pub(super) fn find(connection: &Connection, token: Digest<OfBrowser>) -> Result<Option<BrowserSession>> {
    connection
        .prepare_cached("SELECT username, expires_at FROM browser_session WHERE token = ?1")?
        .query_row([token.as_bytes()], |row| {
            let username = Username::from_stored(row.get_ref(0)?.as_str()?);
            Ok(BrowserSession { token, username, expires_at: moment(row, 1)? })
        })
        .optional()
}

pub(super) fn end(connection: &Connection, token: Digest<OfBrowser>) -> Result<()> {
    connection.prepare_cached("DELETE FROM browser_session WHERE token = ?1")?.execute([token.as_bytes()]).map(drop)
}

pub(super) fn end_expired(connection: &Connection, now: Timestamp) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM browser_session WHERE expires_at <= ?1")?
        .execute([now.as_millis()])
        .map(drop)
}
