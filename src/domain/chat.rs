//! The state of a chat: what stores keep of it, and what callers can read.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use imbl::Vector;
use serde::{Deserialize, Serialize};

use super::{
    Account, AdmissionRules, ChatId, ChatName, ClientId, Event, Gap, Invite, JoinDigest, Knock, Member, MemberId,
    Message, MessageId, PublicAccess, Recovery, Refusal, Role, Session, SessionDigest, Settings, Timestamp,
};

/// A record that a member's client id already created a message. It outlives the message, so it contains no text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    pub member_id: MemberId,
    pub client_id: ClientId,
    pub message_id: MessageId,
    pub sent_at: Timestamp,
}

impl Receipt {
    /// Returns the receipt of a message that was posted with a client id.
    #[must_use]
    pub fn of(message: &Message) -> Option<Self> {
        Some(Self {
            member_id: message.member_id,
            client_id: message.client_id?,
            message_id: message.id,
            sent_at: message.sent_at,
        })
    }
}

/// Everything that a store keeps of a chat. [`Chat::restore`] turns it back into a chat.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    pub id: ChatId,
    pub epoch: u64,
    pub revision: u64,
    pub name: Option<ChatName>,
    pub settings: Settings,
    /// Longest-seated first, including members whose sessions have expired.
    pub members: Vec<Member>,
    /// Oldest first.
    pub invites: Vec<Invite>,
    /// In the order of their last change: created or decided.
    pub knocks: Vec<Knock>,
    /// Oldest first.
    pub recoveries: Vec<Recovery>,
    /// In the order of registration.
    pub accounts: Vec<Account>,
    /// Oldest first.
    pub messages: VecDeque<Message>,
    pub last_id: MessageId,
    /// Oldest first.
    pub gaps: Vec<Gap>,
    /// Oldest first.
    pub receipts: VecDeque<Receipt>,
    /// Oldest first.
    pub ended_sessions: VecDeque<SessionDigest>,
    /// Oldest first.
    pub removed: VecDeque<JoinDigest>,
    pub vacant_since: Timestamp,
}

/// A decision, ready to be committed. Clones share their contents.
#[derive(Clone, Debug)]
pub struct Transition {
    /// The revision that the decision is based on; 0 for a new chat.
    pub before: u64,
    pub events: Arc<[Event]>,
    /// The chat after the events.
    pub after: Arc<Chat>,
}

/// The state of a chat after all its events. Before its first event, the chat does not exist for callers.
///
/// A clone shares what is long, so that the cost of a post does not grow with what the chat keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chat {
    pub(super) id: ChatId,
    pub(super) epoch: u64,
    pub(super) revision: u64,
    pub(super) name: Option<ChatName>,
    pub(super) settings: Option<Settings>,
    pub(super) members: Arc<Vec<Member>>,
    pub(super) invites: Arc<Vec<Invite>>,
    pub(super) knocks: Vec<Knock>,
    pub(super) recoveries: Arc<Vec<Recovery>>,
    pub(super) accounts: Arc<Vec<Account>>,
    pub(super) messages: Vector<Arc<Message>>,
    pub(super) last_id: MessageId,
    pub(super) gaps: Arc<Vec<Gap>>,
    pub(super) receipts: Vector<Receipt>,
    pub(super) ended_sessions: Vector<SessionDigest>,
    pub(super) removed: Vector<JoinDigest>,
    /// When the last seat became free or a message was last posted without a session, whichever is later; meaningful
    /// only while there are no members.
    pub(super) vacant_since: Timestamp,
    pub(super) ended: bool,
}

impl Chat {
    /// Creates a chat without any event.
    #[must_use]
    pub fn new(id: ChatId) -> Self {
        Self {
            id,
            epoch: 0,
            revision: 0,
            name: None,
            settings: None,
            members: Arc::default(),
            invites: Arc::default(),
            knocks: Vec::new(),
            recoveries: Arc::default(),
            accounts: Arc::default(),
            messages: Vector::new(),
            last_id: 0,
            gaps: Arc::default(),
            receipts: Vector::new(),
            ended_sessions: Vector::new(),
            removed: Vector::new(),
            vacant_since: Timestamp::EPOCH,
            ended: false,
        }
    }

