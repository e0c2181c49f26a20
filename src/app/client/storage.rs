//! What the browser remembers, in localStorage. What is of one chat stands under its id, so
//! tabs in different chats never touch each other's. Where the site stands in a folder of its host,
//! that comes before each name: others on the host may be sites like it.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use gloo_storage::{LocalStorage, Storage as _};
use leptos::prelude::window;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::app::folder::folder;
use crate::domain::{Admission, MessageId, Role, Timestamp};
use crate::wire::addresses;
use crate::wire::{Joined, Knocked, Session};

const USERNAME: &str = "watch-party/username";
const ALERTS: &str = "watch-party/alerts";
const SESSION: &str = "watch-party/session";
const CHAT: &str = "watch-party/chat/";
const OUTBOX: &str = "watch-party/outbox/";
const JOIN: &str = "watch-party/join/";
const KNOCK: &str = "watch-party/knock/";

/// A seat of this browser. All its tabs share it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SavedChat {
    pub(crate) token: String,
    pub(crate) member_id: Uuid,
    pub(crate) username: String,
    pub(crate) role: Role,
    pub(crate) name: Option<String>,
    pub(crate) expires_at: Timestamp,
    /// The last message that was shown.
    #[serde(default)]
    pub(crate) cursor: MessageId,
    /// The key of the invite that the chat can be entered by again, or shared with.
    pub(crate) key: Option<String>,
    /// How the chat is entered, where this browser knows; without, it is by a link.
    #[serde(default)]
    pub(crate) admission: Option<Admission>,
    /// What brings an owner back.
    #[serde(default)]
    pub(crate) recovery_code: Option<String>,
    /// When the token was given, by the server's clock, in milliseconds since 1970.
    #[serde(default)]
    pub(crate) given_at: i64,
    /// Whether others use the same token, so that this browser must not change it.
    #[serde(default)]
    pub(crate) is_borrowed: bool,
    /// Whether the server has refused the token: it is asked nothing more with it.
    #[serde(default)]
    pub(crate) is_refused: bool,
    /// Whether a renewal was asked for and not answered: the server may have done it.
    #[serde(default)]
    pub(crate) is_renewing: bool,
}

impl SavedChat {
    pub(crate) fn new(seat: Joined, name: Option<String>, key: Option<String>) -> Self {
        Self {
            token: seat.session_token,
            member_id: seat.member.member_id,
            username: seat.member.username,
            role: seat.member.role,
            name,
            expires_at: seat.expires_at,
            cursor: 0,
            key,
            admission: None,
            recovery_code: None,
            // For a seat that was there before it is earlier than that, and renewed the sooner.
            given_at: seat.member.since.as_millis(),
            is_borrowed: false,
            is_refused: false,
            is_renewing: false,
        }
    }

    /// The chat's page.
    pub(crate) fn page(&self, chat_id: Uuid) -> String {
        match self.admission {
            Some(Admission::Open) => addresses::chatroom(chat_id),
            _ => addresses::chat(chat_id),
        }
    }

    /// Where one who has lost the seat enters again, if this browser knows a way.
    pub(crate) fn entrance(&self, chat_id: Uuid, notice: Option<&str>) -> Option<String> {
        let address = match (&self.key, self.admission, notice) {
            (_, Some(Admission::Account), _) => addresses::room(chat_id),
            (_, Some(Admission::Open), None) => self.page(chat_id),
            // Not by itself: an owner may have removed who was here.
            (_, Some(Admission::Open), Some(_)) => addresses::session_for(chat_id),
            (Some(key), ..) => addresses::join(chat_id, key),
            (None, ..) => return None,
        };
        Some(notice.map_or_else(|| address.clone(), |notice| addresses::with_notice(&address, notice)))
    }

    /// How much of the session's life is over at `now`, in milliseconds of the server's clock; from 0
    /// to 1.
    #[allow(clippy::cast_precision_loss)] // milliseconds since 1970 are exact for ages to come
    pub(crate) fn age(&self, now: f64) -> f64 {
        let lifetime = (self.expires_at.as_millis() - self.given_at).max(1) as f64;
        (now - self.given_at as f64) / lifetime
    }

    /// Takes the token that another one was renewed to at `now`, in milliseconds of the server's clock.
    #[allow(clippy::cast_possible_truncation)] // milliseconds since 1970 are exact for ages to come
    pub(crate) fn renew(&mut self, session: Session, now: f64) {
        self.given_at = now as i64;
        self.token = session.session_token;
        self.expires_at = session.expires_at;
        self.is_refused = false;
        self.is_renewing = false;
    }
}

