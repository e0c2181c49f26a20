//! Commands: everything that a caller can ask a chat to do, and how the chat decides it: with events, or with the rule
//! that refuses it. A feature's rules are in the feature's file.

use std::time::Duration;

use super::secret::{InviteDigest, JoinDigest, RecoveryDigest, SessionDigest, TicketDigest};
use super::{
    Account, Chat, ChatName, ClientId, Decision, Departure, Digest, Event, InviteId, InviteTerms, KnockEnd, KnockId,
    Member, MemberId, MessageText, PasswordHash, PublicAccess, Recovery, Refusal, Role, Salt, Session, SessionId,
    Settings, Timestamp, Username,
};

/// A request whose fields are parsed and valid. `by` is the digest of the caller's session token.
#[derive(Clone, Debug)]
pub enum Command {
    Create {
        name: Option<ChatName>,
        settings: Settings,
        /// The owner's name. If `None`, the first member to enter becomes the owner.
        username: Option<Username>,
        /// The password of the owner's account, in a chat with accounts.
        password: Option<PasswordHash>,
    },
    /// Creates an invite. Without a session, only as far as the chat's address allows it.
    CreateInvite {
        by: Option<SessionDigest>,
        terms: InviteTerms,
    },
    /// Revokes an invite. The guests who joined with it stay or are removed.
    RevokeInvite {
        by: SessionDigest,
        invite_id: InviteId,
        removes_members: bool,
    },
    /// Redeems an invite: takes a seat, or knocks if the invite asks first. Repeating it with the same `join` gives
    /// the same seat or knock.
    Join {
        key: InviteDigest,
        join: JoinDigest,
        username: Username,
    },
    /// Creates an account.
    Register {
        username: Username,
        password: PasswordHash,
    },
    /// Takes the account's seat, or starts another session in it. The caller has checked the password.
    LogIn {
        username: Username,
        join: JoinDigest,
        /// Whether to end the oldest session if the account has the maximum number of sessions.
        ends_oldest: bool,
    },
    /// Takes a seat in an open chat, until `until` at the latest. Repeating it with the same `join` gives the same
    /// seat.
    Enter {
        username: Username,
        join: JoinDigest,
        until: Timestamp,
    },
    DecideKnock {
        by: SessionDigest,
        knock_id: KnockId,
        decision: Decision,
    },
    WithdrawKnock {
        ticket: TicketDigest,
        knock_id: KnockId,
    },
    /// Renames the member who joined an open chat with `join`.
    Rename {
        join: JoinDigest,
        username: Username,
    },
    Post {
        by: SessionDigest,
        text: MessageText,
        client_id: Option<ClientId>,
    },
    /// Posts without a session, if the chat's address is enough to post.
    PostPublicly {
        text: MessageText,
    },
    /// Frees the seat of `member_id`: the caller's own, or a guest's if the caller is an owner. An owner can also
    /// revoke the invite that the member joined with.
    Remove {
        by: SessionDigest,
        member_id: MemberId,
        revokes_invite: bool,
    },
    /// Makes a member an owner, or the caller a guest if another owner stays.
    SetRole {
        by: SessionDigest,
        member_id: MemberId,
        role: Role,
    },
    Renew {
        by: SessionDigest,
    },
    /// Ends one of the caller's own sessions; `None` is the session `by`. Ending the last one frees the seat.
    EndSession {
        by: SessionDigest,
        session_id: Option<SessionId>,
    },
    /// Gives an owner a new recovery code, which replaces the previous one.
    SetRecovery {
        by: SessionDigest,
    },
    /// Recovers an owner's seat. The name is used only if the seat has become free in the meantime.
    Recover {
        code: RecoveryDigest,
        username: Username,
    },
    End {
        by: SessionDigest,
    },
    /// Continues after the store may have lost the newest changes.
    ResumeAfterLoss,
    /// Frees the seats of expired sessions, and ends a chat that has had no members for `forget_after`.
    Sweep {
        forget_after: Duration,
    },
}

