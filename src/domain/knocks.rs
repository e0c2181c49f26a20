//! Knocks: requests to join that wait for an owner's decision.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Chat, Departure, Event, Invite, InviteId, JoinDigest, KnockId, Member, MemberId, Randomness, Refusal, Role, Salt,
    Session, SessionDigest, SessionSource, TicketDigest, Timestamp, Username,
};

/// A guest's request to join, which an owner must approve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Knock {
    pub id: KnockId,
    pub ticket: TicketDigest,
    /// Identifies the guest when they redeem the same invite again.
    pub join: JoinDigest,
    /// The salt from which the ticket and, on approval, the session token are derived.
    pub salt: Salt,
    /// The digest of the session token that the guest gets on approval.
    pub session: SessionDigest,
    pub invite_id: InviteId,
    pub username: Username,
    pub knocked_at: Timestamp,
    pub status: KnockStatus,
    /// When the knock is deleted.
    pub expires_at: Timestamp,
}

/// The state of a knock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KnockStatus {
    /// No owner has decided yet.
    Pending,
    Approved,
    Declined,
}

/// An owner's decision on a knock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    Approve,
    Decline,
}

/// Why a knock was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KnockEnd {
    /// The guest withdrew it.
    Withdrawn,
    /// No owner decided within 15 minutes, or 15 minutes have passed since the decision.
    Expired,
}

impl Knock {
    /// How long a knock waits for a decision, and how long the decision can be read after that.
    pub const LIFETIME: Duration = Duration::from_mins(15);
    /// Maximum number of waiting knocks in a chat.
    pub const MAX_WAITING: usize = 20;
    /// Maximum number of decided knocks that a chat keeps, so that guests can read the decision.
    pub const MAX_DECIDED: usize = 20;

    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }

    /// Whether the knock still waits for a decision at `now`.
    #[must_use]
    pub fn is_waiting(&self, now: Timestamp) -> bool {
        self.status == KnockStatus::Pending && self.is_live(now)
    }

    /// Returns the member id that the guest gets on approval.
    #[must_use]
    pub fn member_id(&self) -> MemberId {
        self.id.as_uuid().into()
    }
}

impl Chat {
    pub(super) fn knock_at(
        &self,
        invite: &Invite,
        join: JoinDigest,
        username: &Username,
        now: Timestamp,
        randomness: Randomness,
    ) -> Result<Event, Refusal> {
        if self.waiting_knocks(now).count() >= Knock::MAX_WAITING {
            let first = self.waiting_knocks(now).map(|knock| knock.expires_at).min().unwrap_or(now);
            return Err(Refusal::TooManyKnocks { retry_after: first.since(now) });
        }
        let knock = Knock {
            id: KnockId::from_random_bytes(randomness.id),
            ticket: randomness.ticket,
            join,
            salt: randomness.salt,
            session: randomness.session,
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
        by: SessionDigest,
        knock_id: KnockId,
        decision: Decision,
        now: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        self.authenticate_owner(by, now)?;
        let knock = self.waiting_knocks(now).find(|knock| knock.id == knock_id);
        let knock = knock.ok_or(Refusal::NotFound("knock"))?;
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
                        source: Some(SessionSource { digest: knock.join.as_source(), salt: knock.salt }),
                    }],
                };
                Ok(vec![decided(knock, KnockStatus::Approved, now), Event::MemberJoined { member }])
            }
            Decision::Decline => Ok(vec![decided(knock, KnockStatus::Declined, now)]),
        }
    }

    /// Withdraws a knock. If an owner has already approved it and the guest does not know yet, this frees the seat
    /// too.
    pub(super) fn withdraw_knock(
        &self,
        ticket: TicketDigest,
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

    /// Returns the approved guest of `knock`, until the session that the approval created is renewed.
    #[must_use]
    pub fn member_by_knock(&self, knock: &Knock, now: Timestamp) -> Option<&Member> {
        let is_of_knock = |member: &&Member| member.id == knock.member_id() && member.session(knock.session).is_some();
        self.live_members(now).find(is_of_knock)
    }

    /// Declines the waiting knocks of a revoked invite.
    pub(super) fn decline_all_by(&self, invite_id: InviteId, now: Timestamp) -> impl Iterator<Item = Event> {
        let waiting = self.waiting_knocks(now).filter(move |knock| knock.invite_id == invite_id);
        waiting.map(move |knock| decided(knock, KnockStatus::Declined, now))
    }

    /// Returns the knock that `ticket` was issued for.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] if there is no such knock or it has expired, [`Refusal::TicketRequired`] for the ticket
    /// of another knock, [`Refusal::ChatNotFound`].
    pub fn knock(&self, knock_id: KnockId, ticket: TicketDigest, now: Timestamp) -> Result<&Knock, Refusal> {
        self.settings()?;
        let knock = self.knocks.iter().find(|knock| knock.id == knock_id && knock.is_live(now));
        let knock = knock.ok_or(Refusal::NotFound("knock"))?;
        (knock.ticket == ticket).then_some(knock).ok_or(Refusal::TicketRequired)
    }

    /// Returns the knocks that wait for a decision at `now`, longest-waiting first.
    pub fn waiting_knocks(&self, now: Timestamp) -> impl Iterator<Item = &Knock> {
        self.knocks.iter().filter(move |knock| knock.is_waiting(now))
    }

    /// Returns the knock of the guest who joined with `join`.
    #[must_use]
    pub fn knock_joined_as(&self, join: JoinDigest, now: Timestamp) -> Option<&Knock> {
        self.knocks.iter().find(|knock| knock.join == join && knock.is_live(now))
    }
}

fn decided(knock: &Knock, status: KnockStatus, now: Timestamp) -> Event {
    Event::KnockDecided { knock_id: knock.id, status, expires_at: now.after(Knock::LIFETIME) }
}
