//! Settings of a chat, which its creator chooses within the server's limits.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Account, Refusal};

/// How people enter a chat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Admission {
    /// Anyone with an invite key, under a name they choose.
    #[default]
    Link,
    /// Anyone with an invite key can ask; an owner lets them in.
    Approval,
    /// Anyone with an account in the chat, with its password.
    Account,
    /// Anyone who knows the chat's address, under the name of their browser session.
    Open,
}

impl Admission {
    /// Whether people enter with an invite.
    #[must_use]
    pub const fn is_by_invite(self) -> bool {
        matches!(self, Self::Link | Self::Approval)
    }

    /// Returns the default number of seats: six in a chat with invites, the maximum in the others, which people enter
    /// by their address.
    #[must_use]
    pub const fn default_capacity(self) -> u32 {
        match self {
            Self::Link | Self::Approval => 6,
            Self::Account | Self::Open => self.max_capacity(),
        }
    }

    /// Returns the maximum number of seats; with accounts, one for each account.
    #[must_use]
    pub const fn max_capacity(self) -> u32 {
        match self {
            Self::Account => Account::MAX,
            Self::Link | Self::Approval | Self::Open => 50,
        }
    }

    /// Returns the default number of kept messages, as the document of the system behind each kind of admission
    /// defines it.
    #[must_use]
    pub const fn default_history(self) -> u32 {
        match self {
            Self::Link | Self::Approval => 30,
            Self::Account => 50,
            Self::Open => Settings::MAX_HISTORY,
        }
    }
}

/// What anyone who knows the chat's address can do without a session. Each level includes the previous ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PublicAccess {
    /// Nothing: only members can read and post.
    #[default]
    None,
    /// Read messages.
    Read,
    /// Read messages, and post them without a name.
    Post,
}

/// The settings of a chat, fixed when it is created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub admission: Admission,
    /// Maximum number of members with a valid session.
    pub capacity: u32,
    /// Maximum number of kept messages. Each new message beyond it deletes the oldest one.
    pub history: u32,
    pub public_access: PublicAccess,
    /// How long a session lasts without renewal; a setting of the server.
    pub session_lifetime: Duration,
}

impl Settings {
    pub const MAX_HISTORY: u32 = 1_000;
    /// Six hours.
    pub const DEFAULT_SESSION_LIFETIME: Duration = Duration::from_hours(6);

    /// Creates settings of a chat that only its members can read. `None` means the default of the admission.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] that names the number that is out of range.
    pub fn new(admission: Admission, capacity: Option<u32>, history: Option<u32>) -> Result<Self, Refusal> {
        let within = |field, value: Option<u32>, default, max| match value.unwrap_or(default) {
            value if (1..=max).contains(&value) => Ok(value),
            _ => Err(Refusal::Invalid { field, problem: format!("must be from 1 to {max}") }),
        };
        Ok(Self {
            admission,
            capacity: within("capacity", capacity, admission.default_capacity(), admission.max_capacity())?,
            history: within("history", history, admission.default_history(), Self::MAX_HISTORY)?,
            public_access: PublicAccess::None,
            session_lifetime: Self::DEFAULT_SESSION_LIFETIME,
        })
    }
}
