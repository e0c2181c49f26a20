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

/// What follows from an [`Admission`].
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools)] // each is one column of the table in `Admission::rules`
pub struct AdmissionRules {
    /// The name in JSON and in storage.
    pub name: &'static str,
    /// Whether people enter with an invite.
    pub is_by_invite: bool,
    /// Whether an owner approves each guest, unless the invite says otherwise.
    pub asks_first: bool,
    /// Whether people enter with an account of the chat.
    pub has_accounts: bool,
    /// Whether people enter under the name of their browser session, and need only the chat's address.
    pub is_open: bool,
    /// The default number of seats: six in a chat with invites, the maximum in the others, which people enter by their
    /// address.
    pub default_capacity: u32,
    /// The maximum number of seats; with accounts, one for each account.
    pub max_capacity: u32,
    /// The default number of kept messages, as the document of the system behind each kind of admission defines it.
    pub default_history: u32,
}

impl Admission {
    pub const ALL: [Self; 4] = [Self::Link, Self::Approval, Self::Account, Self::Open];

    /// Returns what follows from this kind of admission. The rest of the code asks these rules instead of comparing
    /// kinds.
    #[must_use]
    pub const fn rules(self) -> AdmissionRules {
        let link = AdmissionRules {
            name: "link",
            is_by_invite: true,
            asks_first: false,
            has_accounts: false,
            is_open: false,
            default_capacity: 6,
            max_capacity: 50,
            default_history: 30,
        };
        match self {
            Self::Link => link,
            Self::Approval => AdmissionRules { name: "approval", asks_first: true, ..link },
            Self::Account => AdmissionRules {
                name: "account",
                is_by_invite: false,
                has_accounts: true,
                default_capacity: Account::MAX,
                max_capacity: Account::MAX,
                default_history: 50,
                ..link
            },
            Self::Open => AdmissionRules {
                name: "open",
                is_by_invite: false,
                is_open: true,
                default_capacity: 50,
                default_history: Settings::MAX_HISTORY,
                ..link
            },
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
        let rules = admission.rules();
        Ok(Self {
            admission,
            capacity: within("capacity", capacity, rules.default_capacity, rules.max_capacity)?,
            history: within("history", history, rules.default_history, Self::MAX_HISTORY)?,
            public_access: PublicAccess::None,
            session_lifetime: Self::DEFAULT_SESSION_LIFETIME,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admission_has_one_name_everywhere() {
        for admission in Admission::ALL {
            assert_eq!(serde_json::to_value(admission).unwrap(), admission.rules().name);
        }
    }
}
