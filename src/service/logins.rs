//! How often one may try to log in: whoever guesses waits longer each time, and the account's holder
//! does not wait for others' guesses.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::marker::PhantomData;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use governor::Quota;

use super::rates::{COUNTED_KEYS, Limit, shared_count};
use super::{Caller, Clock};
use crate::domain::{ChatId, Refusal};
use crate::metrics::{Counter, Labelled};

/// Logins of one address, right or wrong: each costs a hash.
pub const LOGINS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(30).expect("not zero");
/// Wrong passwords in a row before the next try must wait, and the longest wait after that: for an
/// account it is short, so that nobody locks its holder out for long; for an address it may be longer.
pub const FREE_TRIES: u32 = 5;
pub const LONGEST_WAIT_OF_ACCOUNT: Duration = Duration::from_mins(1);
pub const LONGEST_WAIT_OF_CALLER: Duration = Duration::from_mins(15);
/// Addresses of holders that are remembered of one chat; of those beyond, each is a stranger.
const MAX_KNOWN: usize = 1_000;

/// One chat's account, by its folded username. There may be none of that name.
type Account = (ChatId, String);

/// The limits on logging in, on one node.
pub(super) struct Logins {
    quota: Limit<Caller>,
    of_caller: Tries<Caller>,
    /// Tries by addresses from which nobody has logged in to the account.
    of_account: Tries<Account>,
    /// From where the holders of a chat's accounts have logged in. Strangers' guesses do not make
    /// them wait.
    known: DashMap<ChatId, HashSet<(String, Caller)>>,
}

/// A try to log in that counts as a failure until [`Logins::succeed`] or [`Logins::cancel`].
#[derive(Debug)]
pub(super) struct Attempt {
    caller: Caller,
    account: Account,
    /// The caller's try.
    of_caller: Try,
    /// The same for the account, where the try was counted there.
    of_account: Option<Try>,
}

impl Logins {
    pub(super) fn new(clock: &Arc<dyn Clock>, hits: &Labelled<Counter>) -> Self {
        Self {
            quota: Limit::new(Quota::per_minute(LOGINS_PER_MINUTE), clock, hits.with("login")),
            of_caller: Tries::new(clock, LONGEST_WAIT_OF_CALLER, hits.with("login_wait_of_address")),
            of_account: Tries::new(clock, LONGEST_WAIT_OF_ACCOUNT, hits.with("login_wait_of_account")),
            known: DashMap::new(),
        }
    }

    /// Counts a try as a failure before the password is compared, so that many tries at once do not
    /// get around the wait. A try that is refused here is not counted at all.
    pub(super) fn begin(&self, caller: Caller, account: Account) -> Result<Attempt, Refusal> {
        self.quota.check(&caller)?;
        let of_caller = self.of_caller.begin(&caller)?;
        let holder = (account.1.clone(), caller);
        let is_known = self.known.get(&account.0).is_some_and(|known| known.contains(&holder));
        let counted = (!is_known).then(|| self.of_account.begin(&account)).transpose();
        match counted {
            Ok(of_account) => Ok(Attempt { caller, account, of_caller, of_account }),
            Err(refusal) => {
                self.of_caller.refund(&of_caller);
                Err(refusal)
            }
        }
    }

    /// The password was not compared, so it was not wrong either.
    pub(super) fn cancel(&self, attempt: Attempt) {
        self.of_caller.refund(&attempt.of_caller);
        if let Some(of_account) = attempt.of_account {
            self.of_account.refund(&of_account);
        }
    }

    /// The password was right. That says nothing of the caller's wrong tries at other accounts.
    pub(super) fn succeed(&self, attempt: Attempt) {
        let Attempt { caller, account, of_caller, .. } = attempt;
        self.of_caller.refund(&of_caller);
        self.of_account.clear(&account);
        let (chat_id, username) = account;
        let mut known = self.known.entry(chat_id).or_default();
        if known.len() < MAX_KNOWN {
            known.insert((username, caller));
        }
    }

    /// Forgets from where the holders of a chat's accounts have logged in: the chat has ended.
    pub(super) fn forget_chat(&self, chat_id: ChatId) {
        self.known.remove(&chat_id);
    }

    pub(super) fn forget_idle(&self) {
        self.quota.forget_idle();
        self.of_caller.forget_idle();
        self.of_account.forget_idle();
    }
}

/// How long the next try has to wait after so many failed ones.
pub(super) fn wait_after(tries: u32, longest_wait: Duration) -> Duration {
    let doublings = tries.checked_sub(FREE_TRIES);
    let wait = doublings.map_or(Duration::ZERO, |doublings| Duration::from_secs(1 << doublings.min(20)));
    wait.min(longest_wait)
}

