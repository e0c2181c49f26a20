//! The server on a listener that is already bound: accepts connections, runs the periodic chores, and shuts down.

mod chores;
mod connections;
mod open_files;
mod refusal;
mod socket;

use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::http::Request;
use futures_util::FutureExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};

use super::{AppState, Site, site_within};
use connections::{AnswerBody, Connections, Permit};
use refusal::Refusals;
use socket::Socket;

pub use open_files::{connections_within, raise_open_files};

/// How many connections the server has at once, and how long it waits for their peers.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Maximum number of open connections, including WebSockets and streams.
    pub max_connections: usize,
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
const MAX_BUFFER_BYTES: usize = 32 * 1024;
/// How long the accept loop waits after a system error, such as no free file descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often the log repeats that connections are refused or cannot be accepted.
const LOG_INTERVAL: Duration = Duration::from_secs(1);

/// Serves until `shutdown` completes, then finishes the requests in progress.
pub async fn serve(state: AppState, listener: TcpListener, shutdown: impl Future<Output = ()> + Send) {
    let max_connections = state.config.max_connections.unwrap_or(Limits::MAX_CONNECTIONS);
    serve_within(Limits { max_connections, ..Limits::default() }, state, listener, shutdown).await;
}

/// [`serve`] with the given limits, ignoring `max_connections` of the configuration.
pub async fn serve_within(
    limits: Limits,
    state: AppState,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
) {
    let service = state.service.clone();
    let mut chores = chores::start(&service, limits.chore_interval);
    let server = Server::new(limits, site_within(state, limits.body_timeout));
    tokio::select! {
        biased;
        () = shutdown => {}
        () = server.accept_forever(&listener) => {}
    }
    drop(listener);
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

struct Server {
    limits: Limits,
    site: Site,
    protocol: http1::Builder,
    connections: Arc<Connections>,
    refusals: Refusals,
}

impl Server {
    fn new(limits: Limits, site: Site) -> Self {
        // HTTP/1.1 only. Proxies speak it to the programs behind them, and because a connection has one request at a
        // time, the limit on connections also limits requests.
        let mut protocol = http1::Builder::new();
        protocol.timer(TokioTimer::new()).header_read_timeout(limits.head_timeout).max_buf_size(MAX_BUFFER_BYTES);
        let connections = Arc::new(Connections::new(limits.max_connections));
        Self { limits, site, protocol, connections, refusals: Refusals::new() }
    }

    async fn accept_forever(&self, listener: &TcpListener) {
        let (mut full, mut failing) = (LogThrottle::default(), LogThrottle::default());
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    if let Some(permit) = self.connections.admit().await {
                        self.serve_connection(stream, peer, permit);
                    } else {
                        if full.is_due() {
                            let max = self.limits.max_connections;
                            tracing::warn!("refused a connection: {max} are open and none is idle");
                        }
                        self.refusals.refuse(stream);
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

    /// Serves the requests on `stream` in a new task.
    fn serve_connection(&self, stream: TcpStream, peer: SocketAddr, permit: Permit) {
        let connection = self.connections.open();
        let socket = Socket::new(stream, self.limits.write_timeout, connection.clone(), permit);
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
