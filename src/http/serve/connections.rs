//! The open connections, and which of them can be closed without interrupting a response.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use hyper::body::{Bytes, Frame, SizeHint};
use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout};

/// How long a new connection waits for an idle one to close, whose task must run once for that.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(50);
/// How many idle connections are told to close for a new one. Nothing else is accepted in the meantime.
const CLOSE_TRIES: usize = 20;

pub(super) struct Connections {
    max: u32,
    permits: Arc<Semaphore>,
    /// Locked twice per request, each time for one operation on the map.
    idle: Mutex<Idle>,
}

/// The connections without a request in progress: new ones, those that have sent part of a request head, and those that
/// wait for the next request.
#[derive(Default)]
struct Idle {
    /// In the order in which they became idle, each with the time at which it did.
    connections: BTreeMap<u64, (Instant, Arc<Connection>)>,
    last_turn: u64,
    is_draining: bool,
}

impl Connections {
    pub(super) fn new(max: usize) -> Self {
        let max = u32::try_from(max).unwrap_or(u32::MAX);
        Self { max, permits: Arc::new(Semaphore::new(max as usize)), idle: Mutex::default() }
    }

    /// Returns a permit for one more connection. If none is left, closes the connection that has been idle for longest
    /// to free its permit. `None` if every connection has a request in progress.
    pub(super) async fn admit(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = self.permits.clone().try_acquire_owned() {
            return Some(permit);
        }
        for _ in 0..CLOSE_TRIES {
            if !self.close_longest_idle() {
                return None;
            }
            // A request may arrive on that connection at the same time. Then close the next one.
            if let Ok(permit) = timeout(CLOSE_TIMEOUT, self.permits.clone().acquire_owned()).await {
                return permit.ok();
            }
        }
        None
    }

    /// Adds a connection, idle until its first request.
    pub(super) fn open(self: &Arc<Self>) -> Arc<Connection> {
        let connection = Arc::new(Connection {
            connections: self.clone(),
            turn: AtomicU64::new(BUSY),
            is_answered: AtomicBool::new(false),
            close: Notify::new(),
        });
        connection.become_idle();
        connection
    }

    /// Tells the connection that has been idle for longest to close. Returns whether there is one.
    pub(super) fn close_longest_idle(&self) -> bool {
        let longest = self.idle.lock().connections.pop_first();
        longest.map(|(_, (_, connection))| connection.close.notify_one()).is_some()
    }

    /// Closes each connection once it has been idle for `time_limit`. If each had a timer, every request would start and
    /// stop one.
    pub(super) async fn close_stale(&self, time_limit: Duration) -> Infallible {
        loop {
            sleep_until(self.close_idle_for(time_limit)).await;
        }
    }

    /// Tells the connections to close that have been idle for `time`, and returns when the next one will have been.
    fn close_idle_for(&self, time: Duration) -> Instant {
        let now = Instant::now();
        let mut idle = self.idle.lock();
        while let Some(longest) = idle.connections.first_entry() {
            let deadline = longest.get().0 + time;
            if deadline > now {
                return deadline;
            }
            longest.remove().1.close.notify_one();
        }
        now + time
    }

    /// Closes idle connections at once and the others after their responses, and waits for the last.
    pub(super) async fn drain(&self) {
        let idle = {
            let mut idle = self.idle.lock();
            idle.is_draining = true;
            std::mem::take(&mut idle.connections)
        };
        idle.into_values().for_each(|(_, connection)| connection.close.notify_one());
        let _ = self.permits.acquire_many(self.max).await;
    }
}

/// The value of `turn` while a request is in progress.
const BUSY: u64 = 0;

/// The state of one connection. Only the connection's own task touches the atomics, so they need no ordering. Other
/// tasks signal it through `close`.
pub(super) struct Connection {
    connections: Arc<Connections>,
    /// Its key among the idle connections, or [`BUSY`].
    turn: AtomicU64,
    /// Whether hyper has read the whole response, which may not be written yet.
    is_answered: AtomicBool,
    close: Notify,
}

impl Connection {
    /// Called when the head of a request has arrived.
    pub(super) fn begin_request(&self) {
        // The next head may arrive before the last response is written.
        self.is_answered.store(false, Ordering::Relaxed);
        let turn = self.turn.swap(BUSY, Ordering::Relaxed);
        if turn != BUSY {
            self.connections.idle.lock().connections.remove(&turn);
        }
    }

    /// Called when no data waits to be written.
    pub(super) fn flushed(self: &Arc<Self>) {
        if self.is_answered.load(Ordering::Relaxed) {
            self.is_answered.store(false, Ordering::Relaxed);
            self.become_idle();
        }
    }

    fn become_idle(self: &Arc<Self>) {
        let mut idle = self.connections.idle.lock();
        idle.last_turn += 1;
        self.turn.store(idle.last_turn, Ordering::Relaxed);
        if idle.is_draining {
            self.close.notify_one();
        } else {
            let turn = idle.last_turn;
            idle.connections.insert(turn, (Instant::now(), self.clone()));
        }
    }

    /// Whether it can be closed without interrupting a response.
    pub(super) fn is_idle(&self) -> bool {
        self.turn.load(Ordering::Relaxed) != BUSY
    }

    pub(super) async fn close_requested(&self) {
        self.close.notified().await;
    }

    /// Called when the connection is closed, or has become a WebSocket.
    pub(super) fn leave(&self) {
        self.begin_request();
    }
}

/// A response body. It tells its connection when hyper drops it, which hyper does after reading all of it.
pub(super) struct AnswerBody {
    body: Body,
    connection: Arc<Connection>,
}

impl AnswerBody {
    pub(super) fn new(body: Body, connection: Arc<Connection>) -> Self {
        Self { body, connection }
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.connection.is_answered.store(true, Ordering::Relaxed);
    }
}

impl hyper::body::Body for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
