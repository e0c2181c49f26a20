//! What happens around every request: the other form of its path, a bounded body, a request id, security headers, a
//! problem in place of a panic, and a log line.

use std::any::Any;
use std::cell::Cell;
use std::hash::{BuildHasher as _, RandomState};
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{ConnectInfo, OriginalUri, Request};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::time::timeout;
use tower::Service as _;
use uuid::{Builder, Uuid};

use super::calls::{Address, Calls, name_methods, with_path};
use super::native::DirectCall;
use super::problem::{Failure, HandlerResult};
use super::{AppState, origin};
use crate::config::Config;
use crate::service::Service;
use crate::wire::{Code, Problem};

/// Maximum size of a request body.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The whole site. Clones share everything.
#[derive(Clone, Debug)]
pub struct Site(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    calls: Calls,
    routes: Router,
    direct_route: Arc<str>,
    service: Service,
    config: Arc<Config>,
    body_timeout: Duration,
    request_ids: RequestIds,
}

/// The work of a handler. It stays where it is, because it is some KiB long, and each function would copy it.
type Answering<'a> = Pin<&'a mut (dyn Future<Output = HandlerResult<Response>> + Send)>;

/// What is known of a request before it is answered.
struct Asked {
    method: Method,
    uri: Uri,
    /// The pattern of its path.
    route: Arc<str>,
}

impl Site {
    /// `body_timeout` is the time limit for the body of a request.
    pub(super) fn new(state: AppState, routes: Router, calls: Calls, body_timeout: Duration) -> Self {
        let AppState { service, config, .. } = state;
        let (direct_route, request_ids) = (DirectCall::ROUTE.into(), RequestIds::default());
        Self(Arc::new(Inner { calls, routes, direct_route, service, config, body_timeout, request_ids }))
    }

    /// Answers a request from `peer`.
    ///
    /// This uses no layers, because each layer of a router boxes a future and clones the routes for every request. The
    /// returned future is boxed, because the server keeps room for it as long as the connection
    /// is open.
    pub fn answer(&self, request: Request, peer: SocketAddr) -> BoxFuture<'static, Response> {
        let site = self.clone();
        match DirectCall::of(&request) {
            Some(call) => Box::pin(async move { site.answer_directly(call, request, peer).await }),
            None => Box::pin(async move { site.answer_by_route(request, peer).await }),
        }
    }

    async fn answer_directly(&self, call: DirectCall, request: Request, peer: SocketAddr) -> Response {
        let Inner { direct_route, service, config, body_timeout, .. } = &*self.0;
        let asked = Asked::of(&request, Arc::clone(direct_route));
        let answer = pin!(async {
            let (parts, body) = request.into_parts();
            let body = read_body(&parts.headers, body, *body_timeout).await?;
            let caller = origin::caller(peer, &parts.headers, &config.trusted_proxies);
            call.answer(service.clone(), caller, parts, body).await
        });
        self.answer_with(asked, answer).await
    }

    async fn answer_by_route(&self, mut request: Request, peer: SocketAddr) -> Response {
        let Inner { calls, routes, config, body_timeout, .. } = &*self.0;
        let Address { route, path, others } = calls.find(request.uri().path(), request.method());
        let asked = Asked::of(&request, route);
        if let Some(uri) = path.and_then(|path| with_path(&asked.uri, &path)) {
            *request.uri_mut() = uri;
            request.extensions_mut().insert(OriginalUri(asked.uri.clone()));
        }
        let answer = pin!(async {
            let (mut parts, body) = request.into_parts();
            let body = read_body(&parts.headers, body, *body_timeout).await?;
            parts.extensions.insert(ConnectInfo(peer));
            parts.extensions.insert(origin::caller(peer, &parts.headers, &config.trusted_proxies));
            let Ok(response) = routes.clone().call(Request::from_parts(parts, Body::from(body))).await;
            let is_refused = response.status() == StatusCode::METHOD_NOT_ALLOWED;
            Ok(if is_refused { name_methods(&response, others) } else { response })
        });
        self.answer_with(asked, answer).await
    }

    /// Answers with `answer`, logs what must be logged, and adds the headers of every response.
    async fn answer_with(&self, asked: Asked, answer: Answering<'_>) -> Response {
        let begin = tracing::enabled!(tracing::Level::DEBUG).then(Instant::now);
        let Asked { method, uri, route } = asked;
        let id = self.0.request_ids.next();
        let is_head = method == Method::HEAD;
        // The log names the route's pattern and never the address, which may contain what must not be logged.
        let logged = LoggedRequest { method, route, id: id.clone(), has_logged_failure: Cell::new(false) };
        let answer = async {
            let response = explain_failures(answer, &id).await;
            if let Some(begin) = begin {
                log_answer(response.status(), begin);
            }
            response
        };
        let mut response = LOGGED_REQUEST.scope(logged, answer).await;
        if is_head {
            // The routes leave their bodies out themselves.
            response = response.map(|_| Body::empty());
        }
        make_location_relative(uri.path(), &mut response);
        add_headers(response.headers_mut(), id);
        response
    }
}

impl Asked {
    fn of(request: &Request, route: Arc<str>) -> Self {
        Self { method: request.method().clone(), uri: request.uri().clone(), route }
    }
}

