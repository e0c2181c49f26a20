//! Members: their roles, names and seats.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Chat, Departure, Event, InviteId, JoinDigest, MemberId, PublicAccess, RecoveryDigest, Refusal, Session,
    SessionDigest, SourceDigest, Timestamp, Username,
};

/// What a member can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Can also create invites, decide knocks, change roles, remove guests and end the chat.
    Owner,
    /// Can read and post messages.
    Guest,
}

/// A member, who has a seat in the chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub id: MemberId,
    pub username: Username,
    pub role: Role,
    pub joined_at: Timestamp,
    /// The invite that the member joined with, if any; the creator used none.
    pub invite_id: Option<InviteId>,
    /// Identifies the member when they join the same way again.
    pub join: Option<JoinDigest>,
    /// In the order in which they started; at least one. Only a chat with accounts has members with several.
    pub sessions: Vec<Session>,
}

impl Member {
    /// Creates a guest who joined without an invite.
    pub(super) fn guest(id: MemberId, username: &Username, join: JoinDigest, session: Session, now: Timestamp) -> Self {
        let username = username.clone();
        Self {
            id,
            username,
            role: Role::Guest,
            joined_at: now,
            invite_id: None,
            join: Some(join),
            sessions: vec![session],
        }
    }

    /// Replaces the member's session with `session`, for a caller who presents `join` again. Returns `None` if the
    /// current session was issued for `join` already.
    pub(super) fn reissue_session(&self, join: JoinDigest, session: Session) -> Option<Event> {
        let before = self.sessions.first().filter(|before| !before.is_issued_for(join.as_source()))?;
        let session = Session { started_at: before.started_at, ..session };
        Some(Event::SessionRenewed { member_id: self.id, ended: before.digest, session })
    }

    /// Whether the seat is taken at `now`. It is free as soon as the last session expires.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.sessions.iter().any(|session| session.is_live(now))
    }

    /// Returns the session whose token has this digest.
    #[must_use]
    pub fn session(&self, token: SessionDigest) -> Option<&Session> {
        self.sessions.iter().find(|session| session.digest == token)
    }

    /// Returns when the last session expires.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.sessions.iter().map(|session| session.expires_at).max().unwrap_or(Timestamp::EPOCH)
    }
}

/// A recovery code, with which an owner who has lost the session returns. It contains no name: the owner knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    pub member_id: MemberId,
    pub digest: RecoveryDigest,
    /// The code whose use created this one; `None` if the owner requested it.
    pub source: Option<SourceDigest>,
}

impl Chat {
    /// Checks that no other member, waiting guest or account has the name. `own` is the member who can have it.
    ///
    /// # Errors
    /// [`Refusal::UsernameTaken`].
    pub fn check_name(&self, username: &Username, own: Option<MemberId>, now: Timestamp) -> Result<(), Refusal> {
        let is_taken = self.taken_names(own, now).any(|taken| taken.same_as(username));
        let is_nobodys = username.is_anonymous() && self.check_public_access(PublicAccess::Post).is_ok();
        if is_taken || is_nobodys { Err(Refusal::UsernameTaken) } else { Ok(()) }
    }

    /// Returns the names of members and accounts other than `own`, and of waiting guests.
    pub fn taken_names(&self, own: Option<MemberId>, now: Timestamp) -> impl Iterator<Item = &Username> {
        let members = self.live_members(now).filter(move |member| Some(member.id) != own);
        let members = members.map(|member| &member.username);
        let waiting = self.waiting_knocks(now).map(|knock| &knock.username);
        let accounts = self.accounts.iter().filter(move |account| Some(account.member_id) != own);
        members.chain(waiting).chain(accounts.map(|account| &account.username))
    }

    /// Whether an owner removed the guest with this `join` and has not let them in since. Such a guest has to knock
    /// even if the invite does not ask first.
    #[must_use]
    pub fn was_removed(&self, join: JoinDigest) -> bool {
        self.removed.contains(&join)
    }

    /// Returns the members who have a seat at `now`, longest-seated first.
    pub fn live_members(&self, now: Timestamp) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(move |member| member.is_live(now))
    }

    /// Returns the member who joined with `join`.
    #[must_use]
    pub fn member_joined_as(&self, join: JoinDigest, now: Timestamp) -> Option<&Member> {
        self.live_members(now).find(|member| member.join == Some(join))
    }

    /// Returns the number of free seats at `now`, which is at least one.
    ///
    /// # Errors
    /// [`Refusal::ChatFull`] or [`Refusal::ChatNotFound`].
    pub fn free_seats(&self, now: Timestamp) -> Result<usize, Refusal> {
        let capacity = self.settings()?.capacity;
        let free = (capacity as usize).saturating_sub(self.live_members(now).count());
        (free > 0).then_some(free).ok_or(Refusal::ChatFull { capacity })
    }

    pub(super) fn remove(
        &self,
        by: SessionDigest,
        member_id: MemberId,
        revokes_invite: bool,
        now: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        let is_own = self.authenticate(by, now)?.id == member_id;
        if revokes_invite || !is_own {
            self.authenticate_owner(by, now)?;
        }
        let member = self.live_members(now).find(|member| member.id == member_id).ok_or(Refusal::NotFound("member"))?;
        if member.role == Role::Owner && !is_own {
            let problem = "is an owner; owners cannot remove each other".into();
            return Err(Refusal::Invalid { field: "member", problem });
        }
        let why = if is_own { Departure::Left } else { Departure::Removed };
        let left = Event::MemberLeft { member_id, why, at: now };
        // The invite may be revoked already.
        let invite = self.invites.iter().find(|invite| revokes_invite && member.invite_id == Some(invite.id));
        let revoked = invite.map(|invite| {
            [Event::InviteRevoked { invite_id: invite.id }].into_iter().chain(self.decline_all_by(invite.id, now))
        });
        Ok([left].into_iter().chain(revoked.into_iter().flatten()).collect())
    }
}
