//! The use cases: each loads a chat, lets the domain decide, commits, and answers.

mod clock;
mod engine;
mod entropy;
mod limits;
mod live;
mod room;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use thiserror::Error;
use tokio::sync::watch;

use crate::domain::{
    Chat, ChatId, ChatName, ClientId, Command, Event, Invite, InviteId, InviteKey, InviteTerms, Member, MemberId,
    Message, MessageId, MessageText, MessagesAfter, Refusal, SessionToken, Settings, Timestamp, Username,
};
use crate::store::{CommitError, Store, Unavailable};

pub use clock::{Clock, SystemClock};
pub use entropy::{Entropy, OsEntropy};
pub use limits::Caller;
pub use live::{Ending, Follower, Update};

use entropy::{Drawn, random};
use limits::Limits;
use room::Rooms;

/// A member counts as online while a stream of theirs is open, and this long after anything was
/// heard of them: a page that polls once a minute while its tab is hidden stays online.
const ONLINE_FOR: Duration = Duration::from_secs(75);

/// Chats swept at one time: enough that one commit of the store serves many, few enough that
/// those who post meanwhile do not wait.
const SWEEP_BATCH: usize = 64;

/// Why a use case did not happen.
#[derive(Debug, Error)]
pub enum Error {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

type Result<T, E = Error> = std::result::Result<T, E>;

/// What the one who runs the server chose.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    pub session_lifetime: Duration,
    /// How long a chat without a live session is kept.
    pub forget_after: Duration,
    /// Whether callers are limited in how much they may do at once.
    pub rate_limit: bool,
}

/// A seat and the proof of it.
#[derive(Debug)]
pub struct Seat {
    pub token: SessionToken,
    pub member: Member,
}

/// A magic link and the key in it.
#[derive(Debug)]
pub struct OpenInvite {
    pub key: InviteKey,
    pub invite: Invite,
}

/// A new chat, its owner's seat and its first invite.
#[derive(Debug)]
pub struct NewChat {
    pub chat_id: ChatId,
    pub seat: Seat,
    pub invite: OpenInvite,
}

/// A message, and whether this very call made it.
#[derive(Debug)]
pub struct Posted {
    pub message: Message,
    pub is_new: bool,
}

/// What is held of a chat.
#[derive(Debug)]
pub struct Retention {
    pub messages: usize,
    /// The most messages that are kept.
    pub history: u32,
    pub oldest_sent_at: Option<Timestamp>,
    pub members: usize,
    /// When nothing will be left, unless someone enters or renews a session before.
    pub forgotten_at: Timestamp,
}

/// Who is in a chat.
#[derive(Debug)]
pub struct Roster {
    pub name: Option<ChatName>,
    pub settings: Settings,
    /// Each with whether anything was heard of them just now.
    pub members: Vec<(Member, bool)>,
}

/// All that can be done with chats, on any store. Clones share everything.
#[derive(Clone, Debug)]
pub struct Service {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    policy: Policy,
    limits: Option<Limits>,
    rooms: Rooms,
    /// Whether the server stops; those who follow a chat watch it.
    stopping: watch::Sender<bool>,
}

