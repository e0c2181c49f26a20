//! What the browser remembers, in localStorage. What is of one chat stands under its id, so
//! tabs in different chats never touch each other's.

use gloo_storage::{LocalStorage, Storage as _};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::{MessageId, Role, Timestamp};
use crate::wire::Joined;

const USERNAME: &str = "watch-party/username";
const CHAT: &str = "watch-party/chat/";
const OUTBOX: &str = "watch-party/outbox/";

/// A seat of this browser. All its tabs share it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
}

impl SavedChat {
    pub(crate) fn new(seat: Joined, name: Option<String>, key: String) -> Self {
        Self {
            token: seat.session_token,
            member_id: seat.member.member_id,
            username: seat.member.username,
            role: seat.member.role,
            name,
            expires_at: seat.expires_at,
            cursor: 0,
            key: Some(key),
        }
    }
}

/// A message that the server has not acknowledged yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unsent {
    pub(crate) client_id: Uuid,
    pub(crate) text: String,
}

pub(crate) fn username() -> Option<String> {
    LocalStorage::get(USERNAME).ok()
}

pub(crate) fn remember_username(username: &str) {
    set(USERNAME, &username);
}

pub(crate) fn chat(id: Uuid) -> Option<SavedChat> {
    LocalStorage::get(format!("{CHAT}{id}")).ok()
}

pub(crate) fn save_chat(id: Uuid, chat: &SavedChat) {
    set(&format!("{CHAT}{id}"), chat);
}

/// Forgets all that is of one chat.
pub(crate) fn forget_chat(id: Uuid) {
    LocalStorage::delete(format!("{CHAT}{id}"));
    LocalStorage::delete(format!("{OUTBOX}{id}"));
}

/// The chats this browser is in.
pub(crate) fn chats() -> Vec<(Uuid, SavedChat)> {
    let storage = LocalStorage::raw();
    let keys = (0..storage.length().unwrap_or(0)).filter_map(|at| storage.key(at).ok().flatten());
    let ids = keys.filter_map(|key| key.strip_prefix(CHAT)?.parse().ok());
    let mut chats: Vec<_> = ids.filter_map(|id| Some((id, chat(id)?))).collect();
    chats.sort_by_key(|(_, chat)| std::cmp::Reverse(chat.expires_at));
    chats
}

/// What waits to be sent to a chat, oldest first.
pub(crate) fn outbox(id: Uuid) -> Vec<Unsent> {
    LocalStorage::get(format!("{OUTBOX}{id}")).unwrap_or_default()
}

/// Changes what waits as `change` says, as one step: what another tab has written is kept.
pub(crate) fn change_outbox(id: Uuid, change: impl FnOnce(&mut Vec<Unsent>)) -> Vec<Unsent> {
    let mut waiting = outbox(id);
    change(&mut waiting);
    if waiting.is_empty() {
        LocalStorage::delete(format!("{OUTBOX}{id}"));
    } else {
        set(&format!("{OUTBOX}{id}"), &waiting);
    }
    waiting
}

/// A browser whose storage is full or forbidden still talks; it only does not remember.
fn set(key: &str, value: &impl Serialize) {
    if let Err(error) = LocalStorage::set(key, value) {
        leptos::logging::warn!("the browser does not remember {key}: {error}");
    }
}
