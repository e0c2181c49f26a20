//! How often each key may do something, in memory that is bounded however many keys there are.

use std::cell::Cell;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use governor::clock::{self, Reference as _};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::{DashMapStateStore, ShrinkableKeyedStateStore};
use governor::state::{InMemoryState, NotKeyed, StateStore};
use governor::{InsufficientCapacity, NotUntil, Quota, RateLimiter};

use super::Clock;
use crate::domain::Refusal;
use crate::metrics::Counter;

/// Keys that a limit counts each on its own: at about 60 bytes, they need 6 MiB. An address or member is
/// forgotten as soon as all of its quota is there again, so this is how many are active at one time.
pub const COUNTED_KEYS: usize = 100_000;
/// Counts that the keys beyond [`COUNTED_KEYS`] share. A caller with many addresses then runs into them, and mostly
/// alone.
pub const SHARED_COUNTS: usize = 1_024;

/// The limit of one rate, for keys of one kind.
pub(super) struct Limit<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, Counts<K>, LimitClock, NoOpMiddleware<Nanos>>,
    /// What it refused.
    hits: Counter,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    pub(super) fn new(quota: Quota, clock: &Arc<dyn Clock>, hits: Counter) -> Self {
        Self { limiter: RateLimiter::new(quota, Counts::default(), LimitClock(Arc::clone(clock))), hits }
    }

    /// Counts one more, unless it is too many.
    ///
    /// # Errors
    /// [`Refusal::TooManyRequests`].
    pub(super) fn check(&self, key: &K) -> Result<(), Refusal> {
        self.limiter.check_key(key).map_err(|until| self.refusal(&until))
    }

    /// Counts `amount` more, unless it is too many. An amount above the burst counts as the burst.
    ///
    /// # Errors
    /// [`Refusal::TooManyRequests`].
    pub(super) fn check_amount(&self, key: &K, amount: NonZeroU32) -> Result<(), Refusal> {
        match self.limiter.check_key_n(key, amount) {
            Ok(checked) => checked.map_err(|until| self.refusal(&until)),
            Err(InsufficientCapacity(burst)) => {
                let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
                self.limiter
                    .check_key_n(key, burst)
                    .map_or(Ok(()), |checked| checked.map_err(|until| self.refusal(&until)))
            }
        }
    }

    fn refusal(&self, until: &NotUntil<Nanos>) -> Refusal {
        self.hits.inc();
        let now = clock::Clock::now(self.limiter.clock());
        let wait = until.earliest_possible().duration_since(now);
        Refusal::TooManyRequests { retry_after: wait.into() }
    }

    /// Forgets the keys that have all of their quota again, and frees their memory.
    pub(super) fn forget_idle(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}

/// The state of each key, or of all keys that share a count.
struct Counts<K: Hash + Eq + Clone> {
    own: DashMapStateStore<K>,
    /// The length of `own`, which a map of shards would have to add up.
    own_len: AtomicUsize,
    shared: Box<[InMemoryState]>,
    hasher: RandomState,
}

impl<K: Hash + Eq + Clone> Default for Counts<K> {
    fn default() -> Self {
        Self {
            own: DashMapStateStore::default(),
            own_len: AtomicUsize::new(0),
            shared: std::iter::repeat_with(InMemoryState::default).take(SHARED_COUNTS).collect(),
            hasher: RandomState::new(),
        }
    }
}

impl<K: Hash + Eq + Clone> StateStore for Counts<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        if self.own_len.load(Ordering::Relaxed) < COUNTED_KEYS || self.own.contains_key(key) {
            let is_new = Cell::new(false);
            let measured = self.own.measure_and_replace(key, |before| {
                is_new.set(before.is_none());
                f(before)
            });
            if is_new.get() {
                self.own_len.fetch_add(1, Ordering::Relaxed);
            }
            return measured;
        }
        self.shared[shared_count(&self.hasher, key)].measure_and_replace(&NotKeyed::NonKey, f)
    }
}

impl<K: Hash + Eq + Clone> ShrinkableKeyedStateStore<K> for Counts<K> {
    fn retain_recent(&self, drop_below: Nanos) {
        ShrinkableKeyedStateStore::retain_recent(&self.own, drop_below);
        // Keys that were added in the meantime may count twice until the next time.
        self.own_len.store(self.own.len(), Ordering::Relaxed);
    }

    fn shrink_to_fit(&self) {
        self.own.shrink_to_fit();
    }

    fn len(&self) -> usize {
        self.own.len()
    }

    fn is_empty(&self) -> bool {
        self.own.is_empty()
    }
}

/// The number of the count that `key` shares, which nobody can predict.
pub(super) fn shared_count(hasher: &RandomState, key: &impl Hash) -> usize {
    let shared = u64::try_from(SHARED_COUNTS).expect("the number of shared counts fits into 64 bits");
    usize::try_from(hasher.hash_one(key) % shared).expect("the remainder is below a usize")
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
    use std::time::Duration;

    use parking_lot::Mutex;

    use super::*;
    use crate::domain::Timestamp;

    #[derive(Debug, Default)]
    struct Standing(Mutex<Duration>);

    impl Clock for Standing {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(0)
        }

        fn uptime(&self) -> Duration {
            *self.0.lock()
        }
    }

    fn limit() -> (Arc<Standing>, Limit<usize>) {
        let clock = Arc::new(Standing::default());
        let limit =
            Limit::new(Quota::per_second(NonZeroU32::MIN), &(clock.clone() as Arc<dyn Clock>), Counter::default());
        (clock, limit)
    }

    #[test]
    fn keys_beyond_the_counted_ones_share_counts_until_others_are_forgotten() {
        let (clock, limit) = limit();
        assert!((0..COUNTED_KEYS).all(|key| limit.check(&key).is_ok()));
        let beyond = COUNTED_KEYS..2 * COUNTED_KEYS;
        let accepted = beyond.clone().filter(|key| limit.check(key).is_ok()).count();
        assert_eq!((accepted, limit.limiter.len()), (SHARED_COUNTS, COUNTED_KEYS));
        // A counted key still has its own count.
        *clock.0.lock() = Duration::from_millis(900);
        assert!(limit.check(&0).is_err());
        *clock.0.lock() = Duration::from_secs(3);
        assert!(limit.check(&0).is_ok());
        limit.forget_idle();
        assert_eq!(limit.limiter.len(), 1);
        assert!(beyond.take(COUNTED_KEYS / 2).all(|key| limit.check(&key).is_ok()));
    }
}