impl Service {
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>, policy: Policy) -> Self {
        let limits = policy.rate_limit.then(|| Limits::new(&clock));
        let inner = Inner {
            store,
            clock,
            entropy,
            policy,
            limits,
            rooms: Rooms::default(),
            stopping: watch::Sender::new(false),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Opens a chat with `username` as its owner and one invite without terms.
    pub async fn create_chat(
        &self,
        caller: Caller,
        username: Username,
        name: Option<ChatName>,
        settings: Settings,
    ) -> Result<NewChat> {
        self.limit(|limits| limits.check_create(caller))?;
        let chat_id = ChatId::from_random_bytes(random(&*self.inner.entropy));
        let settings = Settings { session_lifetime: self.inner.policy.session_lifetime, ..settings };
        let Drawn { token, fresh, .. } = self.draw();
        let create = Command::Create { name, settings, username };
        let Drawn { key, fresh: invite_fresh, .. } = self.draw();
        let invite = Command::CreateInvite { by: token.digest(), terms: InviteTerms::default() };

        let now = self.now();
        let chat = Chat::new(chat_id);
        let mut events = chat.decide(&create, now, fresh)?;
        let created = chat.change(events.clone());
        events.extend(created.after.decide(&invite, now, invite_fresh)?);
        let member = joined(&events);
        let invite = invited(&events);
        let change = chat.change(events);
        self.to_the_end(move |service| async move {
            match service.inner.store.commit(&change).await {
                Ok(()) => service.inner.rooms.open(change.after, now),
                Err(CommitError::Conflict) => {
                    let cause = format!("a new chat's id {chat_id} is taken");
                    return Err(Unavailable { cause }.into());
                }
                Err(CommitError::Unavailable(error)) => return Err(error.into()),
            };
            Ok(())
        })
        .await?;
        Ok(NewChat { chat_id, seat: Seat { token, member }, invite: OpenInvite { key, invite } })
    }

    /// Makes another magic link; the owner's right.
    pub async fn create_invite(&self, chat_id: ChatId, token: &SessionToken, terms: InviteTerms) -> Result<OpenInvite> {
        let Drawn { key, fresh, .. } = self.draw();
        let command = Command::CreateInvite { by: token.digest(), terms };
        let events = self.change(chat_id, command, fresh).await?;
        Ok(OpenInvite { key, invite: invited(&events) })
    }

    /// The invites of a chat, oldest first; the owner's right.
    pub async fn list_invites(&self, chat_id: ChatId, token: &SessionToken) -> Result<Vec<Invite>> {
        let by = token.digest();
        self.look(chat_id, |state, now| {
            state.chat.authenticate_owner(by, now)?;
            Ok(state.chat.invites().to_vec())
        })
        .await
    }

    /// Makes a magic link worthless; the owner's right. Who came by it stays.
    pub async fn revoke_invite(&self, chat_id: ChatId, token: &SessionToken, invite_id: InviteId) -> Result<()> {
        let command = Command::RevokeInvite { by: token.digest(), invite_id };
        self.change(chat_id, command, self.draw().fresh).await.map(drop)
    }

    /// What stands behind a magic link, if someone could come in by it now: the chat's name.
    /// Changes nothing.
    pub async fn preview_invite(&self, caller: Caller, chat_id: ChatId, key: &InviteKey) -> Result<Option<ChatName>> {
        self.limit(|limits| limits.check_join(caller))?;
        let key = key.digest();
        self.look(chat_id, |state, now| {
            state.chat.admit(key, now)?;
            Ok(state.chat.name().cloned())
        })
        .await
    }

    /// Takes a seat by an invite.
    pub async fn join(&self, caller: Caller, chat_id: ChatId, key: &InviteKey, username: Username) -> Result<Seat> {
        self.limit(|limits| limits.check_join(caller))?;
        let Drawn { token, fresh, .. } = self.draw();
        let command = Command::Join { key: key.digest(), username };
        let events = self.change(chat_id, command, fresh).await?;
        Ok(Seat { token, member: joined(&events) })
    }

    /// What a member has not seen yet.
    pub async fn read(&self, chat_id: ChatId, token: &SessionToken, after: MessageId) -> Result<MessagesAfter> {
        let by = token.digest();
        self.look(chat_id, |state, now| {
            let reader = state.chat.authenticate(by, now)?;
            state.hear(reader.id, now);
            Ok(state.chat.messages_after(after))
        })
        .await
    }

    /// Says something. The same `client_id` from the same member makes one message.
    pub async fn post(
        &self,
        chat_id: ChatId,
        token: &SessionToken,
        text: MessageText,
        client_id: Option<ClientId>,
    ) -> Result<Posted> {
        let by = token.digest();
        self.look(chat_id, |state, now| {
            let author = state.chat.authenticate(by, now)?.id;
            state.hear(author, now);
            self.limit(|limits| limits.check_post(author))
        })
        .await?;
        let command = Command::Post { by, text: text.clone(), client_id };
        let events = self.change(chat_id, command, self.draw().fresh).await?;
        let new = events.iter().find_map(|event| match event {
            Event::MessagePosted { message } => Some(message.clone()),
            _ => None,
        });
        if let Some(message) = new {
            return Ok(Posted { message, is_new: true });
        }
        self.look(chat_id, |state, now| {
            let author = state.chat.authenticate(by, now)?.id;
            let before = client_id.and_then(|id| state.chat.posted_before(author, id, &text));
            let message = before.ok_or(Refusal::NotFound("message"))?;
            Ok(Posted { message, is_new: false })
        })
        .await
    }

    /// Who is in the chat.
    pub async fn list_members(&self, chat_id: ChatId, token: &SessionToken) -> Result<Roster> {
        let by = token.digest();
        self.look(chat_id, |state, now| {
            let reader = state.chat.authenticate(by, now)?;
            state.hear(reader.id, now);
            let is_online = |member: &Member| state.is_online(member.id, ONLINE_FOR, now);
            let members = state.chat.live_members(now);
            Ok(Roster {
                name: state.chat.name().cloned(),
                settings: state.chat.settings()?.clone(),
                members: members.map(|member| (member.clone(), is_online(member))).collect(),
            })
        })
        .await
    }

    /// What the server still holds of the chat.
    pub async fn show_retention(&self, chat_id: ChatId, token: &SessionToken) -> Result<Retention> {
        let by = token.digest();
        self.look(chat_id, |state, now| {
            let reader = state.chat.authenticate(by, now)?;
            state.hear(reader.id, now);
            let messages = state.chat.messages();
            Ok(Retention {
                messages: messages.len(),
                history: state.chat.settings()?.history,
                oldest_sent_at: messages.front().map(|oldest| oldest.sent_at),
                members: state.chat.live_members(now).count(),
                forgotten_at: state.chat.forgotten_at(self.inner.policy.forget_after),
            })
        })
        .await
    }

    /// Frees a seat: one's own, or as the owner another's.
    pub async fn remove_member(&self, chat_id: ChatId, token: &SessionToken, member_id: MemberId) -> Result<()> {
        let command = Command::Remove { by: token.digest(), member_id };
        self.change(chat_id, command, self.draw().fresh).await.map(drop)
    }

    /// A new token for the same seat, with a whole lifetime before it; the old one ends.
    pub async fn renew_session(&self, chat_id: ChatId, token: &SessionToken) -> Result<(SessionToken, Timestamp)> {
        let Drawn { token: renewed, fresh, .. } = self.draw();
        let events = self.change(chat_id, Command::Renew { by: token.digest() }, fresh).await?;
        let session = events.iter().find_map(|event| match event {
            Event::SessionRenewed { session, .. } => Some(session.clone()),
            _ => None,
        });
        let session = session.expect("a renewal that is not refused renews");
        Ok((renewed, session.expires_at))
    }

    /// Ends the chat and forgets it; the owner's right.
    pub async fn end_chat(&self, chat_id: ChatId, token: &SessionToken) -> Result<()> {
        let command = Command::End { by: token.digest() };
        self.change(chat_id, command, self.draw().fresh).await.map(drop)
    }

    /// Does what time alone has brought about: frees the seats of expired sessions, forgets
    /// chats that have been empty for too long, and drops from memory what nobody uses.
    ///
    /// # Errors
    /// Why the first chat that failed did; all others were swept.
    pub async fn sweep(&self) -> Result<()> {
        self.inner.rooms.close_idle(self.now());
        if let Some(limits) = &self.inner.limits {
            limits.forget_idle();
        }
        let Policy { forget_after, .. } = self.inner.policy;
        let mut first_failure = Ok(());
        // What is due still, though it was tried.
        let mut tried = HashSet::new();
        loop {
            let at_most = SWEEP_BATCH + tried.len();
            let mut due = self.inner.store.due(self.now(), forget_after, at_most).await?;
            due.retain(|chat_id| !tried.contains(chat_id));
            if due.is_empty() {
                return first_failure;
            }
            // All at once, so that the store may take them together.
            let swept = join_all(due.iter().map(|chat_id| self.sweep_chat(*chat_id, forget_after))).await;
            for (chat_id, swept) in due.into_iter().zip(swept) {
                if !matches!(swept, Ok(true)) {
                    tried.insert(chat_id);
                }
                first_failure = first_failure.and(swept.map(drop));
            }
        }
    }

    /// Removes the last traces of what was deleted.
    pub async fn scrub(&self) -> Result<()> {
        Ok(self.inner.store.scrub().await?)
    }

    /// Whether there was anything to do for this chat.
    async fn sweep_chat(&self, chat_id: ChatId, forget_after: Duration) -> Result<bool> {
        let was_open = self.inner.rooms.is_open(chat_id);
        let swept = self.change(chat_id, Command::Sweep { forget_after }, self.draw().fresh).await;
        if !was_open {
            self.inner.rooms.close_unheld(chat_id);
        }
        match swept {
            Ok(events) => Ok(!events.is_empty()),
            // It ended between the two calls.
            Err(Error::Refused(Refusal::ChatNotFound)) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Whether the store would answer now.
    pub async fn check_store(&self) -> Result<()> {
        Ok(self.inner.store.ping().await?)
    }

    /// How many chats are in use on this node.
    #[must_use]
    pub fn open_rooms(&self) -> usize {
        self.inner.rooms.len()
    }
}

fn joined(events: &[Event]) -> Member {
    let member = events.iter().find_map(|event| match event {
        Event::MemberJoined { member, .. } => Some(member.clone()),
        _ => None,
    });
    member.expect("entering that is not refused seats a member")
}

fn invited(events: &[Event]) -> Invite {
    let invite = events.iter().find_map(|event| match event {
        Event::InviteCreated { invite } => Some(invite.clone()),
        _ => None,
    });
    invite.expect("an invitation that is not refused makes an invite")
}
