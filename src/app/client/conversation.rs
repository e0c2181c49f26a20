//! One chat as this tab follows it: a gloo interval asks for what is new, the outbox is sent.

use gloo_timers::callback::Interval;
use leptos::prelude::*;
use leptos::task::spawn_local;
use uuid::Uuid;

use super::api;
use super::storage::{self, SavedChat, Unsent};
use crate::app::server_fns;
use crate::domain::MessageId;
use crate::wire::{MemberList, Message, Messages, Problem, Retention};

/// How often new messages are asked for, in milliseconds.
const POLL_EVERY: u32 = 1_000;
/// Every so many polls the members are asked for as well.
const POLLS_PER_ROSTER: u32 = 3;

/// What the chat page shows, and what it can do. Copies are the same conversation.
#[derive(Clone, Copy)]
pub(crate) struct Conversation {
    pub(crate) chat_id: Uuid,
    /// Kept messages, oldest first.
    pub(crate) messages: RwSignal<Vec<Message>>,
    /// What waits to be sent, oldest first.
    pub(crate) unsent: RwSignal<Vec<Unsent>>,
    pub(crate) roster: RwSignal<Option<MemberList>>,
    /// How many messages were deleted before this tab saw them.
    pub(crate) missed: RwSignal<u64>,
    /// Whether the last call reached the server.
    pub(crate) is_online: RwSignal<bool>,
    /// Whether the messages were read once.
    pub(crate) is_loaded: RwSignal<bool>,
    /// A message that the server refused, with its reason.
    pub(crate) refused: RwSignal<Option<(Unsent, Problem)>>,
    /// Why this browser has no seat any more.
    pub(crate) lost: RwSignal<Option<Problem>>,
    /// The last id up to which every message was read.
    cursor: StoredValue<MessageId>,
    /// Set while this browser gives up its seat: what the server says meanwhile is no news.
    is_leaving: StoredValue<bool>,
    is_reading: StoredValue<bool>,
    is_sending: StoredValue<bool>,
    polls: StoredValue<u32>,
}

impl Conversation {
    pub(crate) fn new(chat_id: Uuid) -> Self {
        Self {
            chat_id,
            messages: RwSignal::new(Vec::new()),
            unsent: RwSignal::new(Vec::new()),
            roster: RwSignal::new(None),
            missed: RwSignal::new(0),
            is_online: RwSignal::new(true),
            is_loaded: RwSignal::new(false),
            refused: RwSignal::new(None),
            lost: RwSignal::new(None),
            cursor: StoredValue::new(0),
            is_leaving: StoredValue::new(false),
            is_reading: StoredValue::new(false),
            is_sending: StoredValue::new(false),
            polls: StoredValue::new(0),
        }
    }

    /// Follows the chat until the page is left.
    pub(crate) fn follow(self) {
        self.poll();
        let interval = StoredValue::new_local(Some(Interval::new(POLL_EVERY, move || self.poll())));
        on_cleanup(move || {
            interval.try_update_value(Option::take);
        });
    }

    /// Says something; it is shown and kept until the server has it.
    pub(crate) fn say(self, text: String) {
        let unsent = Unsent { client_id: Uuid::new_v4(), text };
        self.refused.set(None);
        storage::change_outbox(self.chat_id, |waiting| waiting.push(unsent));
        self.show_outbox();
        self.send();
    }

    /// Frees this browser's seat.
    pub(crate) async fn leave(self) -> Result<(), Problem> {
        let Some(SavedChat { token, member_id, .. }) = self.saved() else { return Ok(()) };
        self.give_up(api::remove_member(self.chat_id, &token, member_id)).await
    }

    /// What the server still holds of the chat; `None` where this browser has no seat.
    pub(crate) async fn retention(self) -> Option<Result<Retention, Problem>> {
        let SavedChat { token, .. } = self.saved()?;
        Some(api::show_retention(self.chat_id, &token).await)
    }

    /// Removes another member; the owner's right.
    pub(crate) async fn remove(self, member_id: Uuid) -> Result<(), Problem> {
        let Some(SavedChat { token, .. }) = self.saved() else { return Ok(()) };
        api::remove_member(self.chat_id, &token, member_id).await?;
        self.load_roster().await;
        Ok(())
    }

    /// Ends the chat for everyone; the owner's right.
    pub(crate) async fn end(self) -> Result<(), Problem> {
        let Some(SavedChat { token, .. }) = self.saved() else { return Ok(()) };
        self.give_up(api::end_chat(self.chat_id, &token)).await
    }

    async fn give_up(self, call: impl Future<Output = Result<(), Problem>>) -> Result<(), Problem> {
        self.is_leaving.try_set_value(true);
        let answer = call.await;
        if answer.is_err() {
            self.is_leaving.try_set_value(false);
        }
        answer
    }

    /// The seat as storage has it: another tab may have changed it since.
    pub(crate) fn saved(self) -> Option<SavedChat> {
        storage::chat(self.chat_id)
    }

    fn poll(self) {
        if self.is_reading.try_get_value() != Some(false) || self.lost.with_untracked(Option::is_some) {
            return;
        }
        self.is_reading.set_value(true);
        self.show_outbox();
        let with_roster = self.polls.get_value().is_multiple_of(POLLS_PER_ROSTER);
        self.polls.update_value(|polls| *polls = polls.wrapping_add(1));
        spawn_local(async move {
            self.read().await;
            if with_roster {
                self.load_roster().await;
            }
            // The page may have been left meanwhile.
            let _ = self.is_reading.try_set_value(false);
        });
        self.send();
    }

