//! Errors as `application/problem+json` (RFC 9457).

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Refusal, whole_seconds};

/// What went wrong, for programs. Codes never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// 400 where it cannot be read, 422 where it can be but breaks a rule; `detail` names what.
    InvalidRequest,
    /// 401: no session token, or one this chat never knew.
    SessionRequired,
    /// 401: a session token that was good once.
    SessionExpired,
    /// 401: no such account, or not its password.
    WrongPassword,
    /// 403: a key that opens nothing, any more or at all.
    InvalidInvite,
    /// 403: a code that brings no owner back, any more or at all.
    InvalidRecovery,
    /// 403: an owner removed the guest who is asking to enter.
    Removed,
    /// 403: a guest asked for what is the owner's to do.
    OwnerOnly,
    OriginNotAllowed,
    /// 404: no such chat, any more or at all.
    ChatNotFound,
    /// 404: no such thing in the chat, or no such address.
    NotFound,
    /// 405: the address knows other methods, which `Allow` lists.
    MethodNotAllowed,
    /// 408: the body did not come within 30 seconds.
    RequestTimeout,
    /// 409: no seat is free.
    ChatFull,
    /// 409: a live member has that name.
    UsernameTaken,
    /// 409: the account is used in as many browsers as may be.
    TooManySessions,
    /// 409: the chat is entered in another way.
    WrongAdmission,
    /// 409: nobody asks to be let in by this link.
    NothingToApprove,
    /// 413: a body over 64 KiB.
    PayloadTooLarge,
    /// 429: wait as long as `Retry-After` says.
    TooManyRequests,
    /// 429: close a stream first, or ask for new messages at intervals.
    TooManyStreams,
    /// 500: our fault; `detail` holds the id to report.
    InternalError,
    /// 503: the store cannot be reached; wait as long as `Retry-After` says.
    Unavailable,
}

impl Code {
    /// Every code, in the order of their statuses.
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

    /// The HTTP status that goes with the code.
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

    /// The same few words for every problem of this code.
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
        }
    }
}

/// An error's body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The HTTP status, once more.
    pub status: u16,
    /// A few words, the same for every problem of this code.
    pub title: String,
    /// A sentence for the person who asked.
    pub detail: String,
    /// What went wrong, for programs.
    pub code: Code,
    /// The field that is wrong, where one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Whole seconds to wait, also sent as `Retry-After`.
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

    /// A request that could not be read at all (400).
    #[must_use]
    pub fn unreadable(detail: impl Into<String>) -> Self {
        Self { status: 400, ..Self::new(Code::InvalidRequest, detail) }
    }

    #[must_use]
    pub fn about_field(self, field: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..self }
    }

    /// The detail for someone who sees it at the field that it is about, whose name would tell nothing.
    #[must_use]
    pub fn at_field(&self) -> String {
        let rest = self.field.as_deref().and_then(|field| self.detail.strip_prefix(field)?.strip_prefix(' '));
        let Some(rest) = rest else { return self.detail.clone() };
        let mut letters = rest.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
    }

    /// The caller may try again after `wait`, which is rounded up to whole seconds.
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
