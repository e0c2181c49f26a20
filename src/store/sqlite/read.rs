//! Reads chats from rows.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Params, Result, Row};

use super::columns::{counter, id, knock_status, millis, named, optional_id, public_access, role, timestamp};
use crate::domain::{
    Account, Admission, Chat, ChatId, ChatName, Digest, Gap, Invite, InviteLabel, Knock, Member, MemberId, Message,
    MessageText, PasswordHash, Receipt, Recovery, Salt, Session, SessionSource, Settings, Snapshot, Timestamp,
    Username,
};

/// Reads the whole chat in one transaction.
pub(super) fn chat(connection: &mut Connection, chat_id: ChatId) -> Result<Option<Chat>> {
    let transaction = connection.transaction()?;
    let key = chat_id.as_uuid().into_bytes();
    let found = transaction
        .prepare_cached(
            "SELECT id, name, revision, admission, capacity, history, session_lifetime, vacant_since, public_access,
                 epoch
             FROM chat_now WHERE hash_key = ?1",
        )?
        .query_row([key], |row| Ok((row.get::<_, i64>(0)?, bare_chat(chat_id, row)?)))
        .optional()?;
    let Some((row_id, bare)) = found else { return Ok(None) };
    let of_chat = [row_id];
    let messages: VecDeque<Message> = all(
        &transaction,
        "SELECT id, member_id, username, content, timestamp, client_id FROM message WHERE chat_id = ?1 ORDER BY id",
        of_chat,
        message,
    )?;
    let gaps: Vec<Gap> =
        all(&transaction, "SELECT after_id, until_id FROM gap WHERE chat_id = ?1 ORDER BY until_id", of_chat, |row| {
            Ok(Gap { after: counter(row, 0)?, until: counter(row, 1)? })
        })?;
    let newest = messages.back().map_or(0, |newest| newest.id);
    let kept = Snapshot {
        last_id: gaps.last().map_or(newest, |gap| newest.max(gap.until)),
        gaps,
        messages,
        members: members(&transaction, row_id)?,
        invites: all(
            &transaction,
            "SELECT invite_id, key, label, max_uses, uses, created_at, expires_at, asks_first, is_by_address
             FROM invite WHERE chat_id = ?1 ORDER BY id",
            of_chat,
            invite,
        )?,
        knocks: all(
            &transaction,
            "SELECT knock_id, ticket, joined_as, salt, token, invite_id, username, knocked_at, status, expires_at
             FROM knock WHERE chat_id = ?1 ORDER BY id",
            of_chat,
            knock,
        )?,
        recoveries: all(
            &transaction,
            "SELECT member_id, code, source FROM recovery WHERE chat_id = ?1 ORDER BY id",
            of_chat,
            recovery,
        )?,
        accounts: all(
            &transaction,
            "SELECT member_id, username, password, role FROM account WHERE chat_id = ?1 ORDER BY id",
            of_chat,
            account,
        )?,
        receipts: all(
            &transaction,
            "SELECT member_id, client_id, message_id, sent_at FROM receipt WHERE chat_id = ?1 ORDER BY message_id",
            of_chat,
            receipt,
        )?,
        ended_sessions: all(
            &transaction,
            "SELECT token FROM ended_session WHERE chat_id = ?1 ORDER BY id",
            of_chat,
            |row| row.get(0).map(Digest::from_stored),
        )?,
        removed: all(&transaction, "SELECT joined_as FROM removed WHERE chat_id = ?1 ORDER BY id", of_chat, |row| {
            row.get(0).map(Digest::from_stored)
        })?,
        ..bare
    };
    Ok(Some(Chat::restore(kept)))
}

/// Returns chats that have an expired session or knock, or that were empty for too long.
pub(super) fn due(
    connection: &mut Connection,
    now: Timestamp,
    forget_after: Duration,
    at_most: usize,
) -> Result<Vec<ChatId>> {
    let emptied_before = now.as_millis().saturating_sub(millis(forget_after));
    let at_most = i64::try_from(at_most).unwrap_or(i64::MAX);
    // The cross joins make SQLite start with the indexes on `expires_at`, so that the limit ends the search early.
    let due: Vec<ChatId> = all(
        connection,
        "SELECT DISTINCT hash_key FROM session CROSS JOIN chat ON chat.id = session.chat_id WHERE expires_at <= ?1
         UNION ALL
         SELECT hash_key FROM knock CROSS JOIN chat ON chat.id = knock.chat_id WHERE expires_at <= ?1
         UNION ALL
         SELECT hash_key FROM chat
         WHERE vacant_since <= ?2 AND NOT EXISTS (SELECT 1 FROM member WHERE chat_id = chat.id)
         LIMIT ?3",
        (now.as_millis(), emptied_before, at_most),
        |row| id(row, 0),
    )?;
    let mut seen = HashSet::new();
    Ok(due.into_iter().filter(|chat_id| seen.insert(*chat_id)).collect())
}

/// Returns all chats, sorted by their ids.
pub(super) fn all_chats(connection: &mut Connection) -> Result<Vec<ChatId>> {
    all(connection, "SELECT hash_key FROM chat ORDER BY hash_key", [], |row| id(row, 0))
}

/// Runs a minimal query.
pub(super) fn probe(connection: &mut Connection) -> Result<()> {
    connection.query_row("SELECT count(*) FROM (SELECT 1 FROM chat LIMIT 1)", [], |_| Ok(()))
}

/// Returns the number that `query` selects.
pub(super) fn count(connection: &Connection, query: &str) -> Result<usize> {
    connection.query_row(query, [], |row| row.get::<_, i64>(0)).map(|count| usize::try_from(count).unwrap_or(0))
}

