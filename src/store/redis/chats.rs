//! Reads and writes chats. A chat is a hash with its state as JSON, and two lists: its messages and its receipts.

use std::time::Duration;

use redis::{Cmd, FromRedisValue, RedisResult, Value};
use serde::de::DeserializeOwned;

use super::connection::call;
use super::keys::Keys;
use super::scripts::{COMMIT, LOAD};
use super::{SCHEMA, unavailable};
use crate::domain::{Chat, ChatId, Departure, Event, MemberId, Position, Receipt, Snapshot, Timestamp, Transition};
use crate::store::Unavailable;

/// How much longer a chat is kept than until it is forgotten. Usually, a node ends it before then.
const SPARE: Duration = Duration::from_mins(2);

/// What `commit.lua` answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    Conflict,
    OtherSchema(String),
}

impl FromRedisValue for Outcome {
    fn from_redis_value(value: Value) -> Result<Self, redis::ParsingError> {
        let words = Vec::<String>::from_redis_value(value)?;
        Ok(match (words.first().map(String::as_str), words.get(1)) {
            (Some("done"), _) => Self::Done,
            (Some("schema"), Some(found)) => Self::OtherSchema(found.clone()),
            _ => Self::Conflict,
        })
    }
}

/// A change of one chat for `commit.lua`.
pub(super) struct Change<'a> {
    pub(super) mode: Mode,
    /// The position that the change expects.
    pub(super) before: Position,
    pub(super) after: &'a Chat,
    /// What was posted, oldest first; of a restored chat, all messages.
    messages: Vec<String>,
    receipts: Receipts,
    has_new_state: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Commit,
    Restore,
    End,
}

enum Receipts {
    Append(Vec<String>),
    Replace(Vec<String>),
}

impl<'a> Change<'a> {
    pub(super) fn of(transition: &'a Transition) -> serde_json::Result<Self> {
        let Transition { before, events, after } = transition;
        let lost = events.iter().filter(|event| matches!(event, Event::HistoryLost { .. })).count() as u64;
        let posted = events.iter().filter_map(|event| match event {
            Event::MessagePosted { message } => Some(message),
            _ => None,
        });
        // A member's message changes nothing in the state.
        let is_by_member = |event: &Event| matches!(event, Event::MessagePosted { message } if message.member_id != MemberId::ANONYMOUS);
        let loses_receipts = |event: &Event| {
            matches!(event, Event::MemberLeft { why: Departure::Left | Departure::Removed | Departure::Expired, .. })
        };
        let receipts = if events.iter().any(loses_receipts) {
            Receipts::Replace(after.receipts().iter().map(serde_json::to_string).collect::<Result<_, _>>()?)
        } else {
            let new = posted.clone().filter_map(|message| Receipt::of(message));
            Receipts::Append(new.map(|receipt| serde_json::to_string(&receipt)).collect::<Result<_, _>>()?)
        };
        Ok(Self {
            mode: if after.has_ended() { Mode::End } else { Mode::Commit },
            before: Position { epoch: after.epoch() - lost, revision: *before },
            after,
            messages: posted.map(serde_json::to_string).collect::<Result<_, _>>()?,
            receipts,
            has_new_state: !events.iter().all(is_by_member),
        })
    }

    /// The whole chat, in the place of the one at `over`, or as a new one.
    pub(super) fn restored(chat: &'a Chat, over: Option<Position>) -> serde_json::Result<Self> {
        Ok(Self {
            mode: Mode::Restore,
            before: over.unwrap_or(Position { epoch: chat.epoch(), revision: 0 }),
            after: chat,
            messages: chat.messages().iter().map(serde_json::to_string).collect::<Result<_, _>>()?,
            receipts: Receipts::Replace(chat.receipts().iter().map(serde_json::to_string).collect::<Result<_, _>>()?),
            has_new_state: true,
        })
    }

    /// Whether the chat may become due at another time.
    pub(super) fn has_new_state(&self) -> bool {
        self.has_new_state
    }

