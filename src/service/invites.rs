//! Invites: created, listed, revoked, previewed, and redeemed.

use std::collections::HashSet;
use std::sync::Arc;

use uuid::Uuid;

use super::watch::Watcher;
use super::{Caller, Error, InviteWithKey, Result, Seat, Service, with_current_role};
use crate::domain::{
    Chat, ChatId, ChatName, Command, Event, Invite, InviteDigest, InviteId, InviteKey, InviteTerms, JoinDigest,
    JoinSecret, Knock, KnockId, KnockStatus, Member, Randomness, Refusal, Salt, SessionDigest, SessionToken, Ticket,
    Timestamp, Username,
};

/// How a joining guest is recognised when the request is repeated.
#[derive(Clone, Copy, Debug)]
pub enum JoinIdentity {
    /// Not at all: each request joins as a new guest.
    Unknown,
    /// By an id that the guest chose: with the same key it gives the same seat.
    JoinId(Uuid),
    /// The same, and the id stands for the session token as well.
    Credential(Uuid),
}

/// The result of redeeming an invite.
#[derive(Debug)]
pub enum JoinOutcome {
    Seated(Seat),
    Knocked { knock: Knock, ticket: Ticket },
}

/// The state of a guest's request to join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinStatus {
    Seated,
    Knocked { knock_id: KnockId, status: KnockStatus },
}

/// An invite, and the current members who joined with it.
#[derive(Debug)]
pub struct SharedInvite {
    pub invite: Invite,
    pub members: Vec<Member>,
}

/// The secrets of a joining guest.
struct Secrets {
    joiner: JoinIdentity,
    join: JoinSecret,
}

impl Secrets {
    fn ticket(&self, salt: &Salt) -> Ticket {
        match self.joiner {
            JoinIdentity::Credential(id) => Ticket::from_uuid(id),
            _ => self.join.ticket(salt),
        }
    }

    fn session(&self, salt: &Salt) -> SessionToken {
        match self.joiner {
            JoinIdentity::Credential(id) => SessionToken::from_uuid(id),
            _ => self.join.session(salt),
        }
    }
}

impl Service {
    pub(super) fn draw_invite(&self) -> (InviteKey, Randomness) {
        let key: InviteKey = self.draw_secret();
        let randomness = Randomness { id: self.draw_id(), invite: key.digest(), ..Randomness::NONE };
        (key, randomness)
    }

    fn secrets_of(&self, joiner: JoinIdentity, key: &InviteKey) -> Secrets {
        let join = match joiner {
            JoinIdentity::Unknown => self.draw_secret(),
            JoinIdentity::JoinId(id) | JoinIdentity::Credential(id) => JoinSecret::new(key, id),
        };
        Secrets { joiner, join }
    }

    /// Creates an invite; owners only.
    pub async fn create_invite(
        &self,
        chat_id: ChatId,
        token: &SessionToken,
        terms: InviteTerms,
    ) -> Result<InviteWithKey> {
        self.add_invite(chat_id, Some(token.digest()), terms).await
    }

    /// Creates an invite without a session, if the chat allows it.
    pub async fn create_invite_by_address(
        &self,
        caller: Caller,
        chat_id: ChatId,
        terms: InviteTerms,
    ) -> Result<InviteWithKey> {
        self.limit(|limits| limits.check_create(caller))?;
        self.add_invite(chat_id, None, terms).await
    }

    async fn add_invite(
        &self,
        chat_id: ChatId,
        by: Option<SessionDigest>,
        terms: InviteTerms,
    ) -> Result<InviteWithKey> {
        let (key, randomness) = self.draw_invite();
        let command = Command::CreateInvite { by, terms };
        let events = self.execute(chat_id, command, randomness).await?;
        let invite = events.iter().find_map(|event| match event {
            Event::InviteCreated { invite } => Some(invite.clone()),
            _ => None,
        });
        Ok(InviteWithKey { key, invite: invite.expect("an invitation that is not refused makes an invite") })
    }

