//! The chats in use on this node: the state of each, its readers' presence, and its broadcast.

use std::collections::HashMap;
use std::mem;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use dashmap::DashMap;
use parking_lot::RwLock;
use tokio::sync::broadcast;

use super::ONLINE_FOR;
use super::nodes::Freshness;
use super::published::PublishedEvents;
use super::writer::WriteQueue;
use crate::domain::{Chat, ChatId, Event, MemberId, MessageId, Timestamp, Transition};
use crate::store::Committed;

/// How long an unused chat stays in memory.
pub const IDLE_CHAT: Duration = Duration::from_mins(10);
/// The same while more than [`MANY_CHATS`] are in memory. Whoever used the chat within this time still counts as online.
pub const IDLE_CHAT_OF_MANY: Duration = ONLINE_FOR;
/// How long members stay online whom another node has reported: three reports may be late.
const REPORTED_FOR: Duration = Duration::from_secs(30);
/// Commits of other nodes that wait for the ones before them. Beyond it, the chat is loaded.
const MAX_EARLY: usize = 64;
/// At about 2 KiB for a chat that few have used, 100 MiB.
pub const MANY_CHATS: usize = 50_000;

/// Broadcasts that may wait for one follower, each with the events of one commit. A slower follower is cut off and
/// reconnects with its cursor, so it delays nobody. Followers of a chat share what waits: at most 64 commits of 32
/// messages of 16 KiB ([`crate::domain::MessageText::MAX_BYTES`]), which is 32 MiB, and about as much for their JSON.
const BACKLOG: usize = 64;
/// Typing signals that may wait for one follower; more are dropped. They have their own queue, so that they
/// displace no message.
const TYPING_BACKLOG: usize = 16;

/// What an active chat sends to its followers.
#[derive(Clone, Debug)]
pub(super) enum Broadcast {
    /// Committed events, in order.
    Changed(PublishedEvents),
    /// The chat was reloaded: events may be missing, so followers compare states.
    Reloaded,
}

/// What readers see under the read lock.
#[derive(Debug)]
pub(super) struct State {
    pub(super) chat: Arc<Chat>,
    presences: HashMap<MemberId, Arc<Presence>>,
    /// Created for the first follower, because most of what a chat without messages needs is here.
    channels: OnceLock<Channels>,
    /// Commits of other nodes that came before the ones they follow.
    early: Vec<Committed>,
}

/// What became of another node's commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    Applied {
        has_ended: bool,
    },
    /// The state has it already.
    Known,
    /// The commit before it is missing. `is_first` says whether nothing else waits for missing commits.
    Early {
        is_first: bool,
    },
}

/// The queues of what followers have not yet read.
#[derive(Debug)]
struct Channels {
    broadcasts: broadcast::Sender<Broadcast>,
    typing: broadcast::Sender<Typing>,
}

/// A member's presence in one seat; never stored. Atomic, so that readers update it under the read lock.
#[derive(Debug)]
struct Presence {
    /// In milliseconds since 1970.
    last_seen: AtomicI64,
    /// When another node last reported the member, in milliseconds since 1970.
    reported_at: AtomicI64,
    /// The member's open streams.
    streams: AtomicUsize,
}

impl Presence {
    /// The last write wins, even if the machine's clock was set back.
    fn touch(&self, now: Timestamp) {
        self.last_seen.store(now.as_millis(), Ordering::Relaxed);
    }

    fn is_here(&self, window: Duration, now: Timestamp) -> bool {
        let last_seen = Timestamp::from_millis(self.last_seen.load(Ordering::Relaxed));
        self.streams.load(Ordering::Relaxed) > 0 || now < last_seen.after(window)
    }

    fn is_online(&self, window: Duration, now: Timestamp) -> bool {
        let reported_at = Timestamp::from_millis(self.reported_at.load(Ordering::Relaxed));
        self.is_here(window, now) || now < reported_at.after(REPORTED_FOR)
    }
}

