//! The native API as the page calls it: the token in the `Authorization` header.

use futures_util::future::{Either, select};
use gloo_net::http::{Method, RequestBuilder, Response};
use gloo_net::websocket::Message as Frame;
use gloo_net::websocket::futures::WebSocket;
use gloo_timers::future::TimeoutFuture;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::browser;
use crate::domain::MessageId;
use crate::wire::{Code, LiveEvent, MemberList, Messages, Problem, Retention};

/// How long an answer is waited for, in milliseconds: a dead connection says nothing by itself.
const PATIENCE: u32 = 10_000;

pub(crate) async fn read_messages(chat_id: Uuid, token: &str, after: MessageId) -> Result<Messages, Problem> {
    in_time(get(&format!("/{chat_id}?after={after}"), token)).await
}

/// Opens the chat's stream of events.
pub(crate) fn open_stream(chat_id: Uuid, token: &str, after: MessageId) -> Option<WebSocket> {
    let address = browser::stream_address(&format!("/{chat_id}/live?after={after}"));
    WebSocket::open_with_protocols(&address, &["watch-party", &format!("bearer.{token}")]).ok()
}

/// What a frame of the stream says; `None` for what a newer server may say.
pub(crate) fn read_event(frame: Frame) -> Option<LiveEvent> {
    match frame {
        Frame::Text(text) => serde_json::from_str(&text).ok(),
        Frame::Bytes(_) => None,
    }
}

pub(crate) async fn say_typing(chat_id: Uuid, token: &str) -> Result<(), Problem> {
    in_time(call(Method::POST, &format!("/{chat_id}/typing"), token)).await.map(drop)
}

pub(crate) async fn list_members(chat_id: Uuid, token: &str) -> Result<MemberList, Problem> {
    in_time(get(&format!("/{chat_id}/members"), token)).await
}

pub(crate) async fn show_retention(chat_id: Uuid, token: &str) -> Result<Retention, Problem> {
    in_time(get(&format!("/{chat_id}/retention"), token)).await
}

pub(crate) async fn remove_member(chat_id: Uuid, token: &str, member_id: Uuid) -> Result<(), Problem> {
    in_time(call(Method::DELETE, &format!("/{chat_id}/members/{member_id}"), token)).await.map(drop)
}

pub(crate) async fn end_chat(chat_id: Uuid, token: &str) -> Result<(), Problem> {
    in_time(call(Method::DELETE, &format!("/{chat_id}"), token)).await.map(drop)
}

/// The answer, or that there was none in time.
pub(crate) async fn in_time<T>(answer: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    let answer = std::pin::pin!(answer);
    match select(answer, TimeoutFuture::new(PATIENCE)).await {
        Either::Left((answer, _)) => answer,
        Either::Right(_) => Err(unreachable()),
    }
}

/// Whether it is worth asking again later: the refusal is of the moment, not of the request.
pub(crate) fn is_passing(problem: &Problem) -> bool {
    matches!(problem.code, Code::Unavailable | Code::TooManyRequests | Code::InternalError)
}

async fn get<T: DeserializeOwned>(address: &str, token: &str) -> Result<T, Problem> {
    call(Method::GET, address, token).await?.json().await.map_err(|_| unreachable())
}

async fn call(method: Method, address: &str, token: &str) -> Result<Response, Problem> {
    let request = RequestBuilder::new(address)
        .method(method)
        .header("Accept", "application/json")
        .header("Authorization", &format!("Bearer {token}"));
    let response = request.send().await.map_err(|_| unreachable())?;
    if response.ok() {
        return Ok(response);
    }
    Err(response.json().await.unwrap_or_else(|_| unreachable()))
}

fn unreachable() -> Problem {
    Problem::new(Code::Unavailable, "The server cannot be reached. Are you offline?")
}
