//! How often one may try to log in: whoever guesses waits longer each time, and the account's holder
//! does not wait for others' guesses.

use std::collections::HashSet;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use governor::Quota;

use super::limits::{Limit, check, limit};
use super::{Caller, Clock};
use crate::domain::{ChatId, Refusal};

/// Logins of one address, right or wrong: each costs a hash.
const LOGINS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(30).expect("not zero");
/// Wrong passwords in a row before the next try must wait, and the longest wait after that: for an
/// account it is short, so that nobody locks its holder out for long; for an address it may be longer.
const FREE_TRIES: u32 = 5;
const LONGEST_WAIT_OF_ACCOUNT: Duration = Duration::from_mins(1);
const LONGEST_WAIT_OF_CALLER: Duration = Duration::from_mins(15);
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
    /// The uptime at the caller's try before this.
    callers_last: Duration,
    /// The same for the account, where the try was counted there.
    accounts_last: Option<Duration>,
}

impl Logins {
    pub(super) fn new(clock: &Arc<dyn Clock>) -> Self {
        Self {
            quota: limit(Quota::per_minute(LOGINS_PER_MINUTE), clock),
            of_caller: Tries::new(clock, LONGEST_WAIT_OF_CALLER),
            of_account: Tries::new(clock, LONGEST_WAIT_OF_ACCOUNT),
            known: DashMap::new(),
        }
    }

    /// Counts a try as a failure before the password is compared, so that many tries at once do not
    /// get around the wait. A try that is refused here is not counted at all.
    pub(super) fn begin(&self, caller: Caller, account: Account) -> Result<Attempt, Refusal> {
        check(&self.quota, &caller)?;
        let callers_last = self.of_caller.begin(caller)?;
        let holder = (account.1.clone(), caller);
        let is_known = self.known.get(&account.0).is_some_and(|known| known.contains(&holder));
        let counted = (!is_known).then(|| self.of_account.begin(account.clone())).transpose();
        match counted {
            Ok(accounts_last) => Ok(Attempt { caller, account, callers_last, accounts_last }),
            Err(refusal) => {
                self.of_caller.refund(&caller, callers_last);
                Err(refusal)
            }
        }
    }

    /// The password was not compared, so it was not wrong either.
    pub(super) fn cancel(&self, attempt: Attempt) {
        let Attempt { caller, account, callers_last, accounts_last } = attempt;
        self.of_caller.refund(&caller, callers_last);
        if let Some(last) = accounts_last {
            self.of_account.refund(&account, last);
        }
    }

    /// The password was right. That says nothing of the caller's wrong tries at other accounts.
    pub(super) fn succeed(&self, attempt: Attempt) {
        let Attempt { caller, account, callers_last, .. } = attempt;
        self.of_caller.refund(&caller, callers_last);
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
        self.quota.retain_recent();
        self.of_caller.forget_idle();
        self.of_account.forget_idle();
    }
}

/// Tries that have failed in a row, and the wait that grows with them.
struct Tries<K> {
    /// How many, and the uptime at the last of them.
    failed: DashMap<K, (u32, Duration)>,
    clock: Arc<dyn Clock>,
    longest_wait: Duration,
}

impl<K: Hash + Eq> Tries<K> {
    fn new(clock: &Arc<dyn Clock>, longest_wait: Duration) -> Self {
        Self { failed: DashMap::new(), clock: Arc::clone(clock), longest_wait }
    }

    /// Twice as long with each try, from one second.
    fn wait(&self, tries: u32) -> Duration {
        let doublings = tries.checked_sub(FREE_TRIES);
        let wait = doublings.map_or(Duration::ZERO, |doublings| Duration::from_secs(1 << doublings.min(20)));
        wait.min(self.longest_wait)
    }

    /// Counts a try, and gives the uptime at the one before.
    fn begin(&self, key: K) -> Result<Duration, Refusal> {
        let now = self.clock.uptime();
        let mut failed = self.failed.entry(key).or_insert((0, now));
        let (tries, last) = *failed;
        let next = last + self.wait(tries);
        if now < next {
            return Err(Refusal::TooManyRequests { retry_after: next.saturating_sub(now) });
        }
        *failed = (tries.saturating_add(1), now);
        Ok(last)
    }

    /// Uncounts a try that was no failure; the one before it was at `last`.
    fn refund(&self, key: &K, last: Duration) {
        if let Some(mut failed) = self.failed.get_mut(key) {
            *failed = (failed.0.saturating_sub(1), last);
        }
    }

    fn clear(&self, key: &K) {
        self.failed.remove(key);
    }

    /// Forgets those who have not tried for much longer than they would have to wait.
    fn forget_idle(&self) {
        let now = self.clock.uptime();
        self.failed.retain(|_, (_, last)| now < *last + 4 * self.longest_wait);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::SystemClock;

    #[test]
    fn wrong_passwords_double_the_wait_up_to_a_maximum() {
        let tries = Tries::<u8>::new(&(Arc::new(SystemClock) as Arc<dyn Clock>), Duration::from_mins(1));
        let waits: Vec<u64> = (0..14).map(|failed| tries.wait(failed).as_secs()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(tries.wait(u32::MAX), Duration::from_mins(1));
    }

    #[test]
    fn a_cancelled_login_attempt_does_not_count_as_failed() {
        let logins = Logins::new(&(Arc::new(SystemClock) as Arc<dyn Clock>));
        let caller = Caller::from(std::net::IpAddr::from([192, 0, 2, 1]));
        let account = || (ChatId::from_random_bytes([1; 16]), "ann".to_owned());
        for _ in 0..LOGINS_PER_MINUTE.get() {
            logins.cancel(logins.begin(caller, account()).unwrap());
        }
        assert_eq!(logins.of_caller.failed.get(&caller).unwrap().0, 0);
        assert_eq!(logins.of_account.failed.get(&account()).unwrap().0, 0);
    }
}
