//! What time alone brings about.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::join_all;

use super::{Error, Policy, Result, Service};
use crate::domain::{ChatId, Command, Randomness, Refusal};

/// Chats swept at one time: enough that one commit of the store serves many, few enough that
/// those who post meanwhile do not wait.
const SWEEP_BATCH: usize = 64;

impl Service {
    /// Does what time alone has brought about: frees the seats of expired sessions, forgets
    /// chats that have been empty for too long, and drops from memory what nobody uses.
    ///
    /// # Errors
    /// Why the first chat that failed did; all others were swept.
    pub async fn sweep(&self) -> Result<()> {
        self.inner.active_chats.close_idle(self.now());
        if let Some(limits) = &self.inner.limits {
            limits.forget_idle();
        }
        let Policy { forget_after, .. } = self.inner.policy;
        let mut first_failure =
            self.inner.stores.browser_sessions.delete_expired_browser_sessions(self.now()).await.map_err(Error::from);
        // What is due still, though it was tried.
        let mut tried = HashSet::new();
        loop {
            let at_most = SWEEP_BATCH + tried.len();
            let mut due = self.inner.stores.chats.due(self.now(), forget_after, at_most).await?;
            due.retain(|chat_id| !tried.contains(chat_id));
            if due.is_empty() {
                return first_failure;
            }
            // All at once, so that the store may take them together.
            let swept = join_all(due.iter().map(|chat_id| self.sweep_chat(*chat_id, forget_after))).await;
            for (chat_id, swept) in due.into_iter().zip(swept) {
                if !matches!(swept, Ok(true)) {
                    tried.insert(chat_id);
                }
                first_failure = first_failure.and(swept.map(drop));
            }
        }
    }

    /// Removes the last traces of what was deleted.
    pub async fn scrub(&self) -> Result<()> {
        Ok(self.inner.stores.chats.scrub().await?)
    }

    /// Whether there was anything to do for this chat.
    async fn sweep_chat(&self, chat_id: ChatId, forget_after: Duration) -> Result<bool> {
        let was_open = self.inner.active_chats.is_open(chat_id);
        let swept = self.execute(chat_id, Command::Sweep { forget_after }, Randomness::NONE).await;
        if !was_open {
            self.inner.active_chats.close_unheld(chat_id);
        }
        match swept {
            Ok(events) => Ok(!events.is_empty()),
            // It ended between the two calls.
            Err(Error::Refused(Refusal::ChatNotFound)) => Ok(true),
            Err(error) => Err(error),
        }
    }
}
