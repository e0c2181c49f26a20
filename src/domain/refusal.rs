//! Refusals: why a rule said no.

use std::time::Duration;

use thiserror::Error;

use super::ChatName;

/// Rounds a wait up to whole seconds, so that a caller who waits that long does not retry too early.
#[must_use]
pub fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

/// Why a rule said no. `Display` is a sentence for the user; each variant has one stable code on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    #[error("{field} {problem}.")]
    Invalid { field: &'static str, problem: String },
    #[error("You need a session in this chat. Send its token as `Authorization: Bearer <token>`.")]
    SessionRequired,
    #[error("You need a browser session. Send a username to `POST /sessions` to get one.")]
    BrowserSessionRequired,
    #[error("Your session in this chat has ended. Enter the chat again.")]
    SessionExpired,
    #[error(
        "This invite is not valid. It may have expired, been revoked or been used up, or part of the key is missing."
    )]
    InvalidInvite,
    #[error("You need the ticket of this knock. Send it as `Authorization: Bearer <ticket>`.")]
    TicketRequired,
    #[error("This recovery code is not valid. It may have been used already: each use replaces it with a new code.")]
    InvalidRecovery,
    #[error("The username or the password is wrong.")]
    WrongPassword,
    #[error("This chat does not allow joining that way.")]
    WrongAdmission,
    #[error("An owner removed you from this chat.")]
    Removed,
    #[error("Only an owner of this chat can do this.")]
    OwnerOnly,
    #[error("Too many people are already waiting to join. Try again in {} s.", whole_seconds(*retry_after))]
    TooManyKnocks { retry_after: Duration },
    #[error("There is no such chat. It may have ended.")]
    ChatNotFound,
    #[error("This chat has no such {0}.")]
    NotFound(&'static str),
    #[error("This chat is full: {capacity} of {capacity} seats are taken. Try again when a seat is free.")]
    ChatFull { capacity: u32 },
    #[error("Someone in this chat already has that name. Choose another.")]
    UsernameTaken,
    #[error("Someone in the chatroom “{}” already has that name. Choose another.", .0.as_str())]
    UsernameTakenIn(ChatName),
    #[error("This account is logged in on {at_most} browsers, which is the maximum. Log out on one of them first.")]
    TooManySessions { at_most: usize },
    #[error("Too many streams are open: at most {at_most} are allowed. Close one, or poll for new messages.")]
    TooManyStreams { at_most: usize },
    #[error("This server stores as many chats as it may. Try again later.")]
    StoreFull,
    #[error("Too many requests. Try again in {} s.", whole_seconds(*retry_after))]
    TooManyRequests { retry_after: Duration },
}

impl Refusal {
    /// Renames the field of [`Refusal::Invalid`], for a dialect in which it has another name.
    #[must_use]
    pub fn of_field(self, field: &'static str) -> Self {
        match self {
            Self::Invalid { problem, .. } => Self::Invalid { field, problem },
            refusal => refusal,
        }
    }
}
