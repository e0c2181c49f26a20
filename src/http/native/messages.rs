//! Reading and posting messages.

use axum::body::Bytes;
use axum::extract::{Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::fmt::Hyphenated;

use super::live;
use crate::domain::{ChatId, ClientId, Refusal};
use crate::http::AppState;
use crate::http::accept::{wants_events, wants_page};
use crate::http::auth::{Bearer, MaybeMember};
use crate::http::body::MessageBody;
use crate::http::path::ChatInPath;
use crate::http::problem::{Failure, HandlerResult};
use crate::http::query::cursor;
use crate::http::responses::{
    ChatNotFound, InvalidField, PayloadTooLarge, SessionRequired, TooManyRequests, TooManyStreams, Unavailable,
};
use crate::service::{Caller, Service};
use crate::wire::addresses;
use crate::wire::{Code, LiveEvent, Message, Messages, Problem};

/// Maximum length of an `Idempotency-Key`, in characters.
pub(in crate::http) const MAX_IDEMPOTENCY_KEY: usize = 255;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(read_messages, post_message)).routes(routes!(notify_typing))
}

/// One of the two calls that a busy server answers most: listing messages and posting one. The site calls their handlers
/// itself, without the cost of the router.
#[derive(Clone, Copy)]
pub(in crate::http) struct DirectCall {
    chat_id: ChatId,
    is_post: bool,
}

impl DirectCall {
    pub(in crate::http) const ROUTE: &str = "/{chat_id}";

    /// Returns the call that `request` is; `None` if the router must find out.
    pub(in crate::http) fn of(request: &Request) -> Option<Self> {
        let is_post = match *request.method() {
            Method::GET => false,
            Method::POST => true,
            _ => return None,
        };
        let id = request.uri().path().strip_prefix('/').filter(|id| id.len() == Hyphenated::LENGTH)?;
        Some(Self { chat_id: id.parse().ok()?, is_post })
    }

    pub(in crate::http) async fn answer(
        self,
        service: Service,
        caller: Caller,
        parts: Parts,
        body: Bytes,
    ) -> HandlerResult<Response> {
        let Parts { headers, uri, .. } = parts;
        let (service, caller, chat) = (State(service), Extension(caller), ChatInPath(self.chat_id));
        let member = MaybeMember::read(&headers);
        if self.is_post {
            let member = member?;
            let message = MessageBody::read(&headers, body)?;
            return Ok(post_message(service, caller, chat, member, headers, message).await.into_response());
        }
        let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        read_messages(service, caller, Ok(chat), member, Query(query), headers).await
    }
}

/// List the messages after a cursor.
///
/// Oldest first. For members, and for anyone if the chat's `public_access` allows it.
///
/// With `Accept: text/event-stream`, a member receives the same messages as server-sent events, and then every event as
/// it happens; `Last-Event-ID` takes precedence over `after`. A browser that asks for HTML without a token is
/// redirected to the chat's page.
#[utoipa::path(get, path = "/{chat_id}", tag = "messages",
    params(
        ("chat_id" = uuid::Uuid, Path, description = "The id of the chat"),
        ("after" = Option<u64>, Query, description = "The id of the last message seen; by default 0, which returns all stored messages"),
    ),
    security((), ("session_token" = [])),
    responses(
        (status = 200, description = "The messages after the cursor; as a stream, events", content(
            (Messages = "application/json"), (LiveEvent = "text/event-stream"))),
        (status = 303, description = "Redirect to the chat's page, for browsers"),
        (status = 400, description = "`invalid_request`: `after` is not a number", body = Problem),
        SessionRequired, ChatNotFound, TooManyStreams, Unavailable,
    ))]
