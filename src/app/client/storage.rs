//! The data that the browser stores in localStorage. The keys of a chat's data contain the chat's id, so tabs in
//! different chats never touch each other's data. If the site is served from a folder of its host, every key starts
//! with that folder, because the host may serve another site of this kind.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use gloo_storage::{LocalStorage, Storage as _};
use leptos::prelude::window;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{browser, json};
use crate::app::folder::folder;
use crate::domain::{Admission, AdmissionRules, KnockStatus, MessageId, Role, Timestamp};
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
    /// The id of the last message that was shown.
    #[serde(default)]
    pub(crate) cursor: MessageId,
    /// The key of an invite, to join the chat again or to invite others.
    pub(crate) key: Option<String>,
    /// How people join the chat, if this browser knows; otherwise it is with a link.
    #[serde(default)]
    pub(crate) admission: Option<Admission>,
    /// The code with which an owner recovers the seat.
    #[serde(default)]
    pub(crate) recovery_code: Option<String>,
    /// When the token was issued, by the server's clock, in milliseconds since 1970.
    #[serde(default)]
    pub(crate) given_at: i64,
    /// Whether other programs use the same token, so that this browser must not change it.
    #[serde(default)]
    pub(crate) is_borrowed: bool,
    /// Whether the server has refused the token. If so, this browser stops using it.
    #[serde(default)]
    pub(crate) is_refused: bool,
    /// Whether a renewal was requested and not answered. The server may have done it.
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
            // If the member joined before this session started, this is too early, and the session is renewed sooner.
            given_at: seat.member.since.as_millis(),
            is_borrowed: false,
            is_refused: false,
            is_renewing: false,
        }
    }

    /// Returns the address of the chat's page.
    pub(crate) fn page(&self, chat_id: Uuid) -> String {
        if self.rules().is_open { addresses::chatroom(chat_id) } else { addresses::chat(chat_id) }
    }

    /// Returns the rules of the chat's admission.
    pub(crate) fn rules(&self) -> AdmissionRules {
        self.admission.unwrap_or_default().rules()
    }

    /// Returns the address at which the user can join again after losing the seat, if this browser knows one.
    pub(crate) fn entry_address(&self, chat_id: Uuid, notice: Option<&str>) -> Option<String> {
        let address = if self.rules().is_open && notice.is_some() {
            // Do not join again automatically, because an owner may have removed this member.
            addresses::session_for(chat_id)
        } else {
            let by_address = addresses::entry(self.admission.unwrap_or_default(), chat_id);
            by_address.or_else(|| self.key.as_ref().map(|key| addresses::join(chat_id, key)))?
        };
        Some(notice.map_or_else(|| address.clone(), |notice| addresses::with_notice(&address, notice)))
    }

    /// Returns the fraction of the session's lifetime that has passed at `now`, in milliseconds of the server's clock:
    /// from 0 to 1, and more once the session has ended.
    #[allow(clippy::cast_precision_loss)] // exact for milliseconds since 1970
    pub(crate) fn age(&self, now: f64) -> f64 {
        let lifetime = (self.expires_at.as_millis() - self.given_at).max(1) as f64;
        (now - self.given_at as f64) / lifetime
    }

    /// Replaces the token with that of the session renewed at `now`, in milliseconds of the server's clock.
    #[allow(clippy::cast_possible_truncation)] // exact for milliseconds since 1970
    pub(crate) fn renew(&mut self, session: Session, now: f64) {
        self.given_at = now as i64;
        self.token = session.session_token;
        self.expires_at = session.expires_at;
        self.is_refused = false;
        self.is_renewing = false;
    }
}

/// A knock of this browser that waits for a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "KnockFields")]
pub(crate) struct SavedKnock {
    #[serde(flatten)]
    pub(crate) knock: Knocked,
    /// The key of the invite with which it was made.
    pub(crate) key: String,
}

/// The fields of a [`SavedKnock`].
#[derive(Deserialize)]
struct KnockFields {
    knock_id: Uuid,
    ticket: String,
    status: KnockStatus,
    expires_at: Timestamp,
    key: String,
}

impl From<KnockFields> for SavedKnock {
    fn from(KnockFields { knock_id, ticket, status, expires_at, key }: KnockFields) -> Self {
        Self { knock: Knocked { knock_id, ticket, status, expires_at }, key }
    }
}

/// How the user is alerted to new messages while the page is hidden.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Alerts {
    pub(crate) sound: bool,
    pub(crate) notification: bool,
}

