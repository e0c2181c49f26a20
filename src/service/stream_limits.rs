//! How many streams may be open at one time.

use std::hash::Hash;
use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use super::Caller;
use crate::domain::{MemberId, Refusal};

/// Streams of one member: a page has one, so this is how many tabs show the same chat live.
const STREAMS_OF_MEMBER: usize = 20;
/// Streams of one address: several people may share it, each in several chats.
const STREAMS_OF_CALLER: usize = 300;

/// The streams that are open on one node. The newest gives way: it is refused, and a page that is
/// refused asks for news at intervals instead, where a stream that was ended would only be opened again.
#[derive(Debug, Default)]
pub(super) struct StreamLimits {
    of_member: OpenStreams<MemberId>,
    of_caller: OpenStreams<Caller>,
}

/// Holds the places of one stream while it is open.
#[derive(Debug)]
pub(super) struct StreamPermit {
    _of_member: Option<Permit<MemberId>>,
    _of_caller: Permit<Caller>,
}

impl StreamLimits {
    /// # Errors
    /// [`Refusal::TooManyStreams`].
    pub(super) fn open(&self, caller: Caller, member: Option<MemberId>) -> Result<StreamPermit, Refusal> {
        let of_caller = self.of_caller.take(caller, STREAMS_OF_CALLER)?;
        let of_member = member.map(|member| self.of_member.take(member, STREAMS_OF_MEMBER)).transpose()?;
        Ok(StreamPermit { _of_member: of_member, _of_caller: of_caller })
    }
}

/// How many are open of each.
type Counts<K> = Arc<DashMap<K, usize>>;

#[derive(Debug)]
struct OpenStreams<K: Hash + Eq> {
    counts: Counts<K>,
}

impl<K: Hash + Eq> Default for OpenStreams<K> {
    fn default() -> Self {
        Self { counts: Arc::default() }
    }
}

impl<K: Hash + Eq + Copy> OpenStreams<K> {
    fn take(&self, key: K, at_most: usize) -> Result<Permit<K>, Refusal> {
        let mut open = self.counts.entry(key).or_insert(0);
        if *open >= at_most {
            return Err(Refusal::TooManyStreams { at_most });
        }
        *open += 1;
        Ok(Permit { counts: Arc::clone(&self.counts), key })
    }
}

#[derive(Debug)]
struct Permit<K: Hash + Eq + Copy> {
    counts: Counts<K>,
    key: K,
}

impl<K: Hash + Eq + Copy> Drop for Permit<K> {
    fn drop(&mut self) {
        if let Entry::Occupied(mut open) = self.counts.entry(self.key) {
            *open.get_mut() -= 1;
            if *open.get() == 0 {
                open.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    #[test]
    fn a_stream_over_the_members_limit_is_refused_until_another_closes() {
        let limits = StreamLimits::default();
        let caller = Caller::from(IpAddr::from(Ipv4Addr::LOCALHOST));
        let member = MemberId::from_random_bytes([1; 16]);
        let mut open: Vec<_> = (0..STREAMS_OF_MEMBER).map(|_| limits.open(caller, Some(member)).unwrap()).collect();
        let refused = Refusal::TooManyStreams { at_most: STREAMS_OF_MEMBER };
        assert_eq!(limits.open(caller, Some(member)).unwrap_err(), refused);
        let other = MemberId::from_random_bytes([2; 16]);
        assert!(limits.open(caller, Some(other)).is_ok());
        open.pop();
        assert!(limits.open(caller, Some(member)).is_ok());
        drop(open);
        assert!(limits.of_member.counts.is_empty() && limits.of_caller.counts.is_empty());
    }
}
