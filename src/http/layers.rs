//! What happens around every request: the limits of its address, the other form of its path, a bounded body, a request
//! id, security headers, what pages of other origins may read, a problem in place of a panic, metrics, and a log line.

use std::any::Any;
use std::cell::Cell;
use std::future::ready;
use std::hash::{BuildHasher as _, RandomState};
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{OriginalUri, Request};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, poll_immediate};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::time::timeout;
use tower::Service as _;
use uuid::{Builder, Uuid};

use super::accept::wants_page;
use super::calls::{Address, Calls, name_methods, with_path};
use super::native::DirectCall;
use super::origin::Peer;
use super::pages::{START, StartPage};
use super::problem::{Failure, HandlerResult};
use super::{AppState, SiteFiles, cors, large_answers, origin};
use crate::config::Config;
use crate::domain::Refusal;
use crate::metrics::{Counter, Labelled, Route, method_name};
use crate::service::{Caller, Service};
use crate::wire::{Code, Problem};

/// Maximum size of a request body.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// What the log calls the path of a file in memory.
const FILE_ROUTE: &str = "/{file}";

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The whole site. Clones share everything.
#[derive(Clone, Debug)]
pub struct Site(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    calls: Calls,
    routes: Router,
    direct_route: Arc<Route>,
    files: SiteFiles,
    file_route: Arc<Route>,
    start_page: StartPage,
    start_route: Arc<Route>,
    service: Service,
    config: Arc<Config>,
    body_timeout: Duration,
    request_ids: RequestIds,
    refusals: Refusals,
}

/// The work of a handler. It stays where it is, because it is some KiB long, and each function would copy it.
type Answering<'a> = Pin<&'a mut (dyn Future<Output = HandlerResult<Response>> + Send)>;

/// What is known of a request before it is answered.
struct Asked {
    method: Method,
    uri: Uri,
    route: Arc<Route>,
    caller: Caller,
    /// Whether a page of another origin sends it, and may read the answer.
    is_cross_origin: bool,
}

impl Site {
    /// `body_timeout` is the time limit for the body of a request.
    pub(super) fn new(
        state: AppState,
        routes: Router,
        calls: Calls,
        start_page: StartPage,
        body_timeout: Duration,
    ) -> Self {
        let AppState { service, config, files, .. } = state;
        let metrics = service.metrics();
        let route = |pattern| metrics.requests.with_pattern(pattern);
        let [direct_route, file_route, start_route] = [DirectCall::ROUTE, FILE_ROUTE, START].map(route);
        let (refusals, request_ids) = (Refusals::new(&metrics.refusals), RequestIds::default());
        Self(Arc::new(Inner {
            calls,
            routes,
            direct_route,
            files,
            file_route,
            start_page,
            start_route,
            service,
            config,
            body_timeout,
            request_ids,
            refusals,
        }))
    }

