//! Open chats, and the browser session, which gives this browser one name in all of them. The session's token is a
//! cookie that scripts cannot read.

use gloo_net::http::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::api::{self, NOTHING, get_at, held_seat, in_time, request, send};
use super::storage::{self, SavedChat};
use crate::domain::{Admission, MessageId};
use crate::wire::chat_app::{Chatroom, ChatroomMessages, NewBrowserSession, NewChatroom, OwnName};
use crate::wire::{Joined, Message, Messages, Problem};

/// Opens a browser session with this name, or changes the name of the current one.
pub(crate) async fn open_session(username: String) -> Result<(), Problem> {
    let session: OwnName = post("sessions", Some(&NewBrowserSession { username })).await?;
    storage::remember_username(&session.username);
    storage::note_session(true);
    Ok(())
}

/// Returns the name of the browser session, if there is one. After a 401, the server is not asked again.
pub(crate) async fn own_name() -> Option<String> {
    if !storage::has_session() {
        return None;
    }
    let answer = get_at("sessions/me").await;
    if answer.as_ref().is_err_and(|problem: &Problem| problem.status == 401) {
        storage::note_session(false);
    }
    answer.ok().map(|OwnName { username, .. }| username)
}

/// Returns the messages after a cursor, authenticated by the browser session.
pub(crate) async fn read(chat_id: Uuid, after: MessageId) -> Result<Messages, Problem> {
    let ChatroomMessages { messages, last_id, missed, incomplete, .. } =
        get_at(&format!("chats/{chat_id}/?after={after}")).await?;
    Ok(Messages { messages: messages.into_iter().map(Message::from).collect(), last_id, missed, incomplete })
}

pub(crate) async fn create(chatroom: &NewChatroom) -> Result<Chatroom, Problem> {
    post("chats", Some(chatroom)).await
}

/// Takes a seat under the name of the browser session, and stores it.
pub(crate) async fn enter(chat_id: Uuid) -> Result<(), Problem> {
    let seat: Joined = post(&format!("chats/{chat_id}/enter"), NOTHING).await?;
    let admission = Some(Admission::Open);
    storage::save_chat(chat_id, &SavedChat { admission, ..SavedChat::new(seat, None, None) });
    Ok(())
}

async fn post<T: DeserializeOwned>(address: &str, body: Option<&impl Serialize>) -> Result<T, Problem> {
    in_time(async { api::read(send(request(address, Method::POST), body).await?).await }).await
}

/// Makes sure that this browser has a seat: the one it remembers, or a new one under the name of the browser session.
///
/// # Errors
/// Why there is no seat; [`crate::wire::Code::SessionRequired`] without a browser session.
pub(crate) async fn find_seat(chat_id: Uuid) -> Result<(), Problem> {
    match held_seat(chat_id).await {
        Some(_) => Ok(()),
        None => enter(chat_id).await,
    }
}
