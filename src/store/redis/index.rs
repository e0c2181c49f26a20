//! Which chats are due, and which browser sessions expire. The entries are hints: what a chat's own key says counts, and
//! a wrong entry is mended when it is met. Each part is on one shard of a Cluster, and one node at a time looks after it.

use std::time::Duration;

use futures_util::future::try_join_all;
use redis::{RedisResult, cmd};

use super::connection::{Connection, call};
use super::keys::{Keys, PARTS, digest_text, parse_digest};
use super::scripts::LEASE;
use crate::domain::{BrowserDigest, ChatId, Timestamp};

/// How long a node looks after a part of the index unless it prolongs that. Longer than the pause between two sweeps,
/// so that the same node stays.
const LEASE_FOR: Duration = Duration::from_secs(90);

/// Makes the chat due at `due` at the latest. It stays earlier if another node says so: when it is met, what the chat's
/// key says counts.
pub(super) async fn add_chat(mut connection: Connection, keys: &Keys, id: ChatId, due: Timestamp) -> RedisResult<()> {
    let key = keys.due(Keys::part_of_chat(id));
    cmd("ZADD").arg(key).arg("LT").arg(due.as_millis()).arg(id.to_string()).query_async(&mut connection).await
}

/// Sets when the chat is due to what its key says, and returns that; `None` if there is no such chat.
async fn correct_chat(mut connection: Connection, keys: &Keys, id: ChatId) -> RedisResult<Option<Timestamp>> {
    let mut question = cmd("HGET");
    question.arg(keys.chat(id)).arg("due");
    let Some(due) = question.query_async::<Option<i64>>(&mut connection).await? else {
        remove_chat(connection, keys, id).await?;
        return Ok(None);
    };
    let key = keys.due(Keys::part_of_chat(id));
    let _: () = cmd("ZADD").arg(key).arg(due).arg(id.to_string()).query_async(&mut connection).await?;
    // A node may have made the chat due earlier in between.
    match question.query_async::<Option<i64>>(&mut connection).await?.map(Timestamp::from_millis) {
        Some(now_due) => add_chat(connection, keys, id, now_due).await?,
        None => remove_chat(connection, keys, id).await?,
    }
    Ok(Some(Timestamp::from_millis(due)))
}

pub(super) async fn remove_chat(mut connection: Connection, keys: &Keys, id: ChatId) -> RedisResult<()> {
    let key = keys.due(Keys::part_of_chat(id));
    cmd("ZREM").arg(key).arg(id.to_string()).query_async(&mut connection).await
}

pub(super) async fn add_session(
    mut connection: Connection,
    keys: &Keys,
    token: BrowserDigest,
    expires_at: Timestamp,
) -> RedisResult<()> {
    let key = keys.sessions(Keys::part_of_session(token));
    cmd("ZADD").arg(key).arg(expires_at.as_millis()).arg(digest_text(token)).query_async(&mut connection).await
}

pub(super) async fn remove_session(mut connection: Connection, keys: &Keys, token: BrowserDigest) -> RedisResult<()> {
    let key = keys.sessions(Keys::part_of_session(token));
    cmd("ZREM").arg(key).arg(digest_text(token)).query_async(&mut connection).await
}

/// Returns the number of entries in all parts of an index.
pub(super) async fn count(connection: &Connection, key: impl Fn(u8) -> String) -> RedisResult<usize> {
    let counts = (0..PARTS).map(|part| {
        let (mut connection, key) = (connection.clone(), key(part));
        async move { cmd("ZCARD").arg(key).query_async::<usize>(&mut connection).await }
    });
    Ok(try_join_all(counts).await?.into_iter().sum())
}

/// Returns at most `at_most` entries whose time has come by `now`, from the parts that this node looks after.
async fn over(
    connection: &Connection,
    keys: &Keys,
    node: &str,
    key: impl Fn(u8) -> String,
    now: Timestamp,
    at_most: usize,
) -> RedisResult<Vec<String>> {
    let parts = (0..PARTS).map(|part| {
        let (mut connection, key, lease) = (connection.clone(), key(part), keys.lease(part));
        async move {
            let mut take = call(&LEASE, &[&lease]);
            take.arg(node).arg(u64::try_from(LEASE_FOR.as_millis()).unwrap_or(u64::MAX));
            if !connection.run::<bool>(&LEASE, &take).await? {
                return Ok(Vec::new());
            }
            let mut range = cmd("ZRANGEBYSCORE");
            range.arg(key).arg("-inf").arg(now.as_millis()).arg("LIMIT").arg(0).arg(at_most);
            range.query_async::<Vec<String>>(&mut connection).await
        }
    });
    Ok(try_join_all(parts).await?.into_iter().flatten().collect())
}

/// Returns at most `at_most` chats that are due, from the parts that this node looks after.
pub(super) async fn due_chats(
    connection: &Connection,
    keys: &Keys,
    node: &str,
    now: Timestamp,
    at_most: usize,
) -> RedisResult<Vec<ChatId>> {
    let entries = over(connection, keys, node, |part| keys.due(part), now, at_most).await?;
    let ids = entries.iter().filter_map(|entry| entry.parse::<ChatId>().ok());
    let corrected = ids.map(async |id| RedisResult::Ok((id, correct_chat(connection.clone(), keys, id).await?)));
    let corrected = try_join_all(corrected).await?;
    let due = corrected.into_iter().filter(|(_, due)| due.is_some_and(|due| due <= now));
    Ok(due.map(|(id, _)| id).take(at_most).collect())
}

/// Returns browser sessions that have expired by `now`, from the parts that this node looks after.
pub(super) async fn expired_sessions(
    connection: &Connection,
    keys: &Keys,
    node: &str,
    now: Timestamp,
    at_most: usize,
) -> RedisResult<Vec<BrowserDigest>> {
    let entries = over(connection, keys, node, |part| keys.sessions(part), now, at_most).await?;
    Ok(entries.iter().filter_map(|entry| parse_digest(entry)).collect())
}

/// Returns all entries of one part.
pub(super) async fn all(connection: &Connection, key: String) -> RedisResult<Vec<String>> {
    cmd("ZRANGE").arg(key).arg(0).arg(-1).query_async(&mut connection.clone()).await
}