impl Command {
    /// The session of the member who makes this change, unless it is a post or concerns no member.
    #[must_use]
    pub fn changed_by(&self) -> Option<SessionDigest> {
        match self {
            Self::CreateInvite { by, .. } => *by,
            Self::RevokeInvite { by, .. }
            | Self::DecideKnock { by, .. }
            | Self::Remove { by, .. }
            | Self::SetRole { by, .. }
            | Self::Renew { by }
            | Self::EndSession { by, .. }
            | Self::SetRecovery { by }
            | Self::End { by } => Some(*by),
            Self::Create { .. }
            | Self::Join { .. }
            | Self::Register { .. }
            | Self::LogIn { .. }
            | Self::Enter { .. }
            | Self::WithdrawKnock { .. }
            | Self::Rename { .. }
            | Self::Post { .. }
            | Self::PostPublicly { .. }
            | Self::Recover { .. }
            | Self::ResumeAfterLoss
            | Self::Sweep { .. } => None,
        }
    }
}

/// The randomness that one decision can use. A decision creates at most one thing with an id, and sees only the
/// digests of new secrets.
#[derive(Clone, Copy, Debug)]
pub struct Randomness {
    pub id: [u8; 16],
    /// The salt of those among `session`, `ticket` and `recovery` that are derived.
    pub salt: Salt,
    pub session: SessionDigest,
    pub invite: InviteDigest,
    pub ticket: TicketDigest,
    pub recovery: RecoveryDigest,
}

impl Randomness {
    /// For a decision that creates no secret and nothing with an id.
    pub const NONE: Self = Self {
        id: [0; 16],
        salt: Salt([0; 32]),
        session: Digest::from_stored([0; 32]),
        invite: Digest::from_stored([0; 32]),
        ticket: Digest::from_stored([0; 32]),
        recovery: Digest::from_stored([0; 32]),
    };
}

impl Chat {
    /// Decides `command` at `now`. Pure: the same arguments give the same result.
    ///
    /// No events means that nothing changes: the command was carried out before, or nothing is due. Otherwise, the
    /// sessions and knocks that have expired by `now` come first. If expiry or the command leaves members without an
    /// owner, one of them becomes the owner.
    ///
    /// # Errors
    /// The refusal of the rule that the command breaks; then nothing changes.
    pub fn decide(&self, command: &Command, now: Timestamp, randomness: Randomness) -> Result<Vec<Event>, Refusal> {
        if let Command::Create { name, settings, username, password } = command {
            let created = Event::ChatCreated { name: name.clone(), settings: settings.clone(), at: now };
            let Some(username) = username else { return Ok(vec![created]) };
            if username.is_anonymous() && settings.public_access == PublicAccess::Post {
                return Err(Refusal::UsernameTaken);
            }
            let owner = Member {
                id: MemberId::from_random_bytes(randomness.id),
                username: username.clone(),
                role: Role::Owner,
                joined_at: now,
                invite_id: None,
                join: None,
                sessions: vec![Session {
                    digest: randomness.session,
                    started_at: now,
                    expires_at: now.after(settings.session_lifetime),
                    source: None,
                }],
            };
            let recovery = Recovery { member_id: owner.id, digest: randomness.recovery, source: None };
            let account = password.as_ref().map(|password| {
                let (member_id, username) = (owner.id, username.clone());
                let account = Account { member_id, username, password: password.clone(), role: Role::Owner };
                Event::Registered { account }
            });
            if account.is_some() && !settings.admission.rules().has_accounts {
                let problem = "is only for chats whose `admission` is `account`".into();
                return Err(Refusal::Invalid { field: "password", problem });
            }
            let joined = [Event::MemberJoined { member: owner }, Event::RecoverySet { recovery }];
            return Ok([created].into_iter().chain(account).chain(joined).collect());
        }
        self.settings()?;
        let mut events = self.expirations(now);
        let settled = self.after(&events);
        if let Command::Sweep { forget_after } = command {
            let is_over = settled.members.is_empty() && settled.vacant_since().after(*forget_after) <= now;
            return Ok(if is_over { vec![Event::ChatEnded] } else { events });
        }
        let decided = settled.decide_settled(command, now, randomness)?;
        if decided.is_empty() {
            return Ok(decided);
        }
        let successor = decided
            .iter()
            .any(|event| matches!(event, Event::MemberLeft { .. } | Event::MemberJoined { .. }))
            .then(|| settled.after(&decided).successor(now).map(succession))
            .flatten();
        events.extend(decided.into_iter().chain(successor));
        Ok(events)
    }

