//! One conversation: its state, what may be read of it, and how events change it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::{
    Account, Admission, ChatId, ChatName, ClientId, Event, Invite, JoinDigest, Knock, Member, MemberId, Message,
    MessageId, PublicAccess, Recovery, Refusal, Role, Session, SessionDigest, Settings, Timestamp,
};

/// That a member's client id has made a message already. It outlives the message, so it holds
/// none of the words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub member_id: MemberId,
    pub client_id: ClientId,
    pub message_id: MessageId,
    pub sent_at: Timestamp,
}

/// All that a store keeps of a chat; [`Chat::restore`] makes it a chat again.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub id: ChatId,
    pub revision: u64,
    pub name: Option<ChatName>,
    pub settings: Settings,
    /// Longest-seated first, those whose sessions have expired too.
    pub members: Vec<Member>,
    /// Oldest first.
    pub invites: Vec<Invite>,
    /// In the order of their last change: knocked, or decided.
    pub knocks: Vec<Knock>,
    /// Oldest first.
    pub recoveries: Vec<Recovery>,
    /// In the order in which they registered.
    pub accounts: Vec<Account>,
    /// Oldest first, without a gap up to `last_id`.
    pub messages: VecDeque<Message>,
    pub last_id: MessageId,
    /// Oldest first.
    pub receipts: VecDeque<Receipt>,
    /// Oldest first.
    pub ended_sessions: VecDeque<SessionDigest>,
    /// Oldest first.
    pub removed: VecDeque<JoinDigest>,
    pub vacant_since: Timestamp,
}

/// A decision, ready to be kept. Clones share everything.
#[derive(Clone, Debug)]
pub struct Transition {
    /// The revision it was decided on; 0 for a new chat.
    pub before: u64,
    pub events: Arc<[Event]>,
    /// The chat as the events leave it.
    pub after: Arc<Chat>,
}

/// A chat as its events made it. A chat of no event yet does not exist for anyone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chat {
    pub(super) id: ChatId,
    pub(super) revision: u64,
    pub(super) name: Option<ChatName>,
    pub(super) settings: Option<Settings>,
    pub(super) members: Vec<Member>,
    pub(super) invites: Vec<Invite>,
    pub(super) knocks: Vec<Knock>,
    pub(super) recoveries: Vec<Recovery>,
    pub(super) accounts: Vec<Account>,
    pub(super) messages: VecDeque<Message>,
    pub(super) last_id: MessageId,
    pub(super) receipts: VecDeque<Receipt>,
    pub(super) ended_sessions: VecDeque<SessionDigest>,
    pub(super) removed: VecDeque<JoinDigest>,
    /// When the last seat became free, or someone posted without a seat; meaningful while there are no
    /// members.
    pub(super) vacant_since: Timestamp,
    pub(super) ended: bool,
}

/// What a reader has not seen yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessagesAfter {
    /// Oldest first.
    pub messages: Vec<Message>,
    /// The newest id in the chat; the reader's next cursor.
    pub last_id: MessageId,
    /// How many messages after the cursor have been deleted already.
    pub missed: u64,
}

impl Chat {
    /// A chat to which nothing has happened.
    #[must_use]
    pub fn new(id: ChatId) -> Self {
        Self {
            id,
            revision: 0,
            name: None,
            settings: None,
            members: Vec::new(),
            invites: Vec::new(),
            knocks: Vec::new(),
            recoveries: Vec::new(),
            accounts: Vec::new(),
            messages: VecDeque::new(),
            last_id: 0,
            receipts: VecDeque::new(),
            ended_sessions: VecDeque::new(),
            removed: VecDeque::new(),
            vacant_since: Timestamp::EPOCH,
            ended: false,
        }
    }

    /// The chat that a store has kept.
    #[must_use]
    pub fn restore(kept: Snapshot) -> Self {
        Self {
            id: kept.id,
            revision: kept.revision,
            name: kept.name,
            settings: Some(kept.settings),
            members: kept.members,
            invites: kept.invites,
            knocks: kept.knocks,
            recoveries: kept.recoveries,
            accounts: kept.accounts,
            messages: kept.messages,
            last_id: kept.last_id,
            receipts: kept.receipts,
            ended_sessions: kept.ended_sessions,
            removed: kept.removed,
            vacant_since: kept.vacant_since,
            ended: false,
        }
    }

    #[must_use]
    pub fn id(&self) -> ChatId {
        self.id
    }

    /// How many events made this state.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    #[must_use]
    pub fn name(&self) -> Option<&ChatName> {
        self.name.as_ref()
    }

    /// # Errors
    /// [`Refusal::ChatNotFound`] before the chat was created and after it ended.
    pub fn settings(&self) -> Result<&Settings, Refusal> {
        self.settings.as_ref().filter(|_| !self.ended).ok_or(Refusal::ChatNotFound)
    }

    /// Whether nothing of this chat is to be kept.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// All messages that are kept, oldest first.
    #[must_use]
    pub fn messages(&self) -> &VecDeque<Message> {
        &self.messages
    }

    /// All invites that are kept, oldest first.
    #[must_use]
    pub fn invites(&self) -> &[Invite] {
        &self.invites
    }

