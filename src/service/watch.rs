//! Watching one value of a chat: sent each time it changes.

use std::fmt;
use std::sync::Arc;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

use super::active_chats::{ActiveChat, Broadcast};
use super::stream_limits::StreamPermit;
use super::{Caller, Result, Service};
use crate::domain::{Chat, ChatId, Event, Refusal, Timestamp};
use crate::metrics::OpenCount;

/// Why a watch ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchEnd {
    /// The caller may not watch any more, or the value is gone.
    Refused(Refusal),
    /// The server stops: reconnect in a moment.
    Stopping,
}

type View<T> = Box<dyn Fn(&Chat, Timestamp) -> Result<T, Refusal> + Send + Sync>;

/// A watch of one value of a chat. Dropping it ends the watch.
pub struct Watcher<T> {
    service: Service,
    active_chat: Arc<ActiveChat>,
    view: View<T>,
    last: Option<T>,
    broadcasts: Receiver<Broadcast>,
    stopping: watch::Receiver<bool>,
    /// `None` if streams are not limited.
    _permit: Option<StreamPermit>,
    _open: OpenCount,
}

impl Service {
    /// Watches the value that `view` returns; fails at once if it is refused.
    pub(super) async fn watch<T>(
        &self,
        caller: Caller,
        chat_id: ChatId,
        view: impl Fn(&Chat, Timestamp) -> Result<T, Refusal> + Send + Sync + 'static,
    ) -> Result<Watcher<T>> {
        let active_chat = self.active_chat(chat_id).await?;
        let begin = |state: &super::active_chats::State, now| view(&state.chat, now).map(|_| state.subscribe());
        let broadcasts = self.query_in(&active_chat, chat_id, begin).await?;
        let permit = self.open_stream(caller, None)?;
        Ok(Watcher {
            service: self.clone(),
            active_chat,
            view: Box::new(view),
            last: None,
            broadcasts,
            stopping: self.inner.stopping.subscribe(),
            _permit: permit,
            _open: OpenCount::begin(&self.inner.metrics.streams.watches),
        })
    }
}

impl<T: Clone + PartialEq> Watcher<T> {
    /// The value now, and then each new value.
    ///
    /// # Errors
    /// Why the watch ends.
    pub async fn next(&mut self) -> std::result::Result<T, WatchEnd> {
        loop {
            let now = self.service.now();
            let seen = self.active_chat.read(|state| (self.view)(&state.chat, now)).map_err(WatchEnd::Refused)?;
            if self.last.as_ref() != Some(&seen) {
                self.last = Some(seen.clone());
                self.service.inner.metrics.stream_events.inc();
                return Ok(seen);
            }
            let broadcast = tokio::select! {
                biased;
                broadcast = self.broadcasts.recv() => broadcast,
                _ = self.stopping.wait_for(|stopping| *stopping) => return Err(WatchEnd::Stopping),
            };
            match broadcast {
                // The chat may have ended on another node, and the state here does not show it.
                Ok(Broadcast::Changed(events)) if events.iter().any(|event| *event == Event::ChatEnded) => {
                    return Err(WatchEnd::Refused(Refusal::ChatNotFound));
                }
                // Missed broadcasts do not matter: the value is read from the state.
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return Err(WatchEnd::Refused(Refusal::ChatNotFound)),
            }
        }
    }
}

impl<T> fmt::Debug for Watcher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watcher")
    }
}