/// A change of the stored data: the value that a key gets, or `None` to delete the key. The key does not contain the
/// site's folder, which only the browser knows.
#[derive(Clone, Serialize)]
#[allow(missing_debug_implementations)] // keeps the session token out of logs
pub struct Change(String, Option<Value>);

#[derive(Clone, Serialize)]
#[serde(untagged)]
enum Value {
    Chat(SavedChat),
    Knock(SavedKnock),
    Username(String),
}

impl Change {
    pub(crate) fn save_chat(id: Uuid, chat: SavedChat) -> Self {
        Self(chat_key(id), Some(Value::Chat(chat)))
    }

    pub(crate) fn save_knock(chat_id: Uuid, knock: SavedKnock) -> Self {
        Self(knock_key(chat_id), Some(Value::Knock(knock)))
    }

    pub(crate) fn forget_knock(chat_id: Uuid) -> Self {
        Self(knock_key(chat_id), None)
    }

    pub(crate) fn remember_username(username: &str) -> Self {
        Self(USERNAME.to_owned(), Some(Value::Username(username.to_owned())))
    }

    /// Makes this change.
    pub(crate) fn apply(&self) {
        let Self(key, value) = self;
        match value {
            Some(value) => set(key, value),
            None => delete(key),
        }
    }
}

/// Returns the key of the seat in a chat, without the site's folder.
pub(crate) fn chat_key(id: Uuid) -> String {
    format!("{CHAT}{id}")
}

/// Returns the key of the id that [`join_id`] returns, without the site's folder.
pub(crate) fn join_key(chat_id: Uuid) -> String {
    format!("{JOIN}{chat_id}")
}

fn knock_key(chat_id: Uuid) -> String {
    format!("{KNOCK}{chat_id}")
}

/// A message that the server has not acknowledged yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Unsent {
    pub(crate) client_id: Uuid,
    pub(crate) text: String,
    /// When it was written, by this browser's clock, in milliseconds since 1970. It is later than that of every message
    /// that was already waiting.
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

/// Whether this browser has a browser session, as far as is known here: scripts cannot read its cookie.
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
    get(&chat_key(id))
}

pub(crate) fn save_chat(id: Uuid, chat: &SavedChat) {
    set(&chat_key(id), chat);
}

/// Notes that the server has refused `token`, if it is still the seat's. A token that other programs use too is not
/// marked, because they may make it valid again.
pub(crate) fn note_refused(id: Uuid, token: &str) {
    if let Some(saved) = chat(id).filter(|saved| saved.token == token && !saved.is_borrowed) {
        save_chat(id, &SavedChat { is_refused: true, ..saved });
    }
}

/// Forgets everything about one chat.
pub(crate) fn forget_chat(id: Uuid) {
    forget_seat(id);
    forget_join_id(id);
}

/// Forgets the seat in a chat and its data. The join id stays, so the server recognises this browser if it uses the
/// same link again.
pub(crate) fn forget_seat(id: Uuid) {
    delete(&chat_key(id));
    forget_unsent(id, |_| true);
    // Earlier versions stored all unsent messages under this one key.
    delete(&format!("{OUTBOX}{id}"));
    forget_knock(id);
}

/// Returns the id by which the server recognises this browser when it redeems an invite of the chat again. All its tabs
/// use the same id.
pub(crate) fn join_id(chat_id: Uuid) -> Uuid {
    let address = join_key(chat_id);
    get(&address).unwrap_or_else(|| {
        let new = Uuid::new_v4();
        set(&address, &new);
        new
    })
}

/// Forgets the join id, so that the next guest from this browser is a new one.
pub(crate) fn forget_join_id(chat_id: Uuid) {
    delete(&join_key(chat_id));
}

pub(crate) fn knock(chat_id: Uuid) -> Option<SavedKnock> {
    get(&knock_key(chat_id))
}

pub(crate) fn forget_knock(chat_id: Uuid) {
    delete(&knock_key(chat_id));
}

/// Returns the chats that this browser is in, sorted by when their sessions end and then by when they started, latest
/// first.
pub(crate) fn chats() -> Vec<(Uuid, SavedChat)> {
    let mut chats: Vec<_> = ids(CHAT).filter_map(|id| Some((id, chat(id)?))).collect();
    chats.sort_by_key(|(_, chat)| std::cmp::Reverse((chat.expires_at, chat.given_at)));
    chats
}

/// Forgets the knocks that have expired.
pub(crate) fn forget_expired_knocks(now: f64) {
    #[allow(clippy::cast_precision_loss)] // exact for milliseconds since 1970
    let is_expired = |waiting: SavedKnock| (waiting.knock.expires_at.as_millis() as f64) < now;
    for id in ids(KNOCK).filter(|id| knock(*id).is_some_and(is_expired)) {
        forget_knock(id);
    }
}