/// Tries that have failed in a row, and the wait that grows with them. Keys beyond [`COUNTED_KEYS`] share counts, as in
/// [`Limit`].
struct Tries<K> {
    /// How many, and the uptime at the last of them. By the keys' hashes, which need less memory than names.
    failed: DashMap<u64, (u32, Duration)>,
    hasher: RandomState,
    clock: Arc<dyn Clock>,
    longest_wait: Duration,
    /// Tries that came before the end of the wait.
    hits: Counter,
    keys: PhantomData<fn(&K)>,
}

/// A try that was counted.
#[derive(Debug)]
struct Try {
    counted_at: u64,
    /// The uptime at the try before this.
    last: Duration,
}

impl<K: Hash> Tries<K> {
    fn new(clock: &Arc<dyn Clock>, longest_wait: Duration, hits: Counter) -> Self {
        let (failed, hasher) = (DashMap::new(), RandomState::new());
        Self { failed, hasher, clock: Arc::clone(clock), longest_wait, hits, keys: PhantomData }
    }

    /// Twice as long with each try, from one second.
    fn wait(&self, tries: u32) -> Duration {
        wait_after(tries, self.longest_wait)
    }

    /// Where the tries of `key` are counted.
    fn place(&self, key: &K) -> u64 {
        let own = self.hasher.hash_one(key);
        if self.failed.contains_key(&own) || self.failed.len() < COUNTED_KEYS {
            return own;
        }
        u64::try_from(shared_count(&self.hasher, key)).unwrap_or(own)
    }

    /// Counts a try.
    fn begin(&self, key: &K) -> Result<Try, Refusal> {
        let now = self.clock.uptime();
        let counted_at = self.place(key);
        let mut failed = self.failed.entry(counted_at).or_insert((0, now));
        let (tries, last) = *failed;
        let next = last + self.wait(tries);
        if now < next {
            self.hits.inc();
            return Err(Refusal::TooManyRequests { retry_after: next.saturating_sub(now) });
        }
        *failed = (tries.saturating_add(1), now);
        Ok(Try { counted_at, last })
    }

    /// Uncounts a try that was no failure.
    fn refund(&self, counted: &Try) {
        if let Some(mut failed) = self.failed.get_mut(&counted.counted_at) {
            *failed = (failed.0.saturating_sub(1), counted.last);
        }
    }

    fn clear(&self, key: &K) {
        self.failed.remove(&self.place(key));
    }

    /// Forgets those who have not tried for much longer than they would have to wait.
    fn forget_idle(&self) {
        let now = self.clock.uptime();
        self.failed.retain(|_, (_, last)| now < *last + 4 * self.longest_wait);
        self.failed.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;
    use crate::service::SystemClock;

    #[test]
    fn wrong_passwords_double_the_wait_up_to_a_maximum() {
        let tries =
            Tries::<u8>::new(&(Arc::new(SystemClock) as Arc<dyn Clock>), Duration::from_mins(1), Counter::default());
        let waits: Vec<u64> = (0..14).map(|failed| tries.wait(failed).as_secs()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(tries.wait(u32::MAX), Duration::from_mins(1));
    }

    #[test]
    fn a_cancelled_login_attempt_does_not_count_as_failed() {
        let metrics = Metrics::new(|_| ());
        let logins = Logins::new(&(Arc::new(SystemClock) as Arc<dyn Clock>), &metrics.limits_hit);
        let caller = Caller::from(std::net::IpAddr::from([192, 0, 2, 1]));
        let account = || (ChatId::from_random_bytes([1; 16]), "ann".to_owned());
        for _ in 0..LOGINS_PER_MINUTE.get() {
            logins.cancel(logins.begin(caller, account()).unwrap());
        }
        let failed = |tries: &DashMap<u64, (u32, Duration)>| tries.iter().map(|failed| failed.0).sum::<u32>();
        assert_eq!((failed(&logins.of_caller.failed), failed(&logins.of_account.failed)), (0, 0));
    }

    #[test]
    fn many_names_need_bounded_memory() {
        let clock = Arc::new(SystemClock) as Arc<dyn Clock>;
        let tries = Tries::<usize>::new(&clock, Duration::from_mins(1), Counter::default());
        let counted = COUNTED_KEYS + crate::service::rates::SHARED_COUNTS;
        (0..2 * COUNTED_KEYS).for_each(|key| drop(tries.begin(&key)));
        assert!((COUNTED_KEYS..=counted).contains(&tries.failed.len()), "{}", tries.failed.len());
    }
}
