//! The use cases: each reads a chat, lets the domain decide, commits, and answers.

mod accounts;
mod active_chats;
mod admit;
mod browser_sessions;
mod chats;
mod clock;
mod engine;
mod entropy;
mod holdings;
mod invites;
mod knocks;
mod limits;
mod live;
mod logins;
mod members;
mod messages;
mod nodes;
mod passwords;
mod public;
mod published;
mod rates;
mod sessions;
mod shared_counts;
mod stream_limits;
mod sweep;
mod watch;
mod writer;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::watch::Sender;

use crate::domain::{Chat, Invite, InviteKey, Member, Refusal, SessionToken, Timestamp};
use crate::metrics::{Metrics, NodeMetrics};
use crate::store::{Stores, Unavailable};

pub use accounts::Login;
pub use chats::{Creator, NewChat, Owner, Retention};
pub use clock::{Clock, SystemClock};
pub use entropy::{Entropy, OsEntropy};
pub use holdings::{Held, Holdings};
pub use invites::{JoinIdentity, JoinOutcome, JoinStatus, SharedInvite};
pub use knocks::{KnockView, knock_view};
pub use limits::{Caller, Share};
pub use live::{Ending, Follower, Update};
pub use members::Roster;
pub use messages::Posted;
pub use nodes::CHECK_INTERVAL;
pub use passwords::{Busy, Password};
pub use public::Preview;
pub use published::{LiveText, SharedEvent};
pub use sessions::OwnSession;
pub use watch::{WatchEnd, Watcher};

/// The numbers of the limits, for their table in docs/limits.md.
pub mod bounds {
    pub use super::active_chats::{IDLE_CHAT, IDLE_CHAT_OF_MANY, MANY_CHATS};
    pub use super::limits::{
        ALL_UNFINISHED_BODIES, ALL_UNREAD_ANSWER_BYTES, BODY_KIB_AT_ONCE, BODY_KIB_PER_SECOND,
        BROWSER_SESSIONS_PER_MINUTE, CHANGES_AT_ONCE, CHANGES_PER_SECOND, CREATES_BEFORE_THAT, CREATES_PER_HOUR,
        CREATES_PER_MINUTE, JOINS_PER_MINUTE, KNOCKS_AT_ONCE, MINUTES_PER_KNOCK, PAGES_AT_ONCE, PAGES_PER_SECOND,
        POSTS_AT_ONCE, POSTS_PER_SECOND, REGISTERS_PER_MINUTE, RENAMES_PER_MINUTE, REQUEST_BURST_SECONDS,
        TYPING_PER_MINUTE, UNFINISHED_BODIES, UNREAD_ANSWER_BYTES,
    };
    pub use super::logins::{FREE_TRIES, LOGINS_PER_MINUTE, LONGEST_WAIT_OF_ACCOUNT, LONGEST_WAIT_OF_CALLER};
    pub use super::passwords::{MAX_CONCURRENT as HASHES_AT_ONCE, MAX_WAITING as HASHES_WAITING};
    pub use super::rates::{COUNTED_KEYS, SHARED_COUNTS};
    pub use super::stream_limits::{STREAMS_OF_CALLER, STREAMS_OF_MEMBER};
    pub use super::writer::MAX_QUEUED;
}

use active_chats::ActiveChats;
use admit::Census;
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
    /// How often an idle stream shows that it is alive.
    pub ping_interval: Duration,
    /// Requests that one address may send in the long run.
    pub requests_per_second: NonZeroU32,
    /// Maximum number of chats that are stored, and of browser sessions.
    pub max_chats: usize,
}

impl Policy {
    /// Shorter than the minute after which many proxies close an idle connection.
    pub const PING_INTERVAL: Duration = Duration::from_secs(20);
    /// As many as about 700 pages send that poll for want of a stream.
    pub const REQUESTS_PER_SECOND: NonZeroU32 = NonZeroU32::new(1_000).expect("not zero");
    /// 2.5 GiB of memory for new chats, if the store is in memory.
    pub const MAX_CHATS: usize = 1_000_000;
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
    census: Census,
    renaming: RenamingLocks,
    metrics: Metrics,
    /// Exported only if nodes share the store.
    node_metrics: NodeMetrics,
    /// Set when the server stops; streams watch it.
    stopping: Sender<bool>,
}

impl Service {
    #[must_use]
    pub fn new(stores: impl Into<Stores>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>, policy: Policy) -> Self {
        let stores = stores.into();
        let node_metrics = NodeMetrics::default();
        let metrics = Metrics::new(|registry| {
            stores.chats.register_metrics(registry);
            if stores.chats.shared().is_some() {
                node_metrics.register(registry);
            }
        });
        let limits = policy.rate_limit.then(|| Limits::new(&clock, policy.requests_per_second, &metrics.limits_hit));
        let inner = Inner {
            stores: stores.measured(metrics.store.clone()),
            clock,
            entropy,
            policy,
            limits,
            passwords: Passwords::new(metrics.limits_hit.with("password_queue")),
            active_chats: ActiveChats::default(),
            census: Census::default(),
            renaming: RenamingLocks::default(),
            metrics,
            node_metrics,
            stopping: Sender::new(false),
        };
        let service = Self { inner: Arc::new(inner) };
        service.listen_to_nodes();
        service
    }

    #[must_use]
    pub fn policy(&self) -> Policy {
        self.inner.policy
    }

    /// Checks that the store answers.
    pub async fn check_store(&self) -> Result<()> {
        Ok(self.inner.stores.chats.ping().await?)
    }

    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    /// All metrics as they are now, in Prometheus's text format.
    #[must_use]
    pub fn metrics_text(&self) -> String {
        let Inner { metrics, active_chats, .. } = &*self.inner;
        let members_online = active_chats.count_online(ONLINE_FOR, self.now());
        metrics.chats_in_memory.set(active_chats.len().try_into().unwrap_or(i64::MAX));
        metrics.members_online.set(members_online.try_into().unwrap_or(i64::MAX));
        metrics.text()
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
