//! What is to be said: shown at once, kept until the server has it, sent in order.

use leptos::prelude::*;
use leptos::task::spawn_local;
use uuid::Uuid;

use super::api;
use super::conversation::Conversation;
use super::storage::{self, SavedChat, Unsent};
use crate::app::server_fns;

impl Conversation {
    /// Says something; it is shown and kept until the server has it.
    pub(crate) fn say(self, text: String) {
        let unsent = Unsent { client_id: Uuid::new_v4(), text };
        // What is written next is news again.
        self.told_typing.set_value(f64::NEG_INFINITY);
        self.refused.set(None);
        storage::change_outbox(self.chat_id, |waiting| waiting.push(unsent));
        self.show_outbox();
        self.send();
    }

    /// What is shown as a message waits no more.
    pub(super) fn drop_acknowledged(self) {
        let shown = self
            .messages
            .try_with_untracked(|shown| shown.iter().filter_map(|message| message.client_id).collect::<Vec<_>>());
        let Some(shown) = shown else { return };
        storage::change_outbox(self.chat_id, |waiting| waiting.retain(|unsent| !shown.contains(&unsent.client_id)));
        self.show_outbox();
    }

    /// Shows what waits, as all tabs of this browser left it.
    pub(super) fn show_outbox(self) {
        let waiting = storage::outbox(self.chat_id);
        if self.unsent.try_with_untracked(|shown| *shown != waiting) == Some(true) {
            self.unsent.try_set(waiting);
        }
    }

    /// Sends what waits, in order, one at a time.
    pub(super) fn send(self) {
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
