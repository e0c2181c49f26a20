//! How much one caller may do at once.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::Quota;

use super::Clock;
use super::holdings::{Held, Holdings};
use super::logins::Logins;
use super::rates::Limit;
use super::stream_limits::StreamLimits;
use crate::domain::{BrowserDigest, ChatId, MemberId, Refusal};
use crate::metrics::{Counter, Labelled};

/// Seconds for which an address may send as many requests as it likes, as long as the average over them is within
/// [`super::Policy::requests_per_second`]: the quota that is there at once.
pub const REQUEST_BURST_SECONDS: u32 = 10;
/// Pages of the site, and documents of the API, that one address may get in the long run, and how many at once before
/// that. Each costs about as much as 15 other requests.
pub const PAGES_PER_SECOND: NonZeroU32 = NonZeroU32::new(100).expect("not zero");
pub const PAGES_AT_ONCE: NonZeroU32 = NonZeroU32::new(1_000).expect("not zero");
/// KiB in the bodies of one address's requests, in the long run and at once before that. It bounds how fast an address
/// fills memory and disk with long messages. A body of at most 1 KiB counts as a request only.
pub const BODY_KIB_PER_SECOND: NonZeroU32 = NonZeroU32::new(1_024).expect("not zero");
pub const BODY_KIB_AT_ONCE: NonZeroU32 = NonZeroU32::new(64 * 1_024).expect("not zero");
/// Chats one address may create: this many at once, then one every few seconds.
pub const CREATES_PER_MINUTE: NonZeroU32 = NonZeroU32::new(20).expect("not zero");
/// The same in the long run, because a chat that nobody uses is kept for a day: this many at once, then so many per
/// hour.
pub const CREATES_PER_HOUR: NonZeroU32 = NonZeroU32::new(200).expect("not zero");
pub const CREATES_BEFORE_THAT: NonZeroU32 = NonZeroU32::new(2_000).expect("not zero");
/// Attempts to enter a chat from one address; also bounds the guessing of keys.
pub const JOINS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(60).expect("not zero");
/// Times one address may knock at one chat: this many at once, then one in every so many minutes.
/// It keeps one client from taking all the places of those who wait.
pub const KNOCKS_AT_ONCE: NonZeroU32 = NonZeroU32::new(6).expect("not zero");
pub const MINUTES_PER_KNOCK: u64 = 5;
/// Names one address may give itself between chats.
pub const BROWSER_SESSIONS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(30).expect("not zero");
/// Accounts one address may make; each costs a hash.
pub const REGISTERS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(10).expect("not zero");
/// Messages one member, or one address without a session, may post in the long run, and how many at once
/// before that.
pub const POSTS_PER_SECOND: NonZeroU32 = NonZeroU32::new(5).expect("not zero");
pub const POSTS_AT_ONCE: NonZeroU32 = NonZeroU32::new(30).expect("not zero");
/// Other changes of a chat by one member: invites, decisions, roles, sessions. Each is written to the disk.
pub const CHANGES_PER_SECOND: NonZeroU32 = NonZeroU32::new(5).expect("not zero");
pub const CHANGES_AT_ONCE: NonZeroU32 = NonZeroU32::new(300).expect("not zero");
/// How often one browser may change its name: each time, all its chats change.
pub const RENAMES_PER_MINUTE: NonZeroU32 = NonZeroU32::new(6).expect("not zero");
/// How often one member may say that they are writing.
pub const TYPING_PER_MINUTE: NonZeroU32 = NonZeroU32::new(60).expect("not zero");

/// Requests of one address whose bodies have not arrived yet. Each takes up to 64 KiB for up to 30 seconds.
pub const UNFINISHED_BODIES: usize = 500;
/// The same of all addresses together. With what the program keeps beside each, they take about 1 GiB.
pub const ALL_UNFINISHED_BODIES: usize = 8_192;
/// Bytes of large answers that one address has asked for and not yet received.
pub const UNREAD_ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// The same for all addresses together.
pub const ALL_UNREAD_ANSWER_BYTES: usize = 1024 * 1024 * 1024;
/// How long a caller waits if something of theirs must end first.
const SOON: Duration = Duration::from_secs(2);

/// Where a caller is, as far as limits go: an IPv4 address, or the /64 that one IPv6
/// subscriber holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Caller(IpAddr);

