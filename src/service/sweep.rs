//! The periodic sweep: expired sessions and knocks, empty chats, unused memory.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::{Error, Policy, Result, Service};
use crate::domain::{ChatId, Command, Randomness, Refusal};

/// Chats that are swept together: enough to share one transaction, few enough not to delay posts.
const SWEEP_BATCH: usize = 64;

impl Service {
    /// Frees the seats of expired sessions, deletes chats that were empty for too long, and drops unused chats from
    /// memory.
    ///
    /// # Errors
    /// The first failure; all other chats were swept.
    pub async fn sweep(&self) -> Result<()> {
        let begin = Instant::now();
        let swept = self.sweep_all().await;
        self.inner.metrics.sweep.observe_duration(begin.elapsed());
        swept
    }

    async fn sweep_all(&self) -> Result<()> {
        self.unfollow_nodes(self.inner.active_chats.close_idle(self.now()));
        if let Some(limits) = &self.inner.limits {
            limits.forget_idle();
        }
        let Policy { forget_after, .. } = self.inner.policy;
        let mut first_failure =
            self.inner.stores.browser_sessions.delete_expired_browser_sessions(self.now()).await.map_err(Error::from);
        first_failure = first_failure.and(self.take_census().await);
        // Chats that stay due although they were tried.
        let mut tried = HashSet::new();
        loop {
            let at_most = SWEEP_BATCH + tried.len();
            let mut due = self.inner.stores.chats.due(self.now(), forget_after, at_most).await?;
            due.retain(|chat_id| !tried.contains(chat_id));
            if due.is_empty() {
                return first_failure;
            }
            // All at once, so that the store can share a transaction.
            let swept = join_all(due.iter().map(|chat_id| self.sweep_chat(*chat_id, forget_after))).await;
            for (chat_id, swept) in due.into_iter().zip(swept) {
                if !matches!(swept, Ok(true)) {
                    tried.insert(chat_id);
                }
                first_failure = first_failure.and(swept.map(drop));
            }
        }
    }

    /// Removes the last traces of deleted data.
    pub async fn scrub(&self) -> Result<()> {
        Ok(self.inner.stores.chats.scrub().await?)
    }

    /// Sweeps one chat, and returns whether anything changed.
    async fn sweep_chat(&self, chat_id: ChatId, forget_after: Duration) -> Result<bool> {
        let was_open = self.inner.active_chats.is_open(chat_id);
        let swept = self.execute(chat_id, Command::Sweep { forget_after }, Randomness::NONE).await;
        if !was_open && self.inner.active_chats.close_unheld(chat_id) {
            self.unfollow_nodes(vec![chat_id]);
        }
        match swept {
            Ok(events) => {
                let has_changed = !events.is_empty();
                self.inner.metrics.swept_chats.inc_by(has_changed.into());
                Ok(has_changed)
            }
            // The chat ended between the two calls.
            Err(Error::Refused(Refusal::ChatNotFound)) => Ok(true),
            Err(error) => Err(error),
        }
    }
}
