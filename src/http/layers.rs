//! The middleware around every request: a request id, a log line, a bounded body, security headers, and a problem in
//! place of a panic.

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

use super::problem::{Failure, HandlerResult};
use super::{AppState, Limits, origin};
use crate::config::Config;
use crate::wire::{Code, Problem};

/// Maximum size of a request body.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

pub(super) fn wrap(routes: Router<AppState>, state: &AppState) -> Router<AppState> {
    let trace = TraceLayer::new_for_http().make_span_with(span).on_request(()).on_response(log_response);
    routes.layer(
        ServiceBuilder::new()
            .layer(middleware::map_request(drop_request_id))
            .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
            .layer(trace)
            .layer(PropagateRequestIdLayer::x_request_id())
            .layer(middleware::from_fn_with_state(state.config.clone(), pass_through)),
    )
}

/// Reads the body, notes the caller, and completes the response. This is one layer, because each separate layer would
/// box a future and clone the routes for every request.
async fn pass_through(State(config): State<Arc<Config>>, request: Request, next: Next) -> Response {
    let asked = origin::requested_path(request.extensions(), request.uri());
    let id = request.extensions().get().cloned();
    let answer = async {
        let mut request = read_body(request).await?;
        origin::note_caller(&mut request, &config.trusted_proxies);
        Ok(next.run(request).await)
    };
    let mut response = explain_failures(answer, id).await;
    add_security_headers(response.headers_mut());
    make_location_relative(&asked, &mut response);
    response
}

/// Drops a request id that the caller sent, so that callers do not choose what the log shows.
async fn drop_request_id(mut request: Request) -> Request {
    request.headers_mut().remove("x-request-id");
    request
}

/// The log span of a request. It names the route pattern and never the address, which may contain what must not be
/// logged.
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

/// Time limit for the body of this request.
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyTimeout(pub(super) Duration);

impl Default for BodyTimeout {
    fn default() -> Self {
        Self(Limits::BODY_TIMEOUT)
    }
}

/// Reads the body before the handler runs, so that all handlers, server functions included, refuse a body that is too
/// large, too slow or cut off in the same way.
async fn read_body(request: Request) -> HandlerResult<Request> {
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
        Ok(Err(_)) => Err(Problem::unreadable("The request body is incomplete.").into()),
        Err(_) => Err(Problem::new(Code::RequestTimeout, "The request body took too long to arrive.").into()),
    }
}

fn payload_too_large() -> Failure {
    let detail = format!("The request body must be at most {} KiB.", MAX_BODY_BYTES / 1024);
    Problem::new(Code::PayloadTooLarge, detail).into()
}

/// Replaces a panic, and any other response with status 500, with a problem.
async fn explain_failures(answer: impl Future<Output = HandlerResult<Response>>, id: Option<RequestId>) -> Response {
    let answer = AssertUnwindSafe(answer).catch_unwind().await;
    match answer.map(IntoResponse::into_response) {
        Ok(response) if response.status() != StatusCode::INTERNAL_SERVER_ERROR => return response,
        Ok(_) => tracing::error!("a handler returned an internal error"),
        Err(panic) => tracing::error!(cause = panic_message(&*panic), "a handler panicked"),
    }
    let id = request_id(id.as_ref());
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

fn add_security_headers(headers: &mut HeaderMap) {
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