async fn read_messages(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    chat: HandlerResult<ChatInPath>,
    member: HandlerResult<MaybeMember>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> HandlerResult<Response> {
    if wants_page(&headers) && !headers.contains_key(header::AUTHORIZATION) {
        let page = chat.map_or_else(|_| addresses::NO_SUCH_CHAT.into(), |ChatInPath(id)| addresses::chat(id));
        return Ok(Redirect::to(&page).into_response());
    }
    let ChatInPath(chat_id) = chat?;
    let after = cursor(&query)?;
    let token = match member? {
        MaybeMember::Anonymous if !wants_events(&headers) => {
            let unseen = service.read_publicly(chat_id, after).await?;
            return Ok(Json(Messages::from(&unseen)).into_response());
        }
        MaybeMember::Anonymous => return Err(Refusal::SessionRequired.into()),
        MaybeMember::Member(token) => token,
    };
    if wants_events(&headers) {
        return live::event_stream(&service, caller, chat_id, &token, after, &headers).await;
    }
    let unseen = service.read_messages(chat_id, &token, after).await?;
    Ok(Json(Messages::from(&unseen)).into_response())
}

/// Post a message.
///
/// For members, and for anyone if the chat's `public_access` allows it. A repeated call with the same `client_id` or
/// `Idempotency-Key` header creates no second message. A post without a session cannot have either, because the
/// server could not tell whose post is repeated.
#[utoipa::path(post, path = "/{chat_id}", tag = "messages",
    params(
        ("chat_id" = uuid::Uuid, Path, description = "The id of the chat"),
        ("Idempotency-Key" = Option<String>, Header, description = "Replaces `client_id`; 1 to 255 visible ASCII characters"),
    ),
    request_body(content((crate::wire::PostMessage = "application/json"), (String = "text/plain"))),
    security((), ("session_token" = [])),
    responses(
        (status = 201, description = "The new message", body = Message),
        (status = 200, description = "The message that was posted before with this `client_id`", body = Message),
        (status = 400, description = "`invalid_request`: the body is not JSON, or not UTF-8", body = Problem),
        SessionRequired, ChatNotFound, PayloadTooLarge, InvalidField, TooManyRequests, Unavailable,
    ))]
async fn post_message(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    ChatInPath(chat_id): ChatInPath,
    member: MaybeMember,
    headers: HeaderMap,
    MessageBody(request): MessageBody,
) -> HandlerResult<(StatusCode, Json<Message>)> {
    let (text, client_id) = request.parse()?;
    let client_id = merge_client_ids(client_id, idempotency_key(&headers)?)?;
    let posted = match member {
        MaybeMember::Member(token) => service.post(chat_id, &token, text, client_id).await?,
        MaybeMember::Anonymous => {
            let posted = service.post_publicly(caller, chat_id, text, client_id).await?;
            return Ok((StatusCode::CREATED, Json(Message::from(&*posted.message))));
        }
    };
    let status = if posted.is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(Message::from(&*posted.message))))
}

/// Show the other members that you are typing.
///
/// Their streams are notified; nothing is stored.
#[utoipa::path(post, path = "/{chat_id}/typing", tag = "messages",
    params(("chat_id" = uuid::Uuid, Path, description = "The id of the chat")),
    security(("session_token" = [])),
    responses(
        (status = 204, description = "The other members are notified"),
        SessionRequired, ChatNotFound, TooManyRequests, Unavailable,
    ))]
async fn notify_typing(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    Bearer(token): Bearer,
) -> HandlerResult<StatusCode> {
    service.notify_typing(chat_id, &token).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<ClientId>, Failure> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    match value.to_str() {
        Ok(key) if !key.trim().is_empty() && key.len() <= MAX_IDEMPOTENCY_KEY => {
            Ok(Some(ClientId::from_idempotency_key(key)))
        }
        _ => {
            let detail = format!("Idempotency-Key must be 1 to {MAX_IDEMPOTENCY_KEY} visible ASCII characters.");
            Err(Problem::new(Code::InvalidRequest, detail).about_field("Idempotency-Key").into())
        }
    }
}

fn merge_client_ids(body: Option<ClientId>, header: Option<ClientId>) -> Result<Option<ClientId>, Failure> {
    if body.is_some() && header.is_some() && body != header {
        let detail = "client_id and Idempotency-Key identify different messages. Send one of them.";
        return Err(Problem::new(Code::InvalidRequest, detail).about_field("client_id").into());
    }
    Ok(body.or(header))
}
