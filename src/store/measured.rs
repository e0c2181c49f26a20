//! Measures what a service does with its stores.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::{BrowserSessionStore, ChatStore, CommitError, SharedStore, Stores, Unavailable};
use crate::domain::{
    BrowserDigest, BrowserSession, Chat, ChatId, Position, SealedChatId, Timestamp, Transition, Username,
};
use crate::metrics::{Counter, Registry, StoreMetrics};

/// Stores, and what is measured of them.
#[derive(Debug)]
pub(super) struct Measured {
    stores: Stores,
    metrics: StoreMetrics,
}

impl Measured {
    pub(super) fn new(stores: Stores, metrics: StoreMetrics) -> Self {
        Self { stores, metrics }
    }

    async fn read<T>(&self, read: impl Future<Output = Result<T, Unavailable>>) -> Result<T, Unavailable> {
        let begin = Instant::now();
        let answer = read.await;
        self.metrics.read.observe_duration(begin.elapsed());
        count_failure(&self.metrics.read_failures, answer)
    }

    async fn write(&self, write: impl Future<Output = Result<(), Unavailable>>) -> Result<(), Unavailable> {
        count_failure(&self.metrics.write_failures, write.await)
    }
}

fn count_failure<T>(failures: &Counter, answer: Result<T, Unavailable>) -> Result<T, Unavailable> {
    answer.inspect_err(|_| {
        failures.inc();
    })
}

#[async_trait]
impl ChatStore for Measured {
    async fn load(&self, id: ChatId) -> Result<Option<Arc<Chat>>, Unavailable> {
        self.read(self.stores.chats.load(id)).await
    }

    async fn commit(&self, transition: &Transition) -> Result<(), CommitError> {
        let begin = Instant::now();
        let answer = self.stores.chats.commit(transition).await;
        let StoreMetrics { commits, conflicts, commit, commit_failures, .. } = &self.metrics;
        commit.observe_duration(begin.elapsed());
        match &answer {
            Ok(()) => commits.inc(),
            Err(CommitError::Conflict) => conflicts.inc(),
            Err(CommitError::Unavailable(_)) => commit_failures.inc(),
        };
        answer
    }

    async fn restore(&self, chat: &Arc<Chat>, over: Option<Position>) -> Result<(), CommitError> {
        self.stores.chats.restore(chat, over).await
    }

    async fn due(&self, now: Timestamp, forget_after: Duration, at_most: usize) -> Result<Vec<ChatId>, Unavailable> {
        self.read(self.stores.chats.due(now, forget_after, at_most)).await
    }

    async fn count_chats(&self) -> Result<usize, Unavailable> {
        self.read(self.stores.chats.count_chats()).await
    }

    async fn all_chats(&self) -> Result<Vec<ChatId>, Unavailable> {
        self.read(self.stores.chats.all_chats()).await
    }

    async fn scrub(&self) -> Result<(), Unavailable> {
        count_failure(&self.metrics.scrub_failures, self.stores.chats.scrub().await)
    }

    async fn ping(&self) -> Result<(), Unavailable> {
        self.read(self.stores.chats.ping()).await
    }

    fn shared(&self) -> Option<&dyn SharedStore> {
        self.stores.chats.shared()
    }

    fn register_metrics(&self, registry: &mut Registry) {
        self.stores.chats.register_metrics(registry);
    }
}

#[async_trait]
impl BrowserSessionStore for Measured {
    async fn save_browser_session(&self, session: &BrowserSession) -> Result<(), Unavailable> {
        self.write(self.stores.browser_sessions.save_browser_session(session)).await
    }

    async fn load_browser_session(&self, token: BrowserDigest) -> Result<Option<BrowserSession>, Unavailable> {
        self.read(self.stores.browser_sessions.load_browser_session(token)).await
    }

    async fn rename_browser_session(&self, token: BrowserDigest, username: &Username) -> Result<(), Unavailable> {
        self.write(self.stores.browser_sessions.rename_browser_session(token, username)).await
    }

    async fn add_entered_chat(&self, token: BrowserDigest, chat: &SealedChatId) -> Result<(), Unavailable> {
        self.write(self.stores.browser_sessions.add_entered_chat(token, chat)).await
    }

    async fn load_entered_chats(&self, token: BrowserDigest) -> Result<Vec<SealedChatId>, Unavailable> {
        self.read(self.stores.browser_sessions.load_entered_chats(token)).await
    }

    async fn delete_browser_session(&self, token: BrowserDigest) -> Result<(), Unavailable> {
        self.write(self.stores.browser_sessions.delete_browser_session(token)).await
    }

    async fn count_browser_sessions(&self) -> Result<usize, Unavailable> {
        self.read(self.stores.browser_sessions.count_browser_sessions()).await
    }

    async fn all_browser_sessions(&self) -> Result<Vec<BrowserDigest>, Unavailable> {
        self.read(self.stores.browser_sessions.all_browser_sessions()).await
    }

    async fn delete_expired_browser_sessions(&self, now: Timestamp) -> Result<(), Unavailable> {
        self.write(self.stores.browser_sessions.delete_expired_browser_sessions(now)).await
    }
}
