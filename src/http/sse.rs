//! Server-sent events, in the form that all streams here use.

use std::convert::Infallible;
use std::time::Duration;

pub(super) use axum::response::sse::Event;
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{self, Stream};
use serde::Serialize;

use crate::domain::Refusal;
use crate::service::{Service, WatchEnd, Watcher};

/// How soon a client reconnects after the server has stopped.
const RECONNECT_AFTER: Duration = Duration::from_secs(1);

/// Creates an event with a name, and data as JSON.
pub(super) fn event(name: &str, data: &impl Serialize) -> Event {
    Event::default().event(name).json_data(data).expect("event data is JSON")
}

/// The last event of a stopping server: it sets the client's reconnection delay.
pub(super) fn reconnect_delay() -> Event {
    Event::default().retry(RECONNECT_AFTER)
}

/// The response that sends `events`.
pub(super) fn answer(service: &Service, events: impl Stream<Item = Event> + Send + 'static) -> Response {
    let events = futures_util::StreamExt::map(events, Ok::<_, Infallible>);
    let keep_alive = KeepAlive::new().interval(service.policy().ping_interval);
    // A buffering proxy would delay the events.
    ([("x-accel-buffering", "no")], Sse::new(events).keep_alive(keep_alive)).into_response()
}

/// Streams what `watcher` sees. `to_event` makes an event of each value, and says whether it is the last.
pub(super) fn watched<T: Clone + PartialEq + Send + Sync + 'static>(
    service: &Service,
    watcher: Watcher<T>,
    to_event: impl Fn(Result<T, Refusal>) -> (Event, bool) + Send + 'static,
) -> Response {
    answer(
        service,
        stream::unfold(Some((watcher, to_event)), |watched| async move {
            let (mut watcher, to_event) = watched?;
            let (event, is_last) = match watcher.next().await {
                Ok(seen) => to_event(Ok(seen)),
                Err(WatchEnd::Refused(refusal)) => to_event(Err(refusal)),
                Err(WatchEnd::Stopping) => (reconnect_delay(), true),
            };
            Some((event, (!is_last).then_some((watcher, to_event))))
        }),
    )
}
