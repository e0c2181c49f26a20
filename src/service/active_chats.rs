//! One chat in use on this node, and the registry of all of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use parking_lot::RwLock;
use tokio::sync::{Mutex, MutexGuard, broadcast};

use crate::domain::{Chat, ChatId, Event, MemberId, MessageId, Timestamp, Transition};

/// How long a room that nobody uses stays in memory.
const IDLE_ROOM: Duration = Duration::from_mins(10);

/// What may wait for a follower of a room. One who is further behind is cut off, and comes back
/// with its cursor: nobody waits for it, and it costs no more memory than this.
const BACKLOG: usize = 64;
/// Signs of typing that may wait for a follower. They have a queue of their own, so that many of them
/// push no message out; those that do not fit are dropped.
const TYPING_BACKLOG: usize = 16;

/// What a room tells those who follow it.
#[derive(Clone, Debug)]
pub(super) enum Broadcast {
    /// What was committed, in the order in which it was.
    Changed(Arc<[Event]>),
    /// The chat was loaded anew; what happened meanwhile can only be read off it.
    Reloaded,
}

/// What readers look at.
#[derive(Debug)]
pub(super) struct State {
    pub(super) chat: Arc<Chat>,
    presences: HashMap<MemberId, Arc<Presence>>,
    broadcasts: broadcast::Sender<Broadcast>,
    typing: broadcast::Sender<Typing>,
}

/// A member's presence in one seat; never stored. Atomic, so that a reader notes itself under the
/// read lock.
#[derive(Debug)]
struct Presence {
    /// In milliseconds since 1970.
    last_seen: AtomicI64,
    /// Streams that the member follows the chat by just now.
    streams: AtomicUsize,
}

impl Presence {
    /// The last who wrote is right, even where the machine's clock was set back.
    fn touch(&self, now: Timestamp) {
        self.last_seen.store(now.as_millis(), Ordering::Relaxed);
    }
}

/// A stream that counts for its member's presence until [`StreamPresence::end`]. Where the seat has
/// ended since, and its member has come back to another, it counts for the one that has ended.
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

/// A member who is writing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Typing {
    pub(super) member_id: MemberId,
    /// The newest message at that moment; a reader who has seen a newer one may have seen what was
    /// being written.
    pub(super) last_id: MessageId,
}

/// All that happens to a chat from some moment on.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) broadcasts: broadcast::Receiver<Broadcast>,
    pub(super) typing: broadcast::Receiver<Typing>,
}

impl State {
    fn new(chat: Arc<Chat>) -> Self {
        Self {
            chat,
            presences: HashMap::new(),
            broadcasts: broadcast::Sender::new(BACKLOG),
            typing: broadcast::Sender::new(TYPING_BACKLOG),
        }
    }

    /// Notes that `member` did something at `now`.
    pub(super) fn touch_presence(&self, member: MemberId, now: Timestamp) {
        if let Some(presence) = self.presences.get(&member) {
            presence.touch(now);
        }
    }

    /// Whether `member` follows the chat, or did something within `window` before `now`.
    pub(super) fn is_online(&self, member: MemberId, window: Duration, now: Timestamp) -> bool {
        self.presences.get(&member).is_some_and(|presence| {
            let last_seen = Timestamp::from_millis(presence.last_seen.load(Ordering::Relaxed));
            presence.streams.load(Ordering::Relaxed) > 0 || now < last_seen.after(window)
        })
    }

    /// All that happens from now on, and the presence of `member` by following it.
    pub(super) fn follow(&self, member: MemberId) -> (Subscription, StreamPresence) {
        let presence = self.presences.get(&member).cloned();
        if let Some(presence) = &presence {
            presence.streams.fetch_add(1, Ordering::Relaxed);
        }
        let subscription = Subscription { broadcasts: self.broadcasts.subscribe(), typing: self.typing.subscribe() };
        (subscription, StreamPresence(presence))
    }

    /// All that is committed from now on, for one who is no member.
    pub(super) fn subscribe(&self) -> broadcast::Receiver<Broadcast> {
        self.broadcasts.subscribe()
    }

