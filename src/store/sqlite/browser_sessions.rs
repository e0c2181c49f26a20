//! Reads and writes browser sessions as rows.

use rusqlite::{Connection, OptionalExtension as _, Result};

use super::columns::timestamp;
use crate::domain::{BrowserDigest, BrowserSession, Salt, SealedChatId, Timestamp, Username};

pub(super) fn save(connection: &Connection, session: &BrowserSession) -> Result<()> {
    let columns = (session.token.as_bytes(), session.username.as_str(), session.expires_at.as_millis());
    connection
        .prepare_cached("INSERT INTO browser_session (token, username, expires_at) VALUES (?1, ?2, ?3)")?
        .execute(columns)
        .map(drop)
}

pub(super) fn find(connection: &Connection, token: BrowserDigest) -> Result<Option<BrowserSession>> {
    connection
        .prepare_cached("SELECT username, expires_at FROM browser_session WHERE token = ?1")?
        .query_row([token.as_bytes()], |row| {
            let username = Username::from_stored(row.get_ref(0)?.as_str()?);
            Ok(BrowserSession { token, username, expires_at: timestamp(row, 1)? })
        })
        .optional()
}

pub(super) fn rename(connection: &Connection, token: BrowserDigest, username: &Username) -> Result<()> {
    connection
        .prepare_cached("UPDATE browser_session SET username = ?2 WHERE token = ?1")?
        .execute((token.as_bytes(), username.as_str()))
        .map(drop)
}

/// Records that the browser has entered a chat, if its session still exists.
pub(super) fn add_entered_chat(connection: &Connection, token: BrowserDigest, chat: &SealedChatId) -> Result<()> {
    let added = connection
        .prepare_cached(
            "INSERT INTO entered_chat (browser_session_id, salt, masked_chat)
             SELECT id, ?2, ?3 FROM browser_session WHERE token = ?1",
        )?
        .execute((token.as_bytes(), chat.salt.0, chat.masked))?;
    if added == 0 {
        return Ok(());
    }
    connection
        .prepare_cached(
            "DELETE FROM entered_chat WHERE id IN (
                 SELECT entered_chat.id FROM entered_chat JOIN browser_session
                 ON browser_session.id = browser_session_id WHERE token = ?1
                 ORDER BY entered_chat.id DESC LIMIT -1 OFFSET ?2)",
        )?
        .execute((token.as_bytes(), i64::try_from(BrowserSession::MAX_CHATS).unwrap_or(i64::MAX)))
        .map(drop)
}

pub(super) fn entered_chats(connection: &Connection, token: BrowserDigest) -> Result<Vec<SealedChatId>> {
    connection
        .prepare_cached(
            "SELECT salt, masked_chat FROM entered_chat JOIN browser_session
             ON browser_session.id = browser_session_id WHERE token = ?1 ORDER BY entered_chat.id",
        )?
        .query_map([token.as_bytes()], |row| Ok(SealedChatId { salt: Salt(row.get(0)?), masked: row.get(1)? }))?
        .collect()
}

pub(super) fn delete(connection: &Connection, token: BrowserDigest) -> Result<()> {
    connection.prepare_cached("DELETE FROM browser_session WHERE token = ?1")?.execute([token.as_bytes()]).map(drop)
}

pub(super) fn delete_expired(connection: &Connection, now: Timestamp) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM browser_session WHERE expires_at <= ?1")?
        .execute([now.as_millis()])
        .map(drop)
}

pub(super) fn all(connection: &mut Connection) -> Result<Vec<BrowserDigest>> {
    let mut query = connection.prepare_cached("SELECT token FROM browser_session")?;
    query.query_map([], |row| row.get(0).map(BrowserDigest::from_stored))?.collect()
}
