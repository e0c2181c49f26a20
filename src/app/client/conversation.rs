//! One chat as this tab follows it. A gloo interval polls for new messages, and a stream delivers them sooner while it
//! is open. The interval alone is enough for correctness.

use futures_util::StreamExt as _;
use futures_util::future::{AbortHandle, abortable};
use gloo_timers::callback::Interval;
use leptos::prelude::*;
use leptos::task::spawn_local;
use uuid::Uuid;

use super::api::{self, ChatApi};
use super::connection::{Connection, ConnectionStatus};
use super::storage::{self, SavedChat, Unsent};
use super::{browser, waiting};
use crate::app::notice::Notice;
use crate::domain::{MessageId, Refusal, Role};
use crate::wire::{Knock, MemberList, Message, Problem};

/// Interval at which the tab checks whether work is due, in milliseconds.
const TICK_EVERY: u32 = 1_000;
/// Without a stream, one in this many polls also loads the roster.
const POLLS_PER_ROSTER: u32 = 3;
/// Minimum interval between typing notifications, in milliseconds.
const TYPING_EVERY: f64 = 3_000.0;

/// What this tab has not seen and cannot see any more.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Missed {
    /// How many messages were deleted before this tab saw them.
    pub(crate) deleted: u64,
    /// Whether the server may have lost others.
    pub(crate) may_lack: bool,
}

/// The state of the chat page, and its actions. Copies refer to the same conversation.
#[derive(Clone, Copy)]
pub(crate) struct Conversation {
    pub(crate) chat_id: Uuid,
    /// The kept messages, oldest first.
    pub(crate) messages: RwSignal<Vec<Message>>,
    /// Unsent messages, oldest first.
    pub(crate) unsent: RwSignal<Vec<Unsent>>,
    pub(crate) roster: RwSignal<Option<MemberList>>,
    /// This browser's seat, as stored.
    pub(crate) seat: RwSignal<Option<SavedChat>>,
    /// The knocks that wait for a decision, in an owner's browser.
    pub(crate) knocks: RwSignal<Vec<Knock>>,
    /// Whether the session ends in a few minutes.
    pub(crate) ends_soon: RwSignal<bool>,
    pub(crate) missed: RwSignal<Missed>,
    pub(crate) connection_status: RwSignal<ConnectionStatus>,
    /// The members who are typing, and until when each of them counts as typing.
    pub(crate) typing: RwSignal<Vec<(Uuid, f64)>>,
    /// How many messages of others have arrived while the page was hidden.
    pub(crate) unread: RwSignal<usize>,
    /// Whether the messages have been loaded.
    pub(crate) is_loaded: RwSignal<bool>,
    /// A message that the server refused, and why.
    pub(crate) refused: RwSignal<Option<(Unsent, Problem)>>,
    /// Why this browser has lost its seat.
    pub(crate) lost: RwSignal<Option<Problem>>,
    /// The reason for that, if an event of the server gave one.
    pub(crate) departure_notice: StoredValue<Option<Notice>>,
    /// The id up to which every message has been read.
    pub(super) cursor: StoredValue<MessageId>,
    /// Set while this browser gives up its seat, so that it ignores reports that the seat is lost.
    pub(super) is_leaving: StoredValue<bool>,
    is_reading: StoredValue<bool>,
    pub(super) is_sending: StoredValue<bool>,
    polls: StoredValue<u32>,
    connection: StoredValue<Connection>,
    /// Aborts the stream that is open or being opened.
    stream: StoredValue<Option<AbortHandle>>,
    pub(super) typing_sent_at: StoredValue<f64>,
    /// When the user last did something on the page.
    pub(super) last_use: StoredValue<f64>,
    pub(super) renewal_tried_at: StoredValue<f64>,
    pub(super) is_getting_code: StoredValue<bool>,
}