    /// Answers a request from `peer`.
    ///
    /// This uses no layers, because each layer of a router boxes a future and clones the routes for every request. The
    /// returned future is boxed, because the server keeps room for it as long as the connection
    /// is open.
    pub fn answer(&self, request: Request, peer: impl Into<Peer>) -> BoxFuture<'static, Response> {
        let (site, peer) = (self.clone(), peer.into());
        if let Some(call) = DirectCall::of(&request) {
            return Box::pin(async move { site.answer_directly(call, request, peer).await });
        }
        let file = self.0.files.answer(request.method(), request.uri().path(), request.headers());
        if let Some(file) = file {
            let caller = origin::caller(peer, request.headers(), &self.0.config.trusted_proxies);
            let asked = Asked::of(&request, Arc::clone(&self.0.file_route), caller, false);
            return Box::pin(async move { site.answer_with(asked, pin!(ready(Ok(file)))).await });
        }
        if let Some(page) = self.0.start_page.for_request(&request) {
            let caller = origin::caller(peer, request.headers(), &self.0.config.trusted_proxies);
            let asked = Asked::of(&request, Arc::clone(&self.0.start_route), caller, false);
            let page = self.admit(caller, true, request.headers()).map(|wait| wait.unwrap_or_else(|| page.answer()));
            return Box::pin(async move { site.answer_with(asked, pin!(ready(page))).await });
        }
        Box::pin(async move { site.answer_by_route(request, peer).await })
    }

    async fn answer_directly(&self, call: DirectCall, request: Request, peer: Peer) -> Response {
        let Inner { direct_route, service, config, body_timeout, .. } = &*self.0;
        let caller = origin::caller(peer, request.headers(), &config.trusted_proxies);
        let asked = Asked::of(&request, Arc::clone(direct_route), caller, true);
        let answer = pin!(async {
            service.admit(caller, false)?;
            let (parts, body) = request.into_parts();
            let body = read_body(service, caller, &parts.headers, body, *body_timeout).await?;
            call.answer(service.clone(), caller, parts, body).await
        });
        self.answer_with(asked, answer).await
    }

    async fn answer_by_route(&self, mut request: Request, peer: Peer) -> Response {
        let Inner { calls, routes, service, config, body_timeout, .. } = &*self.0;
        let Address { route, path, others, is_page, is_open } = calls.find(request.uri().path(), request.method());
        let caller = origin::caller(peer, request.headers(), &config.trusted_proxies);
        let asked = Asked::of(&request, route, caller, is_open);
        let is_page = is_page.unwrap_or_else(|| wants_page(request.headers()));
        if let Some(uri) = path.and_then(|path| with_path(&asked.uri, &path)) {
            *request.uri_mut() = uri;
            request.extensions_mut().insert(OriginalUri(asked.uri.clone()));
        }
        let answer = pin!(async {
            if let Some(wait) = self.admit(caller, is_page, request.headers())? {
                return Ok(wait);
            }
            if cors::is_preflight(request.method(), request.headers()) && is_open {
                return Ok(cors::allow(&calls.open_methods(request.uri().path())));
            }
            let (mut parts, body) = request.into_parts();
            let body = read_body(service, caller, &parts.headers, body, *body_timeout).await?;
            parts.extensions.insert(peer);
            parts.extensions.insert(caller);
            let Ok(response) = routes.clone().call(Request::from_parts(parts, Body::from(body))).await;
            let is_refused = response.status() == StatusCode::METHOD_NOT_ALLOWED;
            Ok(if is_refused { name_methods(&response, others) } else { response })
        });
        self.answer_with(asked, answer).await
    }

    /// Counts a request. Returns the page on which a browser waits, if there have been too many.
    fn admit(&self, caller: Caller, is_page: bool, headers: &HeaderMap) -> HandlerResult<Option<Response>> {
        match self.0.service.admit(caller, is_page) {
            Err(refusal) if is_page && wants_page(headers) => Ok(Some(waiting_page(refusal))),
            admitted => Ok(admitted.map(|()| None)?),
        }
    }

    /// Answers with `answer`, counts and logs what must be, and adds the headers of every response.
    async fn answer_with(&self, asked: Asked, answer: Answering<'_>) -> Response {
        let begin = Instant::now();
        let Asked { method, uri, route, caller, is_cross_origin } = asked;
        let id = self.0.request_ids.next();
        let is_head = method == Method::HEAD;
        // The log names the route's pattern and never the address, which may contain what must not be logged.
        let (has_logged_failure, refused) = Default::default();
        let current = CurrentRequest { method, route, id: id.clone(), has_logged_failure, refused };
        let answer = async {
            let response = explain_failures(answer, &id).await;
            let duration = begin.elapsed();
            CURRENT_REQUEST.with(|request| self.record_answer(request, response.status(), duration));
            response
        };
        let mut response = CURRENT_REQUEST.scope(current, answer).await;
        if is_head {
            // The routes leave their bodies out themselves.
            response = response.map(|_| Body::empty());
        }
        response = large_answers::hold(&self.0.service, caller, response);
        make_location_relative(uri.path(), &mut response);
        add_headers(response.headers_mut(), id);
        if is_cross_origin {
            cors::add_headers(response.headers_mut());
        }
        response
    }

    /// Counts and logs an answer, which took `duration` up to its head.
    fn record_answer(&self, request: &CurrentRequest, status: StatusCode, duration: Duration) {
        let CurrentRequest { method, route, id, refused, .. } = request;
        route.count(method, status, duration);
        if let Some(code) = refused.get() {
            self.0.refusals.count(code);
        }
        let (route, request_id, status) = (&route.pattern, id.to_str().unwrap_or_default(), status.as_u16());
        let took_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let method = method_name(method);
        tracing::debug!(%method, %route, request_id, status, took_ms, "answered");
    }
}

