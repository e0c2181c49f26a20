//! Failures as `application/problem+json`.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::domain::Refusal;
use crate::service::Error;
use crate::store::Unavailable;
use crate::wire::{Code, Problem};

/// How long a caller must wait if the store is unavailable or too many passwords wait to be hashed.
const UNAVAILABLE_RETRY: std::time::Duration = std::time::Duration::from_secs(2);

/// A problem as a response.
#[derive(Debug)]
pub(super) struct Failure(pub(super) Problem);

/// The result of a handler.
pub(super) type HandlerResult<T> = Result<T, Failure>;

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self(refusal.into())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error.into())
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => refusal.into(),
            Error::Unavailable(Unavailable { cause }) => {
                super::layers::log_failure(&cause, "the store is unavailable");
                Self::new(Code::Unavailable, "The server cannot reach its store right now. Try again shortly.")
                    .retry_after(UNAVAILABLE_RETRY)
            }
            Error::Busy(busy) => {
                super::layers::log_failure(&busy.to_string(), "the server is busy");
                Self::new(Code::Unavailable, "Too many people are logging in right now. Try again shortly.")
                    .retry_after(UNAVAILABLE_RETRY)
            }
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Self(problem) = self;
        super::layers::note_refusal(problem.code);
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = problem.retry_after;
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
