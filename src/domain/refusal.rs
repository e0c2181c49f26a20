//! Why a rule said no.

use std::time::Duration;

use thiserror::Error;

use super::ChatName;

/// A wait as it is told: rounded up, so that whoever waits as long does not come too early.
#[must_use]
pub fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

/// A rule's "no", in a sentence for the person who asked. Each has one stable code on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    #[error("{field} {problem}.")]
    Invalid { field: &'static str, problem: String },
    #[error("This needs a session in the chat. Send its token as `Authorization: Bearer`.")]
    SessionRequired,
    #[error("This needs to know who you are. `POST /sessions` with a username gives a session.")]
    BrowserSessionRequired,
    #[error("Your session in this chat has ended. Enter it again.")]
    SessionExpired,
    #[error("This invite is not valid. It may have been revoked, used up, or copied in part.")]
    InvalidInvite,
    #[error("This needs the ticket of the knock. Send it as `Authorization: Bearer`.")]
    TicketRequired,
    #[error("This code brings no owner back. It may have been used before: each use gives a new one.")]
    InvalidRecovery,
    #[error("The username or the password is wrong.")]
    WrongPassword,
    #[error("This chat is not entered that way.")]
    WrongAdmission,
    #[error("An owner removed you from this chat.")]
    Removed,
    #[error("Only the chat's owner may do this.")]
    OwnerOnly,
    #[error("Too many people are waiting to be let in. Try again in {} s.", whole_seconds(*retry_after))]
    TooManyKnocks { retry_after: Duration },
    #[error("There is no such chat. It may have ended.")]
    ChatNotFound,
    #[error("There is no such {0} in this chat.")]
    NotFound(&'static str),
    #[error("This chat is full: {capacity} of {capacity} seats are taken.")]
    ChatFull { capacity: u32 },
    #[error("Someone in this chat already has that name. Choose another.")]
    UsernameTaken,
    #[error("Someone in the chatroom “{}” already has that name. Choose another.", .0.as_str())]
    UsernameTakenIn(ChatName),
    #[error("This account is used in {at_most} browsers already, which is as many as may be. Log out in one of them.")]
    TooManySessions { at_most: usize },
    #[error("Too many streams are open: at most {at_most} may be. Close one, or ask for new messages at intervals.")]
    TooManyStreams { at_most: usize },
    #[error("That was too much at once. Try again in {} s.", whole_seconds(*retry_after))]
    TooManyRequests { retry_after: Duration },
}

impl Refusal {
    /// The same refusal, where a dialect calls the field otherwise.
    #[must_use]
    pub fn of_field(self, field: &'static str) -> Self {
        match self {
            Self::Invalid { problem, .. } => Self::Invalid { field, problem },
            refusal => refusal,
        }
    }
}