/// A stream that counts for its member's presence until [`StreamPresence::end`]. It counts for the seat in
/// which it was opened, even if the member has another seat by then.
#[derive(Debug)]
pub(super) struct StreamPresence(Option<Arc<Presence>>);

impl StreamPresence {
    pub(super) fn end(&mut self, now: Timestamp) {
        if let Some(presence) = self.0.take() {
            presence.touch(now);
            presence.streams.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// A typing signal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Typing {
    pub(super) member_id: MemberId,
    /// The newest message at that time. A reader who has seen a newer one ignores the signal.
    pub(super) last_id: MessageId,
}

/// The chat's broadcasts and typing signals from now on.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) broadcasts: broadcast::Receiver<Broadcast>,
    pub(super) typing: broadcast::Receiver<Typing>,
}

impl State {
    fn new(chat: Arc<Chat>) -> Self {
        Self { chat, presences: HashMap::new(), channels: OnceLock::new(), early: Vec::new() }
    }

    fn channels(&self) -> &Channels {
        self.channels.get_or_init(|| Channels {
            broadcasts: broadcast::Sender::new(BACKLOG),
            typing: broadcast::Sender::new(TYPING_BACKLOG),
        })
    }

    /// How many members are online ([`State::is_online`]).
    fn count_online(&self, window: Duration, now: Timestamp) -> usize {
        self.presences.keys().filter(|member| self.is_online(**member, window, now)).count()
    }

    /// Records that `member` was active at `now`.
    pub(super) fn touch_presence(&self, member: MemberId, now: Timestamp) {
        if let Some(presence) = self.presences.get(&member) {
            presence.touch(now);
        }
    }

    /// Records that `member` is present on another node.
    pub(super) fn touch_remote_presence(&self, member: MemberId, now: Timestamp) {
        if let Some(presence) = self.presences.get(&member) {
            presence.reported_at.store(now.as_millis(), Ordering::Relaxed);
        }
    }

    /// Whether `member` has an open stream or was active within `window` before `now`, on this node or another.
    pub(super) fn is_online(&self, member: MemberId, window: Duration, now: Timestamp) -> bool {
        self.presences.get(&member).is_some_and(|presence| presence.is_online(window, now))
    }

    /// The members who have an open stream on this node or were active here within `window` before `now`.
    pub(super) fn present_here(&self, window: Duration, now: Timestamp) -> Vec<MemberId> {
        let present = self.presences.iter().filter(|(_, presence)| presence.is_here(window, now));
        present.map(|(member, _)| *member).collect()
    }

    /// Subscribes `member`, who is present while the stream is open.
    pub(super) fn follow(&self, member: MemberId) -> (Subscription, StreamPresence) {
        let presence = self.presences.get(&member).cloned();
        if let Some(presence) = &presence {
            presence.streams.fetch_add(1, Ordering::Relaxed);
        }
        let Channels { broadcasts, typing } = self.channels();
        let subscription = Subscription { broadcasts: broadcasts.subscribe(), typing: typing.subscribe() };
        (subscription, StreamPresence(presence))
    }

    /// Subscribes a reader who is not a member.
    pub(super) fn subscribe(&self) -> broadcast::Receiver<Broadcast> {
        self.channels().broadcasts.subscribe()
    }

    /// Sends to all followers; there may be none.
    pub(super) fn publish(&self, broadcast: Broadcast) {
        if let Some(channels) = self.channels.get() {
            let _ = channels.broadcasts.send(broadcast);
        }
    }

    /// Sends a typing signal to all followers.
    pub(super) fn publish_typing(&self, member_id: MemberId, last_id: MessageId) {
        if let Some(channels) = self.channels.get() {
            let _ = channels.typing.send(Typing { member_id, last_id });
        }
    }

    fn reload(&mut self, chat: Arc<Chat>, now: Timestamp) {
        if chat.position() > self.chat.position() {
            self.chat = chat;
            self.track_members(now);
            self.publish(Broadcast::Reloaded);
        }
        self.take_early(now);
    }