/// A knock of this browser that waits to be answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedKnock {
    #[serde(flatten)]
    pub(crate) knock: Knocked,
    /// The key of the invite that it was made by.
    pub(crate) key: String,
}

/// How one is told of new messages while the page is not seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Alerts {
    pub(crate) sound: bool,
    pub(crate) notification: bool,
}

/// A message that the server has not acknowledged yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Unsent {
    pub(crate) client_id: Uuid,
    pub(crate) text: String,
    /// When it was written, by this browser's clock, in milliseconds since 1970; one after the other in
    /// each tab.
    written_at: f64,
}

pub(crate) fn username() -> Option<String> {
    get(USERNAME)
}

pub(crate) fn alerts() -> Alerts {
    get(ALERTS).unwrap_or_default()
}

pub(crate) fn save_alerts(alerts: Alerts) {
    set(ALERTS, &alerts);
}

pub(crate) fn remember_username(username: &str) {
    set(USERNAME, &username);
}

/// Whether this browser has said who it is, as far as is known here: the proof is a cookie.
pub(crate) fn has_session() -> bool {
    get(SESSION).unwrap_or_default()
}

pub(crate) fn note_session(has_session: bool) {
    if has_session {
        set(SESSION, &true);
    } else {
        delete(SESSION);
    }
}

pub(crate) fn chat(id: Uuid) -> Option<SavedChat> {
    get(&format!("{CHAT}{id}"))
}

pub(crate) fn save_chat(id: Uuid, chat: &SavedChat) {
    set(&format!("{CHAT}{id}"), chat);
}

/// Notes that the server has refused `token`, if it is still the seat's. Of a token that others use
/// too, they may make a good one again.
pub(crate) fn note_refused(id: Uuid, token: &str) {
    if let Some(saved) = chat(id).filter(|saved| saved.token == token && !saved.is_borrowed) {
        save_chat(id, &SavedChat { is_refused: true, ..saved });
    }
}

/// Forgets all that is of one chat.
pub(crate) fn forget_chat(id: Uuid) {
    forget_seat(id);
    forget_join_id(id);
}

/// Forgets the seat in a chat and what belongs to it; by the same link this browser is known again.
pub(crate) fn forget_seat(id: Uuid) {
    delete(&format!("{CHAT}{id}"));
    forget_unsent(id, |_| true);
    // Where all that waited stood until each message had a name of its own.
    delete(&format!("{OUTBOX}{id}"));
    forget_knock(id);
}

/// By what this browser is known when it redeems an invite of the chat again: all its tabs say the
/// same.
pub(crate) fn join_id(chat_id: Uuid) -> Uuid {
    let address = format!("{JOIN}{chat_id}");
    get(&address).unwrap_or_else(|| {
        let new = Uuid::new_v4();
        set(&address, &new);
        new
    })
}

/// Whoever joins from here next is someone new.
pub(crate) fn forget_join_id(chat_id: Uuid) {
    delete(&format!("{JOIN}{chat_id}"));
}

pub(crate) fn knock(chat_id: Uuid) -> Option<SavedKnock> {
    get(&format!("{KNOCK}{chat_id}"))
}

pub(crate) fn save_knock(chat_id: Uuid, knock: &SavedKnock) {
    set(&format!("{KNOCK}{chat_id}"), knock);
}

pub(crate) fn forget_knock(chat_id: Uuid) {
    delete(&format!("{KNOCK}{chat_id}"));
}

/// The chats this browser is in; first those whose sessions last longest, and of these the newest.
pub(crate) fn chats() -> Vec<(Uuid, SavedChat)> {
    let mut chats: Vec<_> = ids(CHAT).filter_map(|id| Some((id, chat(id)?))).collect();
    chats.sort_by_key(|(_, chat)| std::cmp::Reverse((chat.expires_at, chat.given_at)));
    chats
}

/// Forgets the knocks that nobody answers any more.
pub(crate) fn forget_expired_knocks(now: f64) {
    #[allow(clippy::cast_precision_loss)] // milliseconds since 1970 are exact for ages to come
    let is_expired = |waiting: SavedKnock| (waiting.knock.expires_at.as_millis() as f64) < now;
    for id in ids(KNOCK).filter(|id| knock(*id).is_some_and(is_expired)) {
        forget_knock(id);
    }
}

