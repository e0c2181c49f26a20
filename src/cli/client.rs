//! An HTTP client for one site: each request has a connection of its own.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConfig, ProtocolVersion};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite};

use super::address::SiteAddress;

/// Maximum size of an answer that is read as a whole, in bytes. The page's files are the largest.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

const USER_AGENT: &str = concat!("watch-party/", env!("CARGO_PKG_VERSION"));

/// Why a request got no answer. The message is one line.
#[derive(Debug, Error)]
pub(super) enum Error {
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    #[error("the TLS handshake failed: {0}")]
    Handshake(io::Error),
    #[error("the connection was closed before the answer was complete")]
    Broken,
    #[error("no answer came within {} seconds", .0.as_secs())]
    TimedOut(Duration),
    #[error("the answer is longer than {} MiB", MAX_ANSWER_BYTES / 1024 / 1024)]
    TooLong,
}

impl Error {
    /// Why the TLS handshake failed, if that is why there was no answer.
    pub(super) fn handshake(&self) -> Option<&rustls::Error> {
        let Self::Handshake(error) = self else { return None };
        error.get_ref()?.downcast_ref()
    }
}

/// A TCP or TLS connection.
pub(super) trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Socket for S {}

/// An open connection, before any request.
pub(super) struct Connection {
    pub(super) socket: Box<dyn Socket>,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    /// The version of TLS, and the protocol that the server selected; `None` without TLS.
    pub(super) tls: Option<(Option<ProtocolVersion>, Option<Vec<u8>>)>,
}

/// An answer whose body is read.
pub(super) type Answer = Response<Bytes>;

/// A client for one site. Clones share its settings.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) site: SiteAddress,
    tls: Option<Arc<ClientConfig>>,
    time_limit: Duration,
}

impl Client {
    /// `tls` is needed for an encrypted site. `time_limit` is how long connecting may take, and then a whole answer.
    pub(super) fn new(site: SiteAddress, tls: Option<Arc<ClientConfig>>, time_limit: Duration) -> Self {
        Self { site, tls, time_limit }
    }

    /// Opens a connection.
    pub(super) async fn connect(&self) -> Result<Connection, Error> {
        timeout(self.time_limit, self.connect_slowly()).await.map_err(|_| Error::TimedOut(self.time_limit))?
    }

    async fn connect_slowly(&self) -> Result<Connection, Error> {
        let host = self.site.host();
        let stream = TcpStream::connect((&*host, self.site.port())).await.map_err(Error::Connect)?;
        let (local, remote) = (stream.local_addr(), stream.peer_addr());
        let (local, remote) = (local.map_err(Error::Connect)?, remote.map_err(Error::Connect)?);
        // Requests are small and wait for their answers.
        stream.set_nodelay(true).map_err(Error::Connect)?;
        if !self.site.is_encrypted() {
            return Ok(Connection { socket: Box::new(stream), local, remote, tls: None });
        }
        let no_tls = |problem: String| Error::Handshake(io::Error::other(problem));
        let settings = self.tls.clone().ok_or_else(|| no_tls("no settings".into()))?;
        let name = ServerName::try_from(host).map_err(|error| no_tls(error.to_string()))?;
        let stream = TlsConnector::from(settings).connect(name, stream).await.map_err(Error::Handshake)?;
        let session = stream.get_ref().1;
        let tls = (session.protocol_version(), session.alpn_protocol().map(<[u8]>::to_vec));
        Ok(Connection { socket: Box::new(stream), local, remote, tls: Some(tls) })
    }

    /// A request for `path`, which starts with a slash and is relative to the site.
    pub(super) fn request(&self, method: Method, path: &str) -> Call<'_> {
        let mut headers = HeaderMap::new();
        let host = HeaderValue::try_from(self.site.authority()).expect("a URL's host is ASCII");
        headers.insert(header::HOST, host);
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        Call { client: self, method, target: format!("{}{path}", self.site.folder()), headers, body: Bytes::new() }
    }

    pub(super) fn get(&self, path: &str) -> Call<'_> {
        self.request(Method::GET, path)
    }

    pub(super) fn post(&self, path: &str) -> Call<'_> {
        self.request(Method::POST, path)
    }
}