    /// Installs the state after `events`, which follow the current state.
    fn install(&mut self, chat: Arc<Chat>, events: &[Event], now: Timestamp) {
        self.chat = chat;
        // Expired members leave with an event, so posts alone change no presence.
        if !events.iter().all(|event| matches!(event, Event::MessagePosted { .. })) {
            self.track_members(now);
        }
        if self.channels.get().is_some_and(|channels| channels.broadcasts.receiver_count() > 0) {
            self.publish(Broadcast::Changed(PublishedEvents::new(events)));
        }
    }

    /// Applies another node's commit.
    fn receive(&mut self, commit: Committed, now: Timestamp) -> Received {
        let position = self.chat.position();
        if commit.after <= position {
            return Received::Known;
        }
        if let Some(events) = commit.events.as_deref().filter(|_| commit.before == position) {
            let change = self.chat.transition(events.to_vec());
            if change.after.position() == commit.after {
                let has_ended = change.after.has_ended();
                self.install(change.after, events, now);
                return Received::Applied { has_ended };
            }
        }
        let is_first = self.early.is_empty();
        if self.early.len() < MAX_EARLY {
            self.early.push(commit);
        }
        Received::Early { is_first }
    }

    /// Applies the commits that came before the ones they follow.
    fn take_early(&mut self, now: Timestamp) {
        let mut early = mem::take(&mut self.early);
        early.sort_by_key(|commit| commit.after);
        for commit in early {
            self.receive(commit, now);
        }
    }

    /// Tracks the presence of exactly the live members.
    fn track_members(&mut self, now: Timestamp) {
        let Self { chat, presences, .. } = self;
        presences.retain(|id, _| chat.live_members(now).any(|member| member.id == *id));
        for member in chat.live_members(now) {
            presences.entry(member.id).or_insert_with(|| {
                let last_seen = AtomicI64::new(member.joined_at.as_millis());
                Arc::new(Presence { last_seen, reported_at: AtomicI64::new(0), streams: AtomicUsize::new(0) })
            });
        }
    }
}

/// One chat in use on this node.
#[derive(Debug)]
pub(super) struct ActiveChat {
    /// The committed state. The lock is held to read or to replace it, never across an await.
    state: RwLock<State>,
    pub(super) queue: WriteQueue,
    /// When the chat was last used, in milliseconds since 1970.
    used_at: AtomicI64,
    /// `None` if only this node uses the store.
    freshness: Option<Box<Freshness>>,
}

impl ActiveChat {
    fn new(chat: Arc<Chat>, freshness: Option<Freshness>, now: Timestamp) -> Self {
        let mut state = State::new(chat);
        state.track_members(now);
        Self {
            state: RwLock::new(state),
            queue: WriteQueue::default(),
            used_at: AtomicI64::new(now.as_millis()),
            freshness: freshness.map(Box::new),
        }
    }

    /// Returns `None` if only this node uses the store.
    pub(super) fn with_freshness<T>(&self, view: impl FnOnce(&Freshness) -> T) -> Option<T> {
        self.freshness.as_deref().map(view)
    }

    pub(super) fn read<T>(&self, view: impl FnOnce(&State) -> T) -> T {
        view(&self.state.read())
    }

    /// Installs the committed state and publishes its events under one lock, so that a new follower
    /// sees each change exactly once: in the chat, or as a broadcast.
    pub(super) fn advance(&self, change: Transition, now: Timestamp) {
        let mut state = self.state.write();
        if change.before == state.chat.revision() && change.after.epoch() == state.chat.epoch() {
            state.install(change.after, &change.events, now);
            state.take_early(now);
        } else {
            // Another node committed in between: its changes are in the state, but not among these events.
            state.reload(change.after, now);
        }
    }

    /// Applies another node's commit, as [`ActiveChat::advance`] does with this node's.
    pub(super) fn receive(&self, commit: Committed, now: Timestamp) -> Received {
        self.state.write().receive(commit, now)
    }

    /// Whether commits of other nodes wait for the ones before them.
    pub(super) fn has_early(&self) -> bool {
        !self.state.read().early.is_empty()
    }

