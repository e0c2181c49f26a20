//! How many streams may be open at one time.

use super::Caller;
use super::holdings::{Held, Holdings};
use crate::domain::{MemberId, Refusal};
use crate::metrics::{Counter, Labelled};

/// Streams of one member: a page has one, so this is how many tabs show the same chat live.
pub const STREAMS_OF_MEMBER: usize = 20;
/// Streams of one address: several people may share it, each in several chats.
pub const STREAMS_OF_CALLER: usize = 300;

/// The streams that are open on one node. The newest gives way: it is refused, and a page that is
/// refused asks for news at intervals instead, where a stream that was ended would only be opened again.
#[derive(Debug)]
pub(super) struct StreamLimits {
    of_member: Holdings<MemberId>,
    of_caller: Holdings<Caller>,
}

/// Holds the places of one stream while it is open.
#[derive(Debug)]
pub(super) struct StreamPermit {
    _of_member: Option<Held<MemberId>>,
    _of_caller: Held<Caller>,
}

impl StreamLimits {
    /// A limit's refusals count under its name in `hits`.
    pub(super) fn new(hits: &Labelled<Counter>) -> Self {
        let [of_member, of_caller] = ["streams_of_member", "streams_of_address"].map(|name| hits.with(name));
        Self { of_member: Holdings::new(of_member), of_caller: Holdings::new(of_caller) }
    }

    /// # Errors
    /// [`Refusal::TooManyStreams`].
    pub(super) fn open(&self, caller: Caller, member: Option<MemberId>) -> Result<StreamPermit, Refusal> {
        let full = |at_most| Refusal::TooManyStreams { at_most };
        let of_caller = self.of_caller.take(caller, 1, STREAMS_OF_CALLER).ok_or_else(|| full(STREAMS_OF_CALLER))?;
        let take = |member| self.of_member.take(member, 1, STREAMS_OF_MEMBER).ok_or_else(|| full(STREAMS_OF_MEMBER));
        Ok(StreamPermit { _of_member: member.map(take).transpose()?, _of_caller: of_caller })
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn a_stream_over_the_members_limit_is_refused_until_another_closes() {
        let limits = StreamLimits::new(&Metrics::new(|_| ()).limits_hit);
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
        assert!(limits.of_member.is_empty() && limits.of_caller.is_empty());
    }
}
