//! Server-sent events, as every stream here writes them.

use std::convert::Infallible;
use std::time::Duration;

pub(super) use axum::response::sse::Event;
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{self, Stream};
use serde::Serialize;

use crate::domain::Refusal;
use crate::service::{WatchEnd, Watcher};

/// How often a stream that says nothing shows that it is alive.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// How soon a client comes back after the server has stopped.
const COME_BACK: Duration = Duration::from_secs(1);

/// One event, with its name and its data as JSON.
pub(super) fn event(name: &str, data: &impl Serialize) -> Event {
    Event::default().event(name).json_data(data).expect("what is told is JSON")
}

/// What is said last by a server that stops.
pub(super) fn come_back() -> Event {
    Event::default().retry(COME_BACK)
}

/// The answer that carries `events`.
pub(super) fn answer(events: impl Stream<Item = Event> + Send + 'static) -> Response {
    let events = futures_util::StreamExt::map(events, Ok::<_, Infallible>);
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    // A proxy that buffers would hold back what happens.
    ([("x-accel-buffering", "no")], Sse::new(events).keep_alive(keep_alive)).into_response()
}

/// What `watcher` sees, each time told as `tell` has it: the event, and whether it is the last.
pub(super) fn watched<T: Clone + PartialEq + Send + Sync + 'static>(
    watcher: Watcher<T>,
    tell: impl Fn(Result<T, Refusal>) -> (Event, bool) + Send + 'static,
) -> Response {
    answer(stream::unfold(Some((watcher, tell)), |watched| async move {
        let (mut watcher, tell) = watched?;
        let (event, is_last) = match watcher.next().await {
            Ok(seen) => tell(Ok(seen)),
            Err(WatchEnd::Refused(refusal)) => tell(Err(refusal)),
            Err(WatchEnd::Stopping) => (come_back(), true),
        };
        Some((event, (!is_last).then_some((watcher, tell))))
    }))
}
