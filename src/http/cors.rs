//! What pages of other origins may do (CORS): every call that takes its credentials from the request's own header, path,
//! query or body. The browser adds no credentials to these calls, so the page can do no more than its own server could.
//!
//! tower-http's `CorsLayer` does not fit: it answers every preflight with one list of methods, whatever the address
//! supports, treats all addresses alike, and is a layer, which the two busiest calls skip ([`super::layers`]).

use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use utoipa::openapi::path::Operation;

use crate::domain::ChatId;

/// The tags of the calls that are open. The other dialects are closed: Chat App's calls trust a cookie, and with
/// Flask-Chat's `login`, a page could guess passwords from its visitors' addresses, which the limits on guessing count.
/// A dialect that is added is closed until it is listed here.
const OPEN: [&str; 8] = ["chats", "sessions", "messages", "members", "invites", "knocks", "silly chat", "operations"];

/// The headers that these calls read, besides those that every page may send.
const REQUEST_HEADERS: HeaderValue =
    HeaderValue::from_static("authorization, content-type, idempotency-key, last-event-id");
/// The headers of answers that a script needs, besides those that every script may read.
const ANSWER_HEADERS: HeaderValue = HeaderValue::from_static("etag, location, retry-after, x-request-id");
/// How long a browser remembers a preflight, in seconds; no browser remembers it for longer than a day.
const MAX_AGE: HeaderValue = HeaderValue::from_static("86400");
const ANY_ORIGIN: HeaderValue = HeaderValue::from_static("*");
const VARY: HeaderValue =
    HeaderValue::from_static("origin, access-control-request-method, access-control-request-headers");
const VARY_BY_ORIGIN: HeaderValue = HeaderValue::from_static("origin");

/// Whether pages of other origins may make this call.
pub(super) fn is_open(call: &Operation) -> bool {
    call.tags.iter().flatten().any(|tag| OPEN.contains(&tag.as_str()))
}

/// Whether `path`, at which there is nothing, is within the open calls, so that a page may read that.
pub(super) fn is_within_open_calls(path: &str) -> bool {
    let first = path.split('/').nth(1).unwrap_or_default();
    first == "v1" || first.parse::<ChatId>().is_ok()
}

/// Whether a browser asks what a page may do at an address.
pub(super) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Answers a preflight at an address where pages of other origins may use `methods`.
pub(super) fn allow(methods: &[Method]) -> Response {
    let methods = methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
    let methods = HeaderValue::try_from(methods).expect("methods are ASCII");
    let headers: [(HeaderName, HeaderValue); 4] = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, methods),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS),
        (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE),
        (header::VARY, VARY),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// Lets pages of all origins read an answer. Only requests with an `Origin` get these headers. The other answers need no
/// `Vary`, because nothing may store them (`Cache-Control: no-store`).
pub(super) fn add_headers(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, ANSWER_HEADERS);
    headers.entry(header::VARY).or_insert(VARY_BY_ORIGIN);
}
