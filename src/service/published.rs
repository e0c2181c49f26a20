//! Events as followers get them: shared by all, with room for the text that transports send.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use crate::domain::Event;

/// Events that were committed together, in order. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct PublishedEvents(Arc<[Published]>);

#[derive(Debug)]
struct Published {
    event: Event,
    text: OnceLock<Option<Arc<str>>>,
}

/// One of the published events. Clones share it.
#[derive(Clone, Debug)]
pub struct SharedEvent {
    events: PublishedEvents,
    at: usize,
}

impl PublishedEvents {
    pub(super) fn new(events: &[Event]) -> Self {
        Self(events.iter().map(|event| Published { event: event.clone(), text: OnceLock::new() }).collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = SharedEvent> {
        (0..self.0.len()).map(|at| SharedEvent { events: self.clone(), at })
    }
}

impl SharedEvent {
    pub(super) fn new(event: Event) -> Self {
        Self { events: PublishedEvents::new(&[event]), at: 0 }
    }

    /// Returns the text of the event, which the first caller makes for all. `None` if the event has none.
    pub fn text(&self, write: impl FnOnce(&Event) -> Option<Arc<str>>) -> Option<Arc<str>> {
        let Published { event, text } = &self.events.0[self.at];
        text.get_or_init(|| write(event)).clone()
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
