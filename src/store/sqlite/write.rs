//! Writes changes as rows. The chat's state after a change determines which rows are deleted, so that only the
//! domain decides how much is kept.

use rusqlite::{Connection, Error, OptionalExtension as _, Params, Result};

use super::columns::{counter, knock_status_name, millis, public_access_name, role_name};
use crate::domain::{
    Account, Chat, ChatName, Departure, Digest, Event, Invite, InviteId, InviteLabel, JoinDigest, Knock, Member,
    MemberId, Message, Position, Receipt, Recovery, Role, Session, SessionDigest, Settings, Timestamp, Transition,
    Username,
};

/// The result of writing a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Written,
    /// The chat is not at the revision on which the change was decided; nothing was written.
    Conflict,
}

/// Writes `change` within the open transaction.
pub(super) fn write_transition(connection: &Connection, change: &Transition) -> Result<Outcome> {
    let Transition { before, events, after } = change;
    let chat_id = match find(connection, after)? {
        None if *before == 0 => insert(connection, after)?,
        Some((chat_id, position)) if position.revision == *before => chat_id,
        _ => return Ok(Outcome::Conflict),
    };
    if after.has_ended() {
        // The foreign keys delete all other rows of the chat.
        execute(connection, "DELETE FROM chat WHERE id = ?1", [chat_id])?;
        return Ok(Outcome::Written);
    }
    let writer = RowWriter { connection, after, chat_id };
    for (event, revision) in events.iter().zip(before + 1..) {
        writer.event(event, revision)?;
    }
    // A member's message changes nothing in the chat's row: `chat_now` takes the revision from the newest message.
    let is_by_member =
        |event: &Event| matches!(event, Event::MessagePosted { message } if message.member_id != MemberId::ANONYMOUS);
    if !events.iter().all(is_by_member) {
        writer.update_chat()?;
    }
    Ok(Outcome::Written)
}

/// Writes the whole chat in the place of the one at the position `over`, or as a new one, within the open transaction.
pub(super) fn write_chat(connection: &Connection, chat: &Chat, over: Option<Position>) -> Result<Outcome> {
    let found = find(connection, chat)?;
    if found.map(|(_, position)| position) != over {
        return Ok(Outcome::Conflict);
    }
    if let Some((chat_id, _)) = found {
        execute(connection, "DELETE FROM chat WHERE id = ?1", [chat_id])?;
    }
    let writer = RowWriter { connection, after: chat, chat_id: insert(connection, chat)? };
    writer.rewrite_gaps()?;
    chat.invites().iter().try_for_each(|invite| writer.insert_invite(invite))?;
    chat.members().iter().try_for_each(|member| writer.add_member(member))?;
    chat.accounts().iter().try_for_each(|account| writer.add_account(account))?;
    writer.rewrite_knocks()?;
    writer.rewrite_recoveries()?;
    writer.rewrite_removals()?;
    chat.ended_sessions().iter().try_for_each(|ended| writer.insert_ended_session(*ended))?;
    chat.messages().iter().try_for_each(|message| writer.insert_message(message, chat.revision()))?;
    chat.receipts().iter().try_for_each(|receipt| writer.insert_receipt(receipt))?;
    Ok(Outcome::Written)
}

/// Returns the id of the chat's row and the chat's position.
fn find(connection: &Connection, chat: &Chat) -> Result<Option<(i64, Position)>> {
    connection
        .prepare_cached("SELECT id, epoch, revision FROM chat_now WHERE hash_key = ?1")?
        .query_row([key(chat)], |row| {
            Ok((row.get(0)?, Position { epoch: counter(row, 1)?, revision: counter(row, 2)? }))
        })
        .optional()
}

fn insert(connection: &Connection, after: &Chat) -> Result<i64> {
    let Settings { admission, capacity, history, public_access, session_lifetime } =
        after.settings().map_err(|refusal| Error::ToSqlConversionFailure(refusal.into()))?;
    execute(
        connection,
        "INSERT INTO chat (hash_key, name, revision, admission, capacity, history, session_lifetime, vacant_since,
             public_access, epoch)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        (
            key(after),
            after.name().map(ChatName::as_str),
            after.revision().cast_signed(),
            admission.rules().name,
            capacity,
            history,
            millis(*session_lifetime),
            after.vacant_since().as_millis(),
            public_access_name(*public_access),
            after.epoch().cast_signed(),
        ),
    )?;
    Ok(connection.last_insert_rowid())
}

/// Writes the events of one chat.
struct RowWriter<'a> {
    connection: &'a Connection,
    after: &'a Chat,
    chat_id: i64,
}

