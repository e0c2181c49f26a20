//! The native API as the page calls it: the token in the `Authorization` header.

use futures_util::future::{Either, select};
use gloo_net::http::{Method, RequestBuilder, Response};
use gloo_net::websocket::Message as Frame;
use gloo_net::websocket::futures::WebSocket;
use gloo_timers::future::TimeoutFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::browser;
use super::storage::{self, SavedChat};
use crate::domain::{Decision, MessageId, Role};
use crate::wire::{
    ChangeMember, Code, CreateInvite, DecideKnock, Invite, InviteList, KnockList, LiveEvent, MemberList, Messages,
    OwnSeat, OwnSessions, PostMessage, Preview, Problem, Recover, Recovered, RecoveryCode, Retention, Session,
};

/// How long an answer is waited for, in milliseconds: a dead connection says nothing by itself.
const PATIENCE: u32 = 10_000;

type Answer<T> = Result<T, Problem>;

/// One chat's calls, as whoever has `token` makes them.
#[derive(Clone, Debug)]
pub(crate) struct ChatApi {
    chat_id: Uuid,
    token: String,
}

impl ChatApi {
    pub(crate) fn new(chat_id: Uuid, token: &str) -> Self {
        Self { chat_id, token: token.to_owned() }
    }

    pub(crate) async fn read_messages(&self, after: MessageId) -> Answer<Messages> {
        self.get(&format!("?after={after}")).await
    }

    /// Opens the chat's stream of events.
    pub(crate) fn open_stream(&self, after: MessageId) -> Option<WebSocket> {
        let address = browser::stream_address(&format!("{}/live?after={after}", self.chat_id));
        WebSocket::open_with_protocols(&address, &["watch-party", &format!("bearer.{}", self.token)]).ok()
    }

    pub(crate) async fn notify_typing(&self) -> Answer<()> {
        self.tell(Method::POST, "/typing").await
    }

    pub(crate) async fn list_members(&self) -> Answer<MemberList> {
        self.get("/members").await
    }

    pub(crate) async fn show_retention(&self) -> Answer<Retention> {
        self.get("/retention").await
    }

    pub(crate) async fn remove_member(&self, member_id: Uuid, revokes_invite: bool) -> Answer<()> {
        let invite = if revokes_invite { "revoke" } else { "keep" };
        self.tell(Method::DELETE, &format!("/members/{member_id}?invite={invite}")).await
    }

    pub(crate) async fn set_role(&self, member_id: Uuid, role: Role) -> Answer<()> {
        let path = format!("/members/{member_id}");
        in_time(self.call(Method::PATCH, &path, Some(&ChangeMember { role }))).await.map(drop)
    }

    pub(crate) async fn end_chat(&self) -> Answer<()> {
        self.tell(Method::DELETE, "").await
    }

    pub(crate) async fn show_seat(&self) -> Answer<OwnSeat> {
        self.get("/session").await
    }

    pub(crate) async fn renew_session(&self) -> Answer<Session> {
        self.ask(Method::POST, "/session", NOTHING).await
    }

    pub(crate) async fn end_own_session(&self) -> Answer<()> {
        self.tell(Method::DELETE, "/session").await
    }

    pub(crate) async fn list_sessions(&self) -> Answer<OwnSessions> {
        self.get("/sessions").await
    }

    pub(crate) async fn end_session(&self, session_id: Uuid) -> Answer<()> {
        self.tell(Method::DELETE, &format!("/sessions/{session_id}")).await
    }

    pub(crate) async fn renew_recovery(&self) -> Answer<RecoveryCode> {
        self.ask(Method::POST, "/recovery", NOTHING).await
    }

    pub(crate) async fn list_knocks(&self) -> Answer<KnockList> {
        self.get("/knocks").await
    }

    pub(crate) async fn decide_knock(&self, knock_id: Uuid, decision: Decision) -> Answer<()> {
        let path = format!("/knocks/{knock_id}");
        in_time(self.call(Method::POST, &path, Some(&DecideKnock { decision }))).await.map(drop)
    }

    /// For one whose token is the knock's ticket.
    pub(crate) async fn withdraw_knock(&self, knock_id: Uuid) -> Answer<()> {
        self.tell(Method::DELETE, &format!("/knocks/{knock_id}")).await
    }

    pub(crate) async fn list_invites(&self) -> Answer<InviteList> {
        self.get("/invites").await
    }

    pub(crate) async fn create_invite(&self, terms: &CreateInvite) -> Answer<Invite> {
        self.ask(Method::POST, "/invite", Some(terms)).await
    }

