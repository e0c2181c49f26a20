//! How much each key holds at one time, such as the open streams of an address.

use std::hash::Hash;
use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use crate::metrics::Counter;

/// What each key holds. A key that holds nothing takes no memory, so the memory is bounded by what is held.
#[derive(Debug)]
pub struct Holdings<K: Hash + Eq> {
    amounts: Arc<DashMap<K, usize>>,
    /// What was refused.
    hits: Counter,
}

/// An amount that a key holds until this is dropped.
#[derive(Debug)]
pub struct Held<K: Hash + Eq + Copy> {
    amounts: Arc<DashMap<K, usize>>,
    key: K,
    amount: usize,
}

impl<K: Hash + Eq + Copy> Holdings<K> {
    /// Counts in `hits` what it refuses.
    #[must_use]
    pub fn new(hits: Counter) -> Self {
        Self { amounts: Arc::default(), hits }
    }

    /// Adds `amount` to what `key` holds. `None` if that would be more than `at_most`.
    #[must_use]
    pub fn take(&self, key: K, amount: usize, at_most: usize) -> Option<Held<K>> {
        let is_taken = match self.amounts.entry(key) {
            Entry::Occupied(mut entry) => {
                let total = entry.get().checked_add(amount).filter(|total| *total <= at_most);
                total.map(|total| entry.insert(total)).is_some()
            }
            Entry::Vacant(entry) if amount <= at_most => {
                entry.insert(amount);
                true
            }
            Entry::Vacant(_) => false,
        };
        if !is_taken {
            self.hits.inc();
        }
        is_taken.then(|| Held { amounts: Arc::clone(&self.amounts), key, amount })
    }

    /// Whether nobody holds anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.amounts.is_empty()
    }
}

impl<K: Hash + Eq + Copy> Drop for Held<K> {
    fn drop(&mut self) {
        if let Entry::Occupied(mut entry) = self.amounts.entry(self.key) {
            *entry.get_mut() -= self.amount;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_holds_at_most_the_limit_and_is_forgotten_when_it_holds_nothing() {
        let holdings = Holdings::new(Counter::default());
        assert!(holdings.take(1, 11, 10).is_none());
        let first = holdings.take(1, 7, 10).unwrap();
        assert!(holdings.take(1, 4, 10).is_none());
        let second = holdings.take(1, 3, 10).unwrap();
        assert!(holdings.take(2, 10, 10).is_some(), "another key has its own amount");
        drop(first);
        assert!(holdings.take(1, 7, 10).is_some());
        drop(second);
        assert!(holdings.is_empty());
    }
}
