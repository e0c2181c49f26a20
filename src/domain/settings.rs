//! What a chat's creator may choose, within the server's bounds.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Account, Refusal};

/// How one enters a chat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Admission {
    /// Whoever holds an invite's key, under a name of their own.
    #[default]
    Link,
    /// Whoever holds an invite's key asks; an owner lets them in.
    Approval,
    /// Whoever has an account in the chat, by its password.
    Account,
    /// Whoever knows the chat's address, under the name that their browser session has.
    Open,
}

impl Admission {
    /// Whether one comes by a magic link.
    #[must_use]
    pub const fn is_by_invite(self) -> bool {
        matches!(self, Self::Link | Self::Approval)
    }

    /// Seats of a chat whose creator chooses nothing: a chat by links is for six; into the others come all
    /// who know the address.
    #[must_use]
    pub const fn default_capacity(self) -> u32 {
        match self {
            Self::Link | Self::Approval => 6,
            Self::Account | Self::Open => self.max_capacity(),
        }
    }

    /// The most seats that a creator may choose; with accounts, a seat for each of them.
    #[must_use]
    pub const fn max_capacity(self) -> u32 {
        match self {
            Self::Account => Account::MAX,
            Self::Link | Self::Approval | Self::Open => 50,
        }
    }

    /// Messages that are kept where the creator chooses nothing, as the documents of the systems have it
    /// that the kinds of admission come from.
    #[must_use]
    pub const fn default_history(self) -> u32 {
        match self {
            Self::Link | Self::Approval => 30,
            Self::Account => 50,
            Self::Open => Settings::MAX_HISTORY,
        }
    }
}

/// What the chat's address alone allows, without a session. Each allows what those before it do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PublicAccess {
    /// Only members read and post.
    #[default]
    None,
    /// Anyone who knows the chat's address may read it.
    Read,
    /// Anyone who knows the chat's address may post as well, under no name of their own.
    Post,
}

/// The bounds a chat keeps; fixed when it is created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub admission: Admission,
    /// Members with a live session at one time.
    pub capacity: u32,
    /// Messages kept; older ones are deleted as new ones come.
    pub history: u32,
    pub public_access: PublicAccess,
    /// How long a session lives; the server's own setting.
    pub session_lifetime: Duration,
}

impl Settings {
    pub const MAX_HISTORY: u32 = 1_000;
    /// Six hours.
    pub const DEFAULT_SESSION_LIFETIME: Duration = Duration::from_hours(6);

    /// A chat that only its members read, with the defaults of its admission where a number is `None`.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] that names the number which is out of its bounds.
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