    /// Lists the invites, oldest first; owners only.
    pub async fn list_invites(&self, chat_id: ChatId, token: &SessionToken) -> Result<Vec<SharedInvite>> {
        let by = token.digest();
        self.query(chat_id, |state, now| {
            let chat = &state.chat;
            chat.authenticate_owner(by, now)?;
            let came_by = |invite: &Invite| {
                let members = chat.live_members(now).filter(|member| member.invite_id == Some(invite.id));
                members.map(|member| with_current_role(chat, member, now)).collect()
            };
            let invites = chat.invites().iter();
            Ok(invites.map(|invite| SharedInvite { members: came_by(invite), invite: invite.clone() }).collect())
        })
        .await
    }

    /// Revokes an invite and declines its waiting knocks; owners only. `removes_members` removes the guests who joined
    /// with it.
    pub async fn revoke_invite(
        &self,
        chat_id: ChatId,
        token: &SessionToken,
        invite_id: InviteId,
        removes_members: bool,
    ) -> Result<()> {
        let command = Command::RevokeInvite { by: token.digest(), invite_id, removes_members };
        self.execute(chat_id, command, Randomness::NONE).await.map(drop)
    }

    /// The chat's name, and whether an owner must approve the caller. Fails if the invite could not be redeemed
    /// now. Changes nothing.
    pub async fn preview_invite(
        &self,
        caller: Caller,
        chat_id: ChatId,
        key: &InviteKey,
        joiner: JoinIdentity,
    ) -> Result<(Option<ChatName>, bool)> {
        self.check_join(caller).await?;
        let (key, join) = (key.digest(), self.secrets_of(joiner, key).join.digest());
        self.query(chat_id, |state, now| {
            let chat = &state.chat;
            let asks_first = match join_status(chat, join, now)? {
                Some(join_status) => join_status != JoinStatus::Seated,
                None => chat.redeemable_invite(key, now)?.asks_first || chat.was_removed(join),
            };
            Ok((chat.name().cloned(), asks_first))
        })
        .await
    }

    /// Redeems an invite: takes a seat, or knocks if the invite asks first.
    pub async fn join(
        &self,
        caller: Caller,
        chat_id: ChatId,
        key: &InviteKey,
        username: Username,
        joiner: JoinIdentity,
    ) -> Result<JoinOutcome> {
        self.check_join(caller).await?;
        let secrets = self.secrets_of(joiner, key);
        let command = Command::Join { key: key.digest(), join: secrets.join.digest(), username };
        let salt = self.draw_salt();
        let randomness = Randomness {
            id: self.draw_id(),
            salt,
            session: secrets.session(&salt).digest(),
            ticket: secrets.ticket(&salt).digest(),
            ..Randomness::NONE
        };
        // The limit on knocks counts only requests that would knock.
        self.query(chat_id, |state, now| {
            let knocks =
                state.chat.decide(&command, now, randomness)?.iter().any(|e| matches!(e, Event::Knocked { .. }));
            if knocks { self.limit(|limits| limits.check_knock(caller, chat_id)) } else { Ok(()) }
        })
        .await?;
        self.execute(chat_id, command, randomness).await?;
        self.query(chat_id, |state, now| entrance(&state.chat, &secrets, now)).await
    }

