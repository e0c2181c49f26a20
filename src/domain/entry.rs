//! How one gets in: by an invite at once, or by a knock that an owner answers.

use super::secret::{OfInvite, OfJoin, OfSession, OfTicket};
use super::{
    Admission, Chat, Decision, Departure, Digest, Event, Fresh, Invite, InviteId, Knock, KnockEnd, KnockId,
    KnockStatus, Member, MemberId, PublicAccess, Refusal, Role, Session, Source, Timestamp, Username,
};

impl Chat {
    /// Seats someone, or lets them knock. Whoever has joined as `join` before is there already.
    pub(super) fn join(
        &self,
        key: Digest<OfInvite>,
        join: Digest<OfJoin>,
        username: &Username,
        now: Timestamp,
        fresh: Fresh,
    ) -> Result<Option<Event>, Refusal> {
        let session = self.session_given_for_join(join, now, fresh)?;
        if let Some(member) = self.member_joined_as(join, now) {
            return Ok(member.give_seat(join, session));
        }
        if self.knock_joined_as(join, now).is_some() {
            return Ok(None);
        }
        let invite = self.admit(key, now)?;
        self.check_name(username, None, now)?;
        if invite.asks_first || self.was_removed(join) {
            return self.knock_at(invite, join, username, now, fresh).map(Some);
        }
        let guest = Member::guest(MemberId::from_random_bytes(fresh.id), username, join, session, now);
        Ok(Some(Event::MemberJoined { member: Member { invite_id: Some(invite.id), ..guest } }))
    }

    /// Seats someone who knows the chat's address, where that is enough. Whoever has joined as `join`
    /// before is there already. A seat that nobody renews ends with what it was taken by: whoever
    /// says anew who they are finds their name free.
    pub(super) fn enter(
        &self,
        username: &Username,
        join: Digest<OfJoin>,
        until: Timestamp,
        now: Timestamp,
        fresh: Fresh,
    ) -> Result<Option<Event>, Refusal> {
        self.enters_by(Admission::Open)?;
        let session = self.session_given_for_join(join, now, fresh)?;
        let session = Session { expires_at: session.expires_at.min(until), ..session };
        if let Some(member) = self.member_joined_as(join, now) {
            return Ok(member.give_seat(join, session));
        }
        if self.was_removed(join) {
            return Err(Refusal::Removed);
        }
        self.free_seats(now)?;
        self.check_name(username, None, now)?;
        let member = Member::guest(MemberId::from_random_bytes(fresh.id), username, join, session, now);
        Ok(Some(Event::MemberJoined { member }))
    }

    /// Whether an owner removed the guest who is known by `join`, and has not let them in since. Such a
    /// guest knocks by an invite that asks nobody else.
    #[must_use]
    pub fn was_removed(&self, join: Digest<OfJoin>) -> bool {
        self.removed.contains(&join)
    }

    /// # Errors
    /// [`Refusal::WrongAdmission`] where one enters otherwise, [`Refusal::ChatNotFound`].
    pub fn enters_by(&self, admission: Admission) -> Result<(), Refusal> {
        if self.settings()?.admission == admission { Ok(()) } else { Err(Refusal::WrongAdmission) }
    }

    /// A session whose token can be given again to whoever shows `join` again.
    pub(super) fn session_given_for_join(
        &self,
        join: Digest<OfJoin>,
        now: Timestamp,
        fresh: Fresh,
    ) -> Result<Session, Refusal> {
        self.new_session(fresh, Some(Source { digest: join.as_source(), salt: fresh.salt }), now)
    }

    fn knock_at(
        &self,
        invite: &Invite,
        join: Digest<OfJoin>,
        username: &Username,
        now: Timestamp,
        fresh: Fresh,
    ) -> Result<Event, Refusal> {
        if self.waiting_knocks(now).count() >= Knock::MAX_WAITING {
            let first = self.waiting_knocks(now).map(|knock| knock.expires_at).min().unwrap_or(now);
            return Err(Refusal::TooManyKnocks { retry_after: first.since(now) });
        }
        let knock = Knock {
            id: KnockId::from_random_bytes(fresh.id),
            ticket: fresh.ticket,
            join,
            salt: fresh.salt,
            session: fresh.session,
            invite_id: invite.id,
            username: username.clone(),
            knocked_at: now,
            status: KnockStatus::Pending,
            expires_at: now.after(Knock::LIFETIME),
        };
        Ok(Event::Knocked { knock })
    }

