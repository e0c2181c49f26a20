//! What wraps every answer: a request id, a log line, bounds on bodies, security headers, and a
//! problem in place of a panic.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::StatusCode;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Router, http};
use futures_util::FutureExt as _;
use http_body_util::Limited;
use tower::ServiceBuilder;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::trace::TraceLayer;
use tracing::Span;

use super::problem::Failure;
use super::{AppState, origin};
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
            .layer(middleware::from_fn(lead_within_the_site))
            .layer(middleware::from_fn(add_security_headers))
            .layer(middleware::from_fn(explain_failures))
            .layer(middleware::from_fn(bound_body))
            .layer(middleware::from_fn_with_state(state.clone(), origin::note_caller)),
    )
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
    let id = request_id(request);
    tracing::info_span!("request", method = %request.method(), route, id)
}

fn log_response(response: &http::Response<Body>, took: Duration, _: &Span) {
    tracing::debug!(status = response.status().as_u16(), took_ms = took.as_millis(), "answered");
}

fn request_id(request: &http::Request<Body>) -> String {
    let id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok());
    id.unwrap_or("-").to_owned()
}

async fn bound_body(request: Request, next: Next) -> Response {
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let length = announced.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > MAX_BODY_BYTES as u64) {
        return payload_too_large().into_response();
    }
    next.run(request.map(|body| Body::new(Limited::new(body, MAX_BODY_BYTES)))).await
}

pub(super) fn payload_too_large() -> Failure {
    let detail = format!("The body must have at most {} KiB.", MAX_BODY_BYTES / 1024);
    Problem::new(Code::PayloadTooLarge, detail).into()
}

/// Puts a problem in place of a panic and of any other answer that says "500".
async fn explain_failures(request: Request, next: Next) -> Response {
    let id = request_id(&request);
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    match answer {
        Ok(response) if response.status() != StatusCode::INTERNAL_SERVER_ERROR => return response,
        Ok(_) => tracing::error!("answered with an internal error"),
        Err(panic) => tracing::error!(cause = panic_message(&*panic), "a handler panicked"),
    }
    let detail = format!("Something went wrong on our side. If you report it, name this id: {id}");
    Failure(Problem::new(Code::InternalError, detail)).into_response()
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("not text")
}

/// Handlers lead to paths of the site, which a proxy may serve from any folder of its host: only the
/// way from where the caller is, is the same for both.
async fn lead_within_the_site(request: Request, next: Next) -> Response {
    // Only what leads somewhere needs the way; most answers do not.
    let asked = request.uri().clone();
    let mut response = next.run(request).await;
    let target = response.headers().get(header::LOCATION).and_then(|target| target.to_str().ok()?.strip_prefix('/'));
    let relative = target.map(|target| format!("{}{target}", origin::way_up(asked.path())));
    if let Some(target) = relative.and_then(|relative| HeaderValue::try_from(relative).ok()) {
        response.headers_mut().insert(header::LOCATION, target);
    }
    response
}

/// The policy of everything that is not a page: nothing may be loaded from it.
const BARE_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

async fn add_security_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: HeaderValue| {
        headers.entry(name).or_insert(value);
    };
    set(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    set(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    set(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    set(header::CONTENT_SECURITY_POLICY, BARE_POLICY);
    // What a chat says is for its reader alone; pages and files say otherwise themselves.
    set(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