/// The ids that stand after `kind` in what is stored.
fn ids(kind: &str) -> impl Iterator<Item = Uuid> {
    let stored = is_allowed().then(LocalStorage::raw);
    let stored = stored.iter().flat_map(|storage| (0..storage.length().unwrap_or(0)).map(|at| storage.key(at)));
    let held = HELD.with_borrow(|held| held.keys().cloned().collect::<Vec<_>>());
    let keys: BTreeSet<String> = stored.filter_map(|key| key.ok().flatten()).chain(held).collect();
    keys.into_iter().filter_map(move |key| key.strip_prefix(folder())?.strip_prefix(kind)?.parse().ok())
}

/// What waits to be sent to a chat, oldest first. Each message has an entry of its own, so that tabs
/// which write at the same moment overwrite nothing.
pub(crate) fn outbox(chat_id: Uuid) -> Vec<Unsent> {
    let kind = outbox_of(chat_id);
    let mut waiting: Vec<Unsent> = ids(&kind).filter_map(|id| get(&format!("{kind}{id}"))).collect();
    waiting.sort_by(|a, b| a.written_at.total_cmp(&b.written_at));
    waiting
}

/// Adds what was written at `now`, in milliseconds since 1970, after what waits already.
pub(crate) fn add_unsent(chat_id: Uuid, text: String, now: f64) {
    let last = outbox(chat_id).last().map_or(f64::NEG_INFINITY, |last| last.written_at);
    let unsent = Unsent { client_id: Uuid::new_v4(), text, written_at: now.max(last + 1.0) };
    set(&format!("{}{}", outbox_of(chat_id), unsent.client_id), &unsent);
}

/// Forgets what waits under the client ids that `is_done` says so of.
pub(crate) fn forget_unsent(chat_id: Uuid, is_done: impl Fn(Uuid) -> bool) {
    let kind = outbox_of(chat_id);
    for id in ids(&kind).filter(|id| is_done(*id)) {
        delete(&format!("{kind}{id}"));
    }
}

fn outbox_of(chat_id: Uuid) -> String {
    format!("{OUTBOX}{chat_id}/")
}

thread_local! {
    /// What the browser would not store, because its storage is full or forbidden: this tab then
    /// remembers it for as long as it is open.
    static HELD: RefCell<HashMap<String, String>> = RefCell::default();
}

fn is_allowed() -> bool {
    window().local_storage().is_ok_and(|storage| storage.is_some())
}

/// The name under which the site at this place keeps `key`.
fn own(key: &str) -> String {
    format!("{}{key}", folder())
}

fn get<T: DeserializeOwned>(key: &str) -> Option<T> {
    let key = &own(key);
    let held = HELD.with_borrow(|held| held.get(key).cloned());
    match held {
        Some(text) => serde_json::from_str(&text).ok(),
        None if is_allowed() => LocalStorage::get(key).ok(),
        None => None,
    }
}

fn set(key: &str, value: &impl Serialize) {
    let key = &own(key);
    let is_stored = is_allowed() && LocalStorage::set(key, value).is_ok();
    HELD.with_borrow_mut(|held| match serde_json::to_string(value) {
        Ok(text) if !is_stored => held.insert(key.to_owned(), text),
        _ => held.remove(key),
    });
}

fn delete(key: &str) {
    let key = &own(key);
    HELD.with_borrow_mut(|held| held.remove(key));
    if is_allowed() {
        LocalStorage::delete(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Member;

    #[test]
    fn a_session_ages_by_the_servers_clock_and_is_young_again_when_renewed() {
        let moment = |hours: i64| Timestamp::from_millis(hours * 3_600_000);
        let member = Member { member_id: Uuid::nil(), username: "Ann".into(), role: Role::Owner, since: moment(0) };
        // A first session may be shorter than the next.
        let seat = Joined { session_token: "first".into(), expires_at: moment(2), member };
        let mut saved = SavedChat::new(seat, None, None);
        assert!((saved.age(1.0 * 3_600_000.0) - 0.5).abs() < 1e-9);
        (saved.is_refused, saved.is_renewing) = (true, true);
        saved.renew(Session { session_token: "second".into(), expires_at: moment(7) }, 3_600_000.0);
        assert!(!saved.is_refused && !saved.is_renewing, "the new token may be asked with");
        assert_eq!((saved.token.as_str(), saved.expires_at), ("second", moment(7)));
        assert!((saved.age(4.0 * 3_600_000.0) - 0.5).abs() < 1e-9);
    }
}
