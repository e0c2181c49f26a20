//! Client for the native API. It sends the token in the `Authorization` header. The calls with a token are in the files
//! of their features.

use futures_util::future::{Either, select};
use gloo_net::http::{Method, Request, RequestBuilder, Response};
use gloo_net::websocket::Message as Frame;
use gloo_net::websocket::futures::WebSocket;
use leptos::server_fn::ServerFn;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::storage::{self, SavedChat};
use super::{browser, json, waiting};
use crate::app::texts;
use crate::domain::MessageId;
use crate::wire::{Code, LiveEvent, Messages, PostMessage, Preview, Problem, Recover, Recovered};

/// How long to wait for an answer, in milliseconds. A dead connection reports no error of its own.
const TIMEOUT: u32 = 10_000;

pub(super) type ApiResult<T> = Result<T, Problem>;

/// The calls of one chat, authenticated with `token`.
#[derive(Clone, Debug)]
pub(crate) struct ChatApi {
    chat_id: Uuid,
    token: String,
}

impl ChatApi {
    pub(crate) fn new(chat_id: Uuid, token: &str) -> Self {
        Self { chat_id, token: token.to_owned() }
    }

    /// Opens the chat's stream of events.
    pub(crate) fn open_stream(&self, after: MessageId) -> Option<WebSocket> {
        let address = browser::stream_address(&format!("{}/live?after={after}", self.chat_id));
        WebSocket::open_with_protocols(&address, &["watch-party", &format!("bearer.{}", self.token)]).ok()
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> ApiResult<T> {
        self.fetch(Method::GET, path, NOTHING).await
    }

    pub(super) async fn execute(&self, method: Method, path: &str) -> ApiResult<()> {
        in_time(self.call(method, path, NOTHING)).await.map(drop)
    }

    pub(super) async fn fetch<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> ApiResult<T> {
        in_time(async { read(self.call(method, path, body).await?).await }).await
    }

    pub(super) async fn call(&self, method: Method, path: &str, body: Option<&impl Serialize>) -> ApiResult<Response> {
        let address = format!("{}{path}", self.chat_id);
        send(request(&address, method).header("Authorization", &bearer(&self.token)), body).await
    }
}

/// Returns the value of an `Authorization` header. A token from the browser's storage may have been changed there, and
/// the browser throws for a header with characters that no token has.
pub(super) fn bearer(token: &str) -> String {
    format!("Bearer {}", token.chars().filter(char::is_ascii_graphic).collect::<String>())
}

/// Returns a preview of the chat. Needs no session.
pub(crate) async fn preview_chat(chat_id: Uuid) -> ApiResult<Preview> {
    get_at(&format!("{chat_id}/preview")).await
}

/// Returns the messages of a chat that can be read without a session.
pub(crate) async fn read_publicly(chat_id: Uuid, after: MessageId) -> ApiResult<Messages> {
    get_at(&format!("{chat_id}?after={after}")).await
}

/// Posts a message in a chat that allows it without a session.
pub(crate) async fn post_publicly(chat_id: Uuid, text: String) -> ApiResult<()> {
    let body = PostMessage { text, client_id: None };
    in_time(send(request(&chat_id.to_string(), Method::POST), Some(&body))).await.map(drop)
}

pub(super) async fn get_at<T: DeserializeOwned>(address: &str) -> ApiResult<T> {
    in_time(async { read(send(request(address, Method::GET), NOTHING).await?).await }).await
}

/// Recovers an owner's seat. Needs no session.
pub(crate) async fn recover(chat_id: Uuid, recovery_code: String, username: String) -> ApiResult<Recovered> {
    let body = Recover { recovery_code, username: Some(username) };
    let request = request(&format!("{chat_id}/recover"), Method::POST);
    in_time(async { read(send(request, Some(&body)).await?).await }).await
}

/// Parses a frame of the stream. Returns `None` for an event that only a newer server knows.
pub(crate) fn read_event(frame: Frame) -> Option<LiveEvent> {
    match frame {
        Frame::Text(text) => json::read(&text),
        Frame::Bytes(_) => None,
    }
}

/// Returns `answer`, or an [`unreachable`] problem if it takes longer than [`TIMEOUT`], without the time for which the
/// server has asked to wait.
pub(crate) async fn in_time<T>(answer: impl Future<Output = ApiResult<T>>) -> ApiResult<T> {
    let (answer, timeout) = (std::pin::pin!(answer), std::pin::pin!(waiting::timeout(TIMEOUT)));
    match select(answer, timeout).await {
        Either::Left((answer, _)) => answer,
        Either::Right(_) => Err(unreachable()),
    }
}

/// Whether a retry may succeed, because the problem is temporary and not caused by the request.
pub(crate) fn is_transient(problem: &Problem) -> bool {
    matches!(
        problem.code,
        Code::Unavailable | Code::TooManyRequests | Code::TooManyStreams | Code::InternalError | Code::RequestTimeout
    )
}

pub(super) const NOTHING: Option<&()> = None;

/// Builds a request to `address`, which is relative to the site's root.
pub(super) fn request(address: &str, method: Method) -> RequestBuilder {
    RequestBuilder::new(address).method(method).header("Accept", "application/json")
}

pub(super) async fn send(request: RequestBuilder, body: Option<&impl Serialize>) -> ApiResult<Response> {
    let request = match body {
        Some(body) => request.header("Content-Type", "application/json").body(json::write(body)),
        None => request.build(),
    };
    send_built(request).await
}

/// Calls a server function. Leptos's own client would bring a second reader of JSON into the page.
pub(crate) async fn call<F>(arguments: &F) -> ApiResult<F::Output>
where
    F: ServerFn<Error = Problem, Output: DeserializeOwned> + Serialize,
{
    let fields = serde_urlencoded::to_string(arguments).map_err(|_| unreachable())?;
    let request = request(F::PATH.trim_start_matches('/'), Method::POST);
    let request = request.header("Content-Type", "application/x-www-form-urlencoded").body(fields);
    read(send_built(request).await?).await
}

/// Sends a request, and again for as long as the server asks to wait for a moment.
async fn send_built(request: Result<Request, gloo_net::Error>) -> ApiResult<Response> {
    let mut request = web_sys::Request::from(request.map_err(|_| unreachable())?);
    loop {
        // A request can be sent once.
        let again = request.clone();
        match send_once(request.into()).await {
            Err(problem) if waiting::waited(&problem).await => request = again.map_err(|_| unreachable())?,
            answer => return answer,
        }
    }
}

async fn send_once(request: Request) -> ApiResult<Response> {
    let response = request.send().await.map_err(|_| unreachable())?;
    if let Some(date) = response.headers().get("date") {
        browser::note_server_time(&date);
    }
    accepted(response).await
}

/// Returns the response if it is a success, else the problem in its body.
pub(crate) async fn accepted(response: Response) -> ApiResult<Response> {
    if response.ok() {
        return Ok(response);
    }
    // A proxy may refuse in its own format.
    let retry_after = response.headers().get("retry-after").and_then(|seconds| seconds.parse().ok());
    let code = if response.status() == 429 { Code::TooManyRequests } else { Code::Unavailable };
    Err(read(response).await.unwrap_or_else(|problem: Problem| Problem { code, retry_after, ..problem }))
}

pub(super) async fn read<T: DeserializeOwned>(response: Response) -> ApiResult<T> {
    response.text().await.ok().and_then(|text| json::read(&text)).ok_or_else(unreachable)
}

pub(crate) fn unreachable() -> Problem {
    Problem::new(Code::Unavailable, texts::api::UNREACHABLE)
}

/// Returns the seat that this browser remembers, if its session is valid or the seat can be recovered. If the server
/// cannot tell for now, the session counts as valid.
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
        Err(problem) => is_transient(&problem),
    };
    holds.then_some(saved)
}