    /// The call of `commit.lua`. `attempt` is the same when the same change is tried again.
    pub(super) fn call(
        &self,
        keys: &Keys,
        attempt: &str,
        now: Timestamp,
        forget_after: Duration,
        (publish, news): (&str, &str),
    ) -> Result<Cmd, Unavailable> {
        let id = self.after.id();
        let Position { epoch, revision } = self.after.position();
        let state = match self.after.snapshot_without_messages() {
            Ok(snapshot) if self.has_new_state => serde_json::to_string(&snapshot).map_err(unavailable)?,
            _ => String::new(),
        };
        let time_to_live = self.after.forgotten_at(forget_after).since(now) + SPARE;
        let mode = match self.mode {
            Mode::Commit => "commit",
            Mode::Restore => "restore",
            Mode::End => "end",
        };
        let mut call = call(&COMMIT, &[&keys.chat(id), &keys.messages(id), &keys.receipts(id)]);
        call.arg(SCHEMA).arg(attempt).arg(mode);
        call.arg(self.before.epoch).arg(self.before.revision).arg(epoch).arg(revision).arg(self.after.last_id());
        call.arg(u64::try_from(time_to_live.as_millis()).unwrap_or(u64::MAX));
        call.arg(self.after.due_at(forget_after).as_millis()).arg(state).arg(publish).arg(keys.channel(id)).arg(news);
        call.arg(self.after.messages().len()).arg(self.messages.len()).arg(&self.messages);
        let (word, receipts) = match &self.receipts {
            Receipts::Append(new) => ("append", new),
            Receipts::Replace(all) => ("replace", all),
        };
        call.arg(word).arg(self.after.receipts().len()).arg(receipts.len()).arg(receipts);
        Ok(call)
    }
}

/// What `load.lua` answers: the fields of the hash, the messages and the receipts.
type Stored = (Vec<Option<String>>, Vec<String>, Vec<String>);

pub(super) fn load_call(keys: &Keys, id: ChatId) -> Cmd {
    call(&LOAD, &[&keys.chat(id), &keys.messages(id), &keys.receipts(id)])
}

/// Reads the answer of `load.lua`.
pub(super) fn read(id: ChatId, answer: Value) -> Result<Option<Chat>, Unavailable> {
    let stored: RedisResult<Option<Stored>> = Option::from_redis_value(answer).map_err(Into::into);
    let Some((fields, messages, receipts)) = stored.map_err(unavailable)? else { return Ok(None) };
    let field = |at: usize| fields.get(at).cloned().flatten().unwrap_or_default();
    check_schema(id, &field(0))?;
    let broken = |problem: &dyn std::fmt::Display| unavailable(format!("the stored chat {id} is damaged: {problem}"));
    let number = |at: usize| field(at).parse::<u64>().map_err(|error| broken(&error));
    let state: Snapshot = serde_json::from_str(&field(4)).map_err(|error| broken(&error))?;
    let snapshot = Snapshot {
        epoch: number(1)?,
        revision: number(2)?,
        last_id: number(3)?,
        messages: all(&messages).map_err(|error| broken(&error))?,
        receipts: all(&receipts).map_err(|error| broken(&error))?,
        ..state
    };
    Ok(Some(Chat::restore(snapshot)))
}

/// Checks that this program can read what is stored of the chat.
pub(super) fn check_schema(id: ChatId, found: &str) -> Result<(), Unavailable> {
    if found == SCHEMA.to_string() { Ok(()) } else { Err(other_schema(id, found)) }
}

pub(super) fn other_schema(id: ChatId, found: &str) -> Unavailable {
    let found: String = found.chars().filter(char::is_ascii_digit).collect();
    unavailable(format!("the chat {id} is stored with schema {found}; this program supports schema {SCHEMA}"))
}

fn all<T: DeserializeOwned, C: FromIterator<T>>(texts: &[String]) -> serde_json::Result<C> {
    texts.iter().map(|text| serde_json::from_str(text)).collect()
}
