//! What a command does to a chat: the events it brings about, or why it may not.

use std::time::Duration;

use super::chat::MAX_INVITES;
use super::secret::OfSession;
use super::{
    Chat, ClientId, Command, Departure, Digest, Event, Fresh, Invite, InviteId, InviteTerms, Member, MemberId, Message,
    MessageText, Refusal, Role, Session, Timestamp, Username,
};

impl Chat {
    /// Decides `command` at `now`. Pure: the same arguments give the same answer.
    ///
    /// No event means that there is nothing to change: the post was made before, or nothing is
    /// due. Seats whose sessions have expired are freed before anything else.
    ///
    /// # Errors
    /// The rule that says no; then nothing is to change.
    pub fn decide(&self, command: &Command, now: Timestamp, fresh: Fresh) -> Result<Vec<Event>, Refusal> {
        if let Command::Create { name, settings, username } = command {
            let created = Event::ChatCreated { name: name.clone(), settings: settings.clone(), at: now };
            let owner = new_member(username, Role::Owner, settings.session_lifetime, now, fresh);
            return Ok(vec![created, Event::MemberJoined { member: owner, invite_id: None }]);
        }
        let session_lifetime = self.settings()?.session_lifetime;
        let decided = match command {
            Command::Create { .. } => unreachable!("answered above"),
            Command::CreateInvite { by, terms } => {
                self.authenticate_owner(*by, now)?;
                self.create_invite(terms, now, fresh)?
            }
            Command::RevokeInvite { by, invite_id } => {
                self.authenticate_owner(*by, now)?;
                self.revoke_invite(*invite_id)?
            }
            Command::Join { key, username } => {
                let invite_id = Some(self.admit(*key, now)?.id);
                if self.live_members(now).any(|member| member.username.same_as(username)) {
                    return Err(Refusal::UsernameTaken);
                }
                let member = new_member(username, Role::Guest, session_lifetime, now, fresh);
                Event::MemberJoined { member, invite_id }
            }
            Command::Post { by, text, client_id } => {
                let author = self.authenticate(*by, now)?;
                match client_id.and_then(|id| self.posted_before(author.id, id, text)) {
                    Some(_) => return Ok(Vec::new()),
                    None => self.post(author, text, *client_id, now),
                }
            }
            Command::Remove { by, member_id } => self.remove(*by, *member_id, now)?,
            Command::Renew { by } => {
                let member_id = self.authenticate(*by, now)?.id;
                let session = new_session(session_lifetime, now, fresh);
                Event::SessionRenewed { member_id, ended: *by, session }
            }
            Command::End { by } => {
                self.authenticate_owner(*by, now)?;
                return Ok(vec![Event::ChatEnded]);
            }
            Command::Sweep { forget_after } => return Ok(self.sweep(*forget_after, now)),
        };
        let mut events = self.expiries(now);
        events.push(decided);
        Ok(events)
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

    fn create_invite(&self, terms: &InviteTerms, now: Timestamp, fresh: Fresh) -> Result<Event, Refusal> {
        if self.invites.iter().filter(|invite| invite.is_open(now)).count() >= MAX_INVITES {
            let problem = format!("would be more than {MAX_INVITES}; revoke one first");
            return Err(Refusal::Invalid { field: "invite", problem });
        }
        Ok(Event::InviteCreated {
            invite: Invite {
                id: InviteId::from_random_bytes(fresh.id),
                digest: fresh.invite,
                label: terms.label.clone(),
                max_uses: terms.max_uses,
                uses: 0,
                created_at: now,
                expires_at: terms.lifetime.map(|lifetime| now.after(lifetime)),
            },
        })
    }

    fn revoke_invite(&self, invite_id: InviteId) -> Result<Event, Refusal> {
        self.invites
            .iter()
            .any(|invite| invite.id == invite_id)
            .then_some(Event::InviteRevoked { invite_id })
            .ok_or(Refusal::NotFound("invite"))
    }

    fn post(&self, author: &Member, text: &MessageText, client_id: Option<ClientId>, now: Timestamp) -> Event {
        Event::MessagePosted {
            message: Message {
                id: self.next_message_id(),
                member_id: author.id,
                username: author.username.clone(),
                text: text.clone(),
                sent_at: now,
                client_id,
            },
        }
    }

    fn remove(&self, by: Digest<OfSession>, member_id: MemberId, now: Timestamp) -> Result<Event, Refusal> {
        let actor = self.authenticate(by, now)?;
        if actor.id == member_id {
            return Ok(Event::MemberLeft { member_id, why: Departure::Left, at: now });
        }
        if actor.role != Role::Owner {
            return Err(Refusal::OwnerOnly);
        }
        self.live_members(now)
            .any(|member| member.id == member_id)
            .then_some(Event::MemberLeft { member_id, why: Departure::Removed, at: now })
            .ok_or(Refusal::NotFound("member"))
    }

    fn expiries(&self, now: Timestamp) -> Vec<Event> {
        let expired = self.members.iter().filter(|member| !member.is_live(now));
        expired.map(|member| Event::MemberLeft { member_id: member.id, why: Departure::Expired, at: now }).collect()
    }

    fn sweep(&self, forget_after: Duration, now: Timestamp) -> Vec<Event> {
        let expiries = self.expiries(now);
        let mut swept = self.clone();
        expiries.iter().for_each(|event| swept.apply(event));
        if swept.members.is_empty() && swept.due_at(forget_after) <= now {
            return vec![Event::ChatEnded];
        }
        expiries
    }
}

fn new_member(username: &Username, role: Role, lifetime: Duration, now: Timestamp, fresh: Fresh) -> Member {
    Member {
        id: MemberId::from_random_bytes(fresh.id),
        username: username.clone(),
        role,
        joined_at: now,
        session: new_session(lifetime, now, fresh),
    }
}

fn new_session(lifetime: Duration, now: Timestamp, fresh: Fresh) -> Session {
    Session { digest: fresh.session, expires_at: now.after(lifetime) }
}