    /// Replaces a state that may be stale by one just loaded; never a newer state by an older one.
    pub(super) fn refresh(&self, chat: Arc<Chat>, now: Timestamp) {
        self.state.write().reload(chat, now);
    }

    /// Tells all followers that the chat has ended on another node.
    pub(super) fn end(&self) {
        self.state.read().publish(Broadcast::Changed(PublishedEvents::new(&[Event::ChatEnded])));
    }
}

/// The active chats of this node.
#[derive(Debug, Default)]
pub(super) struct ActiveChats {
    open: DashMap<ChatId, Arc<ActiveChat>>,
}

impl ActiveChats {
    pub(super) fn find(&self, id: ChatId, now: Timestamp) -> Option<Arc<ActiveChat>> {
        let active_chat = self.open.get(&id).map(|active_chat| Arc::clone(&active_chat))?;
        active_chat.used_at.store(now.as_millis(), Ordering::Relaxed);
        Some(active_chat)
    }

    /// The same without counting as a use.
    pub(super) fn peek(&self, id: ChatId) -> Option<Arc<ActiveChat>> {
        self.open.get(&id).map(|active_chat| Arc::clone(&active_chat))
    }

    pub(super) fn for_each(&self, visit: impl Fn(&ActiveChat)) {
        self.open.iter().for_each(|active_chat| visit(&active_chat));
    }

    pub(super) fn select(&self, is_wanted: impl Fn(&ActiveChat) -> bool) -> Vec<(ChatId, Arc<ActiveChat>)> {
        let wanted = self.open.iter().filter(|active_chat| is_wanted(active_chat));
        wanted.map(|active_chat| (*active_chat.key(), Arc::clone(&active_chat))).collect()
    }

    /// Registers a chat that was just loaded, or returns the one that another call registered first. `freshness` is
    /// `None` if only this node uses the store.
    pub(super) fn open(&self, chat: Arc<Chat>, freshness: Option<Freshness>, now: Timestamp) -> Arc<ActiveChat> {
        Arc::clone(&self.open.entry(chat.id()).or_insert_with(|| Arc::new(ActiveChat::new(chat, freshness, now))))
    }

    pub(super) fn close(&self, id: ChatId) {
        self.open.remove(&id);
    }

    pub(super) fn is_open(&self, id: ChatId) -> bool {
        self.open.contains_key(&id)
    }

    /// Drops the chat if nothing else refers to it. [`ActiveChats::find`] clones the reference under the map's
    /// lock, so no caller keeps a chat that others cannot find.
    /// Returns whether it was dropped.
    pub(super) fn close_unheld(&self, id: ChatId) -> bool {
        self.open.remove_if(&id, |_, active_chat| Arc::strong_count(active_chat) == 1).is_some()
    }

    /// Drops the chats that nothing refers to and that were not used for a while. Returns those to which this node has
    /// subscribed.
    pub(super) fn close_idle(&self, now: Timestamp) -> Vec<ChatId> {
        let has_many = self.open.len() > MANY_CHATS;
        let mut unfollowed = Vec::new();
        self.open.retain(|id, active_chat| {
            let used_at = Timestamp::from_millis(active_chat.used_at.load(Ordering::Relaxed));
            // Other nodes send news of each chat, so a node keeps only those that it serves.
            let is_followed = active_chat.freshness.is_some();
            let idle_for = if has_many || is_followed { IDLE_CHAT_OF_MANY } else { IDLE_CHAT };
            let is_kept = Arc::strong_count(active_chat) > 1 || now < used_at.after(idle_for);
            if !is_kept && is_followed {
                unfollowed.push(*id);
            }
            is_kept
        });
        if self.open.capacity() > 4 * self.open.len() + 1_024 {
            self.open.shrink_to_fit();
        }
        unfollowed
    }

    /// How many members of all active chats are online.
    pub(super) fn count_online(&self, window: Duration, now: Timestamp) -> usize {
        self.open.iter().map(|chat| chat.read(|state| state.count_online(window, now))).sum()
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }
}