/// A request that is being built.
pub(super) struct Call<'a> {
    client: &'a Client,
    method: Method,
    target: String,
    headers: HeaderMap,
    body: Bytes,
}

/// Why a WebSocket did not open.
#[derive(Debug, Error)]
pub(super) enum UpgradeError {
    #[error(transparent)]
    Failed(#[from] Error),
    #[error("the answer is {0}")]
    Refused(StatusCode),
    #[error("{0}")]
    Protocol(String),
}

impl Call<'_> {
    /// Replaces the header; leaves it out if the value cannot be one.
    pub(super) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::try_from(value) {
            self.headers.insert(name, value);
        }
        self
    }

    pub(super) fn bearer(self, token: &str) -> Self {
        self.header(header::AUTHORIZATION, &format!("Bearer {token}"))
    }

    pub(super) fn body(mut self, media_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header(header::CONTENT_TYPE, media_type)
    }

    /// Requests another path of the host, outside of the site's folder too.
    pub(super) fn at(mut self, target: &str) -> Self {
        target.clone_into(&mut self.target);
        self
    }

    /// Sends the request, and returns the answer with its body unread.
    pub(super) async fn open(self) -> Result<Response<Incoming>, Error> {
        let Connection { socket, .. } = self.client.connect().await?;
        let limit = self.client.time_limit;
        timeout(limit, self.open_over(socket)).await.map_err(|_| Error::TimedOut(limit))?
    }

    async fn open_over(self, socket: Box<dyn Socket>) -> Result<Response<Incoming>, Error> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await.map_err(|_| Error::Broken)?;
        // Ends when the answer was read or dropped.
        tokio::spawn(connection);
        let mut request = Request::new(Full::new(self.body));
        *request.method_mut() = self.method;
        *request.uri_mut() = self.target.parse().map_err(|_| Error::Broken)?;
        *request.headers_mut() = self.headers;
        sender.send_request(request).await.map_err(|_| Error::Broken)
    }

    /// Sends the request, and reads the whole answer.
    pub(super) async fn send(self) -> Result<Answer, Error> {
        let limit = self.client.time_limit;
        let (head, body) = self.open().await?.into_parts();
        let body = timeout(limit, Limited::new(body, MAX_ANSWER_BYTES).collect()).await;
        match body.map_err(|_| Error::TimedOut(limit))? {
            Ok(body) => Ok(Response::from_parts(head, body.to_bytes())),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(Error::TooLong),
            Err(_) => Err(Error::Broken),
        }
    }

    /// Opens a WebSocket.
    pub(super) async fn upgrade(self) -> Result<WebSocketStream<Box<dyn Socket>>, UpgradeError> {
        let limit = self.client.time_limit;
        let Connection { socket, .. } = self.client.connect().await?;
        let mut request = Request::new(());
        *request.headers_mut() = self.headers;
        let upgrade = [("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-version", "13")];
        for (name, value) in upgrade {
            request.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        let key = HeaderValue::try_from(generate_key()).expect("base64 is a header's value");
        request.headers_mut().insert(header::SEC_WEBSOCKET_KEY, key);
        let url = format!("ws://{}{}", self.client.site.authority(), self.target);
        *request.uri_mut() = url.parse().map_err(|_| Error::Broken)?;
        match timeout(limit, client_async(request, socket)).await {
            Err(_) => Err(Error::TimedOut(limit).into()),
            Ok(Ok((socket, _))) => Ok(socket),
            Ok(Err(tungstenite::Error::Http(answer))) => Err(UpgradeError::Refused(answer.status())),
            Ok(Err(tungstenite::Error::Io(_))) => Err(Error::Broken.into()),
            Ok(Err(error)) => Err(UpgradeError::Protocol(error.to_string())),
        }
    }
}
