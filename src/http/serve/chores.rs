//! The server's periodic chores, sweeps and scrubs, which continue after a failure or a panic.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::super::layers::panic_message;
use crate::service::{CHECK_INTERVAL, Error, Service};

/// Sweeps, scrubs and compares chats with a shared store until the set is shut down. These run concurrently, because a
/// sweep may take long when many chats are due.
pub(super) fn start(service: &Service, every: Duration) -> JoinSet<()> {
    let mut chores = JoinSet::new();
    let swept = service.clone();
    chores.spawn(repeat(every, "a sweep failed; the next one continues", move || {
        let service = swept.clone();
        async move { service.sweep().await }
    }));
    let scrubbed = service.clone();
    chores.spawn(repeat(every, "deleted data is not erased yet; the next scrub tries again", move || {
        let service = scrubbed.clone();
        async move { service.scrub().await }
    }));
    let checked = service.clone();
    chores.spawn(repeat(
        CHECK_INTERVAL,
        "cannot compare chats with the store; the next check tries again",
        move || {
            let service = checked.clone();
            async move { service.check_chats().await }
        },
    ));
    chores
}

/// Runs `chore` at every tick. Logs `complaint` if it fails or panics.
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
