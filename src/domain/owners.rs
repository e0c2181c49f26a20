//! Ownership: a chat with members always has an owner, and an owner can recover a lost seat.

use super::{
    Chat, Event, Member, MemberId, Randomness, Recovery, RecoveryDigest, Refusal, Role, Session, SessionDigest,
    SessionSource, SourceDigest, Timestamp, Username,
};

impl Chat {
    /// Returns the role of `member` at `now`. If no owner is left, the longest-seated member counts as the owner.
    #[must_use]
    pub fn role(&self, member: &Member, now: Timestamp) -> Role {
        if self.successor(now).is_some_and(|successor| successor.id == member.id) { Role::Owner } else { member.role }
    }

    /// Returns the member who becomes the owner, if no owner is left.
    pub(super) fn successor(&self, now: Timestamp) -> Option<&Member> {
        let has_owner = self.live_members(now).any(|member| member.role == Role::Owner);
        self.live_members(now).next().filter(|_| !has_owner)
    }

    pub(super) fn set_role(
        &self,
        by: SessionDigest,
        member_id: MemberId,
        role: Role,
        now: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        let actor = self.authenticate_owner(by, now)?;
        let member = self.live_members(now).find(|member| member.id == member_id).ok_or(Refusal::NotFound("member"))?;
        if member.role == role {
            return Ok(Vec::new());
        }
        if role == Role::Guest {
            let invalid = |problem: &str| Err(Refusal::Invalid { field: "role", problem: problem.into() });
            if actor.id != member_id {
                return invalid("must stay `owner`: only an owner can give up their own role");
            }
            if self.live_members(now).filter(|member| member.role == Role::Owner).count() < 2 {
                return invalid("must stay `owner` while you are the only owner; make another member an owner first");
            }
        }
        Ok(vec![Event::RoleChanged { member_id, role }])
    }

    pub(super) fn set_recovery(
        &self,
        by: SessionDigest,
        now: Timestamp,
        randomness: Randomness,
    ) -> Result<Event, Refusal> {
        let owner = self.authenticate_owner(by, now)?;
        Ok(recovery_set(owner, randomness, None))
    }

    /// Recovers an owner's seat, or takes a free one if that seat is gone. A code that was used within the last five
    /// minutes changes nothing more: the response may have been lost.
    pub(super) fn recover(
        &self,
        code: RecoveryDigest,
        username: &Username,
        now: Timestamp,
        randomness: Randomness,
    ) -> Result<Vec<Event>, Refusal> {
        if self.recovered_by(code, now).is_some() {
            return Ok(Vec::new());
        }
        let recovery = self.recoveries.iter().find(|recovery| recovery.digest == code);
        let recovery = recovery.ok_or(Refusal::InvalidRecovery)?;
        let given_for = Some(code.as_source());
        let session =
            self.new_session(randomness, Some(SessionSource { digest: code.as_source(), salt: randomness.salt }), now)?;
        if let Some(member) = self.live_members(now).find(|member| member.id == recovery.member_id) {
            // In a chat with accounts, the seat's other sessions are browsers of the same account.
            let back = if self.account_of(member.id).is_some() {
                self.start_session(member, session, true)?
            } else {
                vec![Event::SeatTakenBack { member_id: member.id, session }]
            };
            return Ok(back.into_iter().chain([recovery_set(member, randomness, given_for)]).collect());
        }
        self.free_seats(now)?;
        // An account keeps its name.
        let username = self.account_of(recovery.member_id).map_or(username, |account| &account.username);
        self.check_name(username, Some(recovery.member_id), now)?;
        let member = Member {
            id: recovery.member_id,
            username: username.clone(),
            role: Role::Owner,
            joined_at: now,
            invite_id: None,
            join: None,
            sessions: vec![session],
        };
        let recovery = recovery_set(&member, randomness, given_for);
        Ok(vec![Event::MemberJoined { member }, recovery])
    }

    /// Returns the owner who recovered the seat with `code` within the last five minutes, and the session, if both
    /// that session and the new code are still valid.
    #[must_use]
    pub fn recovered_by(&self, code: RecoveryDigest, now: Timestamp) -> Option<(&Member, &Session)> {
        let (member, session) = self.session_issued_for(code.as_source(), now)?;
        let is_of_code =
            |recovery: &&Recovery| recovery.member_id == member.id && recovery.source == Some(code.as_source());
        self.recoveries.iter().find(is_of_code).map(|_| (member, session))
    }
}

fn recovery_set(owner: &Member, randomness: Randomness, source: Option<SourceDigest>) -> Event {
    let recovery = Recovery { member_id: owner.id, digest: randomness.recovery, source };
    Event::RecoverySet { recovery }
}
