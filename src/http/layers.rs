//! What wraps every answer: a request id, a log line, bodies that are read within bounds, security
//! headers, and a problem in place of a panic.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Router, http};
use futures_util::FutureExt as _;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::time::timeout;
use tower::ServiceBuilder;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::trace::TraceLayer;
use tracing::Span;

use super::problem::{Answer, Failure};
use super::{AppState, Limits, origin};
use crate::config::Config;
use crate::wire::{Code, Problem};

/// The largest body that is read.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

pub(super) fn wrap(routes: Router<AppState>, state: &AppState) -> Router<AppState> {
    let trace = TraceLayer::new_for_http().make_span_with(span).on_request(()).on_response(log_response);
    routes.layer(
        ServiceBuilder::new()
            .layer(middleware::map_request(drop_request_id))
            .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
            .layer(trace)
            .layer(PropagateRequestIdLayer::x_request_id())
            .layer(middleware::from_fn_with_state(state.config.clone(), pass)),
    )
}

/// What every request passes through on its way in and out, as a single layer: each layer of its own
/// would box a future and clone the routes for every request.
async fn pass(State(config): State<Arc<Config>>, request: Request, next: Next) -> Response {
    let asked = origin::asked_path(request.extensions(), request.uri());
    let id = request.extensions().get().cloned();
    let answer = async {
        let mut request = read_body(request).await?;
        origin::note_caller(&mut request, &config.trusted_proxies);
        Ok(next.run(request).await)
    };
    let mut response = explain_failures(answer, id).await;
    add_security_headers(response.headers_mut());
    lead_within_the_site(&asked, &mut response);
    response
}

/// Callers do not choose what stands in the log.
async fn drop_request_id(mut request: Request) -> Request {
    request.headers_mut().remove("x-request-id");
    request
}

/// Names the route as it is written in the code, never the address itself, which may hold what
/// must not be logged.
fn span(request: &http::Request<Body>) -> Span {
    let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str);
    let id = request_id(request.extensions().get());
    tracing::info_span!("request", method = %request.method(), route, id)
}

fn log_response(response: &http::Response<Body>, took: Duration, _: &Span) {
    tracing::debug!(status = response.status().as_u16(), took_ms = took.as_millis(), "answered");
}

fn request_id(id: Option<&RequestId>) -> &str {
    id.and_then(|id| id.header_value().to_str().ok()).unwrap_or("-")
}

/// How long the body of this request may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyTimeout(pub(super) Duration);

impl Default for BodyTimeout {
    fn default() -> Self {
        Self(Limits::BODY_TIMEOUT)
    }
}

/// Reads the body before the handler runs, so that every handler refuses one that is too large, too
/// slow or broken off in the same way, server functions too.
async fn read_body(request: Request) -> Answer<Request> {
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let length = announced.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > MAX_BODY_BYTES as u64) {
        return Err(payload_too_large());
    }
    if request.body().is_end_stream() {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    let BodyTimeout(patience) = parts.extensions.get().copied().unwrap_or_default();
    match timeout(patience, Limited::new(body, MAX_BODY_BYTES).collect()).await {
        Ok(Ok(body)) => Ok(Request::from_parts(parts, Body::from(body.to_bytes()))),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(payload_too_large()),
        Ok(Err(_)) => Err(Problem::unreadable("The body broke off.").into()),
        Err(_) => Err(Problem::new(Code::RequestTimeout, "The body took too long to come.").into()),
    }
}

fn payload_too_large() -> Failure {
    let detail = format!("The body must have at most {} KiB.", MAX_BODY_BYTES / 1024);
    Problem::new(Code::PayloadTooLarge, detail).into()
}

/// Puts a problem in place of a panic and of any other answer that says "500".
async fn explain_failures(answer: impl Future<Output = Answer<Response>>, id: Option<RequestId>) -> Response {
    let answer = AssertUnwindSafe(answer).catch_unwind().await;
    match answer.map(IntoResponse::into_response) {
        Ok(response) if response.status() != StatusCode::INTERNAL_SERVER_ERROR => return response,
        Ok(_) => tracing::error!("answered with an internal error"),
        Err(panic) => tracing::error!(cause = panic_message(&*panic), "a handler panicked"),
    }
    let id = request_id(id.as_ref());
    let detail = format!("Something went wrong on our side. If you report it, name this id: {id}");
    Failure(Problem::new(Code::InternalError, detail)).into_response()
}

pub(super) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("not text")
}

/// Handlers lead to paths of the site, which a proxy may serve from any folder of its host: only the
/// way from where the caller is, is the same for both.
fn lead_within_the_site(asked: &str, response: &mut Response) {
    let target = response.headers().get(header::LOCATION).and_then(|target| target.to_str().ok()?.strip_prefix('/'));
    let relative = target.map(|target| format!("{}{target}", origin::relative_root(asked)));
    if let Some(target) = relative.and_then(|relative| HeaderValue::try_from(relative).ok()) {
        response.headers_mut().insert(header::LOCATION, target);
    }
}

/// The policy of everything that is not a page: nothing may be loaded from it.
const BARE_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

fn add_security_headers(headers: &mut HeaderMap) {
    let mut set = |name: HeaderName, value: HeaderValue| {
        headers.entry(name).or_insert(value);
    };
    set(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    set(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    set(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    set(header::CONTENT_SECURITY_POLICY, BARE_POLICY);
    // What a chat says is for its reader alone; pages and files say otherwise themselves.
    set(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}