impl Conversation {
    pub(crate) fn new(chat_id: Uuid) -> Self {
        Self {
            chat_id,
            messages: RwSignal::new(Vec::new()),
            unsent: RwSignal::new(Vec::new()),
            roster: RwSignal::new(None),
            seat: RwSignal::new(None),
            knocks: RwSignal::new(Vec::new()),
            ends_soon: RwSignal::new(false),
            missed: RwSignal::default(),
            connection_status: RwSignal::new(ConnectionStatus::Connecting),
            typing: RwSignal::new(Vec::new()),
            unread: RwSignal::new(0),
            is_loaded: RwSignal::new(false),
            refused: RwSignal::new(None),
            lost: RwSignal::new(None),
            departure_notice: StoredValue::new(None),
            cursor: StoredValue::new(0),
            is_leaving: StoredValue::new(false),
            is_reading: StoredValue::new(false),
            is_sending: StoredValue::new(false),
            polls: StoredValue::new(0),
            connection: StoredValue::new(Connection::new()),
            stream: StoredValue::new(None),
            typing_sent_at: StoredValue::new(f64::NEG_INFINITY),
            last_use: StoredValue::new(f64::NEG_INFINITY),
            renewal_tried_at: StoredValue::new(f64::NEG_INFINITY),
            is_getting_code: StoredValue::new(false),
        }
    }

    /// Follows the chat until the user leaves the page.
    pub(crate) fn follow(self) {
        self.seat.set(self.saved());
        self.note_use();
        browser::on_use(move || self.note_use());
        self.tick();
        let interval = StoredValue::new_local(Some(Interval::new(TICK_EVERY, move || self.tick())));
        on_cleanup(move || {
            interval.try_update_value(Option::take);
            self.end_stream();
        });
        browser::on_wake(move || {
            if !browser::is_hidden() {
                self.unread.try_set(0);
            }
            self.update_connection(Connection::wake);
            self.tick();
        });
    }

    /// Does the work that is due. Until the seat is known to be valid, this makes one request at a time and nothing
    /// else, so that an ended session causes a single refusal.
    pub(super) fn tick(self) {
        if self.lost.try_with_untracked(Option::is_some) != Some(false) {
            return;
        }
        let now = browser::now();
        if self.typing.with_untracked(|typing| typing.iter().any(|(_, until)| *until <= now)) {
            self.typing.update(|typing| typing.retain(|(_, until)| *until > now));
        }
        if self.is_presumably_held() {
            if self.update_connection(|connection| connection.starts_stream(now)) == Some(true) {
                self.open_stream();
            }
            self.maintain_session(now);
        }
        self.show_outbox();
        if waiting::is_due() {
            return;
        }
        self.flush_outbox();
        if self.is_reading.get_value() {
            return;
        }
        if self.update_connection(|connection| connection.starts_poll(now)) == Some(true) {
            self.poll();
        }
    }

    /// Whether the server has accepted this seat, and its session has not expired by the clock.
    fn is_presumably_held(self) -> bool {
        let is_over = |saved: SavedChat| saved.is_refused || saved.age(browser::server_time()) >= 1.0;
        self.is_loaded.try_get_untracked() == Some(true) && !self.saved().is_some_and(is_over)
    }

    /// Calls `act` with the connection, and shows its new state. Returns `None` once the user has left the page.
    fn update_connection<T>(self, act: impl FnOnce(&mut Connection) -> T) -> Option<T> {
        let (done, link) = self.connection.try_update_value(|connection| (act(connection), connection.status()))?;
        if self.connection_status.try_get_untracked() != Some(link) {
            self.connection_status.try_set(link);
        }
        Some(done)
    }

    /// Opens the stream and listens until it ends. Whatever the reason, the stream is reopened later.
    fn open_stream(self) {
        let (listening, handle) = abortable(self.listen());
        self.stream.try_set_value(Some(handle));
        spawn_local(async move {
            if listening.await.is_ok() {
                self.note_closed_stream();
            }
        });
    }

    async fn listen(self) {
        let (Some(api), Some(after)) = (self.api(), self.cursor.try_get_value()) else { return };
        let Some(mut stream) = api.open_stream(after) else { return };
        while let Some(Ok(frame)) = stream.next().await {
            self.update_connection(Connection::stream_received);
            if let Some(event) = api::read_event(frame) {
                self.handle_event(event, after);
            }
        }
    }