    /// The state of a guest's request, without making one. `None` if the invite exists and the guest has made no
    /// request.
    pub async fn find_join_status(
        &self,
        chat_id: ChatId,
        key: &InviteKey,
        joiner: JoinIdentity,
    ) -> Result<Option<JoinStatus>> {
        let (key_digest, join) = (key.digest(), self.secrets_of(joiner, key).join.digest());
        let found = self.query(chat_id, |state, now| {
            let is_invite = |invite: &Invite| invite.digest == key_digest;
            match join_status(&state.chat, join, now)? {
                Some(join_status) => Ok(join_status),
                None if state.chat.invites().iter().any(is_invite) => Err(Refusal::NotFound("request")),
                None => Err(Refusal::InvalidInvite),
            }
        });
        match found.await {
            Ok(join_status) => Ok(Some(join_status)),
            Err(Error::Refused(Refusal::NotFound(_))) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The state of the newest request with an invite. `None` if there is none.
    pub async fn find_newest_join_status(&self, chat_id: ChatId, key: &InviteKey) -> Result<Option<JoinStatus>> {
        let key = key.digest();
        self.query(chat_id, |state, now| {
            let chat = &state.chat;
            chat.settings()?;
            let invite = chat.invites().iter().find(|invite| invite.digest == key).ok_or(Refusal::InvalidInvite)?;
            let knocks = chat.knocks().iter().filter(|knock| knock.invite_id == invite.id && knock.is_live(now));
            let mut seated = chat.live_members(now).filter(|member| member.invite_id == Some(invite.id));
            Ok(match knocks.max_by_key(|knock| knock.knocked_at) {
                Some(knock) if seated.any(|member| member.id == knock.member_id()) => Some(JoinStatus::Seated),
                Some(knock) => Some(JoinStatus::Knocked { knock_id: knock.id, status: knock.status }),
                // Approved knocks are deleted after a while, and their members stay.
                None => seated.next().map(|_| JoinStatus::Seated),
            })
        })
        .await
    }

    /// The state of a guest's request, each time it changes.
    pub async fn watch_join_status(
        &self,
        caller: Caller,
        chat_id: ChatId,
        key: &InviteKey,
        joiner: JoinIdentity,
    ) -> Result<Watcher<JoinStatus>> {
        let join = self.secrets_of(joiner, key).join.digest();
        self.watch(caller, chat_id, move |chat, now| join_status(chat, join, now)?.ok_or(Refusal::NotFound("knock")))
            .await
    }

    /// The first of `names` that is free in the chat. No lock is held while names are compared.
    pub async fn first_free_name(&self, chat_id: ChatId, names: impl Iterator<Item = Username>) -> Result<Username> {
        let (chat, now) = self.query(chat_id, |state, now| Ok((Arc::clone(&state.chat), now))).await?;
        let taken: HashSet<String> = chat.taken_names(None, now).map(Username::folded).collect();
        let mut free = names.filter(|name| !taken.contains(&name.folded()));
        Ok(free.next().ok_or(Refusal::UsernameTaken)?)
    }

    /// The number of free seats and of all seats, for the holder of `key`.
    pub async fn show_seats(&self, caller: Caller, chat_id: ChatId, key: &InviteKey) -> Result<(usize, u32)> {
        self.check_join(caller).await?;
        let key = key.digest();
        self.query(chat_id, |state, now| seats(&state.chat, key, now)).await
    }

    /// The same, each time it changes.
    pub async fn watch_seats(&self, caller: Caller, chat_id: ChatId, key: &InviteKey) -> Result<Watcher<(usize, u32)>> {
        self.check_join(caller).await?;
        let key = key.digest();
        self.watch(caller, chat_id, move |chat, now| seats(chat, key, now)).await
    }
}

fn join_status(chat: &Chat, join: JoinDigest, now: Timestamp) -> Result<Option<JoinStatus>, Refusal> {
    chat.settings()?;
    let knocked = chat.knock_joined_as(join, now);
    let knocked = knocked.map(|knock| JoinStatus::Knocked { knock_id: knock.id, status: knock.status });
    Ok(chat.member_joined_as(join, now).map(|_| JoinStatus::Seated).or(knocked))
}

/// The seat or knock of `secrets`, which have been redeemed before.
fn entrance(chat: &Chat, secrets: &Secrets, now: Timestamp) -> Result<JoinOutcome, Refusal> {
    let join = secrets.join.digest();
    if let Some(member) = chat.member_joined_as(join, now) {
        let mut tokens = member.sessions.iter().filter_map(|session| {
            let token = secrets.session(&session.source?.salt);
            (token.digest() == session.digest).then_some(token)
        });
        let token = tokens.next().ok_or(Refusal::SessionExpired)?;
        return Ok(JoinOutcome::Seated(Seat { token, member: with_current_role(chat, member, now) }));
    }
    let knock = chat.knock_joined_as(join, now).ok_or(Refusal::SessionExpired)?;
    Ok(JoinOutcome::Knocked { knock: knock.clone(), ticket: secrets.ticket(&knock.salt) })
}

fn seats(chat: &Chat, key: InviteDigest, now: Timestamp) -> Result<(usize, u32), Refusal> {
    chat.open_invite(key, now)?;
    let capacity = chat.settings()?.capacity;
    Ok((chat.free_seats(now).unwrap_or(0), capacity))
}
