//! Reading and writing.

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Json};

use super::live;
use crate::domain::{ClientId, Refusal};
use crate::http::accept::{wants_events, wants_page};
use crate::http::auth::{Asker, Bearer};
use crate::http::body::MessageBody;
use crate::http::path::ChatInPath;
use crate::http::problem::{Answer, Failure};
use crate::http::query::cursor;
use crate::service::{Caller, Service};
use crate::wire::addresses;
use crate::wire::{Code, LiveEvent, Message, Messages, Problem};

/// The longest `Idempotency-Key` that is taken.
const MAX_IDEMPOTENCY_KEY: usize = 255;

/// Read the messages after a cursor, oldest first.
///
/// A chat whose `public_access` allows it is read without a session.
///
/// With `Accept: text/event-stream`, the same messages come as server-sent events, and after them
/// everything that happens; a `Last-Event-ID` stands before `after`. A browser that asks for HTML without a token is sent on to the chat's page.
#[utoipa::path(get, path = "/{chat_id}", tag = "messages",
    params(
        ("chat_id" = uuid::Uuid, Path, description = "The chat"),
        ("after" = Option<u64>, Query, description = "The last message id seen; 0, or left out, for all that are kept"),
    ),
    security(("session_token" = [])),
    responses(
        (status = 200, description = "What the reader has not seen; as a stream, events", content(
            (Messages = "application/json"), (LiveEvent = "text/event-stream"))),
        (status = 303, description = "The chat's page, for a browser"),
        (status = 400, description = "`invalid_request`: `after` is no number", body = Problem),
        (status = 401, description = "`session_required` or `session_expired`", body = Problem),
        (status = 404, description = "`chat_not_found`", body = Problem),
        (status = 429, description = "`too_many_streams`: the newest gives way", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
pub(super) async fn read_messages(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    chat: Answer<ChatInPath>,
    asker: Answer<Asker>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Answer<Response> {
    if wants_page(&headers) && !headers.contains_key(header::AUTHORIZATION) {
        let page = chat.map_or_else(|_| addresses::NO_SUCH_CHAT.into(), |ChatInPath(id)| addresses::chat(id));
        return Ok(Redirect::to(&page).into_response());
    }
    let ChatInPath(chat_id) = chat?;
    let after = cursor(&query)?;
    let token = match asker? {
        Asker::Nobody if !wants_events(&headers) => {
            let unseen = service.read_publicly(chat_id, after).await?;
            return Ok(Json(Messages::from(&unseen)).into_response());
        }
        Asker::Nobody => return Err(Refusal::SessionRequired.into()),
        Asker::Member(token) => token,
    };
    if wants_events(&headers) {
        return live::event_stream(&service, caller, chat_id, &token, after, &headers).await;
    }
    let unseen = service.read_messages(chat_id, &token, after).await?;
    Ok(Json(Messages::from(&unseen)).into_response())
}

/// Say something.
///
/// With a `client_id`, or an `Idempotency-Key` header, the same call made again makes no second
/// message. A chat whose `public_access` allows it takes messages without a session, and without a
/// `client_id`: nobody could tell whose it is.
#[utoipa::path(post, path = "/{chat_id}", tag = "messages",
    params(
        ("chat_id" = uuid::Uuid, Path, description = "The chat"),
        ("Idempotency-Key" = Option<String>, Header, description = "Stands for a `client_id`; 1 to 255 visible characters"),
    ),
    request_body(content((crate::wire::PostMessage = "application/json"), (String = "text/plain"))),
    security(("session_token" = [])),
    responses(
        (status = 201, description = "The message", body = Message),
        (status = 200, description = "The message that this client id made before", body = Message),
        (status = 400, description = "`invalid_request`: not JSON, or not UTF-8", body = Problem),
        (status = 401, description = "`session_required` or `session_expired`", body = Problem),
        (status = 404, description = "`chat_not_found`", body = Problem),
        (status = 413, description = "`payload_too_large`", body = Problem),
        (status = 422, description = "`invalid_request`: a field is wrong", body = Problem),
        (status = 429, description = "`too_many_requests`", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
pub(super) async fn post_message(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    ChatInPath(chat_id): ChatInPath,
    asker: Asker,
    headers: HeaderMap,
    MessageBody(request): MessageBody,
) -> Answer<(StatusCode, Json<Message>)> {
    let (text, client_id) = request.parse()?;
    let client_id = one_client_id(client_id, idempotency_key(&headers)?)?;
    let posted = match asker {
        Asker::Member(token) => service.post(chat_id, &token, text, client_id).await?,
        Asker::Nobody => {
            let posted = service.post_publicly(caller, chat_id, text, client_id).await?;
            return Ok((StatusCode::CREATED, Json(Message::from(&posted.message))));
        }
    };
    let status = if posted.is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(Message::from(&posted.message))))
}

/// Say that one is writing. The others are told; it is kept nowhere.
#[utoipa::path(post, path = "/{chat_id}/typing", tag = "messages",
    params(("chat_id" = uuid::Uuid, Path, description = "The chat")),
    security(("session_token" = [])),
    responses(
        (status = 204, description = "The others are told"),
        (status = 401, description = "`session_required` or `session_expired`", body = Problem),
        (status = 404, description = "`chat_not_found`", body = Problem),
        (status = 429, description = "`too_many_requests`", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
pub(super) async fn notify_typing(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    Bearer(token): Bearer,
) -> Answer<StatusCode> {
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

fn one_client_id(body: Option<ClientId>, header: Option<ClientId>) -> Result<Option<ClientId>, Failure> {
    if body.is_some() && header.is_some() && body != header {
        let detail = "client_id and Idempotency-Key name two different messages.";
        return Err(Problem::new(Code::InvalidRequest, detail).about_field("client_id").into());
    }
    Ok(body.or(header))
}