    /// Tells those who follow; where nobody does, nobody hears.
    pub(super) fn publish(&self, broadcast: Broadcast) {
        let _ = self.broadcasts.send(broadcast);
    }

    /// Tells those who follow that `member` is writing.
    pub(super) fn publish_typing(&self, member_id: MemberId) {
        let _ = self.typing.send(Typing { member_id, last_id: self.chat.last_id() });
    }

    fn reload(&mut self, chat: Arc<Chat>, now: Timestamp) {
        if chat.revision() > self.chat.revision() {
            self.chat = chat;
            self.track_members(now);
            self.publish(Broadcast::Reloaded);
        }
    }

    /// Keeps a place for each member's presence, and only theirs.
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

/// One chat in use.
#[derive(Debug)]
pub(super) struct ActiveChat {
    /// The chat as last committed. Held only to look or to exchange, never across an await.
    state: RwLock<State>,
    /// Orders the writers, so that on one node a commit finds the revision it decided on.
    turn: Mutex<()>,
    /// When the room was last asked for, in milliseconds since 1970.
    used_at: AtomicI64,
}

impl ActiveChat {
    fn new(chat: Arc<Chat>, now: Timestamp) -> Self {
        let mut state = State::new(chat);
        state.track_members(now);
        Self { state: RwLock::new(state), turn: Mutex::new(()), used_at: AtomicI64::new(now.as_millis()) }
    }

    pub(super) fn read<T>(&self, view: impl FnOnce(&State) -> T) -> T {
        view(&self.state.read())
    }

    pub(super) async fn lock_writer(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Installs the committed state and publishes its events under one lock, so that a new follower
    /// sees each change exactly once: in the chat, or as a broadcast.
    pub(super) fn advance(&self, change: Transition, now: Timestamp) {
        let mut state = self.state.write();
        if change.before == state.chat.revision() {
            state.chat = change.after;
            state.track_members(now);
            state.publish(Broadcast::Changed(change.events));
        } else {
            // Another node was between: what it did is in the chat, but not among the events.
            state.reload(change.after, now);
        }
    }

    /// Replaces a state that may be stale by one just loaded; never a newer state by an older one.
    pub(super) fn refresh(&self, chat: Arc<Chat>, now: Timestamp) {
        self.state.write().reload(chat, now);
    }

    /// Tells those who follow that the chat has ended elsewhere.
    pub(super) fn end(&self) {
        self.state.read().publish(Broadcast::Changed([Event::ChatEnded].into()));
    }
}

/// The active chats of this node.
#[derive(Debug, Default)]
pub(super) struct ActiveChats {
    open: DashMap<ChatId, Arc<ActiveChat>>,
}

impl ActiveChats {
    pub(super) fn find(&self, id: ChatId, now: Timestamp) -> Option<Arc<ActiveChat>> {
        let room = self.open.get(&id).map(|room| Arc::clone(&room))?;
        room.used_at.store(now.as_millis(), Ordering::Relaxed);
        Some(room)
    }

    /// The room for a chat that was just loaded; where another call was quicker, its room.
    pub(super) fn open(&self, chat: Arc<Chat>, now: Timestamp) -> Arc<ActiveChat> {
        Arc::clone(&self.open.entry(chat.id()).or_insert_with(|| Arc::new(ActiveChat::new(chat, now))))
    }

    pub(super) fn close(&self, id: ChatId) {
        self.open.remove(&id);
    }

    pub(super) fn is_open(&self, id: ChatId) -> bool {
        self.open.contains_key(&id)
    }

    /// Drops the room if nobody holds it. Whoever finds a room holds it while the map's lock is
    /// held, so nobody is left with a room that others do not find.
    pub(super) fn close_unheld(&self, id: ChatId) {
        self.open.remove_if(&id, |_, room| Arc::strong_count(room) == 1);
    }

    /// Drops the active chats that nobody holds and nobody has asked for in a while.
    pub(super) fn close_idle(&self, now: Timestamp) {
        self.open.retain(|_, room| {
            let used_at = Timestamp::from_millis(room.used_at.load(Ordering::Relaxed));
            Arc::strong_count(room) > 1 || now < used_at.after(IDLE_ROOM)
        });
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }
}