    /// Closes the stream, if there is one.
    fn end_stream(self) {
        if let Some(Some(handle)) = self.stream.try_update_value(Option::take) {
            handle.abort();
        }
    }

    fn note_closed_stream(self) {
        self.update_connection(|connection| connection.stream_closed(browser::now(), browser::random_fraction()));
    }

    /// Tells the others that the user is typing, at most once every [`TYPING_EVERY`] milliseconds.
    pub(crate) fn notify_typing(self) {
        let now = browser::now();
        if now - self.typing_sent_at.get_value() < TYPING_EVERY
            || self.connection_status.get_untracked() != ConnectionStatus::Live
        {
            return;
        }
        self.typing_sent_at.set_value(now);
        let Some(api) = self.api() else { return };
        spawn_local(async move {
            // A lost typing notification is not worth a retry.
            let _ = api.notify_typing().await;
        });
    }

    pub(super) fn note_lost_seat(self, refusal: &Refusal) {
        if self.is_leaving.try_get_value() == Some(false) {
            self.lost.try_set(Some(refusal.into()));
        }
    }

    /// Returns the seat from storage, where another tab may have changed it.
    pub(crate) fn saved(self) -> Option<SavedChat> {
        storage::chat(self.chat_id)
    }

    /// Returns the chat's API, with the token from storage.
    pub(super) fn api(self) -> Option<ChatApi> {
        self.saved().map(|saved| ChatApi::new(self.chat_id, &saved.token))
    }

    /// Whether this browser's seat is an owner's. Views that call this update when it changes.
    pub(crate) fn is_owner(self) -> bool {
        self.seat.with(|seat| seat.as_ref().is_some_and(|seat| seat.role == Role::Owner))
    }

    fn poll(self) {
        self.is_reading.set_value(true);
        // The stream reports joins and departures, so the rare poll beside it is for who is online.
        let is_live = self.connection_status.get_untracked() == ConnectionStatus::Live;
        let has_roster = self.roster.with_untracked(Option::is_some);
        let with_roster = is_live || !has_roster || self.polls.get_value().is_multiple_of(POLLS_PER_ROSTER);
        self.polls.update_value(|polls| *polls = polls.wrapping_add(1));
        spawn_local(async move {
            if self.read().await && with_roster {
                self.load_roster().await;
            }
            // The user may have left the page.
            let _ = self.is_reading.try_set_value(false);
        });
    }

    /// Reads the new messages. Returns whether that worked.
    async fn read(self) -> bool {
        let Some(SavedChat { token, is_refused, .. }) = self.saved() else {
            self.lost.try_set(Some(no_seat()));
            return false;
        };
        if is_refused {
            self.lost.try_set(Some(Refusal::SessionExpired.into()));
            return false;
        }
        let Some(after) = self.cursor.try_get_value() else { return false };
        let answer = ChatApi::new(self.chat_id, &token).read_messages(after).await;
        let is_reached = !answer.as_ref().is_err_and(api::is_transient);
        // The stream may have delivered the messages before this answer.
        let newest = answer.as_ref().map_or(0, |unseen| unseen.last_id);
        let found_new = newest > self.cursor.try_get_value().unwrap_or(newest);
        if self.update_connection(|connection| connection.polled(is_reached, found_new)) == Some(true) {
            self.end_stream();
            self.note_closed_stream();
        }
        let is_answered = answer.is_ok();
        match answer {
            Ok(unseen) => self.show(unseen, after),
            Err(problem) if api::is_transient(&problem) => {}
            Err(_) if self.is_leaving.try_get_value() != Some(false) => {}
            // Another tab may have renewed the session since this one read the token.
            Err(_) if self.saved().is_some_and(|saved| saved.token != token) => {}
            Err(problem) => {
                if problem.status == 401 {
                    storage::note_refused(self.chat_id, &token);
                }
                self.lost.try_set(Some(problem));
            }
        }
        is_answered
    }
}

fn no_seat() -> Problem {
    Problem::from(Refusal::SessionRequired)
}
