//! How much one caller may do at once.

use std::fmt;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{self, Reference as _};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use super::Clock;
use super::logins::Logins;
use super::stream_limits::StreamLimits;
use crate::domain::{BrowserDigest, ChatId, MemberId, Refusal};

/// Chats one address may create: this many at once, then one every few seconds.
const CREATES_PER_MINUTE: NonZeroU32 = NonZeroU32::new(20).expect("not zero");
/// Attempts to enter a chat from one address; also bounds the guessing of keys.
const JOINS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(60).expect("not zero");
/// Times one address may knock at one chat: this many at once, then one in every so many minutes.
/// It keeps one client from taking all the places of those who wait.
const KNOCKS_AT_ONCE: NonZeroU32 = NonZeroU32::new(6).expect("not zero");
const MINUTES_PER_KNOCK: u64 = 5;
/// Names one address may give itself between chats.
const BROWSER_SESSIONS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(30).expect("not zero");
/// Accounts one address may make; each costs a hash.
const REGISTERS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(10).expect("not zero");
/// Messages one member, or one address without a session, may post in the long run, and how many at once
/// before that.
const POSTS_PER_SECOND: NonZeroU32 = NonZeroU32::new(5).expect("not zero");
const POSTS_AT_ONCE: NonZeroU32 = NonZeroU32::new(30).expect("not zero");

/// How often one browser may change its name: each time, all its chats change.
const RENAMES_PER_MINUTE: NonZeroU32 = NonZeroU32::new(6).expect("not zero");
/// How often one member may say that they are writing.
const TYPING_PER_MINUTE: NonZeroU32 = NonZeroU32::new(60).expect("not zero");

/// Where a caller is, as far as limits go: an IPv4 address, or the /64 that one IPv6
/// subscriber holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Caller(IpAddr);

impl From<IpAddr> for Caller {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

/// The limits of one node.
pub(super) struct Limits {
    creates: Limit<Caller>,
    joins: Limit<Caller>,
    knocks: Limit<(Caller, ChatId)>,
    browser_sessions: Limit<Caller>,
    registers: Limit<Caller>,
    pub(super) logins: Logins,
    pub(super) streams: StreamLimits,
    posts: Limit<MemberId>,
    typing: Limit<MemberId>,
    posts_by_address: Limit<Caller>,
    /// By the digests of the sessions' tokens.
    renames: Limit<[u8; 32]>,
}

impl Limits {
    pub(super) fn new(clock: &Arc<dyn Clock>) -> Self {
        Self {
            creates: limit(Quota::per_minute(CREATES_PER_MINUTE), clock),
            joins: limit(Quota::per_minute(JOINS_PER_MINUTE), clock),
            browser_sessions: limit(Quota::per_minute(BROWSER_SESSIONS_PER_MINUTE), clock),
            registers: limit(Quota::per_minute(REGISTERS_PER_MINUTE), clock),
            logins: Logins::new(clock),
            streams: StreamLimits::default(),
            knocks: limit(slow(Duration::from_mins(MINUTES_PER_KNOCK)).allow_burst(KNOCKS_AT_ONCE), clock),
            posts: limit(Quota::per_second(POSTS_PER_SECOND).allow_burst(POSTS_AT_ONCE), clock),
            typing: limit(Quota::per_minute(TYPING_PER_MINUTE), clock),
            renames: limit(Quota::per_minute(RENAMES_PER_MINUTE), clock),
            posts_by_address: limit(Quota::per_second(POSTS_PER_SECOND).allow_burst(POSTS_AT_ONCE), clock),
        }
    }

    pub(super) fn check_create(&self, caller: Caller) -> Result<(), Refusal> {
        check(&self.creates, &caller)
    }

    pub(super) fn check_join(&self, caller: Caller) -> Result<(), Refusal> {
        check(&self.joins, &caller)
    }

    pub(super) fn check_knock(&self, caller: Caller, chat_id: ChatId) -> Result<(), Refusal> {
        check(&self.knocks, &(caller, chat_id))
    }

    pub(super) fn check_browser_session(&self, caller: Caller) -> Result<(), Refusal> {
        check(&self.browser_sessions, &caller)
    }

    pub(super) fn check_register(&self, caller: Caller) -> Result<(), Refusal> {
        check(&self.registers, &caller)
    }

    pub(super) fn check_post(&self, member: MemberId) -> Result<(), Refusal> {
        check(&self.posts, &member)
    }

    pub(super) fn check_rename(&self, session: BrowserDigest) -> Result<(), Refusal> {
        check(&self.renames, session.as_bytes())
    }

    /// Without a session, the address is all that is known of who posts.
    pub(super) fn check_post_publicly(&self, caller: Caller) -> Result<(), Refusal> {
        check(&self.posts_by_address, &caller)
    }

    pub(super) fn check_typing(&self, member: MemberId) -> Result<(), Refusal> {
        check(&self.typing, &member)
    }

    /// Drops what is remembered of callers who are within their limits again.
    pub(super) fn forget_idle(&self) {
        self.creates.retain_recent();
        self.joins.retain_recent();
        self.knocks.retain_recent();
        self.browser_sessions.retain_recent();
        self.registers.retain_recent();
        self.logins.forget_idle();
        self.posts.retain_recent();
        self.typing.retain_recent();
        self.posts_by_address.retain_recent();
        self.renames.retain_recent();
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Limits")
    }
}

pub(super) type Limit<K> = RateLimiter<K, DashMapStateStore<K>, LimitClock, NoOpMiddleware<Nanos>>;

/// One in every `period`.
fn slow(period: Duration) -> Quota {
    Quota::with_period(period).expect("a period is not nothing")
}

pub(super) fn limit<K: Clone + Hash + Eq>(quota: Quota, clock: &Arc<dyn Clock>) -> Limit<K> {
    RateLimiter::dashmap_with_clock(quota, LimitClock(Arc::clone(clock)))
}

pub(super) fn check<K: Clone + Hash + Eq>(limit: &Limit<K>, key: &K) -> Result<(), Refusal> {
    limit.check_key(key).map_err(|until| {
        let now = clock::Clock::now(limit.clock());
        let wait = until.earliest_possible().duration_since(now);
        Refusal::TooManyRequests { retry_after: wait.into() }
    })
}

/// Our clock as the limiter reads it.
#[derive(Clone, Debug)]
pub(super) struct LimitClock(Arc<dyn Clock>);

impl clock::Clock for LimitClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.uptime().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv6_addresses_of_one_subscriber_count_as_one_caller() {
        let caller = |text: &str| Caller::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(caller("2001:db8:1:2::1"), caller("2001:db8:1:2:ffff::9"));
        assert_ne!(caller("2001:db8:1:2::1"), caller("2001:db8:1:3::1"));
        assert_eq!(caller("::ffff:192.0.2.1"), caller("192.0.2.1"));
        assert_ne!(caller("192.0.2.1"), caller("192.0.2.2"));
    }
}