    /// Restores a chat from a store's snapshot.
    #[must_use]
    pub fn restore(kept: Snapshot) -> Self {
        Self {
            id: kept.id,
            epoch: kept.epoch,
            revision: kept.revision,
            name: kept.name,
            settings: Some(kept.settings),
            members: kept.members.into(),
            invites: kept.invites.into(),
            knocks: kept.knocks,
            recoveries: kept.recoveries.into(),
            accounts: kept.accounts.into(),
            messages: kept.messages.into_iter().map(Arc::new).collect(),
            last_id: kept.last_id,
            gaps: kept.gaps.into(),
            receipts: kept.receipts.into_iter().collect(),
            ended_sessions: kept.ended_sessions.into_iter().collect(),
            removed: kept.removed.into_iter().collect(),
            vacant_since: kept.vacant_since,
            ended: false,
        }
    }

    /// Returns what a store keeps of the chat.
    ///
    /// # Errors
    /// [`Refusal::ChatNotFound`] before the chat is created and after it has ended.
    pub fn snapshot(&self) -> Result<Snapshot, Refusal> {
        Ok(Snapshot {
            messages: self.messages.iter().map(|message| Message::clone(message)).collect(),
            receipts: self.receipts.iter().cloned().collect(),
            ..self.snapshot_without_messages()?
        })
    }

    /// The same with neither messages nor receipts, for a store that keeps these elsewhere.
    ///
    /// # Errors
    /// As [`Chat::snapshot`].
    pub fn snapshot_without_messages(&self) -> Result<Snapshot, Refusal> {
        Ok(Snapshot {
            id: self.id,
            epoch: self.epoch,
            revision: self.revision,
            name: self.name.clone(),
            settings: self.settings()?.clone(),
            members: self.members.to_vec(),
            invites: self.invites.to_vec(),
            knocks: self.knocks.clone(),
            recoveries: self.recoveries.to_vec(),
            accounts: self.accounts.to_vec(),
            messages: VecDeque::new(),
            last_id: self.last_id,
            gaps: self.gaps.to_vec(),
            receipts: VecDeque::new(),
            ended_sessions: self.ended_sessions.iter().copied().collect(),
            removed: self.removed.iter().copied().collect(),
            vacant_since: self.vacant_since,
        })
    }

    #[must_use]
    pub fn id(&self) -> ChatId {
        self.id
    }

    /// Returns the number of events that led to this state.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    #[must_use]
    pub fn name(&self) -> Option<&ChatName> {
        self.name.as_ref()
    }

    /// Returns the settings.
    ///
    /// # Errors
    /// [`Refusal::ChatNotFound`] before the chat is created and after it has ended.
    pub fn settings(&self) -> Result<&Settings, Refusal> {
        self.settings.as_ref().filter(|_| !self.ended).ok_or(Refusal::ChatNotFound)
    }

    /// Whether the chat has ended, so that stores keep nothing of it.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Returns the kept messages, oldest first.
    #[must_use]
    pub fn messages(&self) -> &Vector<Arc<Message>> {
        &self.messages
    }

    /// Returns the kept members, longest-seated first, including those whose sessions have expired.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Returns the kept invites, oldest first.
    #[must_use]
    pub fn invites(&self) -> &[Invite] {
        &self.invites
    }

    /// Returns the kept knocks in the order in which they were created or decided, including expired ones.
    #[must_use]
    pub fn knocks(&self) -> &[Knock] {
        &self.knocks
    }

    /// Returns the owners' recovery codes, oldest first.
    #[must_use]
    pub fn recoveries(&self) -> &[Recovery] {
        &self.recoveries
    }

    /// Returns all accounts, in the order of registration.
    #[must_use]
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// Returns the id of the newest message, whether or not that message is kept; 0 before the first.
    #[must_use]
    pub fn last_id(&self) -> MessageId {
        self.last_id
    }

    /// Returns the receipts of posts with a client id, oldest first.
    #[must_use]
    pub fn receipts(&self) -> &Vector<Receipt> {
        &self.receipts
    }

