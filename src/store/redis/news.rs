//! What nodes send each other through the channels of chats: commits and signals.

use std::sync::Arc;

use redis::{FromRedisValue, PushInfo, PushKind};

use super::SCHEMA;
use super::keys::Keys;
use crate::domain::{Event, Position};
use crate::store::{Committed, News, Signal};

/// The longest text of events that is sent. Beyond it, nodes read the chat from the store.
const MAX_TEXT: usize = 256 * 1024;

/// Writes and reads what is sent: a line of words, which says what it is and which node sent it, and JSON.
#[derive(Clone, Debug)]
pub(super) struct Codec {
    keys: Keys,
    /// Identifies this node.
    node: String,
}

impl Codec {
    pub(super) fn new(keys: Keys, node: String) -> Self {
        Self { keys, node }
    }

    /// A commit; without `events`, nodes read the chat from the store.
    pub(super) fn commit(
        &self,
        before: Position,
        after: Position,
        events: Option<&[Event]>,
    ) -> serde_json::Result<String> {
        let (Position { epoch, revision }, next) = (before, after);
        let json = serde_json::to_string(&events)?;
        let json = if json.len() > MAX_TEXT { "null" } else { &json };
        Ok(format!("{SCHEMA} {} commit {epoch} {revision} {} {}\n{json}", self.node, next.epoch, next.revision))
    }

    pub(super) fn signal(&self, signal: &Signal) -> serde_json::Result<String> {
        Ok(format!("{SCHEMA} {} signal\n{}", self.node, serde_json::to_string(signal)?))
    }

    /// Reads what the server pushed. Returns nothing for what is of no interest, or from a program that this one does
    /// not understand: its commits are found by the next check.
    pub(super) fn read(&self, push: PushInfo) -> Option<News> {
        match push.kind {
            PushKind::Message | PushKind::SMessage => {
                let mut data = push.data.into_iter();
                let channel = String::from_redis_value(data.next()?).ok()?;
                let text = String::from_redis_value(data.next()?).ok()?;
                self.read_message(&channel, &text)
            }
            PushKind::Disconnection => Some(News::Interrupted { chat_id: None }),
            // The answer to this node's own call; but the server also ends subscriptions to slots that it hands over.
            PushKind::Unsubscribe | PushKind::SUnsubscribe => {
                let channel = String::from_redis_value(push.data.into_iter().next()?).ok()?;
                Some(News::Interrupted { chat_id: Some(self.keys.chat_of_channel(&channel)?) })
            }
            _ => None,
        }
    }

    fn read_message(&self, channel: &str, text: &str) -> Option<News> {
        let chat_id = self.keys.chat_of_channel(channel)?;
        let (head, json) = text.split_once('\n')?;
        let words: Vec<&str> = head.split(' ').collect();
        match &words[..] {
            [_, node, ..] if *node == self.node => Some(News::Echo { chat_id }),
            [schema, _, "commit", positions @ ..] => {
                let numbers: Vec<u64> = positions.iter().map_while(|number| number.parse().ok()).collect();
                let [epoch, revision, next_epoch, next_revision] = numbers[..] else { return None };
                let is_known = *schema == SCHEMA.to_string();
                let events: Option<Vec<Event>> = is_known.then(|| serde_json::from_str(json).ok()).flatten();
                Some(News::Committed(Committed {
                    chat_id,
                    before: Position { epoch, revision },
                    after: Position { epoch: next_epoch, revision: next_revision },
                    events: events.map(Arc::from),
                }))
            }
            [_, _, "signal"] => Some(News::Signalled { chat_id, signal: serde_json::from_str(json).ok()? }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ChatId, MemberId};

    fn push(channel: &str, text: &str) -> PushInfo {
        let value = |text: &str| redis::Value::BulkString(text.as_bytes().to_vec());
        PushInfo { kind: PushKind::SMessage, data: vec![value(channel), value(text)] }
    }

    #[test]
    fn what_one_node_sends_another_reads() {
        let (keys, id) = (Keys::new("p"), ChatId::from_random_bytes([1; 16]));
        let (one, other) = (Codec::new(keys.clone(), "a".into()), Codec::new(keys.clone(), "b".into()));
        let (before, after) = (Position { epoch: 1, revision: 7 }, Position { epoch: 1, revision: 8 });
        let text = one.commit(before, after, Some(&[Event::ChatEnded])).unwrap();
        let Some(News::Committed(read)) = other.read(push(&keys.channel(id), &text)) else { panic!("{text}") };
        assert_eq!((read.chat_id, read.before, read.after), (id, before, after));
        assert_eq!(read.events.as_deref(), Some(&[Event::ChatEnded][..]));
        assert!(matches!(one.read(push(&keys.channel(id), &text)), Some(News::Echo { .. })));

        let signal = Signal::Present { members: vec![MemberId::ANONYMOUS], asks: true };
        let text = one.signal(&signal).unwrap();
        let Some(News::Signalled { signal: read, .. }) = other.read(push(&keys.channel(id), &text)) else {
            panic!("{text}")
        };
        assert_eq!(read, signal);
    }

    #[test]
    fn a_commit_in_another_form_is_read_from_the_store() {
        let (keys, id) = (Keys::new("p"), ChatId::from_random_bytes([1; 16]));
        let codec = Codec::new(keys.clone(), "a".into());
        for text in ["99 b commit 0 1 0 2\n[{\"Unknown\":1}]", "1 b commit 0 1 0 2\nnull", "1 b commit 0 1 0 2\n{"] {
            let Some(News::Committed(read)) = codec.read(push(&keys.channel(id), text)) else { panic!("{text}") };
            assert_eq!((read.after.revision, read.events), (2, None));
        }
        for text in ["", "1", "1 b commit 0 1\n[]", "1 b signal\n{}", "1 b song\n"] {
            assert!(codec.read(push(&keys.channel(id), text)).is_none(), "{text}");
        }
    }
}
