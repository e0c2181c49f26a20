//! Invites: created, revoked and redeemed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Chat, Departure, Event, InviteDigest, InviteId, InviteLabel, JoinDigest, Member, MemberId, PublicAccess,
    Randomness, Refusal, Role, SessionDigest, Settings, Timestamp, Username,
};

/// The terms of a new invite.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InviteTerms {
    pub label: Option<InviteLabel>,
    /// Maximum number of uses; `None` means no limit.
    pub max_uses: Option<u32>,
    /// How long the invite is valid; `None` means as long as the chat.
    pub lifetime: Option<Duration>,
    /// Whether an owner must approve each guest who uses it; `None` means the default of the chat's admission.
    pub asks_first: Option<bool>,
}

impl InviteTerms {
    /// Upper limit of `max_uses`. A number above the seats of any chat is as good as no limit.
    pub const MAX_USES: u32 = 1_000;
    /// Thirty days.
    pub const MAX_LIFETIME: Duration = Duration::from_hours(30 * 24);

    /// Validates the terms.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] that names the number that is out of range.
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

/// An invite as the chat keeps it: everything but its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invite {
    pub id: InviteId,
    pub digest: InviteDigest,
    pub label: Option<InviteLabel>,
    pub max_uses: Option<u32>,
    pub uses: u32,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    /// Whether an owner must approve each guest who uses it.
    pub asks_first: bool,
    /// Whether it was created without a session, from the chat's address alone.
    pub is_by_address: bool,
}

impl Invite {
    /// Maximum number of open invites of a chat. Closed ones are dropped to make room for new ones.
    pub const MAX: usize = 100;
    /// Maximum number of open invites that were created without a session; the rest is reserved for owners.
    pub const MAX_BY_ADDRESS: usize = 20;
    /// Lifetime of an invite that was created without a session, because there may be no owner left to revoke it.
    pub const LIFETIME_BY_ADDRESS: Duration = Duration::from_hours(24);

    /// Whether the invite has neither expired nor been used up.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end) && self.max_uses.is_none_or(|max| self.uses < max)
    }
}

impl Chat {
    /// Creates an invite. An owner can create any. Without a session, a caller who knows the chat's address can
    /// create invites that ask first in an `approval` chat, and any invite in a chat where the address is enough to
    /// post.
    pub(super) fn create_invite(
        &self,
        by: Option<SessionDigest>,
        terms: &InviteTerms,
        now: Timestamp,
        randomness: Randomness,
    ) -> Result<Event, Refusal> {
        let Settings { admission, public_access, .. } = self.settings()?;
        let rules = admission.rules();
        let asks_first = terms.asks_first.unwrap_or(rules.asks_first);
        match by {
            Some(by) => drop(self.authenticate_owner(by, now)?),
            None if *public_access == PublicAccess::Post || (rules.asks_first && asks_first) => {}
            None => return Err(Refusal::SessionRequired),
        }
        if !rules.is_by_invite {
            return Err(Refusal::WrongAdmission);
        }
        let is_by_address = by.is_none();
        let open = self.invites.iter().filter(|invite| invite.is_open(now));
        let open_by_address = open.clone().filter(|invite| invite.is_by_address).count();
        if is_by_address && open_by_address >= Invite::MAX_BY_ADDRESS {
            let problem = format!(
                "cannot be created: {} open invites were created without a session; try again after one expires",
                Invite::MAX_BY_ADDRESS
            );
            return Err(Refusal::Invalid { field: "invite", problem });
        }
        if open.count() >= Invite::MAX {
            let problem =
                format!("cannot be created: this chat already has {} open invites; revoke one first", Invite::MAX);
            return Err(Refusal::Invalid { field: "invite", problem });
        }
        let lifetime = terms.lifetime.or(is_by_address.then_some(Invite::LIFETIME_BY_ADDRESS));
        Ok(Event::InviteCreated {
            invite: Invite {
                id: InviteId::from_random_bytes(randomness.id),
                digest: randomness.invite,
                label: terms.label.clone(),
                max_uses: terms.max_uses,
                uses: 0,
                created_at: now,
                expires_at: lifetime.map(|lifetime| now.after(lifetime)),
                asks_first,
                is_by_address,
            },
        })
    }

    pub(super) fn revoke_invite(
        &self,
        by: SessionDigest,
        invite_id: InviteId,
        removes_members: bool,
        now: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        self.authenticate_owner(by, now)?;
        if !self.invites.iter().any(|invite| invite.id == invite_id) {
            return Err(Refusal::NotFound("invite"));
        }
        let goes =
            |member: &&Member| removes_members && member.invite_id == Some(invite_id) && member.role != Role::Owner;
        let gone = self.live_members(now).filter(goes);
        let gone = gone.map(|member| Event::MemberLeft { member_id: member.id, why: Departure::Removed, at: now });
        let declined = self.decline_all_by(invite_id, now);
        Ok([Event::InviteRevoked { invite_id }].into_iter().chain(declined).chain(gone).collect())
    }

    /// Seats the caller, or creates a knock if the invite asks first or an owner removed this guest. A caller who
    /// joined or knocked with `join` before keeps that seat or knock.
    pub(super) fn join(
        &self,
        key: InviteDigest,
        join: JoinDigest,
        username: &Username,
        now: Timestamp,
        randomness: Randomness,
    ) -> Result<Option<Event>, Refusal> {
        let session = self.session_given_for_join(join, now, randomness)?;
        if let Some(member) = self.member_joined_as(join, now) {
            return Ok(member.reissue_session(join, session));
        }
        if self.knock_joined_as(join, now).is_some() {
            return Ok(None);
        }
        let invite = self.redeemable_invite(key, now)?;
        self.check_name(username, None, now)?;
        if invite.asks_first || self.was_removed(join) {
            return self.knock_at(invite, join, username, now, randomness).map(Some);
        }
        let guest = Member::guest(MemberId::from_random_bytes(randomness.id), username, join, session, now);
        Ok(Some(Event::MemberJoined { member: Member { invite_id: Some(invite.id), ..guest } }))
    }

    /// Returns the invite with this key, if a guest could enter with it at `now`. Each waiting knock counts as a use,
    /// so that every approved guest has one.
    ///
    /// # Errors
    /// [`Refusal::InvalidInvite`], [`Refusal::ChatFull`], or [`Refusal::ChatNotFound`].
    pub fn redeemable_invite(&self, key: InviteDigest, now: Timestamp) -> Result<&Invite, Refusal> {
        let invite = self.open_invite(key, now)?;
        self.free_seats(now).map(|_| invite)
    }

    /// Returns the open invite with this key, whether or not a seat is free.
    ///
    /// # Errors
    /// [`Refusal::InvalidInvite`] or [`Refusal::ChatNotFound`].
    pub fn open_invite(&self, key: InviteDigest, now: Timestamp) -> Result<&Invite, Refusal> {
        self.settings()?;
        let invite = self.invites.iter().find(|invite| invite.digest == key && invite.is_open(now));
        let waiting = |invite: &Invite| self.waiting_knocks(now).filter(|knock| knock.invite_id == invite.id).count();
        let has_use =
            |invite: &&Invite| invite.max_uses.is_none_or(|max| invite.uses as usize + waiting(invite) < max as usize);
        invite.filter(has_use).ok_or(Refusal::InvalidInvite)
    }
}
