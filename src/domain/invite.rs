//! Magic links.

use std::time::Duration;

use super::secret::OfInvite;
use super::{Digest, InviteId, InviteLabel, Refusal, Timestamp};

/// What the owner asks of a new invite.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InviteTerms {
    pub label: Option<InviteLabel>,
    /// How many may come by it; `None` is no limit of its own.
    pub max_uses: Option<u32>,
    /// How long it holds; `None` is as long as the chat.
    pub lifetime: Option<Duration>,
    /// Whether who comes by it must be let in; `None` is as the chat's admission has it.
    pub asks_first: Option<bool>,
}

impl InviteTerms {
    /// More uses than any chat has seats are as good as no limit; this bounds the number.
    pub const MAX_USES: u32 = 1_000;
    /// Thirty days.
    pub const MAX_LIFETIME: Duration = Duration::from_hours(30 * 24);

    /// # Errors
    /// [`Refusal::Invalid`] that names the number which is out of its bounds.
    pub fn new(
        label: Option<InviteLabel>,
        max_uses: Option<u32>,
        expires_in_seconds: Option<u64>,
        asks_first: Option<bool>,
    ) -> Result<Self, Refusal> {
        if max_uses.is_some_and(|uses| !(1..=Self::MAX_USES).contains(&uses)) {
            let problem = format!("must be from 1 to {}", Self::MAX_USES);
            return Err(Refusal::Invalid { field: "max_uses", problem });
        }
        let longest = Self::MAX_LIFETIME.as_secs();
        if expires_in_seconds.is_some_and(|seconds| !(1..=longest).contains(&seconds)) {
            let problem = format!("must be from 1 to {longest} seconds");
            return Err(Refusal::Invalid { field: "expires_in", problem });
        }
        Ok(Self { label, max_uses, lifetime: expires_in_seconds.map(Duration::from_secs), asks_first })
    }
}

/// A magic link as the chat knows it: all but its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    pub id: InviteId,
    pub digest: Digest<OfInvite>,
    pub label: Option<InviteLabel>,
    pub max_uses: Option<u32>,
    pub uses: u32,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    /// Whether who comes by it must be let in by an owner.
    pub asks_first: bool,
    /// Whether someone made it who knew the chat's address and showed no session.
    pub is_by_address: bool,
}

impl Invite {
    /// How long an invite holds that was made without a session: nobody may be left to revoke it.
    pub const LIFETIME_BY_ADDRESS: Duration = Duration::from_hours(24);

    /// Whether it can still let someone in.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end) && self.max_uses.is_none_or(|max| self.uses < max)
    }
}