    /// Returns the ended sessions that the chat remembers, oldest first.
    #[must_use]
    pub fn ended_sessions(&self) -> &Vector<SessionDigest> {
        &self.ended_sessions
    }

    /// Returns the join digests of guests whom an owner removed, oldest first. A digest is deleted when its guest is
    /// let in again.
    #[must_use]
    pub fn removed(&self) -> &Vector<JoinDigest> {
        &self.removed
    }

    /// When the last seat became free or a message was last posted without a session, whichever is later; meaningful
    /// only while there are no members.
    #[must_use]
    pub fn vacant_since(&self) -> Timestamp {
        self.vacant_since
    }

    /// Returns the sessions that are valid at `now`, each with its member.
    pub fn live_sessions(&self, now: Timestamp) -> impl Iterator<Item = (&Member, &Session)> {
        self.sessions().filter(move |(_, session)| session.is_live(now))
    }

    fn sessions(&self) -> impl Iterator<Item = (&Member, &Session)> {
        self.members.iter().flat_map(|member| member.sessions.iter().map(move |session| (member, session)))
    }

    /// Returns the member whose session this is.
    ///
    /// # Errors
    /// [`Refusal::SessionExpired`] for a session that has ended, [`Refusal::SessionRequired`] for an unknown one,
    /// [`Refusal::ChatNotFound`] if there is no chat.
    pub fn authenticate(&self, token: SessionDigest, now: Timestamp) -> Result<&Member, Refusal> {
        self.settings()?;
        match self.sessions().find(|(_, session)| session.digest == token) {
            Some((member, session)) if session.is_live(now) => Ok(member),
            Some(_) => Err(Refusal::SessionExpired),
            None if self.ended_sessions.contains(&token) => Err(Refusal::SessionExpired),
            None => Err(Refusal::SessionRequired),
        }
    }

    /// Checks that the chat's address is enough for `access`.
    ///
    /// # Errors
    /// [`Refusal::SessionRequired`] if the address allows less than `access`, [`Refusal::ChatNotFound`].
    pub fn check_public_access(&self, access: PublicAccess) -> Result<(), Refusal> {
        if self.settings()?.public_access >= access { Ok(()) } else { Err(Refusal::SessionRequired) }
    }

    /// Returns the member whose session this is, who must be an owner.
    ///
    /// # Errors
    /// As [`Chat::authenticate`], and [`Refusal::OwnerOnly`].
    pub fn authenticate_owner(&self, token: SessionDigest, now: Timestamp) -> Result<&Member, Refusal> {
        let member = self.authenticate(token, now)?;
        (self.role(member, now) == Role::Owner).then_some(member).ok_or(Refusal::OwnerOnly)
    }

    pub(super) fn next_message_id(&self) -> MessageId {
        self.last_id + 1
    }

    /// Returns when the chat will next change without a command: a session or a knock expires, or the chat has been
    /// empty for `forget_after`.
    #[must_use]
    pub fn due_at(&self, forget_after: Duration) -> Timestamp {
        let sessions = self.sessions().map(|(_, session)| session.expires_at).min();
        let seats = sessions.unwrap_or_else(|| self.vacant_since.after(forget_after));
        self.knocks.iter().map(|knock| knock.expires_at).fold(seats, Timestamp::min)
    }

    /// Returns when the chat will be deleted, unless someone enters or renews a session before then.
    #[must_use]
    pub fn forgotten_at(&self, forget_after: Duration) -> Timestamp {
        let last_expiry = self.sessions().map(|(_, session)| session.expires_at).max();
        last_expiry.map_or(self.vacant_since, |expiry| expiry.max(self.vacant_since)).after(forget_after)
    }

    /// Checks how people enter the chat.
    ///
    /// # Errors
    /// [`Refusal::WrongAdmission`] if the rules of the chat's admission fail `test`, [`Refusal::ChatNotFound`].
    pub fn check_admission(&self, test: impl FnOnce(AdmissionRules) -> bool) -> Result<(), Refusal> {
        if test(self.settings()?.admission.rules()) { Ok(()) } else { Err(Refusal::WrongAdmission) }
    }
}
