//! One chat in use on this node, and the registry of all of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use parking_lot::RwLock;
use tokio::sync::{Mutex, MutexGuard};

use crate::domain::{Chat, ChatId, MemberId, Timestamp};

/// How long a room that nobody uses stays in memory.
const IDLE_ROOM: Duration = Duration::from_mins(10);

/// What readers look at.
#[derive(Debug)]
pub(super) struct State {
    pub(super) chat: Arc<Chat>,
    /// When each member was last heard of, in milliseconds since 1970; never stored. Atomic, so
    /// that a reader notes itself under the read lock.
    heard: HashMap<MemberId, AtomicI64>,
}

impl State {
    fn new(chat: Arc<Chat>) -> Self {
        Self { chat, heard: HashMap::new() }
    }

    /// Notes that `member` did something at `now`.
    pub(super) fn hear(&self, member: MemberId, now: Timestamp) {
        if let Some(heard) = self.heard.get(&member) {
            heard.fetch_max(now.as_millis(), Ordering::Relaxed);
        }
    }

    pub(super) fn last_heard(&self, member: MemberId) -> Option<Timestamp> {
        let heard = self.heard.get(&member)?;
        Some(Timestamp::from_millis(heard.load(Ordering::Relaxed)))
    }

    /// Keeps a place for each member's presence, and only theirs.
    fn place_members(&mut self, now: Timestamp) {
        let Self { chat, heard } = self;
        heard.retain(|id, _| chat.live_members(now).any(|member| member.id == *id));
        for member in chat.live_members(now) {
            heard.entry(member.id).or_insert_with(|| AtomicI64::new(member.joined_at.as_millis()));
        }
    }
}

/// One chat in use.
#[derive(Debug)]
pub(super) struct Room {
    /// The chat as last committed. Held only to look or to exchange, never across an await.
    state: RwLock<State>,
    /// Orders the writers, so that on one node a commit finds the revision it decided on.
    turn: Mutex<()>,
    /// When the room was last asked for, in milliseconds since 1970.
    used_at: AtomicI64,
}

impl Room {
    fn new(chat: Arc<Chat>, now: Timestamp) -> Self {
        let mut state = State::new(chat);
        state.place_members(now);
        Self { state: RwLock::new(state), turn: Mutex::new(()), used_at: AtomicI64::new(now.as_millis()) }
    }

    pub(super) fn look<T>(&self, view: impl FnOnce(&State) -> T) -> T {
        view(&self.state.read())
    }

    pub(super) async fn take_turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Puts what was committed or loaded in the place of what stood here before; never an older
    /// state over a newer one.
    pub(super) fn advance(&self, chat: Arc<Chat>, now: Timestamp) {
        let mut state = self.state.write();
        if chat.revision() >= state.chat.revision() {
            state.chat = chat;
            state.place_members(now);
        }
    }
}

/// The rooms of this node.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    open: DashMap<ChatId, Arc<Room>>,
}

impl Rooms {
    pub(super) fn find(&self, id: ChatId, now: Timestamp) -> Option<Arc<Room>> {
        let room = self.open.get(&id).map(|room| Arc::clone(&room))?;
        room.used_at.store(now.as_millis(), Ordering::Relaxed);
        Some(room)
    }

    /// The room for a chat that was just loaded; where another call was quicker, its room.
    pub(super) fn open(&self, chat: Arc<Chat>, now: Timestamp) -> Arc<Room> {
        Arc::clone(&self.open.entry(chat.id()).or_insert_with(|| Arc::new(Room::new(chat, now))))
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

    /// Drops the rooms that nobody holds and nobody has asked for in a while.
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
