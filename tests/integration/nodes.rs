//! Several nodes that share a store in memory, so that tests decide what news get lost.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use watch_party::domain::{Chat, ChatId, Event, Position, Timestamp, Transition};
use watch_party::service::Service;
use watch_party::store::{
    ChatStore, Checked, CommitError, Committed, Count, MemoryStore, News, SharedStore, Signal, Stores, TakeNews,
    Unavailable,
};

use crate::app::{CountingEntropy, ManualClock, policy};

/// What the nodes share.
#[derive(Default)]
pub struct Hub {
    store: MemoryStore,
    listeners: Mutex<HashMap<usize, TakeNews>>,
    subscriptions: Mutex<HashSet<(usize, ChatId)>>,
    counts: Mutex<HashMap<String, Count>>,
    /// Whether news get lost.
    pub is_deaf: Mutex<bool>,
    /// Whether the store refuses everything.
    pub is_away: Mutex<bool>,
    /// Chats of which the store has lost commits.
    suspects: Mutex<HashSet<ChatId>>,
    /// Number of loads.
    pub loads: Mutex<usize>,
}

impl Hub {
    fn available(&self) -> Result<(), Unavailable> {
        if *self.is_away.lock() { Err(Unavailable { cause: "the store is away".into() }) } else { Ok(()) }
    }

    fn tell(&self, from: usize, chat_id: ChatId, news: &News) {
        if *self.is_deaf.lock() {
            return;
        }
        let listeners: Vec<(usize, TakeNews)> =
            self.listeners.lock().iter().map(|(node, take)| (*node, take.clone())).collect();
        for (node, take) in listeners {
            if self.subscriptions.lock().contains(&(node, chat_id)) {
                take(if node == from { News::Echo { chat_id } } else { news.clone() });
            }
        }
    }

    /// Tells all nodes that news may be missing, as after a cut connection.
    pub fn interrupt(&self) {
        self.subscriptions.lock().clear();
        let listeners: Vec<TakeNews> = self.listeners.lock().values().cloned().collect();
        listeners.iter().for_each(|take| take(News::Interrupted { chat_id: None }));
    }

    /// Sets the chat back to an earlier state, as a failover to a replica that lags behind does.
    pub async fn lose_commits(&self, earlier: &Arc<Chat>) {
        let now = self.store.load(earlier.id()).await.unwrap().unwrap();
        self.store.restore(earlier, Some(now.position())).await.unwrap();
        self.suspects.lock().insert(earlier.id());
    }

    pub async fn stored(&self, chat_id: ChatId) -> Arc<Chat> {
        self.store.load(chat_id).await.unwrap().unwrap()
    }

    pub fn subscriptions(&self) -> usize {
        self.subscriptions.lock().len()
    }
}

/// The store as one node sees it.
struct NodeStore {
    hub: Arc<Hub>,
    node: usize,
}

impl fmt::Debug for NodeStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeStore({})", self.node)
    }
}

#[async_trait]
impl ChatStore for NodeStore {
    async fn load(&self, id: ChatId) -> Result<Option<Arc<Chat>>, Unavailable> {
        self.hub.available()?;
        *self.hub.loads.lock() += 1;
        self.hub.store.load(id).await
    }
    async fn commit(&self, change: &Transition) -> Result<(), CommitError> {
        // Other tasks run between a decision and its commit.
        tokio::task::yield_now().await;
        self.hub.available()?;
        if self.hub.suspects.lock().contains(&change.after.id()) {
            return Err(CommitError::Conflict);
        }
        self.hub.store.commit(change).await?;
        let after = change.after.position();
        let before = Position { revision: change.before, ..after };
        let chat_id = change.after.id();
        let events: Option<Arc<[Event]>> = Some(change.events.clone());
        self.hub.tell(self.node, chat_id, &News::Committed(Committed { chat_id, before, after, events }));
        Ok(())
    }
    async fn restore(&self, chat: &Arc<Chat>, over: Option<Position>) -> Result<(), CommitError> {
        self.hub.available()?;
        self.hub.store.restore(chat, over).await?;
        let (chat_id, after) = (chat.id(), chat.position());
        self.hub.suspects.lock().remove(&chat_id);
        let before = over.unwrap_or(Position { revision: 0, ..after });
        self.hub.tell(self.node, chat_id, &News::Committed(Committed { chat_id, before, after, events: None }));
        Ok(())
    }
    async fn due(&self, now: Timestamp, forget_after: Duration, at_most: usize) -> Result<Vec<ChatId>, Unavailable> {
        self.hub.available()?;
        self.hub.store.due(now, forget_after, at_most).await
    }
    async fn count_chats(&self) -> Result<usize, Unavailable> {
        self.hub.store.count_chats().await
    }
    async fn all_chats(&self) -> Result<Vec<ChatId>, Unavailable> {
        self.hub.store.all_chats().await
    }
    fn shared(&self) -> Option<&dyn SharedStore> {
        Some(self)
    }
}

#[async_trait]
impl SharedStore for NodeStore {
    fn listen(&self, take: TakeNews) {
        self.hub.listeners.lock().insert(self.node, take);
    }
    async fn subscribe(&self, id: ChatId) -> Result<(), Unavailable> {
        self.hub.available()?;
        self.hub.subscriptions.lock().insert((self.node, id));
        Ok(())
    }
    async fn unsubscribe(&self, id: ChatId) -> Result<(), Unavailable> {
        self.hub.subscriptions.lock().remove(&(self.node, id));
        Ok(())
    }
    async fn send(&self, chat_id: ChatId, signal: &Signal) -> Result<(), Unavailable> {
        self.hub.available()?;
        self.hub.tell(self.node, chat_id, &News::Signalled { chat_id, signal: signal.clone() });
        Ok(())
    }
    async fn check(&self, id: ChatId, signal: &Signal) -> Result<Option<Checked>, Unavailable> {
        self.send(id, signal).await?;
        let may_lack_commits = self.hub.suspects.lock().contains(&id);
        let stored = self.hub.store.load(id).await?;
        Ok(stored.map(|chat| Checked { position: chat.position(), may_lack_commits }))
    }
    async fn confirm(&self, _: ChatId) -> Result<(), Unavailable> {
        self.hub.available()
    }
    async fn load_count(&self, key: &str) -> Result<Option<Count>, Unavailable> {
        self.hub.available()?;
        Ok(self.hub.counts.lock().get(key).copied())
    }
    async fn replace_count(
        &self,
        key: &str,
        before: Option<Count>,
        after: Option<Count>,
        _keep: Duration,
    ) -> Result<bool, Unavailable> {
        let mut counts = self.hub.counts.lock();
        let is_same = counts.get(key).copied() == before;
        if is_same {
            counts.remove(key);
            counts.extend(after.map(|after| (key.to_owned(), after)));
        }
        Ok(is_same)
    }
}

/// So many nodes, whose clocks are one.
pub struct Nodes {
    pub hub: Arc<Hub>,
    pub services: Vec<Service>,
    pub clock: Arc<ManualClock>,
}

impl Nodes {
    pub fn start(count: usize) -> Self {
        let hub = Arc::new(Hub::default());
        let clock = Arc::new(ManualClock::default());
        let entropy = Arc::new(CountingEntropy::default());
        let browser_sessions = Arc::new(MemoryStore::default());
        let service = |node| {
            let chats = Arc::new(NodeStore { hub: hub.clone(), node });
            let stores = Stores { chats, browser_sessions: browser_sessions.clone() };
            Service::new(stores, clock.clone(), entropy.clone(), policy(true))
        };
        Self { services: (0..count).map(service).collect(), hub, clock }
    }
}
