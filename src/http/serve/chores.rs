//! What the server does at intervals: sweeps and scrubs, which go on after a failure or a panic.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::super::layers::panic_message;
use crate::service::{Error, Service};

/// Sweeps and scrubs until the set is shut down. They run beside each other, because a sweep may take
/// long after a long silence.
pub(super) fn start(service: &Service, every: Duration) -> JoinSet<()> {
    let mut chores = JoinSet::new();
    let swept = service.clone();
    chores.spawn(repeat(every, "a sweep did not finish; the next one goes on", move || {
        let service = swept.clone();
        async move { service.sweep().await }
    }));
    let scrubbed = service.clone();
    chores.spawn(repeat(every, "what was deleted is not erased yet; the next scrub tries again", move || {
        let service = scrubbed.clone();
        async move { service.scrub().await }
    }));
    chores
}

/// Does `chore` at every tick. One that fails or panics is logged with `complaint`.
async fn repeat<F: Future<Output = Result<(), Error>> + Send>(
    every: Duration,
    complaint: &'static str,
    chore: impl Fn() -> F + Send,
) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match AssertUnwindSafe(async { chore().await }).catch_unwind().await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "{complaint}"),
            Err(panic) => tracing::error!(panic = panic_message(&*panic), "{complaint}"),
        }
    }
}
