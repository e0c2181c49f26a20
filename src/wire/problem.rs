//! JSON bodies of errors: `application/problem+json` (RFC 9457).

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Refusal, whole_seconds};

/// How long a caller must wait if the store is full: until the next sweep has counted what is stored.
const STORE_FULL_RETRY: Duration = Duration::from_secs(30);

/// Machine-readable error code. The meaning of a code never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// 400 if the request cannot be read, 422 if it can be read but breaks a rule; `detail` says what is wrong.
    InvalidRequest,
    /// 401: the session token is missing, or this chat never issued it.
    SessionRequired,
    /// 401: the session of this token has ended.
    SessionExpired,
    /// 401: there is no such account, or the password is wrong.
    WrongPassword,
    /// 403: the invite key is unknown, or the invite can no longer be used.
    InvalidInvite,
    /// 403: the recovery code is unknown or no longer valid.
    InvalidRecovery,
    /// 403: an owner removed this guest from the chat.
    Removed,
    /// 403: only an owner can make this request.
    OwnerOnly,
    /// 403: the request comes from a page of another site.
    OriginNotAllowed,
    /// 404: the chat does not exist, or has ended.
    ChatNotFound,
    /// 404: the chat has no such member, invite, knock or session, or there is nothing at this address.
    NotFound,
    /// 405: the address does not support this method. `Allow` lists the methods that it supports.
    MethodNotAllowed,
    /// 408: the request body did not arrive within 30 seconds.
    RequestTimeout,
    /// 409: the chat has no free seat.
    ChatFull,
    /// 409: a member, a waiting guest or an account of the chat has that name.
    UsernameTaken,
    /// 409: the account has the maximum number of sessions.
    TooManySessions,
    /// 409: the chat's `admission` does not allow this.
    WrongAdmission,
    /// 409: no guest waits for approval with this link.
    NothingToApprove,
    /// 413: the request body is larger than 64 KiB.
    PayloadTooLarge,
    /// 429: too many requests; retry after the number of seconds in `Retry-After`.
    TooManyRequests,
    /// 429: too many open streams; close one, or poll for new messages.
    TooManyStreams,
    /// 500: an error in the server; `detail` contains an id that you can report.
    InternalError,
    /// 503: the server is overloaded or cannot reach its store; retry after the number of seconds in `Retry-After`.
    Unavailable,
}

impl Code {
    /// All codes, ordered by status.
    pub const ALL: [Self; 23] = [
        Self::InvalidRequest,
        Self::SessionRequired,
        Self::SessionExpired,
        Self::WrongPassword,
        Self::InvalidInvite,
        Self::InvalidRecovery,
        Self::Removed,
        Self::OwnerOnly,
        Self::OriginNotAllowed,
        Self::ChatNotFound,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::ChatFull,
        Self::UsernameTaken,
        Self::TooManySessions,
        Self::WrongAdmission,
        Self::NothingToApprove,
        Self::PayloadTooLarge,
        Self::TooManyRequests,
        Self::TooManyStreams,
        Self::InternalError,
        Self::Unavailable,
    ];