impl RowWriter<'_> {
    fn event(&self, event: &Event, revision: u64) -> Result<()> {
        match event {
            // The chat's row is already inserted, and a chat that has ended has no rows.
            Event::ChatCreated { .. } | Event::ChatEnded => Ok(()),
            Event::InviteCreated { invite } => self.add_invite(invite),
            Event::InviteRevoked { invite_id } => self.remove_invite(*invite_id),
            Event::MemberJoined { member } => {
                self.add_member(member)?;
                member.join.map_or(Ok(()), |join| self.delete_removal(join))?;
                member.invite_id.map_or(Ok(()), |invite_id| self.count_uses(invite_id))
            }
            Event::MemberLeft { member_id, why, .. } => {
                if *why == Departure::Removed {
                    self.rewrite_removals()?;
                }
                self.record_ended_sessions(*member_id)?;
                self.remove_member(*member_id)?;
                self.rewrite_knocks()?;
                self.rewrite_recoveries()
            }
            Event::RoleChanged { member_id, role } => {
                self.set_role(*member_id, *role)?;
                self.rewrite_recoveries()
            }
            Event::Registered { account } => self.add_account(account),
            Event::RecoverySet { .. } | Event::RecoveryEnded { .. } => self.rewrite_recoveries(),
            Event::Knocked { .. } | Event::KnockDecided { .. } | Event::KnockEnded { .. } => self.rewrite_knocks(),
            Event::MemberRenamed { member_id, username } => self.rename_member(*member_id, username),
            Event::SessionStarted { member_id, session } => self.add_session(*member_id, session),
            Event::SessionRenewed { ended, session, .. } => {
                self.renew_session(*ended, session)?;
                self.record_ended_session(*ended)
            }
            Event::SessionEnded { ended, .. } => {
                self.execute("DELETE FROM session WHERE token = ?1", [ended.as_bytes()])?;
                self.record_ended_session(*ended)
            }
            Event::SeatTakenBack { member_id, session } => {
                self.record_ended_sessions(*member_id)?;
                let parameters = (self.chat_id, member_id.as_uuid().into_bytes());
                self.execute("DELETE FROM session WHERE chat_id = ?1 AND member_id = ?2", parameters)?;
                self.add_session(*member_id, session)
            }
            Event::MessagePosted { message } => self.add_message(message, revision),
            Event::HistoryLost { .. } => {
                let parameters = (self.chat_id, self.after.epoch().cast_signed());
                self.execute("UPDATE chat SET epoch = ?2 WHERE id = ?1", parameters)?;
                self.rewrite_gaps()
            }
        }
    }

    fn update_chat(&self) -> Result<()> {
        let parameters = (self.chat_id, self.after.revision().cast_signed(), self.after.vacant_since().as_millis());
        self.execute("UPDATE chat SET revision = ?2, vacant_since = ?3 WHERE id = ?1", parameters)
    }

    fn rewrite_gaps(&self) -> Result<()> {
        self.execute("DELETE FROM gap WHERE chat_id = ?1", [self.chat_id])?;
        self.after.gaps().iter().try_for_each(|gap| {
            let parameters = (self.chat_id, gap.after.cast_signed(), gap.until.cast_signed());
            self.execute("INSERT INTO gap (chat_id, after_id, until_id) VALUES (?1, ?2, ?3)", parameters)
        })
    }

    fn insert_invite(&self, invite: &Invite) -> Result<()> {
        self.execute(
            "INSERT INTO invite (chat_id, invite_id, key, label, max_uses, uses, created_at, expires_at, asks_first,
                 is_by_address)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            (
                self.chat_id,
                invite.id.as_uuid().into_bytes(),
                invite.digest.as_bytes(),
                invite.label.as_ref().map(InviteLabel::as_str),
                invite.max_uses,
                invite.uses,
                invite.created_at.as_millis(),
                invite.expires_at.map(Timestamp::as_millis),
                invite.asks_first,
                invite.is_by_address,
            ),
        )
    }

    fn add_invite(&self, invite: &Invite) -> Result<()> {
        self.insert_invite(invite)?;
        let kept: Vec<InviteId> = self.after.invites().iter().map(|invite| invite.id).collect();
        let stored: Vec<[u8; 16]> = self
            .connection
            .prepare_cached("SELECT invite_id FROM invite WHERE chat_id = ?1")?
            .query_map([self.chat_id], |row| row.get(0))?
            .collect::<Result<_>>()?;
        let gone = stored.into_iter().map(|bytes| uuid::Uuid::from_bytes(bytes).into()).filter(|id| !kept.contains(id));
        gone.into_iter().try_for_each(|id| self.remove_invite(id))
    }

    fn remove_invite(&self, invite_id: InviteId) -> Result<()> {
        let invite_id = invite_id.as_uuid().into_bytes();
        self.execute("DELETE FROM invite WHERE chat_id = ?1 AND invite_id = ?2", (self.chat_id, invite_id))
    }

    fn count_uses(&self, invite_id: InviteId) -> Result<()> {
        let Some(invite) = self.after.invites().iter().find(|invite| invite.id == invite_id) else { return Ok(()) };
        let parameters = (self.chat_id, invite_id.as_uuid().into_bytes(), invite.uses);
        self.execute("UPDATE invite SET uses = ?3 WHERE chat_id = ?1 AND invite_id = ?2", parameters)
    }

    fn add_member(&self, member: &Member) -> Result<()> {
        self.execute(
            "INSERT INTO member (chat_id, member_id, username, folded_username, role, joined_at, invite_id, joined_as)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            (
                self.chat_id,
                member.id.as_uuid().into_bytes(),
                member.username.as_str(),
                member.username.folded(),
                role_name(member.role),
                member.joined_at.as_millis(),
                member.invite_id.map(|id| id.as_uuid().into_bytes()),
                member.join.as_ref().map(Digest::as_bytes),
            ),
        )?;
        member.sessions.iter().try_for_each(|session| self.add_session(member.id, session))
    }

    /// Deletes the member. The foreign keys delete the member's sessions and receipts.
    fn remove_member(&self, member_id: MemberId) -> Result<()> {
        let parameters = (self.chat_id, member_id.as_uuid().into_bytes());
        self.execute("DELETE FROM member WHERE chat_id = ?1 AND member_id = ?2", parameters)
    }

    fn rename_member(&self, member_id: MemberId, username: &Username) -> Result<()> {
        let parameters = (self.chat_id, member_id.as_uuid().into_bytes(), username.as_str(), username.folded());
        self.execute(
            "UPDATE member SET username = ?3, folded_username = ?4 WHERE chat_id = ?1 AND member_id = ?2",
            parameters,
        )
    }

    fn add_session(&self, member_id: MemberId, session: &Session) -> Result<()> {
        self.execute(
            "INSERT INTO session (chat_id, member_id, token, started_at, expires_at, source, salt)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            (
                self.chat_id,
                member_id.as_uuid().into_bytes(),
                session.digest.as_bytes(),
                session.started_at.as_millis(),
                session.expires_at.as_millis(),
                session.source.as_ref().map(|source| source.digest.as_bytes()),
                session.source.as_ref().map(|source| source.salt.0),
            ),
        )
    }

    fn renew_session(&self, ended: SessionDigest, session: &Session) -> Result<()> {
        self.execute(
            "UPDATE session SET token = ?2, expires_at = ?3, source = ?4, salt = ?5 WHERE token = ?1",
            (
                ended.as_bytes(),
                session.digest.as_bytes(),
                session.expires_at.as_millis(),
                session.source.as_ref().map(|source| source.digest.as_bytes()),
                session.source.as_ref().map(|source| source.salt.0),
            ),
        )
    }

    fn set_role(&self, member_id: MemberId, role: Role) -> Result<()> {
        let parameters = (self.chat_id, member_id.as_uuid().into_bytes(), role_name(role));
        self.execute("UPDATE member SET role = ?3 WHERE chat_id = ?1 AND member_id = ?2", parameters)?;
        self.execute("UPDATE account SET role = ?3 WHERE chat_id = ?1 AND member_id = ?2", parameters)
    }

    /// Rewrites all knocks: there are few, and they seldom change.
    fn rewrite_knocks(&self) -> Result<()> {
        self.execute("DELETE FROM knock WHERE chat_id = ?1", [self.chat_id])?;
        self.after.knocks().iter().try_for_each(|knock| self.add_knock(knock))
    }

    fn add_knock(&self, knock: &Knock) -> Result<()> {
        self.execute(
            "INSERT INTO knock (chat_id, knock_id, ticket, joined_as, salt, token, invite_id, username, knocked_at,
                 status, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            (
                self.chat_id,
                knock.id.as_uuid().into_bytes(),
                knock.ticket.as_bytes(),
                knock.join.as_bytes(),
                knock.salt.0,
                knock.session.as_bytes(),
                knock.invite_id.as_uuid().into_bytes(),
                knock.username.as_str(),
                knock.knocked_at.as_millis(),
                knock_status_name(knock.status),
                knock.expires_at.as_millis(),
            ),
        )
    }

    fn add_account(&self, Account { member_id, username, password, role }: &Account) -> Result<()> {
        self.execute(
            "INSERT INTO account (chat_id, member_id, username, folded_username, password, role)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (
                self.chat_id,
                member_id.as_uuid().into_bytes(),
                username.as_str(),
                username.folded(),
                password.as_str(),
                role_name(*role),
            ),
        )
    }

    /// Rewrites all recovery codes, for the same reason as knocks.
    fn rewrite_recoveries(&self) -> Result<()> {
        self.execute("DELETE FROM recovery WHERE chat_id = ?1", [self.chat_id])?;
        self.after.recoveries().iter().try_for_each(|recovery| self.add_recovery(recovery))
    }

    fn add_recovery(&self, Recovery { member_id, digest, source }: &Recovery) -> Result<()> {
        let member_id = member_id.as_uuid().into_bytes();
        self.execute(
            "INSERT INTO recovery (chat_id, member_id, code, source) VALUES (?1, ?2, ?3, ?4)",
            (self.chat_id, member_id, digest.as_bytes(), source.as_ref().map(Digest::as_bytes)),
        )
    }

    /// Rewrites the removed guests, because a later event of the same transition may let one of them in again.
    fn rewrite_removals(&self) -> Result<()> {
        self.execute("DELETE FROM removed WHERE chat_id = ?1", [self.chat_id])?;
        self.after.removed().iter().try_for_each(|join| {
            self.execute("INSERT INTO removed (chat_id, joined_as) VALUES (?1, ?2)", (self.chat_id, join.as_bytes()))
        })
    }

    fn delete_removal(&self, join: JoinDigest) -> Result<()> {
        self.execute("DELETE FROM removed WHERE chat_id = ?1 AND joined_as = ?2", (self.chat_id, join.as_bytes()))
    }

    fn insert_ended_session(&self, ended: SessionDigest) -> Result<()> {
        self.execute("INSERT INTO ended_session (chat_id, token) VALUES (?1, ?2)", (self.chat_id, ended.as_bytes()))
    }

    fn record_ended_session(&self, ended: SessionDigest) -> Result<()> {
        self.insert_ended_session(ended)?;
        self.trim_ended_sessions()
    }

    /// Records all of the member's sessions as ended.
    fn record_ended_sessions(&self, member_id: MemberId) -> Result<()> {
        let parameters = (self.chat_id, member_id.as_uuid().into_bytes());
        self.execute(
            "INSERT INTO ended_session (chat_id, token)
             SELECT chat_id, token FROM session WHERE chat_id = ?1 AND member_id = ?2 ORDER BY id",
            parameters,
        )?;
        self.trim_ended_sessions()
    }

    fn trim_ended_sessions(&self) -> Result<()> {
        self.execute(
            "DELETE FROM ended_session WHERE chat_id = ?1 AND id NOT IN
             (SELECT id FROM ended_session WHERE chat_id = ?1 ORDER BY id DESC LIMIT ?2)",
            (self.chat_id, count(self.after.ended_sessions().len())),
        )
    }

    fn insert_message(&self, message: &Message, revision: u64) -> Result<()> {
        self.execute(
            "INSERT INTO message (chat_id, id, revision, timestamp, member_id, username, content, client_id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            (
                self.chat_id,
                message.id.cast_signed(),
                revision.cast_signed(),
                message.sent_at.as_millis(),
                message.member_id.as_uuid().into_bytes(),
                message.username.as_str(),
                message.text.as_str(),
                message.client_id.map(|id| id.as_uuid().into_bytes()),
            ),
        )
    }

    fn insert_receipt(&self, Receipt { member_id, client_id, message_id, sent_at }: &Receipt) -> Result<()> {
        let (member_id, client_id) = (member_id.as_uuid().into_bytes(), client_id.as_uuid().into_bytes());
        self.execute(
            "INSERT INTO receipt (chat_id, message_id, member_id, client_id, sent_at) VALUES (?1, ?2, ?3, ?4, ?5)",
            (self.chat_id, message_id.cast_signed(), member_id, client_id, sent_at.as_millis()),
        )
    }

    fn add_message(&self, message: &Message, revision: u64) -> Result<()> {
        self.insert_message(message, revision)?;
        let oldest = self.after.messages().front().map_or(i64::MAX, |oldest| oldest.id.cast_signed());
        self.execute("DELETE FROM message WHERE chat_id = ?1 AND id < ?2", (self.chat_id, oldest))?;
        if let Some(receipt) = Receipt::of(message) {
            self.insert_receipt(&receipt)?;
            let oldest = self.after.receipts().front().map_or(i64::MAX, |oldest| oldest.message_id.cast_signed());
            self.execute("DELETE FROM receipt WHERE chat_id = ?1 AND message_id < ?2", (self.chat_id, oldest))?;
        }
        Ok(())
    }

    fn execute(&self, statement: &str, parameters: impl Params) -> Result<()> {
        execute(self.connection, statement, parameters).map(drop)
    }
}

fn execute(connection: &Connection, statement: &str, parameters: impl Params) -> Result<usize> {
    connection.prepare_cached(statement)?.execute(parameters)
}

fn key(chat: &Chat) -> [u8; 16] {
    chat.id().as_uuid().into_bytes()
}

fn count(items: usize) -> i64 {
    i64::try_from(items).unwrap_or(i64::MAX)
}