fn all<T, C: FromIterator<T>>(
    connection: &Connection,
    query: &str,
    parameters: impl Params,
    read: fn(&Row<'_>) -> Result<T>,
) -> Result<C> {
    connection.prepare_cached(query)?.query_map(parameters, read)?.collect()
}

fn bare_chat(chat_id: ChatId, row: &Row<'_>) -> Result<Snapshot> {
    Ok(Snapshot {
        id: chat_id,
        epoch: counter(row, 9)?,
        name: row.get::<_, Option<String>>(1)?.map(|name| ChatName::from_stored(&name)),
        revision: counter(row, 2)?,
        settings: Settings {
            admission: named(row, 3, &Admission::ALL, |admission| admission.rules().name)?,
            capacity: row.get(4)?,
            history: row.get(5)?,
            session_lifetime: Duration::from_millis(counter(row, 6)?),
            public_access: public_access(row, 8)?,
        },
        vacant_since: timestamp(row, 7)?,
        last_id: 0,
        gaps: Vec::new(),
        members: Vec::new(),
        invites: Vec::new(),
        knocks: Vec::new(),
        recoveries: Vec::new(),
        accounts: Vec::new(),
        messages: VecDeque::new(),
        receipts: VecDeque::new(),
        ended_sessions: VecDeque::new(),
        removed: VecDeque::new(),
    })
}

/// Reads the members with their sessions.
fn members(connection: &Connection, chat_row: i64) -> Result<Vec<Member>> {
    let mut members: Vec<Member> = all(
        connection,
        "SELECT member_id, username, role, joined_at, invite_id, joined_as FROM member WHERE chat_id = ?1 ORDER BY id",
        [chat_row],
        member,
    )?;
    let sessions: Vec<(MemberId, Session)> = all(
        connection,
        "SELECT member_id, token, started_at, expires_at, source, salt FROM session WHERE chat_id = ?1 ORDER BY id",
        [chat_row],
        session,
    )?;
    let places: HashMap<MemberId, usize> = members.iter().zip(0..).map(|(member, place)| (member.id, place)).collect();
    for (member_id, session) in sessions {
        if let Some(place) = places.get(&member_id) {
            members[*place].sessions.push(session);
        }
    }
    Ok(members)
}

fn member(row: &Row<'_>) -> Result<Member> {
    Ok(Member {
        id: id(row, 0)?,
        username: Username::from_stored(row.get_ref(1)?.as_str()?),
        role: role(row, 2)?,
        joined_at: timestamp(row, 3)?,
        invite_id: optional_id(row, 4)?,
        join: row.get::<_, Option<_>>(5)?.map(Digest::from_stored),
        sessions: Vec::new(),
    })
}

fn session(row: &Row<'_>) -> Result<(MemberId, Session)> {
    let session = Session {
        digest: Digest::from_stored(row.get(1)?),
        started_at: timestamp(row, 2)?,
        expires_at: timestamp(row, 3)?,
        source: source(row.get(4)?, row.get(5)?),
    };
    Ok((id(row, 0)?, session))
}

fn source(digest: Option<[u8; 32]>, salt: Option<[u8; 32]>) -> Option<SessionSource> {
    Some(SessionSource { digest: Digest::from_stored(digest?), salt: Salt(salt?) })
}

fn knock(row: &Row<'_>) -> Result<Knock> {
    Ok(Knock {
        id: id(row, 0)?,
        ticket: Digest::from_stored(row.get(1)?),
        join: Digest::from_stored(row.get(2)?),
        salt: Salt(row.get(3)?),
        session: Digest::from_stored(row.get(4)?),
        invite_id: id(row, 5)?,
        username: Username::from_stored(row.get_ref(6)?.as_str()?),
        knocked_at: timestamp(row, 7)?,
        status: knock_status(row, 8)?,
        expires_at: timestamp(row, 9)?,
    })
}

fn account(row: &Row<'_>) -> Result<Account> {
    Ok(Account {
        member_id: id(row, 0)?,
        username: Username::from_stored(row.get_ref(1)?.as_str()?),
        password: PasswordHash::from_stored(row.get_ref(2)?.as_str()?),
        role: role(row, 3)?,
    })
}

fn recovery(row: &Row<'_>) -> Result<Recovery> {
    Ok(Recovery {
        member_id: id(row, 0)?,
        digest: Digest::from_stored(row.get(1)?),
        source: row.get::<_, Option<_>>(2)?.map(Digest::from_stored),
    })
}

fn invite(row: &Row<'_>) -> Result<Invite> {
    Ok(Invite {
        id: id(row, 0)?,
        digest: Digest::from_stored(row.get(1)?),
        label: row.get::<_, Option<String>>(2)?.map(|label| InviteLabel::from_stored(&label)),
        max_uses: row.get(3)?,
        uses: row.get(4)?,
        created_at: timestamp(row, 5)?,
        expires_at: row.get::<_, Option<i64>>(6)?.map(Timestamp::from_millis),
        asks_first: row.get(7)?,
        is_by_address: row.get(8)?,
    })
}

fn message(row: &Row<'_>) -> Result<Message> {
    Ok(Message {
        id: counter(row, 0)?,
        member_id: id(row, 1)?,
        username: Username::from_stored(row.get_ref(2)?.as_str()?),
        text: MessageText::from_stored(row.get_ref(3)?.as_str()?),
        sent_at: timestamp(row, 4)?,
        client_id: optional_id(row, 5)?,
    })
}

fn receipt(row: &Row<'_>) -> Result<Receipt> {
    Ok(Receipt {
        member_id: id(row, 0)?,
        client_id: id(row, 1)?,
        message_id: counter(row, 2)?,
        sent_at: timestamp(row, 3)?,
    })
}
