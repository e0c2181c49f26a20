//! The server on listeners that are already bound: accepts connections, runs the periodic chores, and shuts down.

mod chores;
mod connections;
mod listener;
mod metrics;
mod open_files;
mod refusal;
mod socket;

use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::http::Request;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, timeout};

use super::{AppState, Peer, Site, site_within};
use crate::config::Config;
use crate::metrics::{Counter, Gauge, Metrics, OpenCount};
use crate::service::{Caller, Held, Holdings};
use connections::{AnswerBody, Connections};
use listener::{Listener, Stream};
use refusal::{Reason, Refusals};
use socket::Socket;

pub use listener::Listeners;
pub use metrics::serve_metrics;
pub use open_files::{connections_within, raise_open_files};

/// How many connections the server has at once, and how long it waits for their peers.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Maximum number of open connections, including WebSockets and streams.
    pub max_connections: usize,
    /// Maximum number of open connections of one address (IPv6: one /64) that is not a trusted proxy.
    pub max_connections_per_address: usize,
    /// Time limit for the head of a request, counted from when the connection was accepted or the previous response was
    /// written. An idle connection is kept for as long.
    pub head_timeout: Duration,
    /// Time limit for the body of a request, counted from its head.
    pub body_timeout: Duration,
    /// How long a peer may accept no data while data waits to be written.
    pub write_timeout: Duration,
    /// How long responses in progress may take after the shutdown signal.
    pub drain_timeout: Duration,
    /// Interval of the chores, which remove expired data and erase deleted data.
    pub chore_interval: Duration,
}

impl Limits {
    /// About 500 MiB of memory, if all of them follow a chat.
    pub const MAX_CONNECTIONS: usize = 65_536;
    /// The connections of one address, if the operator sets no number: three quarters of all, so that an address alone
    /// cannot take all of them, and a proxy that is not trusted still can serve most visitors.
    #[must_use]
    pub const fn connections_per_address(max_connections: usize) -> usize {
        max_connections - max_connections / 4
    }

    /// Longer than the 20 seconds after which a page that follows a chat polls again, so that its connection is still
    /// open.
    pub const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
    /// The largest body then needs 2 KiB per second, which slow mobile networks can carry.
    pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);
    /// As promised in docs/live.md; a WebSocket frame has as long.
    pub const WRITE_TIMEOUT: Duration = Duration::from_secs(20);
    /// Responses take milliseconds. Only the rest of a request body or a slow reader may take longer.
    pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
    /// How long deleted data may stay in the files.
    pub const CHORE_INTERVAL: Duration = Duration::from_secs(30);
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: Self::MAX_CONNECTIONS,
            max_connections_per_address: Self::connections_per_address(Self::MAX_CONNECTIONS),
            head_timeout: Self::HEAD_TIMEOUT,
            body_timeout: Self::BODY_TIMEOUT,
            write_timeout: Self::WRITE_TIMEOUT,
            drain_timeout: Self::DRAIN_TIMEOUT,
            chore_interval: Self::CHORE_INTERVAL,
        }
    }
}

/// Size of hyper's buffers for a connection: the maximum size of a request head, and how much of a response waits in
/// memory for a slow reader.
pub const MAX_HEAD_BYTES: usize = 32 * 1024;
/// How long the accept loop waits after a system error, such as no free file descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often the log repeats that connections are refused or cannot be accepted.
const LOG_INTERVAL: Duration = Duration::from_secs(1);

/// Serves until `shutdown` completes, then finishes the requests in progress.
pub async fn serve(state: AppState, listeners: impl Into<Listeners>, shutdown: impl Future<Output = ()> + Send) {
    let max_connections = state.config.max_connections.unwrap_or(Limits::MAX_CONNECTIONS);
    let of_address = state.config.max_connections_per_address;
    let max_connections_per_address = of_address.unwrap_or(Limits::connections_per_address(max_connections));
    let limits = Limits { max_connections, max_connections_per_address, ..Limits::default() };
    serve_within(limits, state, listeners, shutdown).await;
}

/// [`serve`] with the given limits, ignoring those of the configuration.
pub async fn serve_within(
    limits: Limits,
    state: AppState,
    listeners: impl Into<Listeners>,
    shutdown: impl Future<Output = ()> + Send,
) {
    let (service, Listeners(listeners)) = (state.service.clone(), listeners.into());
    let mut chores = chores::start(&service, limits.chore_interval);
    let config = Arc::clone(&state.config);
    let server = Server::new(limits, config, service.metrics(), site_within(state, limits.body_timeout));
    tokio::select! {
        biased;
        () = shutdown => {}
        _ = join_all(listeners.iter().map(|listener| server.accept_forever(listener))) => {}
        _ = server.connections.close_stale(limits.head_timeout) => {}
    }
    drop(listeners);
    tracing::info!("stopping: finishing the requests in progress");
    let drained = async { tokio::join!(server.connections.drain(), service.end_streams()) };
    if timeout(limits.drain_timeout, drained).await.is_err() {
        tracing::warn!("some responses were still in progress");
    }
    chores.shutdown().await;
    if let Err(error) = service.scrub().await {
        tracing::warn!(%error, "deleted data may stay in the files until the next start");
    }
}