/// Draws the ids of requests: counts, and hashes the number with a key that is random for each start of the program.
/// So an id does not tell how many requests there were. A hash costs less than random bytes from the system.
#[derive(Debug, Default)]
struct RequestIds {
    key: RandomState,
    drawn: AtomicU64,
}

impl RequestIds {
    fn next(&self) -> HeaderValue {
        let number = self.drawn.fetch_add(1, Ordering::Relaxed);
        let [high, low] = [0, 1].map(|half: u8| self.key.hash_one((number, half)));
        let id = Builder::from_random_bytes(Uuid::from_u64_pair(high, low).into_bytes()).into_uuid();
        let mut buffer = Uuid::encode_buffer();
        HeaderValue::from_str(id.hyphenated().encode_lower(&mut buffer)).expect("a UUID is a header's value")
    }
}

/// Reads the body before the handler runs, so that all handlers, server functions included, refuse a body that is too
/// large, too slow or cut off in the same way.
async fn read_body(headers: &HeaderMap, body: Body, time_limit: Duration) -> HandlerResult<Bytes> {
    let announced = headers.get(header::CONTENT_LENGTH);
    let length = announced.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > MAX_BODY_BYTES as u64) {
        return Err(payload_too_large());
    }
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    match timeout(time_limit, Limited::new(body, MAX_BODY_BYTES).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(payload_too_large()),
        Ok(Err(_)) => Err(Problem::unreadable("The request body is incomplete.").into()),
        Err(_) => Err(Problem::new(Code::RequestTimeout, "The request body took too long to arrive.").into()),
    }
}

fn payload_too_large() -> Failure {
    let detail = format!("The request body must be at most {} KiB.", MAX_BODY_BYTES / 1024);
    Problem::new(Code::PayloadTooLarge, detail).into()
}

/// What the log says of the request in progress.
struct LoggedRequest {
    method: Method,
    route: Arc<str>,
    id: HeaderValue,
    /// Whether the log already says why the request fails.
    has_logged_failure: Cell<bool>,
}

tokio::task_local! {
    // A span would cost each request an entry in the subscriber, for the few requests that log anything.
    static LOGGED_REQUEST: LoggedRequest;
}

fn log_answer(status: StatusCode, begin: Instant) {
    LOGGED_REQUEST.with(|LoggedRequest { method, route, id, .. }| {
        let (status, took_ms) = (status.as_u16(), begin.elapsed().as_millis());
        tracing::debug!(%method, %route, ?id, status, took_ms, "answered");
    });
}

/// Logs why the request in progress fails.
pub(super) fn log_failure(cause: &str, message: &str) {
    let log = |LoggedRequest { method, route, id, has_logged_failure }: &LoggedRequest| {
        tracing::error!(%method, %route, ?id, cause, "{message}");
        has_logged_failure.set(true);
    };
    if LOGGED_REQUEST.try_with(log).is_err() {
        tracing::error!(cause, "{message}");
    }
}

fn has_logged_failure() -> bool {
    LOGGED_REQUEST.try_with(|request| request.has_logged_failure.get()).unwrap_or_default()
}

/// Logs a response that is a server error, unless its cause is in the log, and any panic. Replaces a panic, and any
/// other response with status 500, with a problem.
async fn explain_failures(answer: Answering<'_>, id: &HeaderValue) -> Response {
    let answer = AssertUnwindSafe(answer).catch_unwind().await;
    match answer.map(IntoResponse::into_response) {
        Ok(response) => {
            let status = response.status();
            if status.is_server_error() && !has_logged_failure() {
                log_failure(status.as_str(), "a handler returned a server error");
            }
            if status != StatusCode::INTERNAL_SERVER_ERROR {
                return response;
            }
        }
        Err(panic) => log_failure(panic_message(&*panic), "a handler panicked"),
    }
    let id = id.to_str().unwrap_or_default();
    let detail = format!("Something went wrong on our side. If you report it, include this id: {id}");
    Failure(Problem::new(Code::InternalError, detail)).into_response()
}

pub(super) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("not text")
}

/// Makes the target of a redirect relative. A proxy may serve the site from any folder of its host, and only a path
/// relative to the requested address is right for the proxy and for the program.
fn make_location_relative(asked: &str, response: &mut Response) {
    let target = response.headers().get(header::LOCATION).and_then(|target| target.to_str().ok()?.strip_prefix('/'));
    let relative = target.map(|target| format!("{}{target}", origin::relative_root(asked)));
    if let Some(target) = relative.and_then(|relative| HeaderValue::try_from(relative).ok()) {
        response.headers_mut().insert(header::LOCATION, target);
    }
}

/// The content security policy of every response that is not a page: it may load nothing.
const BARE_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

fn add_headers(headers: &mut HeaderMap, id: HeaderValue) {
    headers.insert(REQUEST_ID, id);
    let mut set = |name: HeaderName, value: HeaderValue| {
        headers.entry(name).or_insert(value);
    };
    set(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    set(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    set(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    set(header::CONTENT_SECURITY_POLICY, BARE_POLICY);
    // Chat content is for its reader alone. Pages and files set their own value.
    set(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}
