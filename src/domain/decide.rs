//! What a command does to a chat: the events it brings about, or why it may not.

use std::time::Duration;

use super::chat::{MAX_INVITES, MAX_INVITES_BY_ADDRESS};
use super::secret::{OfSession, OfSource};
use super::{
    Account, Admission, Chat, ClientId, Command, Departure, Digest, Event, Fresh, Invite, InviteId, InviteTerms,
    KnockEnd, Member, MemberId, Message, MessageText, PublicAccess, Recovery, Refusal, Role, Session, Settings, Source,
    Timestamp, Username,
};

/// How long a secret that was exchanged for a session is answered with the same one: enough to ask
/// again when the answer was lost.
const RETRY_WITHIN: Duration = Duration::from_mins(5);

impl Chat {
    /// Decides `command` at `now`. Pure: the same arguments give the same answer.
    ///
    /// No event means that there is nothing to change: it was done before, or nothing is due. What
    /// time alone has brought about comes before anything else, and where that or the command
    /// leaves people without an owner, one of them becomes it.
    ///
    /// # Errors
    /// The rule that says no; then nothing is to change.
    pub fn decide(&self, command: &Command, now: Timestamp, fresh: Fresh) -> Result<Vec<Event>, Refusal> {
        if let Command::Create { name, settings, username, password } = command {
            let created = Event::ChatCreated { name: name.clone(), settings: settings.clone(), at: now };
            let Some(username) = username else { return Ok(vec![created]) };
            if username.is_nobody() && settings.public_access == PublicAccess::Post {
                return Err(Refusal::UsernameTaken);
            }
            let owner = Member {
                id: MemberId::from_random_bytes(fresh.id),
                username: username.clone(),
                role: Role::Owner,
                joined_at: now,
                invite_id: None,
                join: None,
                sessions: vec![Session {
                    digest: fresh.session,
                    started_at: now,
                    expires_at: now.after(settings.session_lifetime),
                    source: None,
                }],
            };
            let recovery = Recovery { member_id: owner.id, digest: fresh.recovery, source: None };
            let account = password.as_ref().map(|password| {
                let (member_id, username) = (owner.id, username.clone());
                let account = Account { member_id, username, password: password.clone(), role: Role::Owner };
                Event::Registered { account }
            });
            if account.is_some() && settings.admission != Admission::Account {
                let problem = "belongs to chats whose admission is `account`".into();
                return Err(Refusal::Invalid { field: "password", problem });
            }
            let joined = [Event::MemberJoined { member: owner }, Event::RecoverySet { recovery }];
            return Ok([created].into_iter().chain(account).chain(joined).collect());
        }
        self.settings()?;
        let mut events = self.lapses(now);
        let settled = self.after(&events);
        if let Command::Sweep { forget_after } = command {
            let is_over = settled.members.is_empty() && settled.vacant_since().after(*forget_after) <= now;
            return Ok(if is_over { vec![Event::ChatEnded] } else { events });
        }
        let decided = settled.decide_settled(command, now, fresh)?;
        if decided.is_empty() {
            return Ok(decided);
        }
        let heir = decided
            .iter()
            .any(|event| matches!(event, Event::MemberLeft { .. } | Event::MemberJoined { .. }))
            .then(|| settled.after(&decided).heir(now).map(succession))
            .flatten();
        events.extend(decided.into_iter().chain(heir));
        Ok(events)
    }

    /// Decides on a state in which nothing is due.
    fn decide_settled(&self, command: &Command, now: Timestamp, fresh: Fresh) -> Result<Vec<Event>, Refusal> {
        match command {
            Command::Create { .. } | Command::Sweep { .. } => unreachable!("decided before"),
            Command::CreateInvite { by, terms } => self.create_invite(*by, terms, now, fresh).map(one),
            Command::RevokeInvite { by, invite_id, members_go } => {
                self.revoke_invite(*by, *invite_id, *members_go, now)
            }
            Command::Join { key, join, username } => {
                Ok(self.join(*key, *join, username, now, fresh)?.into_iter().collect())
            }
            Command::Register { username, password } => self.register(username, password, now, fresh).map(one),
            Command::LogIn { username, join, ends_oldest } => self.log_in(username, *join, *ends_oldest, now, fresh),
            Command::Enter { username, join, until } => {
                Ok(self.enter(username, *join, *until, now, fresh)?.into_iter().collect())
            }
            Command::DecideKnock { by, knock_id, decision } => self.decide_on_knock(*by, *knock_id, *decision, now),
            Command::WithdrawKnock { ticket, knock_id } => self.withdraw_knock(*ticket, *knock_id, now),
            Command::Post { by, text, client_id } => {
                let author = self.authenticate(*by, now)?;
                let before = client_id.and_then(|id| self.posted_before(author.id, id, text));
                Ok(match before {
                    Some(_) => Vec::new(),
                    None => one(self.post(author.id, author.username.clone(), text, *client_id, now)),
                })
            }
            Command::Rename { join, username } => Ok(self.rename(*join, username, now)?.into_iter().collect()),
            Command::PostByAddress { text } => {
                self.allows_by_address(PublicAccess::Post)?;
                Ok(one(self.post(MemberId::NOBODY, Username::nobody(), text, None, now)))
            }
            Command::Remove { by, member_id, revokes_invite } => self.remove(*by, *member_id, *revokes_invite, now),
            Command::SetRole { by, member_id, role } => self.set_role(*by, *member_id, *role, now),
            Command::Renew { by } => self.renew(*by, now, fresh),
            Command::EndSession { by, session_id } => self.end_session(*by, *session_id, now),
            Command::SetRecovery { by } => self.set_recovery(*by, now, fresh).map(one),
            Command::Recover { code, username } => self.recover(*code, username, now, fresh),
            Command::End { by } => {
                self.authenticate_owner(*by, now)?;
                Ok(one(Event::ChatEnded))
            }
        }
    }