/// Permission for one open connection, until it is dropped.
struct Permit {
    _of_all: OwnedSemaphorePermit,
    /// `None` for a trusted proxy.
    _of_address: Held<Caller>,
}

struct Server {
    limits: Limits,
    config: Arc<Config>,
    site: Site,
    protocol: http1::Builder,
    connections: Arc<Connections>,
    /// The connections of each address, except trusted proxies.
    of_addresses: Holdings<Caller>,
    refusals: Refusals,
    /// Connections that were refused because too many were open.
    refused: Counter,
    open: Gauge,
}

impl Server {
    fn new(limits: Limits, config: Arc<Config>, metrics: &Metrics, site: Site) -> Self {
        // HTTP/1.1 only. Proxies speak it to the programs behind them, and because a connection has one request at a
        // time, the limit on connections also limits requests.
        let mut protocol = http1::Builder::new();
        // `Connections` has the time limit for heads.
        protocol.header_read_timeout(None).max_buf_size(MAX_HEAD_BYTES);
        let connections = Arc::new(Connections::new(limits.max_connections));
        let [refused, of_addresses] =
            ["connections", "connections_of_address"].map(|name| metrics.limits_hit.with(name));
        Self {
            limits,
            config,
            site,
            protocol,
            connections,
            of_addresses: Holdings::new(of_addresses),
            refusals: Refusals::new(),
            refused,
            open: metrics.connections.clone(),
        }
    }

    async fn accept_forever(&self, listener: &Listener) {
        let (mut full, mut failing, mut greedy) =
            (LogThrottle::default(), LogThrottle::default(), LogThrottle::default());
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let Some(of_address) = self.admit_address(peer) else {
                        if greedy.is_due() {
                            let max = self.limits.max_connections_per_address;
                            tracing::warn!("refused a connection: {max} connections of its address are open");
                        }
                        self.refusals.refuse(stream, Reason::TooManyOfAddress);
                        continue;
                    };
                    if let Some(of_all) = self.connections.admit().await {
                        self.serve_connection(stream, peer, Permit { _of_all: of_all, _of_address: of_address });
                    } else {
                        if full.is_due() {
                            let max = self.limits.max_connections;
                            tracing::warn!("refused a connection: {max} are open and none is idle");
                        }
                        self.refused.inc();
                        self.refusals.refuse(stream, Reason::Full);
                    }
                }
                Err(error) if is_connection_error(&error) => {}
                // Usually no file descriptor is free. Closing an idle connection frees one.
                Err(error) => {
                    if failing.is_due() {
                        tracing::error!(%error, "cannot accept connections");
                    }
                    self.connections.close_longest_idle();
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Counts one more connection of the peer's address. A trusted proxy has no limit of its own, because it serves many
    /// visitors.
    fn admit_address(&self, peer: Peer) -> Option<Held<Caller>> {
        let is_trusted = peer.is_trusted(&self.config.trusted_proxies);
        let (amount, at_most) = if is_trusted { (0, usize::MAX) } else { (1, self.limits.max_connections_per_address) };
        self.of_addresses.take(Caller::from(peer.address()), amount, at_most)
    }

    /// Serves the requests on `stream` in a new task.
    fn serve_connection(&self, stream: Stream, peer: Peer, permit: Permit) {
        let connection = self.connections.open();
        let held = (permit, OpenCount::begin(&self.open));
        let socket = Socket::new(stream, self.limits.write_timeout, connection.clone(), held);
        let (site, answering) = (self.site.clone(), connection.clone());
        let answer = service_fn(move |request: Request<Incoming>| {
            answering.begin_request();
            let connection = answering.clone();
            // An empty body of the server's own needs no memory.
            let request = request.map(|body| if body.is_end_stream() { Body::empty() } else { Body::new(body) });
            let answer = site.answer(request, peer);
            answer.map(|answer| Ok::<_, Infallible>(answer.map(|body| AnswerBody::new(body, connection))))
        });
        let served = self.protocol.serve_connection(TokioIo::new(socket), answer).with_upgrades();
        tokio::spawn(async move {
            let mut served = pin!(served);
            tokio::select! {
                biased;
                ended = served.as_mut() => log_end(ended),
                () = connection.close_requested() => if !connection.is_idle() {
                    // A request arrived at the same time. Finish its response first.
                    served.as_mut().graceful_shutdown();
                    log_end(served.await);
                }
            }
            connection.leave();
        });
    }
}

/// Logs how a connection ended, at debug level because peers drop connections all the time.
fn log_end(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended with an error");
    }
}

/// Whether the error belongs to the incoming connection, and not to the listener.
fn is_connection_error(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Limits a repeated log line to one every [`LOG_INTERVAL`].
#[derive(Default)]
struct LogThrottle {
    logged_at: Option<Instant>,
}

impl LogThrottle {
    fn is_due(&mut self) -> bool {
        let is_due = self.logged_at.is_none_or(|logged_at| logged_at.elapsed() >= LOG_INTERVAL);
        if is_due {
            self.logged_at = Some(Instant::now());
        }
        is_due
    }
}
