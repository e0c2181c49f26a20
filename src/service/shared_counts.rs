//! Limits that guard secrets, counted by all nodes of a store together, so that whoever guesses gains nothing from
//! several nodes. Every node checks its own limits first ([`super::limits`]). The store sees hashes of addresses and
//! names only, and forgets each as soon as it no longer counts.

use std::num::NonZeroU32;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::limits::JOINS_PER_MINUTE;
use super::logins::{LOGINS_PER_MINUTE, LONGEST_WAIT_OF_ACCOUNT, LONGEST_WAIT_OF_CALLER, wait_after};
use super::{Caller, Error, Result, Service};
use crate::domain::{ChatId, Refusal};
use crate::store::Count;

/// How often a count is tried again that other nodes changed at the same time. More means that someone tries a secret
/// from many connections at once.
const MAX_TRIES: usize = 16;
/// How long all nodes remember from where an account's holder has logged in: as long as the session lasts.
const KNOWN_FOR: Duration = Duration::from_hours(6);
const MINUTE: u64 = 60_000;

/// A login that all nodes count as failed until it succeeds.
#[derive(Debug)]
pub(super) struct SharedAttempt {
    of_caller: Counted,
    /// `None` if the account's holder has logged in from there before.
    of_account: Option<Counted>,
    known: String,
}

/// A count that was increased, and when it was increased before that.
#[derive(Debug)]
struct Counted {
    key: String,
    longest_wait: Duration,
    last_at: u64,
}

impl Service {
    /// Counts a try to join with a key or a code.
    pub(super) async fn check_join(&self, caller: Caller) -> Result<()> {
        self.limit(|limits| limits.check_join(caller))?;
        if self.has_shared_counts() { self.take_one("join", caller, JOINS_PER_MINUTE).await } else { Ok(()) }
    }

    /// Counts a login, which fails until [`Service::succeed_shared_login`] or [`Service::cancel_shared_login`]. Returns
    /// `None` if only this node counts.
    pub(super) async fn begin_shared_login(
        &self,
        caller: Caller,
        (chat_id, username): &(ChatId, String),
    ) -> Result<Option<SharedAttempt>> {
        if !self.has_shared_counts() {
            return Ok(None);
        }
        self.take_one("login", caller, LOGINS_PER_MINUTE).await?;
        let caller_text = caller.to_string();
        let account = [&chat_id.to_string(), &**username];
        let known = key("known", &[account[0], account[1], &caller_text]);
        let of_caller = self.count_up(key("login-of-address", &[&caller_text]), LONGEST_WAIT_OF_CALLER).await?;
        let is_known = match self.shared_store() {
            Some(shared) => shared.load_count(&known).await?.is_some(),
            None => false,
        };
        if is_known {
            return Ok(Some(SharedAttempt { of_caller, of_account: None, known }));
        }
        match self.count_up(key("login-of-account", &account), LONGEST_WAIT_OF_ACCOUNT).await {
            Ok(of_account) => Ok(Some(SharedAttempt { of_caller, of_account: Some(of_account), known })),
            Err(error) => {
                self.count_down(of_caller).await?;
                Err(error)
            }
        }
    }

    pub(super) async fn succeed_shared_login(&self, attempt: SharedAttempt) -> Result<()> {
        let now = self.now_millis();
        self.count_down(attempt.of_caller).await?;
        if let Some(of_account) = attempt.of_account {
            self.change(&of_account.key, Duration::ZERO, |_| Ok(None)).await?;
        }
        self.change(&attempt.known, KNOWN_FOR, |_| Ok(Some(Count { amount: 1, at: now }))).await.map(drop)
    }

    pub(super) async fn cancel_shared_login(&self, attempt: SharedAttempt) -> Result<()> {
        self.count_down(attempt.of_caller).await?;
        match attempt.of_account {
            Some(of_account) => self.count_down(of_account).await,
            None => Ok(()),
        }
    }

    fn has_shared_counts(&self) -> bool {
        self.inner.limits.is_some() && self.shared_store().is_some()
    }

    fn now_millis(&self) -> u64 {
        u64::try_from(self.now().as_millis()).unwrap_or(0)
    }

    /// Takes one from the caller's quota.
    async fn take_one(&self, kind: &str, caller: Caller, per_minute: NonZeroU32) -> Result<()> {
        let (key, now) = (key(kind, &[&caller.to_string()]), self.now_millis());
        let keep = Duration::from_millis(2 * MINUTE);
        self.change(&key, keep, |count| take_from_quota(count, per_minute, now).map(Some)).await.map(drop)
    }

