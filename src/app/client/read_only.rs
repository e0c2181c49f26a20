//! A chat that this tab reads without a seat. A gloo interval polls for new messages.

use gloo_timers::callback::Interval;
use leptos::prelude::*;
use leptos::task::spawn_local;
use uuid::Uuid;

use super::conversation::Missed;
use super::{api, browser, browser_sessions, waiting};
use crate::domain::MessageId;
use crate::wire::{Message, Messages, Problem};

/// Interval between polls, in milliseconds.
const READ_EVERY: u32 = 2_000;
/// While the page is hidden, one poll in this many takes place.
const SKIPS_WHILE_HIDDEN: u32 = 15;

/// Why this browser may read the chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Anyone with the address may.
    Anyone,
    /// It has a browser session.
    Named,
}

/// A conversation that is only read. Copies refer to the same conversation.
#[derive(Clone, Copy)]
pub(crate) struct ReadOnlyConversation {
    chat_id: Uuid,
    reader: Reader,
    /// Oldest first.
    pub(crate) messages: RwSignal<Vec<Message>>,
    pub(crate) missed: RwSignal<Missed>,
    /// Whether the messages have been loaded.
    pub(crate) is_loaded: RwSignal<bool>,
    /// Why they cannot be read, for now or for good.
    pub(crate) problem: RwSignal<Option<Problem>>,
    cursor: StoredValue<MessageId>,
    is_reading: StoredValue<bool>,
    ticks: StoredValue<u32>,
}

impl ReadOnlyConversation {
    pub(crate) fn new(chat_id: Uuid, reader: Reader) -> Self {
        Self {
            chat_id,
            reader,
            messages: RwSignal::new(Vec::new()),
            missed: RwSignal::default(),
            is_loaded: RwSignal::new(false),
            problem: RwSignal::new(None),
            cursor: StoredValue::new(0),
            is_reading: StoredValue::new(false),
            ticks: StoredValue::new(0),
        }
    }

    /// Reads the chat until the user leaves the page.
    pub(crate) fn follow(self) {
        self.read();
        let tick = move || {
            let ticks = self.ticks.try_update_value(|ticks| {
                *ticks = ticks.wrapping_add(1);
                *ticks
            });
            if !browser::is_hidden() || ticks.is_some_and(|ticks| ticks.is_multiple_of(SKIPS_WHILE_HIDDEN)) {
                self.read();
            }
        };
        let interval = StoredValue::new_local(Some(Interval::new(READ_EVERY, tick)));
        on_cleanup(move || {
            interval.try_update_value(Option::take);
        });
        browser::on_wake(move || self.read());
    }

    /// Polls for new messages now.
    pub(crate) fn read(self) {
        let is_over = self
            .problem
            .try_with_untracked(|problem| problem.as_ref().is_some_and(|problem| !api::is_transient(problem)));
        if is_over != Some(false) || waiting::is_due() || self.is_reading.try_get_value() != Some(false) {
            return;
        }
        self.is_reading.set_value(true);
        spawn_local(async move {
            let Some(after) = self.cursor.try_get_value() else { return };
            let answer = match self.reader {
                Reader::Anyone => api::read_publicly(self.chat_id, after).await,
                Reader::Named => browser_sessions::read(self.chat_id, after).await,
            };
            match answer {
                Ok(unseen) => self.show(unseen, after),
                Err(problem) => {
                    self.problem.try_set(Some(problem));
                }
            }
            // The user may have left the page.
            let _ = self.is_reading.try_set_value(false);
        });
    }

    fn show(self, unseen: Messages, after: MessageId) {
        if self.problem.try_with_untracked(Option::is_some) == Some(true) {
            self.problem.try_set(None);
        }
        if unseen.last_id < after {
            // The chat's ids have started over, so the shown messages no longer exist.
            self.messages.try_set(Vec::new());
        } else if after > 0 && (unseen.missed > 0 || unseen.incomplete) {
            self.missed.try_update(|missed| {
                missed.deleted += unseen.missed;
                missed.may_lack |= unseen.incomplete;
            });
        }
        self.cursor.try_set_value(unseen.last_id);
        if !unseen.messages.is_empty() {
            self.messages.try_update(|shown| shown.extend(unseen.messages));
        }
        if self.is_loaded.try_get_untracked() == Some(false) {
            self.is_loaded.try_set(true);
        }
    }
}