    /// All knocks that are kept, in the order in which they were made or decided; those too that
    /// have expired.
    #[must_use]
    pub fn knocks(&self) -> &[Knock] {
        &self.knocks
    }

    /// How owners come back, oldest first.
    #[must_use]
    pub fn recoveries(&self) -> &[Recovery] {
        &self.recoveries
    }

    /// All accounts, in the order in which they registered.
    #[must_use]
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// The newest message's id, whether or not the message is kept; 0 before the first.
    #[must_use]
    pub fn last_id(&self) -> MessageId {
        self.last_id
    }

    /// The posts that are remembered by their client id, oldest first.
    #[must_use]
    pub fn receipts(&self) -> &VecDeque<Receipt> {
        &self.receipts
    }

    /// The sessions that are remembered to have ended, oldest first.
    #[must_use]
    pub fn ended_sessions(&self) -> &VecDeque<SessionDigest> {
        &self.ended_sessions
    }

    /// The join digests of guests whom an owner removed, oldest first. A digest goes when its guest is
    /// let in again.
    #[must_use]
    pub fn removed(&self) -> &VecDeque<JoinDigest> {
        &self.removed
    }

    /// When the last seat became free, or someone posted without a seat; meaningful while there are no
    /// members.
    #[must_use]
    pub fn vacant_since(&self) -> Timestamp {
        self.vacant_since
    }

    /// The sessions that are good at `now`, each with the member whose it is.
    pub fn live_sessions(&self, now: Timestamp) -> impl Iterator<Item = (&Member, &Session)> {
        self.sessions().filter(move |(_, session)| session.is_live(now))
    }

    fn sessions(&self) -> impl Iterator<Item = (&Member, &Session)> {
        self.members.iter().flat_map(|member| member.sessions.iter().map(move |session| (member, session)))
    }

    /// Whose session it is.
    ///
    /// # Errors
    /// [`Refusal::SessionExpired`] for a session that was good once, [`Refusal::SessionRequired`]
    /// for any other, [`Refusal::ChatNotFound`] where there is no chat.
    pub fn authenticate(&self, token: SessionDigest, now: Timestamp) -> Result<&Member, Refusal> {
        self.settings()?;
        match self.sessions().find(|(_, session)| session.digest == token) {
            Some((member, session)) if session.is_live(now) => Ok(member),
            Some(_) => Err(Refusal::SessionExpired),
            None if self.ended_sessions.contains(&token) => Err(Refusal::SessionExpired),
            None => Err(Refusal::SessionRequired),
        }
    }

    /// # Errors
    /// [`Refusal::SessionRequired`] where the chat's address allows less than `access`,
    /// [`Refusal::ChatNotFound`].
    pub fn allows_by_address(&self, access: PublicAccess) -> Result<(), Refusal> {
        if self.settings()?.public_access >= access { Ok(()) } else { Err(Refusal::SessionRequired) }
    }

    /// Whose session it is, if it is an owner's.
    ///
    /// # Errors
    /// As [`Chat::authenticate`], and [`Refusal::OwnerOnly`].
    pub fn authenticate_owner(&self, token: SessionDigest, now: Timestamp) -> Result<&Member, Refusal> {
        let member = self.authenticate(token, now)?;
        (self.role(member, now) == Role::Owner).then_some(member).ok_or(Refusal::OwnerOnly)
    }

    /// What a reader whose cursor is `after` has not seen. A cursor ahead of the chat belongs to
    /// another life of it, so its reader gets everything.
    #[must_use]
    pub fn messages_after(&self, after: MessageId) -> MessagesAfter {
        let after = if after > self.last_id { 0 } else { after };
        let deleted = self.last_id - self.messages.len() as u64;
        let seen = usize::try_from(after.saturating_sub(deleted)).unwrap_or(usize::MAX);
        MessagesAfter {
            messages: self.messages.iter().skip(seen).cloned().collect(),
            last_id: self.last_id,
            missed: deleted.saturating_sub(after),
        }
    }

    pub(super) fn next_message_id(&self) -> MessageId {
        self.last_id + 1
    }

    /// When time alone will next change this chat: a session or a knock expires, or the grace of
    /// an empty chat is over.
    #[must_use]
    pub fn due_at(&self, forget_after: Duration) -> Timestamp {
        let sessions = self.sessions().map(|(_, session)| session.expires_at).min();
        let seats = sessions.unwrap_or_else(|| self.vacant_since.after(forget_after));
        self.knocks.iter().map(|knock| knock.expires_at).fold(seats, Timestamp::min)
    }

    /// When nothing will be left of the chat, unless someone enters or renews a session before.
    #[must_use]
    pub fn forgotten_at(&self, forget_after: Duration) -> Timestamp {
        let last_expiry = self.sessions().map(|(_, session)| session.expires_at).max();
        last_expiry.map_or(self.vacant_since, |expiry| expiry.max(self.vacant_since)).after(forget_after)
    }

    /// # Errors
    /// [`Refusal::WrongAdmission`] where one enters otherwise, [`Refusal::ChatNotFound`].
    pub fn enters_by(&self, admission: Admission) -> Result<(), Refusal> {
        if self.settings()?.admission == admission { Ok(()) } else { Err(Refusal::WrongAdmission) }
    }
}
