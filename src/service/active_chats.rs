//! The chats in use on this node: the state of each, its readers' presence, and its broadcast.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use dashmap::DashMap;
use parking_lot::RwLock;
use tokio::sync::broadcast;

use super::ONLINE_FOR;
use super::published::PublishedEvents;
use super::writer::WriteQueue;
use crate::domain::{Chat, ChatId, Event, MemberId, MessageId, Timestamp, Transition};

/// How long an unused chat stays in memory.
pub const IDLE_CHAT: Duration = Duration::from_mins(10);
/// The same while more than [`MANY_CHATS`] are in memory. Whoever used the chat within this time still counts as online.
pub const IDLE_CHAT_OF_MANY: Duration = ONLINE_FOR;
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
    /// The member's open streams.
    streams: AtomicUsize,
}

impl Presence {
    /// The last write wins, even if the machine's clock was set back.
    fn touch(&self, now: Timestamp) {
        self.last_seen.store(now.as_millis(), Ordering::Relaxed);
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
        Self { chat, presences: HashMap::new(), channels: OnceLock::new() }
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

    /// Whether `member` has an open stream or was active within `window` before `now`.
    pub(super) fn is_online(&self, member: MemberId, window: Duration, now: Timestamp) -> bool {
        self.presences.get(&member).is_some_and(|presence| {
            let last_seen = Timestamp::from_millis(presence.last_seen.load(Ordering::Relaxed));
            presence.streams.load(Ordering::Relaxed) > 0 || now < last_seen.after(window)
        })
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
    pub(super) fn publish_typing(&self, member_id: MemberId) {
        if let Some(channels) = self.channels.get() {
            let _ = channels.typing.send(Typing { member_id, last_id: self.chat.last_id() });
        }
    }

    fn reload(&mut self, chat: Arc<Chat>, now: Timestamp) {
        if chat.revision() > self.chat.revision() {
            self.chat = chat;
            self.track_members(now);
            self.publish(Broadcast::Reloaded);
        }
    }

    /// Tracks the presence of exactly the live members.
    fn track_members(&mut self, now: Timestamp) {
        let Self { chat, presences, .. } = self;
        presences.retain(|id, _| chat.live_members(now).any(|member| member.id == *id));
        for member in chat.live_members(now) {
            presences.entry(member.id).or_insert_with(|| {
                let last_seen = AtomicI64::new(member.joined_at.as_millis());
                Arc::new(Presence { last_seen, streams: AtomicUsize::new(0) })
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
}

impl ActiveChat {
    fn new(chat: Arc<Chat>, now: Timestamp) -> Self {
        let mut state = State::new(chat);
        state.track_members(now);
        Self { state: RwLock::new(state), queue: WriteQueue::default(), used_at: AtomicI64::new(now.as_millis()) }
    }

    pub(super) fn read<T>(&self, view: impl FnOnce(&State) -> T) -> T {
        view(&self.state.read())
    }

    /// Installs the committed state and publishes its events under one lock, so that a new follower
    /// sees each change exactly once: in the chat, or as a broadcast.
    pub(super) fn advance(&self, change: Transition, now: Timestamp) {
        let mut state = self.state.write();
        if change.before == state.chat.revision() {
            state.chat = change.after;
            // Expired members leave with an event, so posts alone change no presence.
            if !change.events.iter().all(|event| matches!(event, Event::MessagePosted { .. })) {
                state.track_members(now);
            }
            if state.channels.get().is_some_and(|channels| channels.broadcasts.receiver_count() > 0) {
                state.publish(Broadcast::Changed(PublishedEvents::new(&change.events)));
            }
        } else {
            // Another node committed in between: its changes are in the state, but not among these events.
            state.reload(change.after, now);
        }
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

    /// Registers a chat that was just loaded, or returns the one that another call registered first.
    pub(super) fn open(&self, chat: Arc<Chat>, now: Timestamp) -> Arc<ActiveChat> {
        Arc::clone(&self.open.entry(chat.id()).or_insert_with(|| Arc::new(ActiveChat::new(chat, now))))
    }

    pub(super) fn close(&self, id: ChatId) {
        self.open.remove(&id);
    }

    pub(super) fn is_open(&self, id: ChatId) -> bool {
        self.open.contains_key(&id)
    }

    /// Drops the chat if nothing else refers to it. [`ActiveChats::find`] clones the reference under the map's
    /// lock, so no caller keeps a chat that others cannot find.
    pub(super) fn close_unheld(&self, id: ChatId) {
        self.open.remove_if(&id, |_, active_chat| Arc::strong_count(active_chat) == 1);
    }

    /// Drops the chats that nothing refers to and that were not used for a while.
    pub(super) fn close_idle(&self, now: Timestamp) {
        let idle_for = if self.open.len() > MANY_CHATS { IDLE_CHAT_OF_MANY } else { IDLE_CHAT };
        self.open.retain(|_, active_chat| {
            let used_at = Timestamp::from_millis(active_chat.used_at.load(Ordering::Relaxed));
            Arc::strong_count(active_chat) > 1 || now < used_at.after(idle_for)
        });
        if self.open.capacity() > 4 * self.open.len() + 1_024 {
            self.open.shrink_to_fit();
        }
    }

    /// How many members of all active chats are online.
    pub(super) fn count_online(&self, window: Duration, now: Timestamp) -> usize {
        self.open.iter().map(|chat| chat.read(|state| state.count_online(window, now))).sum()
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }
}
