//! Messages and events as they arrive, from the stream or from a poll. Each message is shown once, in order.

use gloo_net::http::Method;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::api::{ApiResult, ChatApi};
use super::browser;
use super::conversation::Conversation;
use super::storage::{self, SavedChat};
use crate::app::notice::Notice;
use crate::app::texts;
use crate::domain::{Departure, MessageId, Refusal, Role};
use crate::wire::{LiveEvent, MemberList, Message, Messages};

/// How long a member counts as typing after a typing event, in milliseconds.
const TYPING_FOR: f64 = 5_000.0;

impl ChatApi {
    pub(crate) async fn read_messages(&self, after: MessageId) -> ApiResult<Messages> {
        self.get(&format!("?after={after}")).await
    }

    pub(crate) async fn notify_typing(&self) -> ApiResult<()> {
        self.execute(Method::POST, "/typing").await
    }
}

impl Conversation {
    /// Handles an event of the stream that was opened with the cursor `after`.
    pub(super) fn handle_event(self, event: LiveEvent, after: MessageId) {
        match event {
            LiveEvent::Opened { last_id, missed, incomplete } => {
                self.begin(last_id, missed, incomplete, after);
                if self.saved().is_some_and(|saved| saved.role == Role::Owner) {
                    spawn_local(self.load_knocks());
                }
            }
            LiveEvent::Message { message } => {
                let author = message.member_id;
                self.typing.try_update(|typing| typing.retain(|(member_id, _)| *member_id != author));
                self.take(vec![message]);
            }
            LiveEvent::MemberJoined { .. }
            | LiveEvent::MemberLeft { .. }
            | LiveEvent::RoleChanged { .. }
            | LiveEvent::MembersChanged => spawn_local(self.load_roster()),
            LiveEvent::MemberRenamed { member_id, username } => self.rename(member_id, &username),
            LiveEvent::Knocked { knock } => {
                let waiting = self.knocks.try_get_untracked().unwrap_or_default().into_iter();
                let others = waiting.filter(|known| known.knock_id != knock.knock_id);
                self.show_knocks(others.chain([knock.clone()]).collect());
            }
            LiveEvent::KnockDecided { knock_id, .. } | LiveEvent::KnockEnded { knock_id, .. } => {
                self.forget_knock(knock_id);
            }
            LiveEvent::Typing { member_id } => {
                let until = browser::now() + TYPING_FOR;
                self.typing.try_update(|typing| {
                    typing.retain(|(typist, _)| *typist != member_id);
                    typing.push((member_id, until));
                });
            }
            LiveEvent::ChatEnded => {
                self.departure_notice.try_set_value(Some(Notice::Ended));
                self.note_lost_seat(&Refusal::ChatNotFound);
            }
            LiveEvent::SessionEnded { reason } => {
                let is_account = self.saved().is_some_and(|saved| saved.rules().has_accounts);
                self.departure_notice.try_set_value(match reason {
                    Departure::Removed => Some(Notice::Removed),
                    Departure::Left if is_account => Some(Notice::LoggedOut),
                    _ => None,
                });
                self.note_lost_seat(&Refusal::SessionExpired);
            }
        }
    }

    pub(super) fn show(self, unseen: Messages, after: MessageId) {
        self.begin(unseen.last_id, unseen.missed, unseen.incomplete, after);
        self.take(unseen.messages);
        self.move_cursor(unseen.last_id);
        if self.is_loaded.try_get_untracked() == Some(false) {
            self.is_loaded.try_set(true);
            // The seat is valid, so the rest of the work can start.
            self.tick();
        }
    }

    /// Prepares for messages that were requested with the cursor `after`.
    fn begin(self, last_id: MessageId, missed: u64, incomplete: bool, after: MessageId) {
        if last_id < after {
            // The chat's ids have started over, so the shown messages no longer exist.
            self.messages.try_set(Vec::new());
            self.cursor.try_set_value(0);
        }
        if after > 0 && incomplete {
            self.missed.try_update(|shown| shown.may_lack = true);
        }
        // If the cursor has moved since, another answer has already reported this gap.
        if after > 0 && missed > 0 && self.cursor.try_get_value() == Some(after) {
            self.missed.try_update(|shown| shown.deleted += missed);
            self.move_cursor(after + missed);
        }
    }

    /// Shows messages that follow the cursor, and alerts the user to them if the page is hidden.
    fn take(self, messages: Vec<Message>) {
        let Some(newest) = messages.last().map(|message| message.id) else { return };
        if self.has_stranger(&messages) {
            spawn_local(self.load_roster());
        }
        if browser::is_hidden() {
            let own_id = self.saved().map(|saved| saved.member_id);
            let cursor = self.cursor.try_get_value().unwrap_or_default();
            let is_new = |message: &&Message| message.id > cursor && Some(message.member_id) != own_id;
            let new = messages.iter().filter(is_new).count();
            if let Some(newest) = messages.iter().rfind(is_new) {
                self.unread.try_update(|unread| *unread += new);
                self.alert(&texts::messages::new_message(&newest.username), false);
            }
        }
        self.merge(messages);
        self.move_cursor(newest);
    }

    fn move_cursor(self, to: MessageId) {
        if self.cursor.try_get_value().is_none_or(|cursor| cursor >= to) {
            return;
        }
        self.cursor.try_set_value(to);
        // No view shows the cursor, so it changes in storage only.
        if let Some(saved) = self.saved() {
            storage::save_chat(self.chat_id, &SavedChat { cursor: to, ..saved });
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

    /// Adds messages to the shown ones: each once, in order, and no more than the chat keeps.
    pub(super) fn merge(self, new: Vec<Message>) {
        let extra = |shown: &Vec<Message>| self.history().map_or(0, |kept| shown.len().saturating_sub(kept));
        self.messages.try_update(|shown| {
            for message in new {
                if let Err(at) = shown.binary_search_by_key(&message.id, |shown| shown.id) {
                    shown.insert(at, message);
                }
            }
            shown.drain(..extra(shown));
        });
        self.drop_acknowledged();
    }

    /// Returns how many messages the chat keeps, once that is known.
    pub(super) fn history(self) -> Option<usize> {
        self.roster.try_with_untracked(|roster| roster.as_ref().map(|roster| roster.history as usize)).flatten()
    }
}
