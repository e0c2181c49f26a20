//! How far a chat's history goes, what a reader has not seen of it, and what a store has lost of it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Chat, Event, Message, MessageId, Timestamp};

/// How far a chat's history goes. Of two positions, the greater one is newer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// How often a store has lost the newest part of the history.
    pub epoch: u64,
    /// The number of events.
    pub revision: u64,
}

/// Message ids that nobody can look up, because the store may have lost the messages: those above `after` and up to
/// `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    pub after: MessageId,
    pub until: MessageId,
}

impl Gap {
    /// Maximum number of gaps that a chat remembers; beyond it, the two oldest become one.
    pub const MAX: usize = 16;

    /// Returns how many ids of the gap are above `after` and up to `until`.
    fn overlap(self, after: MessageId, until: MessageId) -> u64 {
        self.until.min(until).saturating_sub(self.after.max(after))
    }
}

/// The messages that a reader has not seen yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessagesAfter {
    /// Oldest first.
    pub messages: Vec<Arc<Message>>,
    /// Id of the newest message in the chat: the reader's next cursor.
    pub last_id: MessageId,
    /// Number of messages after the cursor that are already deleted.
    pub missed: u64,
    /// Whether there is a gap after the cursor: the store may have lost messages, nobody knows how many.
    pub is_incomplete: bool,
}

impl Chat {
    #[must_use]
    pub fn position(&self) -> Position {
        Position { epoch: self.epoch, revision: self.revision }
    }

    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Returns the gaps in the message ids, oldest first.
    #[must_use]
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// Returns what a reader with the cursor `after` has not seen. A cursor beyond the newest message comes from a
    /// different history of the chat, so its reader gets everything.
    #[must_use]
    pub fn messages_after(&self, after: MessageId) -> MessagesAfter {
        let after = if after > self.last_id { 0 } else { after };
        let unseen = self.messages.iter().rev().take_while(|message| message.id > after).count();
        let oldest = self.messages.front().map_or(self.last_id + 1, |message| message.id);
        let lost: u64 = self.gaps.iter().map(|gap| gap.overlap(after, oldest - 1)).sum();
        MessagesAfter {
            messages: self.messages.iter().skip(self.messages.len() - unseen).cloned().collect(),
            last_id: self.last_id,
            missed: (oldest - 1).saturating_sub(after).saturating_sub(lost),
            is_incomplete: self.gaps.iter().any(|gap| gap.until > after),
        }
    }

    /// Continues after the store may have lost the newest changes. Readers may have seen the messages among these, so
    /// their ids are not given again: the next id is the time in milliseconds, which no earlier id has reached, because
    /// a chat gets fewer than 1,000 messages a second.
    pub(super) fn resume_after_loss(&self, now: Timestamp) -> Event {
        let until = u64::try_from(now.as_millis()).unwrap_or(0).max(self.last_id + 1);
        Event::HistoryLost { gap: Gap { after: self.last_id, until } }
    }

    pub(super) fn add_gap(&mut self, gap: Gap) {
        self.epoch += 1;
        self.last_id = gap.until;
        let gaps = Arc::make_mut(&mut self.gaps);
        gaps.push(gap);
        if gaps.len() > Gap::MAX {
            let oldest = gaps.remove(0);
            gaps[0].after = oldest.after;
        }
    }
}
