//! What a node measures of the other nodes that share its store.

use super::{Counter, Labelled, Registry, register};

/// What other nodes tell this one, and what got lost of it.
#[derive(Clone, Debug)]
pub struct NodeMetrics {
    news: Labelled<Counter>,
    /// Commits of other nodes.
    pub commits: Counter,
    /// Typing and presence of members on other nodes.
    pub signals: Counter,
    /// How often news may have got lost, because the connection was cut.
    pub interruptions: Counter,
    /// Chats that were loaded because news of them was missing.
    pub repairs: Counter,
    /// Chats that this node continued after the store may have lost commits.
    pub resumed_chats: Counter,
}

impl Default for NodeMetrics {
    fn default() -> Self {
        let news = Labelled::<Counter>::by("kind");
        Self {
            commits: news.with("commit"),
            signals: news.with("signal"),
            interruptions: news.with("interruption"),
            news,
            repairs: Counter::default(),
            resumed_chats: Counter::default(),
        }
    }
}

impl NodeMetrics {
    /// Exports the metrics. Only a node that shares its store does.
    pub fn register(&self, registry: &mut Registry) {
        let repairs = "Chats that were loaded because news of them was missing";
        let resumed = "Chats that were continued after the store may have lost commits";
        register(registry, "watch_party_node_news", "News from other nodes, by kind", self.news.clone());
        register(registry, "watch_party_node_repairs", repairs, self.repairs.clone());
        register(registry, "watch_party_node_resumed_chats", resumed, self.resumed_chats.clone());
    }
}
