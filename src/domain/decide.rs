//! Decides commands: the events that a command causes, or the rule that refuses it.

use super::{
    Account, Chat, ClientId, Command, Departure, Event, KnockEnd, Member, MemberId, Message, MessageText, PublicAccess,
    Randomness, Recovery, Refusal, Role, Session, Timestamp, Username,
};

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
            Command::RevokeInvite { by, invite_id, members_go } => {
                self.revoke_invite(*by, *invite_id, *members_go, now)
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
            Command::Post { by, text, client_id } => {
                let author = self.authenticate(*by, now)?;
                let before = client_id.and_then(|id| self.posted_before(author.id, id, text));
                Ok(match before {
                    Some(_) => Vec::new(),
                    None => vec![self.post(author.id, author.username.clone(), text, *client_id, now)],
                })
            }
            Command::Rename { join, username } => Ok(self.rename(*join, username, now)?.into_iter().collect()),
            Command::PostByAddress { text } => {
                self.allows_by_address(PublicAccess::Post)?;
                Ok(vec![self.post(MemberId::ANONYMOUS, Username::anonymous(), text, None, now)])
            }
            Command::Remove { by, member_id, revokes_invite } => self.remove(*by, *member_id, *revokes_invite, now),
            Command::SetRole { by, member_id, role } => self.set_role(*by, *member_id, *role, now),
            Command::Renew { by } => self.renew(*by, now, randomness),
            Command::EndSession { by, session_id } => self.end_session(*by, *session_id, now),
            Command::SetRecovery { by } => self.set_recovery(*by, now, randomness).map(|event| vec![event]),
            Command::Recover { code, username } => self.recover(*code, username, now, randomness),
            Command::End { by } => {
                self.authenticate_owner(*by, now)?;
                Ok(vec![Event::ChatEnded])
            }
        }
    }

    /// Returns the message that this member already posted with `client_id`, if that is still remembered. If the
    /// message itself is deleted, the result has the repeated request's `text`.
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
