//! What the service refuses before it looks at a request, and how much it stores at all.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::limits::Share;
use super::{Caller, Result, Service};
use crate::domain::Refusal;

/// How many chats and browser sessions are stored: counted at each sweep, and each new one added in between. So chats
/// that end make room at the next sweep.
#[derive(Debug, Default)]
pub(super) struct Census {
    pub(super) chats: AtomicUsize,
    pub(super) browser_sessions: AtomicUsize,
}

impl Service {
    /// Counts a request of `caller`. `is_page` is for pages and documents, which cost more than other answers.
    ///
    /// # Errors
    /// [`Refusal::TooManyRequests`].
    pub fn admit(&self, caller: Caller, is_page: bool) -> Result<(), Refusal> {
        self.limit(|limits| {
            limits.check_request(caller)?;
            if is_page { limits.check_page(caller) } else { Ok(()) }
        })
    }

    /// Holds the place of a body of `caller` that has not arrived yet.
    ///
    /// # Errors
    /// [`Refusal::TooManyRequests`].
    pub fn hold_body(&self, caller: Caller) -> Result<Option<Share>, Refusal> {
        self.inner.limits.as_ref().map(|limits| limits.hold_body(caller)).transpose()
    }

    /// Counts the bytes of a body that has arrived.
    ///
    /// # Errors
    /// [`Refusal::TooManyRequests`].
    pub fn check_body(&self, caller: Caller, bytes: usize) -> Result<(), Refusal> {
        self.limit(|limits| limits.check_body(caller, bytes))
    }

    /// Holds the place of a large answer until `caller` has received it.
    ///
    /// # Errors
    /// [`Refusal::TooManyRequests`].
    pub fn hold_answer(&self, caller: Caller, bytes: usize) -> Result<Option<Share>, Refusal> {
        self.inner.limits.as_ref().map(|limits| limits.hold_answer(caller, bytes)).transpose()
    }

    /// Adds one to `stored`, unless as many are stored as the operator allows.
    pub(super) fn check_room(&self, stored: &AtomicUsize) -> Result<(), Refusal> {
        let max = self.inner.policy.max_chats;
        let added =
            stored.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |stored| (stored < max).then_some(stored + 1));
        added.map(drop).map_err(|_| Refusal::StoreFull)
    }

    /// Counts what is stored.
    pub(super) async fn take_census(&self) -> Result<()> {
        let Census { chats, browser_sessions } = &self.inner.census;
        chats.store(self.inner.stores.chats.count_chats().await?, Ordering::Relaxed);
        let counted = self.inner.stores.browser_sessions.count_browser_sessions().await?;
        browser_sessions.store(counted, Ordering::Relaxed);
        Ok(())
    }
}
