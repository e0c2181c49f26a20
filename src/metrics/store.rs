//! What is measured of the store.

use super::{Counter, Histogram, Labelled, Registry, register};

/// What is measured of every store.
#[derive(Clone, Debug)]
pub struct StoreMetrics {
    pub commits: Counter,
    pub conflicts: Counter,
    pub commit: Histogram,
    pub read: Histogram,
    pub commit_failures: Counter,
    pub read_failures: Counter,
    pub write_failures: Counter,
    pub scrub_failures: Counter,
}

/// What is measured of the SQLite store's writer.
#[derive(Clone, Debug)]
pub struct SqliteMetrics {
    /// Commits that share a transaction.
    pub transaction_commits: Histogram,
    pub scrub: Histogram,
    /// Size of the log that scrubs erased.
    pub scrubbed_bytes: Counter,
}

impl StoreMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let commits = register(registry, "watch_party_commits", "Commits that the store accepted", Counter::default());
        let conflicts = register(
            registry,
            "watch_party_commit_conflicts",
            "Commits that came after another node's",
            Counter::default(),
        );
        let commit = register(
            registry,
            "watch_party_commit_duration_seconds",
            "Time of a commit, with its wait for others",
            Histogram::of_durations(),
        );
        let read = register(
            registry,
            "watch_party_store_read_duration_seconds",
            "Time of a read from the store",
            Histogram::of_durations(),
        );
        let failures = register::<Labelled<Counter>>(
            registry,
            "watch_party_store_failures",
            "Operations of the store that failed",
            Labelled::by("operation"),
        );
        let [commit_failures, read_failures, write_failures, scrub_failures] =
            ["commit", "read", "write", "scrub"].map(|operation| failures.with(operation));
        Self { commits, conflicts, commit, read, commit_failures, read_failures, write_failures, scrub_failures }
    }
}

impl Default for SqliteMetrics {
    fn default() -> Self {
        Self {
            transaction_commits: Histogram::of_numbers(),
            scrub: Histogram::of_durations(),
            scrubbed_bytes: Counter::default(),
        }
    }
}

impl SqliteMetrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        register(
            registry,
            "watch_party_transaction_commits",
            "Commits that shared a transaction and its wait for the disk",
            self.transaction_commits.clone(),
        );
        register(
            registry,
            "watch_party_scrub_duration_seconds",
            "Time of a scrub, which erases deleted data",
            self.scrub.clone(),
        );
        register(
            registry,
            "watch_party_scrubbed_bytes",
            "Size of the write-ahead log that scrubs erased",
            self.scrubbed_bytes.clone(),
        );
    }
}