    /// Counts a try that fails until it is counted down.
    async fn count_up(&self, key: String, longest_wait: Duration) -> Result<Counted> {
        let now = self.now_millis();
        let before = self.change(&key, 4 * longest_wait, |count| next_try(count, longest_wait, now).map(Some)).await?;
        Ok(Counted { key, longest_wait, last_at: before.map_or(now, |count| count.at) })
    }

    async fn count_down(&self, Counted { key, longest_wait, last_at }: Counted) -> Result<()> {
        let counted_down = |count: Option<Count>| {
            let amount = count.map_or(0, |count| count.amount).saturating_sub(1);
            Ok((amount > 0).then_some(Count { amount, at: last_at }))
        };
        self.change(&key, 4 * longest_wait, counted_down).await.map(drop)
    }

    /// Replaces a count by what `next` makes of it. Returns what it was before.
    async fn change(
        &self,
        key: &str,
        keep: Duration,
        next: impl Fn(Option<Count>) -> Result<Option<Count>, Duration>,
    ) -> Result<Option<Count>> {
        let Some(shared) = self.shared_store() else { return Ok(None) };
        for _ in 0..MAX_TRIES {
            let before = shared.load_count(key).await?;
            let after = next(before).map_err(too_many)?;
            if shared.replace_count(key, before, after, keep).await? {
                return Ok(before);
            }
        }
        Err(too_many(Duration::from_secs(1)))
    }
}

fn too_many(retry_after: Duration) -> Error {
    Refusal::TooManyRequests { retry_after }.into()
}

/// A key that contains no address and no name. Who can read the store could still try all addresses.
fn key(kind: &str, of: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in of {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    let hash: [u8; 32] = hash.finalize().into();
    format!("{kind}-{}", URL_SAFE_NO_PAD.encode(&hash[..16]))
}

/// Takes one from a quota that refills steadily and holds a minute's worth: `at` is when it will be full again (GCRA).
/// Fails with the time until one is there.
fn take_from_quota(count: Option<Count>, per_minute: NonZeroU32, now: u64) -> Result<Count, Duration> {
    let period = MINUTE / u64::from(per_minute.get());
    let full_at = count.map_or(now, |count| count.at.max(now)) + period;
    match (full_at - now).checked_sub(MINUTE) {
        Some(wait) if wait > 0 => Err(Duration::from_millis(wait)),
        _ => Ok(Count { amount: 0, at: full_at }),
    }
}

/// Counts one more failed try, if the wait after the last one is over. Fails with the rest of that wait.
fn next_try(count: Option<Count>, longest_wait: Duration, now: u64) -> Result<Count, Duration> {
    let Count { amount, at } = count.unwrap_or(Count { amount: 0, at: now });
    let wait = wait_after(u32::try_from(amount).unwrap_or(u32::MAX), longest_wait);
    let next = at.saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    match next.checked_sub(now) {
        Some(rest) if rest > 0 => Err(Duration::from_millis(rest)),
        _ => Ok(Count { amount: amount + 1, at: now }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_gives_a_minutes_worth_at_once_and_refills_steadily() {
        let per_minute = NonZeroU32::new(4).unwrap();
        let mut count = None;
        for _ in 0..4 {
            count = Some(take_from_quota(count, per_minute, 1_000_000).unwrap());
        }
        assert_eq!(take_from_quota(count, per_minute, 1_000_000), Err(Duration::from_secs(15)));
        assert_eq!(take_from_quota(count, per_minute, 1_014_000), Err(Duration::from_secs(1)));
        assert!(take_from_quota(count, per_minute, 1_015_000).is_ok());
        // A node whose clock is behind refuses nothing more.
        assert!(take_from_quota(None, per_minute, 0).is_ok());
    }

    #[test]
    fn failed_tries_double_the_wait() {
        let longest = Duration::from_mins(1);
        let mut count = None;
        for _ in 0..5 {
            count = Some(next_try(count, longest, 1_000).unwrap());
        }
        assert_eq!(next_try(count, longest, 1_000), Err(Duration::from_secs(1)));
        let sixth = next_try(count, longest, 2_000).unwrap();
        assert_eq!(next_try(Some(sixth), longest, 2_000), Err(Duration::from_secs(2)));
        let many = Count { amount: u64::MAX - 1, at: 0 };
        assert_eq!(next_try(Some(many), longest, 0), Err(longest));
    }

    #[test]
    fn keys_contain_no_address_and_differ() {
        let one = key("join", &["192.0.2.1"]);
        assert!(one.starts_with("join-") && !one.contains("192"));
        assert_ne!(one, key("join", &["192.0.2.2"]));
        assert_ne!(key("x", &["ab", "c"]), key("x", &["a", "bc"]));
    }
}