    /// The message that this member's client id has made already, if it is still remembered.
    /// Where the message itself is deleted, its words are those that were sent again.
    #[must_use]
    pub fn posted_before(&self, member_id: MemberId, client_id: ClientId, text: &MessageText) -> Option<Message> {
        let receipt =
            self.receipts().iter().find(|receipt| receipt.member_id == member_id && receipt.client_id == client_id)?;
        let kept = self.messages().iter().find(|message| message.id == receipt.message_id);
        kept.cloned().or_else(|| {
            let author = self.members.iter().find(|member| member.id == member_id)?;
            Some(Message {
                id: receipt.message_id,
                member_id,
                username: author.username.clone(),
                text: text.clone(),
                sent_at: receipt.sent_at,
                client_id: Some(client_id),
            })
        })
    }

    /// An owner makes any invite. In a chat whose owners let people in, who knows its address makes those
    /// that ask an owner; where the address is enough to post, it is enough for this too.
    fn create_invite(
        &self,
        by: Option<Digest<OfSession>>,
        terms: &InviteTerms,
        now: Timestamp,
        fresh: Fresh,
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
        if is_by_address && open_by_address >= MAX_INVITES_BY_ADDRESS {
            let problem = format!("would be one of more than {MAX_INVITES_BY_ADDRESS} that no owner has made");
            return Err(Refusal::Invalid { field: "invite", problem });
        }
        if open.count() >= MAX_INVITES {
            let problem = format!("would be more than {MAX_INVITES}; revoke one first");
            return Err(Refusal::Invalid { field: "invite", problem });
        }
        let lifetime = terms.lifetime.or(is_by_address.then_some(Invite::LIFETIME_BY_ADDRESS));
        Ok(Event::InviteCreated {
            invite: Invite {
                id: InviteId::from_random_bytes(fresh.id),
                digest: fresh.invite,
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

    fn revoke_invite(
        &self,
        by: Digest<OfSession>,
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

    fn post(
        &self,
        member_id: MemberId,
        username: Username,
        text: &MessageText,
        client_id: Option<ClientId>,
        now: Timestamp,
    ) -> Event {
        Event::MessagePosted {
            message: Message {
                id: self.next_message_id(),
                member_id,
                username,
                text: text.clone(),
                sent_at: now,
                client_id,
            },
        }
    }

    fn remove(
        &self,
        by: Digest<OfSession>,
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
            let problem = "is an owner too; owners cannot remove each other".into();
            return Err(Refusal::Invalid { field: "member", problem });
        }
        let why = if is_own { Departure::Left } else { Departure::Removed };
        let left = Event::MemberLeft { member_id, why, at: now };
        // It may have been revoked before.
        let invite = self.invites.iter().find(|invite| revokes_invite && member.invite_id == Some(invite.id));
        let revoked = invite.map(|invite| {
            [Event::InviteRevoked { invite_id: invite.id }].into_iter().chain(self.decline_all_by(invite.id, now))
        });
        Ok([left].into_iter().chain(revoked.into_iter().flatten()).collect())
    }

    fn renew(&self, by: Digest<OfSession>, now: Timestamp, fresh: Fresh) -> Result<Vec<Event>, Refusal> {
        if self.renewed_by(by, now).is_some() {
            return Ok(Vec::new());
        }
        let member = self.authenticate(by, now)?;
        let started_at = member.session(by).map_or(now, |before| before.started_at);
        let session = self.new_session(fresh, Some(Source { digest: by.as_source(), salt: fresh.salt }), now)?;
        Ok(one(Event::SessionRenewed { member_id: member.id, ended: by, session: Session { started_at, ..session } }))
    }

    /// What took the place of this token just now.
    #[must_use]
    pub fn renewed_by(&self, token: Digest<OfSession>, now: Timestamp) -> Option<&Session> {
        self.session_given_for(token.as_source(), now).map(|(_, session)| session)
    }

    pub(super) fn session_given_for(&self, source: Digest<OfSource>, now: Timestamp) -> Option<(&Member, &Session)> {
        let lifetime = self.settings().ok()?.session_lifetime;
        let is_recent = |session: &Session| session.expires_at > now.after(lifetime.saturating_sub(RETRY_WITHIN));
        self.live_sessions(now).find(|(_, session)| session.is_given_for(source) && is_recent(session))
    }

    pub(super) fn new_session(&self, fresh: Fresh, source: Option<Source>, now: Timestamp) -> Result<Session, Refusal> {
        let expires_at = now.after(self.settings()?.session_lifetime);
        Ok(Session { digest: fresh.session, started_at: now, expires_at, source })
    }

    /// What time alone has brought about.
    fn lapses(&self, now: Timestamp) -> Vec<Event> {
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
        expired.chain(ended).chain(knocks).chain(self.heir(now).map(succession)).collect()
    }
}

fn succession(heir: &Member) -> Event {
    Event::RoleChanged { member_id: heir.id, role: Role::Owner }
}

fn one(event: Event) -> Vec<Event> {
    vec![event]
}