    async fn read(self) {
        let Some(SavedChat { token, .. }) = self.saved() else {
            self.lost.try_set(Some(no_seat()));
            return;
        };
        let Some(after) = self.cursor.try_get_value() else { return };
        let answer = api::read_messages(self.chat_id, &token, after).await;
        self.is_online.try_set(!answer.as_ref().is_err_and(api::is_passing));
        match answer {
            Ok(unseen) => self.show(unseen, after),
            Err(problem) if api::is_passing(&problem) => {}
            Err(_) if self.is_leaving.try_get_value() != Some(false) => {}
            // Another tab may have renewed the session between reading the token and the answer.
            Err(_) if self.saved().is_some_and(|saved| saved.token != token) => {}
            Err(problem) => {
                self.lost.try_set(Some(problem));
            }
        }
    }

    fn show(self, unseen: Messages, after: MessageId) {
        if unseen.last_id < after {
            // The chat's ids began anew, so what is shown is of another life of it.
            self.messages.try_set(Vec::new());
        }
        if after > 0 && unseen.missed > 0 {
            self.missed.try_update(|missed| *missed += unseen.missed);
        }
        self.cursor.try_set_value(unseen.last_id);
        if !unseen.messages.is_empty() {
            if self.has_stranger(&unseen.messages) {
                // The next poll asks who it is.
                self.polls.try_set_value(0);
            }
            self.merge(unseen.messages);
        }
        self.is_loaded.try_set(true);
        if let Some(saved) = self.saved()
            && saved.cursor != unseen.last_id
        {
            storage::save_chat(self.chat_id, &SavedChat { cursor: unseen.last_id, ..saved });
        }
    }

    fn has_stranger(self, messages: &[Message]) -> bool {
        let is_known = |roster: &MemberList, message: &Message| {
            roster.members.iter().any(|known| known.member.member_id == message.member_id)
        };
        let stranger = self.roster.try_with_untracked(|roster| {
            roster.as_ref().is_some_and(|roster| messages.iter().any(|message| !is_known(roster, message)))
        });
        stranger == Some(true)
    }

    /// Adds messages to those that are shown: each once, in order, no more than are kept.
    fn merge(self, new: Vec<Message>) {
        let kept = self.roster.try_with_untracked(|roster| roster.as_ref().map(|r| r.history as usize));
        self.messages.try_update(|shown| {
            for message in new {
                if let Err(at) = shown.binary_search_by_key(&message.id, |shown| shown.id) {
                    shown.insert(at, message);
                }
            }
            let extra = kept.flatten().map_or(0, |kept| shown.len().saturating_sub(kept));
            shown.drain(..extra);
        });
        self.drop_acknowledged();
    }

    /// What is shown as a message waits no more.
    fn drop_acknowledged(self) {
        let shown = self
            .messages
            .try_with_untracked(|shown| shown.iter().filter_map(|message| message.client_id).collect::<Vec<_>>());
        let Some(shown) = shown else { return };
        storage::change_outbox(self.chat_id, |waiting| waiting.retain(|unsent| !shown.contains(&unsent.client_id)));
        self.show_outbox();
    }

    /// Shows what waits, as all tabs of this browser left it.
    fn show_outbox(self) {
        let waiting = storage::outbox(self.chat_id);
        if self.unsent.try_with_untracked(|shown| *shown != waiting) == Some(true) {
            self.unsent.try_set(waiting);
        }
    }

    async fn load_roster(self) {
        let Some(SavedChat { token, .. }) = self.saved() else { return };
        let Ok(roster) = api::list_members(self.chat_id, &token).await else { return };
        if let Some(saved) = self.saved()
            && saved.name != roster.name
        {
            storage::save_chat(self.chat_id, &SavedChat { name: roster.name.clone(), ..saved });
        }
        if self.roster.try_with_untracked(|shown| shown.as_ref().is_none_or(|s| !same(s, &roster))) == Some(true) {
            self.roster.set(Some(roster));
        }
    }

    /// Sends what waits, in order, one at a time.
    fn send(self) {
        if self.is_sending.try_get_value() != Some(false) {
            return;
        }
        self.is_sending.set_value(true);
        spawn_local(async move {
            while let Some(unsent) = storage::outbox(self.chat_id).into_iter().next() {
                let Some(SavedChat { token, .. }) = self.saved() else { break };
                let sent = server_fns::post_message(self.chat_id, token, unsent.text.clone(), unsent.client_id);
                match api::in_time(sent).await {
                    Ok(message) => {
                        self.merge(vec![message]);
                        self.acknowledge(unsent.client_id);
                    }
                    // Without a seat it waits for the next one; reading says that there is none.
                    Err(problem) if api::is_passing(&problem) || problem.status == 401 => break,
                    // With nobody there to be told, it waits for their return.
                    Err(_) if self.refused.is_disposed() => break,
                    Err(problem) => {
                        self.acknowledge(unsent.client_id);
                        self.refused.try_set(Some((unsent, problem)));
                    }
                }
            }
            let _ = self.is_sending.try_set_value(false);
        });
    }

    fn acknowledge(self, client_id: Uuid) {
        storage::change_outbox(self.chat_id, |waiting| waiting.retain(|unsent| unsent.client_id != client_id));
        self.show_outbox();
    }
}

fn same(a: &MemberList, b: &MemberList) -> bool {
    a.members == b.members && a.name == b.name
}

fn no_seat() -> Problem {
    Problem::from(crate::domain::Refusal::SessionRequired)
}