/// The address, or the network, that counts as one caller.
impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

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
    requests: Limit<Caller>,
    pages: Limit<Caller>,
    body_kib: Limit<Caller>,
    creates: Limit<Caller>,
    creates_in_the_long_run: Limit<Caller>,
    joins: Limit<Caller>,
    knocks: Limit<(Caller, ChatId)>,
    browser_sessions: Limit<Caller>,
    registers: Limit<Caller>,
    pub(super) logins: Logins,
    pub(super) streams: StreamLimits,
    posts: Limit<MemberId>,
    changes: Limit<MemberId>,
    typing: Limit<MemberId>,
    posts_by_address: Limit<Caller>,
    /// By the digests of the sessions' tokens.
    renames: Limit<[u8; 32]>,
    bodies: Holdings<Caller>,
    all_bodies: Holdings<()>,
    answers: Holdings<Caller>,
    all_answers: Holdings<()>,
}

/// A part of an address's limits that a request holds until it is done.
#[derive(Debug)]
pub struct Share {
    _of_caller: Held<Caller>,
    _of_all: Held<()>,
}

impl Limits {
    /// `per_second` is how many requests an address may send in the long run. A limit's refusals count under its name in
    /// `hits`.
    pub(super) fn new(clock: &Arc<dyn Clock>, per_second: NonZeroU32, hits: &Labelled<Counter>) -> Self {
        let burst = per_second.saturating_mul(NonZeroU32::new(REQUEST_BURST_SECONDS).expect("not zero"));
        let posts = Quota::per_second(POSTS_PER_SECOND).allow_burst(POSTS_AT_ONCE);
        Self {
            requests: Limit::new(Quota::per_second(per_second).allow_burst(burst), clock, hits.with("request")),
            pages: Limit::new(Quota::per_second(PAGES_PER_SECOND).allow_burst(PAGES_AT_ONCE), clock, hits.with("page")),
            body_kib: Limit::new(
                Quota::per_second(BODY_KIB_PER_SECOND).allow_burst(BODY_KIB_AT_ONCE),
                clock,
                hits.with("body_bytes"),
            ),
            creates: Limit::new(Quota::per_minute(CREATES_PER_MINUTE), clock, hits.with("create")),
            creates_in_the_long_run: {
                Limit::new(
                    Quota::per_hour(CREATES_PER_HOUR).allow_burst(CREATES_BEFORE_THAT),
                    clock,
                    hits.with("create_per_hour"),
                )
            },
            joins: Limit::new(Quota::per_minute(JOINS_PER_MINUTE), clock, hits.with("join")),
            browser_sessions: Limit::new(
                Quota::per_minute(BROWSER_SESSIONS_PER_MINUTE),
                clock,
                hits.with("browser_session"),
            ),
            registers: Limit::new(Quota::per_minute(REGISTERS_PER_MINUTE), clock, hits.with("register")),
            logins: Logins::new(clock, hits),
            streams: StreamLimits::new(hits),
            knocks: Limit::new(
                slow(Duration::from_mins(MINUTES_PER_KNOCK)).allow_burst(KNOCKS_AT_ONCE),
                clock,
                hits.with("knock"),
            ),
            posts: Limit::new(posts, clock, hits.with("post")),
            changes: Limit::new(
                Quota::per_second(CHANGES_PER_SECOND).allow_burst(CHANGES_AT_ONCE),
                clock,
                hits.with("change"),
            ),
            typing: Limit::new(Quota::per_minute(TYPING_PER_MINUTE), clock, hits.with("typing")),
            renames: Limit::new(Quota::per_minute(RENAMES_PER_MINUTE), clock, hits.with("rename")),
            posts_by_address: Limit::new(posts, clock, hits.with("public_post")),
            bodies: Holdings::new(hits.with("unfinished_bodies_of_address")),
            all_bodies: Holdings::new(hits.with("unfinished_bodies")),
            answers: Holdings::new(hits.with("unread_answers_of_address")),
            all_answers: Holdings::new(hits.with("unread_answers")),
        }
    }

    pub(super) fn check_request(&self, caller: Caller) -> Result<(), Refusal> {
        self.requests.check(&caller)
    }

    pub(super) fn check_page(&self, caller: Caller) -> Result<(), Refusal> {
        self.pages.check(&caller)
    }

    pub(super) fn check_body(&self, caller: Caller, bytes: usize) -> Result<(), Refusal> {
        let kib = u32::try_from(bytes / 1024).ok().and_then(NonZeroU32::new);
        kib.map_or(Ok(()), |kib| self.body_kib.check_amount(&caller, kib))
    }

    pub(super) fn check_create(&self, caller: Caller) -> Result<(), Refusal> {
        self.creates.check(&caller)?;
        self.creates_in_the_long_run.check(&caller)
    }

    pub(super) fn check_join(&self, caller: Caller) -> Result<(), Refusal> {
        self.joins.check(&caller)
    }