    /// Decides on a state from which everything expired is already removed.
    fn decide_settled(&self, command: &Command, now: Timestamp, randomness: Randomness) -> Result<Vec<Event>, Refusal> {
        match command {
            Command::Create { .. } | Command::Sweep { .. } => unreachable!("decided before"),
            Command::CreateInvite { by, terms } => {
                self.create_invite(*by, terms, now, randomness).map(|event| vec![event])
            }
            Command::RevokeInvite { by, invite_id, removes_members } => {
                self.revoke_invite(*by, *invite_id, *removes_members, now)
            }
            Command::Join { key, join, username } => {
                Ok(self.join(*key, *join, username, now, randomness)?.into_iter().collect())
            }
            Command::Register { username, password } => {
                self.register(username, password, now, randomness).map(|event| vec![event])
            }
            Command::LogIn { username, join, ends_oldest } => {
                self.log_in(username, *join, *ends_oldest, now, randomness)
            }
            Command::Enter { username, join, until } => {
                Ok(self.enter(username, *join, *until, now, randomness)?.into_iter().collect())
            }
            Command::DecideKnock { by, knock_id, decision } => self.decide_on_knock(*by, *knock_id, *decision, now),
            Command::WithdrawKnock { ticket, knock_id } => self.withdraw_knock(*ticket, *knock_id, now),
            Command::Post { by, text, client_id } => Ok(self.post(*by, text, *client_id, now)?.into_iter().collect()),
            Command::Rename { join, username } => Ok(self.rename(*join, username, now)?.into_iter().collect()),
            Command::PostPublicly { text } => self.post_publicly(text, now).map(|event| vec![event]),
            Command::Remove { by, member_id, revokes_invite } => self.remove(*by, *member_id, *revokes_invite, now),
            Command::SetRole { by, member_id, role } => self.set_role(*by, *member_id, *role, now),
            Command::Renew { by } => self.renew(*by, now, randomness),
            Command::EndSession { by, session_id } => self.end_session(*by, *session_id, now),
            Command::SetRecovery { by } => self.set_recovery(*by, now, randomness).map(|event| vec![event]),
            Command::Recover { code, username } => self.recover(*code, username, now, randomness),
            Command::ResumeAfterLoss => Ok(vec![self.resume_after_loss(now)]),
            Command::End { by } => {
                self.authenticate_owner(*by, now)?;
                Ok(vec![Event::ChatEnded])
            }
        }
    }

    /// Returns the events of everything that has expired by `now`.
    fn expirations(&self, now: Timestamp) -> Vec<Event> {
        let expired = self.members.iter().filter(|member| !member.is_live(now));
        let expired =
            expired.map(|member| Event::MemberLeft { member_id: member.id, why: Departure::Expired, at: now });
        let ended = self.live_members(now).flat_map(|member| {
            let ended = member.sessions.iter().filter(|session| !session.is_live(now));
            ended.map(|session| Event::SessionEnded {
                member_id: member.id,
                ended: session.digest,
                why: Departure::Expired,
            })
        });
        let knocks = self.knocks.iter().filter(|knock| !knock.is_live(now));
        let knocks = knocks.map(|knock| Event::KnockEnded { knock_id: knock.id, why: KnockEnd::Expired });
        expired.chain(ended).chain(knocks).chain(self.successor(now).map(succession)).collect()
    }
}

fn succession(successor: &Member) -> Event {
    Event::RoleChanged { member_id: successor.id, role: Role::Owner }
}
