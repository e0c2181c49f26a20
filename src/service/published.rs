//! Events as followers get them: shared by all, with their cached JSON.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use crate::domain::Event;

/// Events that were committed together, in order. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct PublishedEvents(Arc<[Published]>);

#[derive(Debug)]
struct Published {
    event: Event,
    live_text: OnceLock<Option<LiveText>>,
}

/// An event as live streams send it, the same for all readers.
#[derive(Clone, Debug)]
pub struct LiveText {
    /// The value of `type` in `json`.
    pub name: &'static str,
    pub json: Arc<str>,
}

/// One of the published events. Clones share it.
#[derive(Clone, Debug)]
pub struct SharedEvent {
    events: PublishedEvents,
    at: usize,
}

impl PublishedEvents {
    pub(super) fn new(events: &[Event]) -> Self {
        Self(events.iter().map(|event| Published { event: event.clone(), live_text: OnceLock::new() }).collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = SharedEvent> {
        (0..self.0.len()).map(|at| SharedEvent { events: self.clone(), at })
    }
}

impl SharedEvent {
    pub(super) fn new(event: Event) -> Self {
        Self { events: PublishedEvents::new(&[event]), at: 0 }
    }

    /// Returns the event's live text, which is written at the first call and kept. `None` if live streams do not send
    /// this event. Only `http/native/live.rs` calls this, with one function, because an event has one form for all its
    /// readers.
    pub fn live_text(&self, write: fn(&Event) -> Option<LiveText>) -> Option<&LiveText> {
        let Published { event, live_text } = &self.events.0[self.at];
        live_text.get_or_init(|| write(event)).as_ref()
    }
}

impl Deref for SharedEvent {
    type Target = Event;

    fn deref(&self) -> &Event {
        &self.events.0[self.at].event
    }
}

impl PartialEq for SharedEvent {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}