/// Returns the ids that follow `kind` in the stored keys.
fn ids(kind: &str) -> impl Iterator<Item = Uuid> {
    let stored = is_allowed().then(LocalStorage::raw);
    let stored = stored.iter().flat_map(|storage| (0..storage.length().unwrap_or(0)).map(|at| storage.key(at)));
    let held = HELD.with_borrow(|held| held.keys().cloned().collect::<Vec<_>>());
    let keys: BTreeSet<String> = stored.filter_map(|key| key.ok().flatten()).chain(held).collect();
    keys.into_iter().filter_map(move |key| key.strip_prefix(folder())?.strip_prefix(kind)?.parse().ok())
}

/// Returns the unsent messages of a chat, oldest first. Each message has its own entry, so that tabs that write at the
/// same time overwrite nothing.
pub(crate) fn outbox(chat_id: Uuid) -> Vec<Unsent> {
    let kind = outbox_of(chat_id);
    let mut waiting: Vec<Unsent> = ids(&kind).filter_map(|id| get(&format!("{kind}{id}"))).collect();
    waiting.sort_by(|a, b| a.written_at.total_cmp(&b.written_at));
    waiting
}

/// Adds a message that was written at `now`, in milliseconds since 1970, after those that are already waiting.
pub(crate) fn add_unsent(chat_id: Uuid, text: String, now: f64) {
    let last = outbox(chat_id).last().map_or(f64::NEG_INFINITY, |last| last.written_at);
    let unsent = Unsent { client_id: Uuid::new_v4(), text, written_at: now.max(last + 1.0) };
    set(&format!("{}{}", outbox_of(chat_id), unsent.client_id), &unsent);
}

/// Forgets the unsent messages whose client ids satisfy `is_done`.
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
    /// The values that the browser did not store, because its storage is full or forbidden. This tab keeps them while
    /// it is open, in the state of its history between documents.
    static HELD: RefCell<HashMap<String, String>> = RefCell::default();
}

/// Hands the values that the browser did not store to the document that is loaded next at this address.
pub(crate) fn hand_over() {
    let held = HELD.with_borrow(|held| if held.is_empty() { None } else { json::write(held) });
    if let Some(held) = held {
        browser::set_state(&held);
    }
}

/// Takes the values that the previous document handed over with [`hand_over`].
pub(crate) fn take_over() {
    if let Some(held) = browser::state().and_then(|text| json::read(&text)) {
        HELD.set(held);
    }
}

fn is_allowed() -> bool {
    window().local_storage().is_ok_and(|storage| storage.is_some())
}

/// Returns `key` after the folder of this site.
fn own(key: &str) -> String {
    format!("{}{key}", folder())
}

fn get<T: DeserializeOwned>(key: &str) -> Option<T> {
    let key = &own(key);
    let held = HELD.with_borrow(|held| held.get(key).cloned());
    match held {
        Some(text) => json::read(&text),
        None if is_allowed() => json::read(&LocalStorage::raw().get_item(key).ok()??),
        None => None,
    }
}

fn set(key: &str, value: &impl Serialize) {
    let key = &own(key);
    let Some(text) = json::write(value) else { return };
    let is_stored = is_allowed() && LocalStorage::raw().set_item(key, &text).is_ok();
    HELD.with_borrow_mut(|held| if is_stored { held.remove(key) } else { held.insert(key.to_owned(), text) });
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
    fn a_sessions_age_follows_the_servers_clock_and_resets_on_renewal() {
        let moment = |hours: i64| Timestamp::from_millis(hours * 3_600_000);
        let member = Member { member_id: Uuid::nil(), username: "Ann".into(), role: Role::Owner, since: moment(0) };
        // A first session may be shorter than the next.
        let seat = Joined { session_token: "first".into(), expires_at: moment(2), member };
        let mut saved = SavedChat::new(seat, None, None);
        assert!((saved.age(1.0 * 3_600_000.0) - 0.5).abs() < 1e-9);
        (saved.is_refused, saved.is_renewing) = (true, true);
        saved.renew(Session { session_token: "second".into(), expires_at: moment(7) }, 3_600_000.0);
        assert!(!saved.is_refused && !saved.is_renewing, "requests can use the new token");
        assert_eq!((saved.token.as_str(), saved.expires_at), ("second", moment(7)));
        assert!((saved.age(4.0 * 3_600_000.0) - 0.5).abs() < 1e-9);
    }
}