    /// Returns the HTTP status of the code.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidRequest => 422,
            Self::SessionRequired | Self::SessionExpired | Self::WrongPassword => 401,
            Self::InvalidInvite | Self::InvalidRecovery | Self::Removed | Self::OwnerOnly | Self::OriginNotAllowed => {
                403
            }
            Self::ChatNotFound | Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::ChatFull
            | Self::UsernameTaken
            | Self::TooManySessions
            | Self::WrongAdmission
            | Self::NothingToApprove => 409,
            Self::PayloadTooLarge => 413,
            Self::TooManyRequests | Self::TooManyStreams => 429,
            Self::InternalError => 500,
            Self::Unavailable => 503,
        }
    }

    /// Returns the title, which is the same for every problem with this code.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::InvalidRequest => "Invalid request",
            Self::SessionRequired => "Session required",
            Self::SessionExpired => "Session ended",
            Self::WrongPassword => "Wrong password",
            Self::InvalidInvite => "Invalid invite",
            Self::InvalidRecovery => "Invalid recovery code",
            Self::Removed => "Removed",
            Self::OwnerOnly => "Owner only",
            Self::OriginNotAllowed => "Origin not allowed",
            Self::ChatNotFound => "Chat not found",
            Self::NotFound => "Not found",
            Self::MethodNotAllowed => "Method not allowed",
            Self::RequestTimeout => "Request timeout",
            Self::ChatFull => "Chat full",
            Self::UsernameTaken => "Username taken",
            Self::TooManySessions => "Too many sessions",
            Self::WrongAdmission => "Wrong admission",
            Self::NothingToApprove => "Nothing to approve",
            Self::PayloadTooLarge => "Payload too large",
            Self::TooManyRequests => "Too many requests",
            Self::TooManyStreams => "Too many streams",
            Self::InternalError => "Internal error",
            Self::Unavailable => "Unavailable",
        }
    }

    const fn of(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::Invalid { .. } => Self::InvalidRequest,
            Refusal::SessionRequired | Refusal::TicketRequired | Refusal::BrowserSessionRequired => {
                Self::SessionRequired
            }
            Refusal::SessionExpired => Self::SessionExpired,
            Refusal::WrongPassword => Self::WrongPassword,
            Refusal::WrongAdmission => Self::WrongAdmission,
            Refusal::InvalidInvite => Self::InvalidInvite,
            Refusal::InvalidRecovery => Self::InvalidRecovery,
            Refusal::Removed => Self::Removed,
            Refusal::OwnerOnly => Self::OwnerOnly,
            Refusal::ChatNotFound => Self::ChatNotFound,
            Refusal::NotFound(_) => Self::NotFound,
            Refusal::ChatFull { .. } => Self::ChatFull,
            Refusal::UsernameTaken | Refusal::UsernameTakenIn(_) => Self::UsernameTaken,
            Refusal::TooManySessions { .. } => Self::TooManySessions,
            Refusal::TooManyRequests { .. } | Refusal::TooManyKnocks { .. } => Self::TooManyRequests,
            Refusal::TooManyStreams { .. } => Self::TooManyStreams,
            Refusal::StoreFull => Self::Unavailable,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// The body of an error response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The HTTP status code of the response.
    pub status: u16,
    /// Short title, which is the same for every problem with this code.
    pub title: String,
    /// A sentence for the user: what is wrong and what to do.
    pub detail: String,
    /// Machine-readable error code.
    pub code: Code,
    /// The invalid field, if the problem is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Seconds to wait before retrying; also sent as the `Retry-After` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl Problem {
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            status: code.status(),
            title: code.title().into(),
            detail: detail.into(),
            code,
            field: None,
            retry_after: None,
        }
    }

    /// Creates the problem of a request that cannot be read (400).
    #[must_use]
    pub fn unreadable(detail: impl Into<String>) -> Self {
        Self { status: 400, ..Self::new(Code::InvalidRequest, detail) }
    }

    #[must_use]
    pub fn about_field(self, field: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..self }
    }

    /// Returns the detail without the field's name, for a form that shows it next to that field.
    #[must_use]
    pub fn at_field(&self) -> String {
        let rest = self.field.as_deref().and_then(|field| self.detail.strip_prefix(field)?.strip_prefix(' '));
        let Some(rest) = rest else { return self.detail.clone() };
        let mut letters = rest.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
    }

    /// Sets the time to wait before retrying, rounded up to whole seconds.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(whole_seconds(wait)), ..self }
    }
}

impl From<&Refusal> for Problem {
    fn from(refusal: &Refusal) -> Self {
        let problem = Self::new(Code::of(refusal), refusal.to_string());
        match refusal {
            Refusal::Invalid { field, .. } => problem.about_field(*field),
            Refusal::TooManyRequests { retry_after } | Refusal::TooManyKnocks { retry_after } => {
                problem.retry_after(*retry_after)
            }
            Refusal::StoreFull => problem.retry_after(STORE_FULL_RETRY),
            _ => problem,
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::from(&refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_its_field_a_detail_does_not_name_it() {
        let problem = Problem::from(&Refusal::Invalid { field: "username", problem: "must not be empty".into() });
        assert_eq!((&*problem.detail, &*problem.at_field()), ("username must not be empty.", "Must not be empty."));
        let other = Problem::new(Code::UsernameTaken, "Someone has it.").about_field("username");
        assert_eq!(other.at_field(), "Someone has it.");
    }

    #[test]
    fn every_code_is_listed_once() {
        let mut seen = std::collections::HashSet::new();
        assert!(Code::ALL.iter().all(|code| seen.insert(code)));
        // A new code must be added to `ALL`: its position here is its discriminant.
        assert_eq!(Code::ALL.len(), Code::Unavailable as usize + 1);
    }

    #[test]
    fn codes_are_written_as_documented() {
        let written: Vec<String> =
            Code::ALL.iter().map(|code| serde_json::to_value(code).unwrap().as_str().unwrap().to_owned()).collect();
        assert_eq!(
            written,
            [
                "invalid_request",
                "session_required",
                "session_expired",
                "wrong_password",
                "invalid_invite",
                "invalid_recovery",
                "removed",
                "owner_only",
                "origin_not_allowed",
                "chat_not_found",
                "not_found",
                "method_not_allowed",
                "request_timeout",
                "chat_full",
                "username_taken",
                "too_many_sessions",
                "wrong_admission",
                "nothing_to_approve",
                "payload_too_large",
                "too_many_requests",
                "too_many_streams",
                "internal_error",
                "unavailable",
            ]
        );
    }

    #[test]
    fn a_wait_is_rounded_up_and_never_nothing() {
        let problem = |millis| {
            let refusal = Refusal::TooManyRequests { retry_after: Duration::from_millis(millis) };
            Problem::from(&refusal).retry_after
        };
        assert_eq!(problem(0), Some(1));
        assert_eq!(problem(1_001), Some(2));
    }
}