    pub(crate) async fn revoke_invite(&self, invite_id: Uuid, members_go: bool) -> Answer<()> {
        let members = if members_go { "go" } else { "stay" };
        self.tell(Method::DELETE, &format!("/invites/{invite_id}?members={members}")).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Answer<T> {
        self.ask(Method::GET, path, NOTHING).await
    }

    async fn tell(&self, method: Method, path: &str) -> Answer<()> {
        in_time(self.call(method, path, NOTHING)).await.map(drop)
    }

    async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str, body: Option<&impl Serialize>) -> Answer<T> {
        in_time(async { read(self.call(method, path, body).await?).await }).await
    }

    async fn call(&self, method: Method, path: &str, body: Option<&impl Serialize>) -> Answer<Response> {
        let address = format!("{}{path}", self.chat_id);
        send(request(&address, method).header("Authorization", &format!("Bearer {}", self.token)), body).await
    }
}

/// What stands behind a chat's address; this needs no session.
pub(crate) async fn preview_chat(chat_id: Uuid) -> Answer<Preview> {
    get_at(&format!("{chat_id}/preview")).await
}

/// The messages of a chat whose address is enough to read it.
pub(crate) async fn read_publicly(chat_id: Uuid, after: MessageId) -> Answer<Messages> {
    get_at(&format!("{chat_id}?after={after}")).await
}

/// Posts in a chat whose address is enough for that.
pub(crate) async fn post_publicly(chat_id: Uuid, text: String) -> Answer<()> {
    let body = PostMessage { text, client_id: None };
    in_time(send(request(&chat_id.to_string(), Method::POST), Some(&body))).await.map(drop)
}

pub(super) async fn get_at<T: DeserializeOwned>(address: &str) -> Answer<T> {
    in_time(async { read(send(request(address, Method::GET), NOTHING).await?).await }).await
}

/// Brings an owner back; this needs no session.
pub(crate) async fn recover(chat_id: Uuid, recovery_code: String, username: String) -> Answer<Recovered> {
    let body = Recover { recovery_code, username: Some(username) };
    let request = request(&format!("{chat_id}/recover"), Method::POST);
    in_time(async { read(send(request, Some(&body)).await?).await }).await
}

/// What a frame of the stream says; `None` for what a newer server may say.
pub(crate) fn read_event(frame: Frame) -> Option<LiveEvent> {
    match frame {
        Frame::Text(text) => serde_json::from_str(&text).ok(),
        Frame::Bytes(_) => None,
    }
}

/// The answer, or that there was none in time.
pub(crate) async fn in_time<T>(answer: impl Future<Output = Answer<T>>) -> Answer<T> {
    let answer = std::pin::pin!(answer);
    match select(answer, TimeoutFuture::new(PATIENCE)).await {
        Either::Left((answer, _)) => answer,
        Either::Right(_) => Err(unreachable()),
    }
}

/// Whether it is worth asking again later: the refusal is of the moment, not of the request.
pub(crate) fn is_passing(problem: &Problem) -> bool {
    matches!(
        problem.code,
        Code::Unavailable | Code::TooManyRequests | Code::TooManyStreams | Code::InternalError | Code::RequestTimeout
    )
}

pub(super) const NOTHING: Option<&()> = None;

/// Asks at `address`, which begins where the site does.
pub(super) fn request(address: &str, method: Method) -> RequestBuilder {
    RequestBuilder::new(address).method(method).header("Accept", "application/json")
}

pub(super) async fn send(request: RequestBuilder, body: Option<&impl Serialize>) -> Answer<Response> {
    let request = match body {
        Some(body) => request.json(body),
        None => request.build(),
    };
    let response = request.map_err(|_| unreachable())?.send().await.map_err(|_| unreachable())?;
    if let Some(date) = response.headers().get("date") {
        browser::note_server_time(&date);
    }
    accepted(response).await
}

/// The answer, if it is no refusal.
pub(crate) async fn accepted(response: Response) -> Answer<Response> {
    if response.ok() {
        return Ok(response);
    }
    Err(response.json().await.unwrap_or_else(|_| unreachable()))
}

pub(super) async fn read<T: DeserializeOwned>(response: Response) -> Answer<T> {
    response.json().await.map_err(|_| unreachable())
}

pub(crate) fn unreachable() -> Problem {
    Problem::new(Code::Unavailable, "The server cannot be reached. Are you offline?")
}

/// The seat that this browser remembers, if it still holds or can be got back; where the server cannot
/// say, it is taken to.
pub(crate) async fn held_seat(chat_id: Uuid) -> Option<SavedChat> {
    let saved = storage::chat(chat_id)?;
    let comes_back = saved.recovery_code.is_some();
    if saved.is_refused {
        return comes_back.then_some(saved);
    }
    let holds = match ChatApi::new(chat_id, &saved.token).read_messages(saved.cursor).await {
        Ok(_) => true,
        Err(problem) if problem.status == 401 => {
            storage::note_refused(chat_id, &saved.token);
            comes_back
        }
        Err(problem) => is_passing(&problem),
    };
    holds.then_some(saved)
}
