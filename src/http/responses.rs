//! Refusals that many calls share, as responses of the API's document.

use utoipa::IntoResponses;

use crate::wire::Problem;

/// Defines a type for each response, for the lists of `#[utoipa::path]`.
macro_rules! refusals {
    ($($name:ident = $status:literal $description:literal)*) => {$(
        #[derive(IntoResponses)]
        #[response(status = $status, description = $description)]
        #[expect(dead_code, reason = "the document needs only the type")]
        pub(super) struct $name(Problem);
    )*};
}

refusals! {
    InvalidJson = 400 "`invalid_request`: the body is not JSON"
    SessionRequired = 401 "`session_required` or `session_expired`: no valid token"
    BrowserSessionRequired = 401 "`session_required`: no valid browser session"
    OwnerOnly = 403 "`owner_only`: the caller is not an owner"
    ChatNotFound = 404 "`chat_not_found`: no such chat, or it has ended"
    PayloadTooLarge = 413 "`payload_too_large`: the body exceeds 64 KiB"
    InvalidField = 422 "`invalid_request`: a field is missing or invalid"
    TooManyRequests = 429 "`too_many_requests`: wait as long as `Retry-After` says"
    TooManyStreams = 429 "`too_many_streams`: too many streams are open already"
    Unavailable = 503 "`unavailable`: wait as long as `Retry-After` says"
}
