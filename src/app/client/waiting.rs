//! Waits that the server asks for with `Retry-After`: the requests that wait, what the page shows meanwhile, and when the
//! work in the background continues.

use std::cell::Cell;

use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;

use super::browser;
use crate::app::texts;
use crate::wire::{Code, Problem};

/// The longest wait after which a request is sent again by itself, in seconds. After a longer one, the user decides.
const PATIENCE: u64 = 10;

thread_local! {
    /// The sentence that the page shows while a request waits.
    static SHOWN: ArcRwSignal<Option<String>> = ArcRwSignal::new(None);
    /// Until when no work in the background sends requests, in milliseconds since 1970.
    static UNTIL: Cell<f64> = const { Cell::new(0.0) };
}

/// Returns the sentence to show while a request waits. Effects that call this run again when it changes.
pub(crate) fn shown() -> Option<String> {
    SHOWN.with(ArcRwSignal::get)
}

/// Whether the time for which the server has asked to wait is not over.
pub(super) fn is_due() -> bool {
    browser::now() < UNTIL.with(Cell::get)
}

/// Notes how long the server asks to wait. If the request of `problem` was not carried out and the wait is short, waits
/// and returns true: the request can be sent again.
pub(super) async fn waited(problem: &Problem) -> bool {
    let Some(seconds) = problem.retry_after else { return false };
    let millis = to_millis(seconds);
    UNTIL.with(|until| until.set(until.get().max(browser::now() + f64::from(millis))));
    if problem.code != Code::TooManyRequests || seconds > PATIENCE {
        return false;
    }
    SHOWN.with(|shown| shown.set(Some(texts::waiting::trying_again(seconds))));
    TimeoutFuture::new(millis).await;
    // Another request may wait for longer.
    if !is_due() {
        SHOWN.with(|shown| shown.set(None));
    }
    true
}

/// Ends when a request has taken `millis` milliseconds, and the server has not asked to wait meanwhile.
pub(super) async fn timeout(millis: u32) {
    loop {
        TimeoutFuture::new(millis).await;
        if browser::now() >= UNTIL.with(Cell::get) + f64::from(millis) {
            return;
        }
    }
}

/// Waits before a retry: as long as the server asks for, at least `least` milliseconds.
pub(super) fn retry_delay(problem: &Problem, least: u32) -> TimeoutFuture {
    TimeoutFuture::new(problem.retry_after.map_or(0, to_millis).max(least))
}

/// Converts seconds for a timer, which cannot wait for much longer than a day.
fn to_millis(seconds: u64) -> u32 {
    u32::try_from(seconds.min(86_400)).unwrap_or(86_400) * 1_000
}
