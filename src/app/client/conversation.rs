//! One chat as this tab follows it: a gloo interval asks for what is new, a stream tells of it
//! sooner while it is open. The interval alone is enough to be correct.

use futures_util::StreamExt as _;
use futures_util::future::{AbortHandle, abortable};
use gloo_timers::callback::Interval;
use leptos::prelude::*;
use leptos::task::spawn_local;
use uuid::Uuid;

use super::api::{self, ChatApi};
use super::browser;
use super::connection::{Connection, Link};
use super::storage::{self, SavedChat, Unsent};
use crate::app::notice::Notice;
use crate::domain::{MessageId, Refusal, Role};
use crate::wire::{Knock, MemberList, Message, Problem};

/// How often it is looked whether there is something to do, in milliseconds.
const TICK_EVERY: u32 = 1_000;
/// Every so many polls the members are asked for as well.
const POLLS_PER_ROSTER: u32 = 3;
/// How often one's own writing is told, in milliseconds.
const TYPING_EVERY: f64 = 3_000.0;

/// What the chat page shows, and what it can do. Copies are the same conversation.
#[derive(Clone, Copy)]
pub(crate) struct Conversation {
    pub(crate) chat_id: Uuid,
    /// The messages that are kept, oldest first.
    pub(crate) messages: RwSignal<Vec<Message>>,
    /// What waits to be sent, oldest first.
    pub(crate) unsent: RwSignal<Vec<Unsent>>,
    pub(crate) roster: RwSignal<Option<MemberList>>,
    /// This browser's seat, as storage has it.
    pub(crate) seat: RwSignal<Option<SavedChat>>,
    /// Who waits to be let in, as an owner sees it.
    pub(crate) knocks: RwSignal<Vec<Knock>>,
    /// Whether the session ends in a few minutes.
    pub(crate) ends_soon: RwSignal<bool>,
    /// How many messages were deleted before this tab saw them.
    pub(crate) missed: RwSignal<u64>,
    pub(crate) link: RwSignal<Link>,
    /// Who is writing, and until when that holds.
    pub(crate) typing: RwSignal<Vec<(Uuid, f64)>>,
    /// Messages of others that came while nobody could see the page.
    pub(crate) unread: RwSignal<usize>,
    /// Whether the messages were read once.
    pub(crate) is_loaded: RwSignal<bool>,
    /// A message that the server refused, with its reason.
    pub(crate) refused: RwSignal<Option<(Unsent, Problem)>>,
    /// Why this browser has no seat any more.
    pub(crate) lost: RwSignal<Option<Problem>>,
    /// What the server told last of why that is.
    pub(crate) farewell: StoredValue<Option<Notice>>,
    /// The last id up to which every message was read.
    pub(super) cursor: StoredValue<MessageId>,
    /// Set while this browser gives up its seat: what the server says meanwhile is no news.
    pub(super) is_leaving: StoredValue<bool>,
    is_reading: StoredValue<bool>,
    pub(super) is_sending: StoredValue<bool>,
    polls: StoredValue<u32>,
    connection: StoredValue<Connection>,
    /// Ends the stream that is open or being opened.
    stream: StoredValue<Option<AbortHandle>>,
    pub(super) told_typing: StoredValue<f64>,
    /// When someone last did something with the page.
    pub(super) last_use: StoredValue<f64>,
    pub(super) tried_renewal: StoredValue<f64>,
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
            missed: RwSignal::new(0),
            link: RwSignal::new(Link::Connecting),
            typing: RwSignal::new(Vec::new()),
            unread: RwSignal::new(0),
            is_loaded: RwSignal::new(false),
            refused: RwSignal::new(None),
            lost: RwSignal::new(None),
            farewell: StoredValue::new(None),
            cursor: StoredValue::new(0),
            is_leaving: StoredValue::new(false),
            is_reading: StoredValue::new(false),
            is_sending: StoredValue::new(false),
            polls: StoredValue::new(0),
            connection: StoredValue::new(Connection::new()),
            stream: StoredValue::new(None),
            told_typing: StoredValue::new(f64::NEG_INFINITY),
            last_use: StoredValue::new(f64::NEG_INFINITY),
            tried_renewal: StoredValue::new(f64::NEG_INFINITY),
            is_getting_code: StoredValue::new(false),
        }
    }

    /// Follows the chat until the page is left.
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
            self.connect(Connection::wake);
            self.tick();
        });
    }

    /// Does what it is time for. Until the seat is known to hold, that is one question after the other
    /// and nothing beside it: where the session has ended, one refusal says so.
    pub(super) fn tick(self) {
        if self.lost.try_with_untracked(Option::is_some) != Some(false) {
            return;
        }
        let now = browser::now();
        if self.typing.with_untracked(|typing| typing.iter().any(|(_, until)| *until <= now)) {
            self.typing.update(|typing| typing.retain(|(_, until)| *until > now));
        }
        if self.seems_held() {
            if self.connect(|connection| connection.starts_stream(now)) == Some(true) {
                self.open_stream();
            }
            self.keep_session(now);
        }
        self.show_outbox();
        self.send();
        if self.is_reading.get_value() {
            return;
        }
        if self.connect(|connection| connection.starts_poll(now)) == Some(true) {
            self.poll();
        }
    }

    /// Whether the server has answered to this seat, and its session is not over by the clock.
    fn seems_held(self) -> bool {
        let is_over = |saved: SavedChat| saved.is_refused || saved.age(browser::server_time()) >= 1.0;
        self.is_loaded.try_get_untracked() == Some(true) && !self.saved().is_some_and(is_over)
    }

    /// Does something to the connection, and shows what it is then. `None` once the page was left.
    fn connect<T>(self, act: impl FnOnce(&mut Connection) -> T) -> Option<T> {
        let (done, link) = self.connection.try_update_value(|connection| (act(connection), connection.link()))?;
        if self.link.try_get_untracked() != Some(link) {
            self.link.try_set(link);
        }
        Some(done)
    }

    /// Listens until the stream ends, for whatever reason; no reason is the last word.
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
            self.connect(Connection::stream_told);
            if let Some(event) = api::read_event(frame) {
                self.hear(event, after);
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
        self.connect(|connection| connection.stream_closed(browser::now(), browser::chance()));
    }

    /// Tells the others that something is being written, not too often.
    pub(crate) fn notify_typing(self) {
        let now = browser::now();
        if now - self.told_typing.get_value() < TYPING_EVERY || self.link.get_untracked() != Link::Live {
            return;
        }
        self.told_typing.set_value(now);
        let Some(api) = self.api() else { return };
        spawn_local(async move {
            // It is of the moment: what does not arrive is not told again.
            let _ = api.notify_typing().await;
        });
    }

    pub(super) fn lose(self, refusal: &Refusal) {
        if self.is_leaving.try_get_value() == Some(false) {
            self.lost.try_set(Some(refusal.into()));
        }
    }

    /// The seat as storage has it: another tab may have changed it since.
    pub(crate) fn saved(self) -> Option<SavedChat> {
        storage::chat(self.chat_id)
    }

    /// The chat's calls, with the token as storage has it.
    pub(super) fn api(self) -> Option<ChatApi> {
        self.saved().map(|saved| ChatApi::new(self.chat_id, &saved.token))
    }

    /// Whether this browser's seat is an owner's; what shows it, shows it anew when that changes.
    pub(crate) fn is_owner(self) -> bool {
        self.seat.with(|seat| seat.as_ref().is_some_and(|seat| seat.role == Role::Owner))
    }

    fn poll(self) {
        self.is_reading.set_value(true);
        // While the stream tells of comings and goings, the rare poll is for who is online.
        let is_live = self.link.get_untracked() == Link::Live;
        let has_roster = self.roster.with_untracked(Option::is_some);
        let with_roster = is_live || !has_roster || self.polls.get_value().is_multiple_of(POLLS_PER_ROSTER);
        self.polls.update_value(|polls| *polls = polls.wrapping_add(1));
        spawn_local(async move {
            if self.read().await && with_roster {
                self.load_roster().await;
            }
            // The page may have been left meanwhile.
            let _ = self.is_reading.try_set_value(false);
        });
    }

    /// Reads what is new; whether the server has answered.
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
        let is_reached = !answer.as_ref().is_err_and(api::is_passing);
        // The stream may have told of it while the answer was on its way.
        let newest = answer.as_ref().map_or(0, |unseen| unseen.last_id);
        let found_new = newest > self.cursor.try_get_value().unwrap_or(newest);
        if self.connect(|connection| connection.polled(is_reached, found_new)) == Some(true) {
            self.end_stream();
            self.note_closed_stream();
        }
        let is_answered = answer.is_ok();
        match answer {
            Ok(unseen) => self.show(unseen, after),
            Err(problem) if api::is_passing(&problem) => {}
            Err(_) if self.is_leaving.try_get_value() != Some(false) => {}
            // Another tab may have renewed the session between reading the token and the answer.
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