impl Asked {
    /// `is_open` says whether a page of another origin may read the answer.
    fn of(request: &Request, route: Arc<Route>, caller: Caller, is_open: bool) -> Self {
        let is_cross_origin = is_open && request.headers().contains_key(header::ORIGIN);
        Self { method: request.method().clone(), uri: request.uri().clone(), route, caller, is_cross_origin }
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
async fn read_body(
    service: &Service,
    caller: Caller,
    headers: &HeaderMap,
    body: Body,
    time_limit: Duration,
) -> HandlerResult<Bytes> {
    let announced = headers.get(header::CONTENT_LENGTH);
    let length = announced.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > MAX_BODY_BYTES as u64) {
        return Err(payload_too_large());
    }
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let mut collecting = pin!(timeout(time_limit, Limited::new(body, MAX_BODY_BYTES).collect()));
    // Most bodies arrive together with their heads.
    let collected = if let Some(collected) = poll_immediate(collecting.as_mut()).await {
        collected
    } else {
        let _share = service.hold_body(caller)?;
        collecting.await
    };
    match collected {
        Ok(Ok(body)) => {
            let body = body.to_bytes();
            service.check_body(caller, body.len())?;
            Ok(body)
        }
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(payload_too_large()),
        Ok(Err(_)) => Err(Problem::unreadable("The request body is incomplete.").into()),
        Err(_) => Err(Problem::new(Code::RequestTimeout, "The request body took too long to arrive.").into()),
    }
}

/// The answer to a browser that gets no page for now. It loads the page again as soon as it may. Rendering the site's
/// own page would be the work that the limit saves.
fn waiting_page(refusal: Refusal) -> Response {
    let problem = Problem::from(refusal);
    let seconds = problem.retry_after.unwrap_or(1);
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::TOO_MANY_REQUESTS);
    let page = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Watch Party</title></head>\
         <body><p role=\"status\">{}</p></body></html>",
        problem.detail
    );
    let headers = [(header::RETRY_AFTER, HeaderValue::from(seconds)), (header::REFRESH, HeaderValue::from(seconds))];
    (status, headers, Html(page)).into_response()
}

fn payload_too_large() -> Failure {
    let detail = format!("The request body must be at most {} KiB.", MAX_BODY_BYTES / 1024);
    Problem::new(Code::PayloadTooLarge, detail).into()
}

/// What the log and the metrics say of the request in progress.
struct CurrentRequest {
    method: Method,
    route: Arc<Route>,
    id: HeaderValue,
    /// Whether the log already says why the request fails.
    has_logged_failure: Cell<bool>,
    /// The code of the problem that is the answer.
    refused: Cell<Option<Code>>,
}

/// The counters of refusals, at the positions of their codes in [`Code::ALL`].
#[derive(Debug)]
struct Refusals([Counter; Code::ALL.len()]);

impl Refusals {
    fn new(refusals: &Labelled<Counter>) -> Self {
        Self(Code::ALL.map(|code| refusals.with(code.to_string())))
    }

    fn count(&self, code: Code) {
        self.0[code as usize].inc();
    }
}

tokio::task_local! {
    // A span would cost each request an entry in the subscriber, for the few requests that log anything.
    static CURRENT_REQUEST: CurrentRequest;
}

/// Records that the answer to the request in progress is a problem with this code.
pub(super) fn note_refusal(code: Code) {
    // Outside of a request, such as in a stream, there is nothing to record.
    let _ = CURRENT_REQUEST.try_with(|request| request.refused.set(Some(code)));
}

/// Logs why the request in progress fails.
pub(super) fn log_failure(cause: &str, message: &str) {
    let log = |CurrentRequest { method, route, id, has_logged_failure, .. }: &CurrentRequest| {
        let (method, route, request_id) = (method_name(method), &route.pattern, id.to_str().unwrap_or_default());
        tracing::error!(%method, %route, request_id, cause, "{message}");
        has_logged_failure.set(true);
    };
    if CURRENT_REQUEST.try_with(log).is_err() {
        tracing::error!(cause, "{message}");
    }
}

fn has_logged_failure() -> bool {
    CURRENT_REQUEST.try_with(|request| request.has_logged_failure.get()).unwrap_or_default()
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
