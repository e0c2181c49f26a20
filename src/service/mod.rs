//! The use cases: each reads a chat, lets the domain decide, commits, and answers.

mod accounts;
mod active_chats;
mod browser_sessions;
mod chats;
mod clock;
mod engine;
mod entropy;
mod invites;
mod knocks;
mod limits;
mod live;
mod logins;
mod members;
mod messages;
mod passwords;
mod public;
mod published;
mod sessions;
mod stream_limits;
mod sweep;
mod watch;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::watch::Sender;

use crate::domain::{Chat, Invite, InviteKey, Member, Refusal, SessionToken, Timestamp};
use crate::store::{Stores, Unavailable};

pub use accounts::Login;
pub use chats::{Creator, NewChat, Owner, Retention};
pub use clock::{Clock, SystemClock};
pub use entropy::{Entropy, OsEntropy};
pub use invites::{JoinIdentity, JoinOutcome, JoinStatus, SharedInvite};
pub use knocks::{KnockView, knock_view};
pub use limits::Caller;
pub use live::{Ending, Follower, Update};
pub use members::Roster;
pub use messages::Posted;
pub use passwords::{Busy, Password};
pub use public::Preview;
pub use published::{LiveText, SharedEvent};
pub use sessions::OwnSession;
pub use watch::{WatchEnd, Watcher};

use active_chats::ActiveChats;
use browser_sessions::RenamingLocks;
use limits::Limits;
use passwords::Passwords;

/// How long a member stays online after their last request. A hidden tab polls once a minute, so it stays
/// online.
const ONLINE_FOR: Duration = Duration::from_secs(75);

/// Why a use case failed.
#[derive(Clone, Debug, Error)]
pub enum Error {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    #[error(transparent)]
    Busy(#[from] Busy),
}

type Result<T, E = Error> = std::result::Result<T, E>;

/// What the operator configured.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    pub session_lifetime: Duration,
    /// How long a chat without a live session is kept.
    pub forget_after: Duration,
    /// Whether rate limits are on.
    pub rate_limit: bool,
}

/// A member, and the token that proves one of the member's sessions.
#[derive(Debug)]
pub struct Seat {
    pub token: SessionToken,
    pub member: Member,
}

impl Seat {
    /// When the token's session expires.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.member.session(self.token.digest()).map_or(self.member.joined_at, |session| session.expires_at)
    }
}

/// An invite with its key.
#[derive(Debug)]
pub struct InviteWithKey {
    pub key: InviteKey,
    pub invite: Invite,
}

/// Every use case, on any store. Clones share everything.
#[derive(Clone, Debug)]
pub struct Service {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    stores: Stores,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    policy: Policy,
    limits: Option<Limits>,
    passwords: Passwords,
    active_chats: ActiveChats,
    renaming: RenamingLocks,
    /// Set when the server stops; streams watch it.
    stopping: Sender<bool>,
}

impl Service {
    #[must_use]
    pub fn new(stores: impl Into<Stores>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>, policy: Policy) -> Self {
        let limits = policy.rate_limit.then(|| Limits::new(&clock));
        let inner = Inner {
            stores: stores.into(),
            clock,
            entropy,
            policy,
            limits,
            passwords: Passwords::default(),
            active_chats: ActiveChats::default(),
            renaming: RenamingLocks::default(),
            stopping: Sender::new(false),
        };
        Self { inner: Arc::new(inner) }
    }

    #[must_use]
    pub fn policy(&self) -> Policy {
        self.inner.policy
    }

    /// Checks that the store answers.
    pub async fn check_store(&self) -> Result<()> {
        Ok(self.inner.stores.chats.ping().await?)
    }

    /// How many chats are in use on this node.
    #[must_use]
    pub fn active_chats(&self) -> usize {
        self.inner.active_chats.len()
    }
}

/// The member with the role that counts now: a guest may have become an owner because none was left.
fn with_current_role(chat: &Chat, member: &Member, now: Timestamp) -> Member {
    Member { role: chat.role(member, now), ..member.clone() }
}
