//! What a chat's creator may choose, within the server's bounds.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Refusal;

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
}

/// The bounds a chat keeps; fixed when it is created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub admission: Admission,
    /// Members with a live session at one time.
    pub capacity: u32,
    /// Messages kept; older ones are deleted as new ones come.
    pub history: u32,
    /// Whether whoever knows the chat's address may read what is said.
    pub is_readable: bool,
    /// How long a session lives; the server's own setting.
    pub session_lifetime: Duration,
}

impl Settings {
    pub const DEFAULT_CAPACITY: u32 = 6;
    pub const MAX_CAPACITY: u32 = 50;
    pub const DEFAULT_HISTORY: u32 = 30;
    pub const MAX_HISTORY: u32 = 1_000;
    /// Six hours.
    pub const DEFAULT_SESSION_LIFETIME: Duration = Duration::from_hours(6);

    /// # Errors
    /// [`Refusal::Invalid`] that names the number which is out of its bounds.
    pub fn new(admission: Admission, capacity: Option<u32>, history: Option<u32>) -> Result<Self, Refusal> {
        let within = |field, value: Option<u32>, default, max| match value.unwrap_or(default) {
            value if (1..=max).contains(&value) => Ok(value),
            _ => Err(Refusal::Invalid { field, problem: format!("must be from 1 to {max}") }),
        };
        Ok(Self {
            admission,
            capacity: within("capacity", capacity, Self::DEFAULT_CAPACITY, Self::MAX_CAPACITY)?,
            history: within("history", history, Self::DEFAULT_HISTORY, Self::MAX_HISTORY)?,
            is_readable: false,
            session_lifetime: Self::DEFAULT_SESSION_LIFETIME,
        })
    }
}