    pub(super) fn decide_on_knock(
        &self,
        by: Digest<OfSession>,
        knock_id: KnockId,
        decision: Decision,
        now: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        self.authenticate_owner(by, now)?;
        let knock = self.waiting_knocks(now).find(|knock| knock.id == knock_id);
        let knock = knock.ok_or(Refusal::NotFound("knock that waits"))?;
        match decision {
            Decision::Approve => {
                self.free_seats(now)?;
                let member = Member {
                    id: knock.member_id(),
                    username: knock.username.clone(),
                    role: Role::Guest,
                    joined_at: now,
                    invite_id: Some(knock.invite_id),
                    join: Some(knock.join),
                    sessions: vec![Session {
                        digest: knock.session,
                        started_at: now,
                        expires_at: now.after(self.settings()?.session_lifetime),
                        source: Some(Source { digest: knock.join.as_source(), salt: knock.salt }),
                    }],
                };
                Ok(vec![decided(knock, KnockStatus::Approved, now), Event::MemberJoined { member }])
            }
            Decision::Decline => Ok(vec![decided(knock, KnockStatus::Declined, now)]),
        }
    }

    /// Who gives up after being let in, not knowing it yet, leaves the seat too.
    pub(super) fn withdraw_knock(
        &self,
        ticket: Digest<OfTicket>,
        knock_id: KnockId,
        now: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        let knock = self.knock(knock_id, ticket, now)?;
        let ended = Event::KnockEnded { knock_id, why: KnockEnd::Withdrawn };
        let left = self.member_by_knock(knock, now).map(|member| Event::MemberLeft {
            member_id: member.id,
            why: Departure::Left,
            at: now,
        });
        Ok([ended].into_iter().chain(left).collect())
    }

    /// The member that came of `knock`, as long as the session is the one that came of it.
    #[must_use]
    pub fn member_by_knock(&self, knock: &Knock, now: Timestamp) -> Option<&Member> {
        let is_of_knock = |member: &&Member| member.id == knock.member_id() && member.session(knock.session).is_some();
        self.live_members(now).find(is_of_knock)
    }

    /// Those who wait by an invite that opens nothing any more are told no.
    pub(super) fn decline_all_by(&self, invite_id: InviteId, now: Timestamp) -> impl Iterator<Item = Event> {
        let waiting = self.waiting_knocks(now).filter(move |knock| knock.invite_id == invite_id);
        waiting.map(move |knock| decided(knock, KnockStatus::Declined, now))
    }

    /// Changes a member's name, everywhere but on what they have said. Whoever is known by `join` may
    /// have left.
    pub(super) fn rename(
        &self,
        join: Digest<OfJoin>,
        username: &Username,
        now: Timestamp,
    ) -> Result<Option<Event>, Refusal> {
        self.check_rename(join, username, now)?;
        let member = self.member_joined_as(join, now).filter(|member| member.username != *username);
        Ok(member.map(|member| Event::MemberRenamed { member_id: member.id, username: username.clone() }))
    }

    /// Whether the member who is known by `join` could be called `username`.
    ///
    /// # Errors
    /// [`Refusal::UsernameTaken`], [`Refusal::WrongAdmission`], [`Refusal::ChatNotFound`].
    pub fn check_rename(&self, join: Digest<OfJoin>, username: &Username, now: Timestamp) -> Result<(), Refusal> {
        self.enters_by(Admission::Open)?;
        match self.member_joined_as(join, now) {
            Some(member) => self.check_name(username, Some(member.id), now),
            None => Ok(()),
        }
    }

    /// A name is one member's, or one's who waits to be let in, or an account's. `own` is the member
    /// who may have it.
    ///
    /// # Errors
    /// [`Refusal::UsernameTaken`].
    pub fn check_name(&self, username: &Username, own: Option<MemberId>, now: Timestamp) -> Result<(), Refusal> {
        let is_taken = self.taken_names(own, now).any(|taken| taken.same_as(username));
        let is_nobodys = username.is_nobody() && self.allows_by_address(PublicAccess::Post).is_ok();
        if is_taken || is_nobodys { Err(Refusal::UsernameTaken) } else { Ok(()) }
    }

    /// The names of members and accounts other than `own`, and of those who wait to be let in.
    pub fn taken_names(&self, own: Option<MemberId>, now: Timestamp) -> impl Iterator<Item = &Username> {
        let members = self.live_members(now).filter(move |member| Some(member.id) != own);
        let members = members.map(|member| &member.username);
        let waiting = self.waiting_knocks(now).map(|knock| &knock.username);
        let accounts = self.accounts.iter().filter(move |account| Some(account.member_id) != own);
        members.chain(waiting).chain(accounts.map(|account| &account.username))
    }
}

fn decided(knock: &Knock, status: KnockStatus, now: Timestamp) -> Event {
    Event::KnockDecided { knock_id: knock.id, status, expires_at: now.after(Knock::LIFETIME) }
}
