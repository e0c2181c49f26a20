//! Magic links.

use std::time::Duration;

use super::{
    Admission, Chat, Departure, Event, InviteDigest, InviteId, InviteLabel, JoinDigest, Member, MemberId, PublicAccess,
    Randomness, Refusal, Role, SessionDigest, Settings, Timestamp, Username,
};

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
    pub digest: InviteDigest,
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
    /// Invites of one chat that are open at one time. Those that are closed make room for new ones.
    pub const MAX: usize = 100;
    /// Of them, those that were made without a session: the others are left to owners.
    pub const MAX_BY_ADDRESS: usize = 20;
    /// How long an invite holds that was made without a session: nobody may be left to revoke it.
    pub const LIFETIME_BY_ADDRESS: Duration = Duration::from_hours(24);

    /// Whether it can still let someone in.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end) && self.max_uses.is_none_or(|max| self.uses < max)
    }
}

impl Chat {
    /// An owner makes any invite. In a chat whose owners let people in, who knows its address makes those
    /// that ask an owner; where the address is enough to post, it is enough for this too.
    pub(super) fn create_invite(
        &self,
        by: Option<SessionDigest>,
        terms: &InviteTerms,
        now: Timestamp,
        randomness: Randomness,
    ) -> Result<Event, Refusal> {
        let Settings { admission, public_access, .. } = self.settings()?;
        let asks_first = terms.asks_first.unwrap_or(*admission == Admission::Approval);
        match by {
            Some(by) => drop(self.authenticate_owner(by, now)?),
            None if *public_access == PublicAccess::Post || (*admission == Admission::Approval && asks_first) => {}
            None => return Err(Refusal::SessionRequired),
        }
        if !admission.is_by_invite() {
            return Err(Refusal::WrongAdmission);
        }
        let is_by_address = by.is_none();
        let open = self.invites.iter().filter(|invite| invite.is_open(now));
        let open_by_address = open.clone().filter(|invite| invite.is_by_address).count();
        if is_by_address && open_by_address >= Invite::MAX_BY_ADDRESS {
            let problem = format!("would be one of more than {} that no owner has made", Invite::MAX_BY_ADDRESS);
            return Err(Refusal::Invalid { field: "invite", problem });
        }
        if open.count() >= Invite::MAX {
            let problem = format!("would be more than {}; revoke one first", Invite::MAX);
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
        members_go: bool,
        now: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        self.authenticate_owner(by, now)?;
        if !self.invites.iter().any(|invite| invite.id == invite_id) {
            return Err(Refusal::NotFound("invite"));
        }
        let goes = |member: &&Member| members_go && member.invite_id == Some(invite_id) && member.role != Role::Owner;
        let gone = self.live_members(now).filter(goes);
        let gone = gone.map(|member| Event::MemberLeft { member_id: member.id, why: Departure::Removed, at: now });
        let declined = self.decline_all_by(invite_id, now);
        Ok([Event::InviteRevoked { invite_id }].into_iter().chain(declined).chain(gone).collect())
    }

    /// Seats someone, or lets them knock. Whoever has joined as `join` before is there already.
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
            return Ok(member.give_seat(join, session));
        }
        if self.knock_joined_as(join, now).is_some() {
            return Ok(None);
        }
        let invite = self.admit(key, now)?;
        self.check_name(username, None, now)?;
        if invite.asks_first || self.was_removed(join) {
            return self.knock_at(invite, join, username, now, randomness).map(Some);
        }
        let guest = Member::guest(MemberId::from_random_bytes(randomness.id), username, join, session, now);
        Ok(Some(Event::MemberJoined { member: Member { invite_id: Some(invite.id), ..guest } }))
    }

    /// The invite that `key` opens, if someone could come in by it at `now`. Who waits to be let in
    /// counts as a use, so that each who is let in has one.
    ///
    /// # Errors
    /// [`Refusal::InvalidInvite`], [`Refusal::ChatFull`], or [`Refusal::ChatNotFound`].
    pub fn admit(&self, key: InviteDigest, now: Timestamp) -> Result<&Invite, Refusal> {
        let invite = self.open_invite(key, now)?;
        self.free_seats(now).map(|_| invite)
    }

    /// The invite that `key` opens, whether or not a seat is free.
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