    pub(super) fn check_knock(&self, caller: Caller, chat_id: ChatId) -> Result<(), Refusal> {
        self.knocks.check(&(caller, chat_id))
    }

    pub(super) fn check_browser_session(&self, caller: Caller) -> Result<(), Refusal> {
        self.browser_sessions.check(&caller)
    }

    pub(super) fn check_register(&self, caller: Caller) -> Result<(), Refusal> {
        self.registers.check(&caller)
    }

    pub(super) fn check_post(&self, member: MemberId) -> Result<(), Refusal> {
        self.posts.check(&member)
    }

    pub(super) fn check_change(&self, member: MemberId) -> Result<(), Refusal> {
        self.changes.check(&member)
    }

    pub(super) fn check_rename(&self, session: BrowserDigest) -> Result<(), Refusal> {
        self.renames.check(session.as_bytes())
    }

    /// Without a session, the address is all that is known of who posts.
    pub(super) fn check_post_publicly(&self, caller: Caller) -> Result<(), Refusal> {
        self.posts_by_address.check(&caller)
    }

    pub(super) fn check_typing(&self, member: MemberId) -> Result<(), Refusal> {
        self.typing.check(&member)
    }

    /// Holds the place of a body that has not arrived yet.
    pub(super) fn hold_body(&self, caller: Caller) -> Result<Share, Refusal> {
        let of_caller = self.bodies.take(caller, 1, UNFINISHED_BODIES).ok_or_else(too_many_at_once)?;
        let of_all = self.all_bodies.take((), 1, ALL_UNFINISHED_BODIES).ok_or_else(too_many_at_once)?;
        Ok(Share { _of_caller: of_caller, _of_all: of_all })
    }

    /// Holds the place of an answer of `bytes` bytes until the caller has received it.
    pub(super) fn hold_answer(&self, caller: Caller, bytes: usize) -> Result<Share, Refusal> {
        let of_caller = self.answers.take(caller, bytes, UNREAD_ANSWER_BYTES).ok_or_else(too_many_at_once)?;
        let of_all = self.all_answers.take((), bytes, ALL_UNREAD_ANSWER_BYTES).ok_or_else(too_many_at_once)?;
        Ok(Share { _of_caller: of_caller, _of_all: of_all })
    }

    /// Drops what is remembered of callers who are within their limits again.
    pub(super) fn forget_idle(&self) {
        let Self { requests, pages, body_kib, creates, creates_in_the_long_run, joins, .. } = self;
        for of_callers in [
            requests,
            pages,
            body_kib,
            creates,
            creates_in_the_long_run,
            joins,
            &self.browser_sessions,
            &self.registers,
            &self.posts_by_address,
        ] {
            of_callers.forget_idle();
        }
        for of_members in [&self.posts, &self.changes, &self.typing] {
            of_members.forget_idle();
        }
        self.knocks.forget_idle();
        self.logins.forget_idle();
        self.renames.forget_idle();
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Limits")
    }
}

fn too_many_at_once() -> Refusal {
    Refusal::TooManyRequests { retry_after: SOON }
}

/// One in every `period`.
fn slow(period: Duration) -> Quota {
    Quota::with_period(period).expect("a period is not nothing")
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::metrics::Metrics;
    use crate::service::{Policy, SystemClock};

    #[test]
    fn ipv6_addresses_of_one_subscriber_count_as_one_caller() {
        let caller = |text: &str| Caller::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(caller("2001:db8:1:2::1"), caller("2001:db8:1:2:ffff::9"));
        assert_ne!(caller("2001:db8:1:2::1"), caller("2001:db8:1:3::1"));
        assert_eq!(caller("::ffff:192.0.2.1"), caller("192.0.2.1"));
        assert_ne!(caller("192.0.2.1"), caller("192.0.2.2"));
    }

    #[test]
    fn all_addresses_together_hold_so_many_unfinished_bodies() {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let limits = Limits::new(&clock, Policy::REQUESTS_PER_SECOND, &Metrics::new(|_| ()).limits_hit);
        let callers = (0_u32..).map(|number| Caller::from(IpAddr::from(Ipv4Addr::from(number))));
        let mut of_each: Vec<Vec<_>> = callers
            .map(|caller| (0..UNFINISHED_BODIES).map_while(|_| limits.hold_body(caller).ok()).collect())
            .take_while(|held: &Vec<_>| !held.is_empty())
            .collect();
        assert_eq!(of_each.iter().map(Vec::len).sum::<usize>(), ALL_UNFINISHED_BODIES);
        of_each.pop();
        assert!(limits.hold_body(Caller::from(IpAddr::from([192, 0, 2, 1]))).is_ok());
    }
}
