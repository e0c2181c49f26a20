//! The use cases: each loads a chat, lets the domain decide, commits, and answers.

mod accounts;
mod browsers;
mod clock;
mod engine;
mod entropy;
mod entry;
mod limits;
mod live;
mod logins;
mod owners;
mod passwords;
mod public;
mod room;
mod sessions;
mod stream_limits;
mod sweep;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::watch::Sender;

use crate::domain::{
    Chat, ChatId, ChatName, ClientId, Command, Digest, Event, Fresh, Invite, InviteKey, Member, MemberId, Message,
    MessageId, MessageText, MessagesAfter, OfSession, RecoveryCode, Refusal, SessionToken, Settings, Timestamp,
};
use crate::store::{Store, Unavailable};

pub use accounts::Login;
pub use clock::{Clock, SystemClock};
pub use entropy::{Entropy, OsEntropy};
pub use entry::{Entrance, Joiner, KnockView, SharedInvite, Standing, knock_view};
pub use limits::Caller;
pub use live::{Ending, Follower, Update};
pub use owners::{Creator, Owner};
pub use passwords::{Busy, Password};
pub use public::Preview;
pub use sessions::OwnSession;
pub use watch::{WatchEnd, Watcher};

use browsers::RenamingLocks;
use limits::Limits;
use passwords::Passwords;
use room::Rooms;

/// A member counts as online while a stream of theirs is open, and this long after anything was
/// heard of them: a page that polls once a minute while its tab is hidden stays online.
const ONLINE_FOR: Duration = Duration::from_secs(75);

/// Why a use case did not happen.
#[derive(Debug, Error)]
pub enum Error {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    #[error(transparent)]
    Busy(#[from] Busy),
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

impl Seat {
    /// When the session expires that the token proves.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.member.session(self.token.digest()).map_or(self.member.joined_at, |session| session.expires_at)
    }
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
    pub recovery: RecoveryCode,
    /// Where one comes by invites.
    pub invite: Option<OpenInvite>,
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
    passwords: Passwords,
    rooms: Rooms,
    renaming: RenamingLocks,
    /// Whether the server stops; those who follow a chat watch it.
    stopping: Sender<bool>,
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
            passwords: Passwords::default(),
            rooms: Rooms::default(),
            renaming: RenamingLocks::default(),
            stopping: Sender::new(false),
        };
        Self { inner: Arc::new(inner) }
    }

    #[must_use]
    pub fn policy(&self) -> Policy {
        self.inner.policy
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
        self.post_by(chat_id, token.digest(), text, client_id).await
    }

    async fn post_by(
        &self,
        chat_id: ChatId,
        by: Digest<OfSession>,
        text: MessageText,
        client_id: Option<ClientId>,
    ) -> Result<Posted> {
        self.look(chat_id, |state, now| {
            let author = state.chat.authenticate(by, now)?.id;
            state.hear(author, now);
            self.limit(|limits| limits.check_post(author))
        })
        .await?;
        let command = Command::Post { by, text: text.clone(), client_id };
        let events = self.change(chat_id, command, Fresh::NOTHING).await?;
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
                members: members.map(|member| (seen(&state.chat, member, now), is_online(member))).collect(),
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

    /// Whose session it is, and when it expires.
    pub async fn show_seat(&self, chat_id: ChatId, token: &SessionToken) -> Result<(Member, Timestamp)> {
        let by = token.digest();
        self.look(chat_id, |state, now| {
            let member = state.chat.authenticate(by, now)?;
            state.hear(member.id, now);
            let expires_at = member.session(by).map_or(now, |session| session.expires_at);
            Ok((seen(&state.chat, member, now), expires_at))
        })
        .await
    }

    /// Frees a seat: one's own, or as the owner a guest's; then the invite that they came by may be
    /// revoked as well.
    pub async fn remove_member(
        &self,
        chat_id: ChatId,
        token: &SessionToken,
        member_id: MemberId,
        revokes_invite: bool,
    ) -> Result<()> {
        let command = Command::Remove { by: token.digest(), member_id, revokes_invite };
        self.change(chat_id, command, Fresh::NOTHING).await.map(drop)
    }

    /// Ends the chat and forgets it; the owner's right.
    pub async fn end_chat(&self, chat_id: ChatId, token: &SessionToken) -> Result<()> {
        let command = Command::End { by: token.digest() };
        self.change(chat_id, command, Fresh::NOTHING).await.map(drop)
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

/// The member as others may see them now: one of them may be an owner because no other is left.
fn seen(chat: &Chat, member: &Member, now: Timestamp) -> Member {
    Member { role: chat.role(member, now), ..member.clone() }
}
