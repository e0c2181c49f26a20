//! Unsent messages: shown at once, stored until the server has them, and sent in order.

use leptos::prelude::*;
use leptos::task::spawn_local;
use uuid::Uuid;

use super::conversation::Conversation;
use super::storage::{self, SavedChat};
use super::{api, browser};
use crate::app::server_fns::PostMessage;

impl Conversation {
    /// Queues a message and starts sending. The message is shown at once, and stored until the server has it.
    pub(crate) fn send_message(self, text: String) {
        // The next keystroke sends a typing notification again.
        self.typing_sent_at.set_value(f64::NEG_INFINITY);
        self.refused.set(None);
        storage::add_unsent(self.chat_id, text, browser::now());
        self.show_outbox();
        self.flush_outbox();
    }

    /// Forgets unsent messages that are among the chat's messages.
    pub(super) fn drop_acknowledged(self) {
        let shown = self
            .messages
            .try_with_untracked(|shown| shown.iter().filter_map(|message| message.client_id).collect::<Vec<_>>());
        let Some(shown) = shown else { return };
        storage::forget_unsent(self.chat_id, |client_id| shown.contains(&client_id));
        self.show_outbox();
    }

    /// Shows the unsent messages of all tabs of this browser.
    pub(super) fn show_outbox(self) {
        let waiting = storage::outbox(self.chat_id);
        if self.unsent.try_with_untracked(|shown| *shown != waiting) == Some(true) {
            self.unsent.try_set(waiting);
        }
    }

    /// Sends the unsent messages in order, one at a time. This waits until the chat's messages are loaded, because an
    /// unsent message may be among them: the answer to it may have been lost with the seat that it was sent from.
    pub(super) fn flush_outbox(self) {
        if self.is_loaded.try_get_untracked() != Some(true) {
            return;
        }
        if self.is_sending.try_get_value() != Some(false) {
            return;
        }
        self.is_sending.set_value(true);
        spawn_local(async move {
            while let Some(unsent) = storage::outbox(self.chat_id).into_iter().next() {
                let Some(SavedChat { token, .. }) = self.saved() else { break };
                let post = PostMessage {
                    chat_id: self.chat_id,
                    session_token: token,
                    text: unsent.text.clone(),
                    client_id: unsent.client_id,
                };
                match api::in_time(api::call(&post)).await {
                    Ok(message) => {
                        self.merge(vec![message]);
                        self.acknowledge(unsent.client_id);
                    }
                    // Without a seat, the message waits for the next one; the next poll reports the lost seat.
                    Err(problem) if api::is_transient(&problem) || problem.status == 401 => break,
                    // The user has left the page and cannot be told, so the message waits for their return.
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
        storage::forget_unsent(self.chat_id, |waiting| waiting == client_id);
        self.show_outbox();
    }
}
