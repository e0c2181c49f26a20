//! What several nodes with one store tell each other: what happens to a chat, who is there, and how often somebody
//! tried a secret. A store for one node implements none of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Unavailable;
use crate::domain::{ChatId, Event, MemberId, MessageId, Position};

/// The part of a store that only nodes need that share it.
#[async_trait]
pub trait SharedStore: Send + Sync + fmt::Debug {
    /// Calls `take` with all news of the subscribed chats from now on. The service calls this once.
    fn listen(&self, take: TakeNews);

    /// Subscribes to the chat. On return, all later commits and signals are news, until a [`News::Interrupted`].
    async fn subscribe(&self, id: ChatId) -> Result<(), Unavailable>;

    async fn unsubscribe(&self, id: ChatId) -> Result<(), Unavailable>;

    /// Sends `signal` to all nodes that have subscribed to the chat. It may get lost.
    async fn send(&self, id: ChatId, signal: &Signal) -> Result<(), Unavailable>;

    /// Returns what the store has of the chat, `None` if there is no such chat. Also sends `signal`, as
    /// [`SharedStore::send`] does.
    async fn check(&self, id: ChatId, signal: &Signal) -> Result<Option<Checked>, Unavailable>;

    /// Returns when everything that the store has of the chat is as durable as a commit that is acknowledged.
    async fn confirm(&self, id: ChatId) -> Result<(), Unavailable>;

    /// Returns the count of `key`, if there is one.
    async fn load_count(&self, key: &str) -> Result<Option<Count>, Unavailable>;

    /// Sets the count of `key` for as long as `keep`, or deletes it, and returns whether it still was `before`.
    async fn replace_count(
        &self,
        key: &str,
        before: Option<Count>,
        after: Option<Count>,
        keep: Duration,
    ) -> Result<bool, Unavailable>;
}

/// Must return at once.
pub type TakeNews = Arc<dyn Fn(News) + Send + Sync>;

/// What the store has of a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    pub position: Position,
    /// Whether the store may have lost the newest commits since, as after a failover. It accepts no commit until the
    /// chat was restored ([`super::ChatStore::restore`]) with [`crate::domain::Event::HistoryLost`].
    pub may_lack_commits: bool,
}

/// What happened on other nodes, or to the connection with them.
#[derive(Clone, Debug)]
pub enum News {
    /// Another node made a commit.
    Committed(Committed),
    /// Another node sent a signal.
    Signalled { chat_id: ChatId, signal: Signal },
    /// A signal or a commit of this node came back, so the subscription works.
    Echo { chat_id: ChatId },
    /// News of the chat, or of all chats, may be missing from now on. The subscriptions come back by themselves.
    Interrupted { chat_id: Option<ChatId> },
}

/// A commit of another node.
#[derive(Clone, Debug)]
pub struct Committed {
    pub chat_id: ChatId,
    pub before: Position,
    pub after: Position,
    /// `None` if they must be read from the store.
    pub events: Option<Arc<[Event]>>,
}

/// What a node tells the others without storing it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// A member is typing. `last_id` is the newest message at that time.
    Typing { member_id: MemberId, last_id: MessageId },
    /// These members are present on the sending node.
    Present {
        members: Vec<MemberId>,
        /// Whether the other nodes are asked to tell the same.
        asks: bool,
    },
}

/// A number of something, and a time that belongs to it; what they mean is the limit's matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    pub amount: u64,
    /// In milliseconds since 1970.
    pub at: u64,
}
