//! Opening a chat, entering it, staying, and ending it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};

use super::open_invite;
use crate::http::auth::Bearer;
use crate::http::body::{JsonBody, OptionalJsonBody};
use crate::http::origin::SiteUrl;
use crate::http::path::ChatInPath;
use crate::http::problem::Answer;
use crate::service::{Caller, Service};
use crate::wire::{self, Created, Joined, Problem, Retention};

/// Open a chat. The caller becomes its owner.
#[utoipa::path(post, path = "/create", tag = "chats", request_body(content = Option<wire::CreateChat>),
    responses(
        (status = 201, description = "The chat, its owner's session and its first invite", body = Created),
        (status = 400, description = "`invalid_request`: not JSON", body = Problem),
        (status = 413, description = "`payload_too_large`", body = Problem),
        (status = 422, description = "`invalid_request`: a field is wrong", body = Problem),
        (status = 429, description = "`too_many_requests`", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
pub(super) async fn create_chat(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    SiteUrl(site): SiteUrl,
    OptionalJsonBody(request): OptionalJsonBody<wire::CreateChat>,
) -> Answer<(StatusCode, Json<Created>)> {
    let (username, name, settings) = request.parse()?;
    let new = service.create_chat(caller, username, name, settings).await?;
    let Joined { session_token, expires_at, member } = (&new.seat).into();
    let created = Created {
        chat_id: new.chat_id.as_uuid(),
        session_token,
        expires_at,
        member,
        invite: open_invite(&site, new.chat_id, &new.invite),
    };
    Ok((StatusCode::CREATED, Json(created)))
}

/// Enter a chat by an invite's key.
#[utoipa::path(post, path = "/{chat_id}/join", tag = "chats",
    params(("chat_id" = uuid::Uuid, Path, description = "The chat")),
    request_body = wire::JoinChat,
    responses(
        (status = 201, description = "A seat and its session", body = Joined),
        (status = 400, description = "`invalid_request`: not JSON", body = Problem),
        (status = 403, description = "`invalid_invite`", body = Problem),
        (status = 404, description = "`chat_not_found`", body = Problem),
        (status = 409, description = "`chat_full` or `username_taken`", body = Problem),
        (status = 413, description = "`payload_too_large`", body = Problem),
        (status = 422, description = "`invalid_request`: a field is wrong", body = Problem),
        (status = 429, description = "`too_many_requests`", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
pub(super) async fn join_chat(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    ChatInPath(chat_id): ChatInPath,
    JsonBody(request): JsonBody<wire::JoinChat>,
) -> Answer<(StatusCode, Json<Joined>)> {
    let (key, username) = request.parse()?;
    let seat = service.join(caller, chat_id, &key, username).await?;
    Ok((StatusCode::CREATED, Json(Joined::from(&seat))))
}

/// Get a new token for the same seat, good for a whole session lifetime. The old one ends.
#[utoipa::path(post, path = "/{chat_id}/session", tag = "chats",
    params(("chat_id" = uuid::Uuid, Path, description = "The chat")),
    security(("session_token" = [])),
    responses(
        (status = 200, description = "The new session", body = wire::Session),
        (status = 401, description = "`session_required` or `session_expired`", body = Problem),
        (status = 404, description = "`chat_not_found`", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
pub(super) async fn renew_session(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    Bearer(token): Bearer,
) -> Answer<Json<wire::Session>> {
    let (token, expires_at) = service.renew_session(chat_id, &token).await?;
    Ok(Json(wire::Session { session_token: token.reveal(), expires_at }))
}

/// What the server still holds of the chat, and until when.
#[utoipa::path(get, path = "/{chat_id}/retention", tag = "chats",
    params(("chat_id" = uuid::Uuid, Path, description = "The chat")),
    security(("session_token" = [])),
    responses(
        (status = 200, description = "What is kept", body = Retention),
        (status = 401, description = "`session_required` or `session_expired`", body = Problem),
        (status = 404, description = "`chat_not_found`", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
pub(super) async fn show_retention(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    Bearer(token): Bearer,
) -> Answer<Json<Retention>> {
    let retention = service.show_retention(chat_id, &token).await?;
    Ok(Json(Retention {
        messages: retention.messages,
        history: retention.history,
        oldest_sent_at: retention.oldest_sent_at,
        members: retention.members,
        forgotten_at: retention.forgotten_at,
    }))
}

/// End the chat for everyone. Nothing of it is kept.
#[utoipa::path(delete, path = "/{chat_id}", tag = "chats",
    params(("chat_id" = uuid::Uuid, Path, description = "The chat")),
    security(("session_token" = [])),
    responses(
        (status = 204, description = "The chat is gone"),
        (status = 401, description = "`session_required` or `session_expired`", body = Problem),
        (status = 403, description = "`owner_only`", body = Problem),
        (status = 404, description = "`chat_not_found`", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
pub(super) async fn end_chat(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    Bearer(token): Bearer,
) -> Answer<StatusCode> {
    service.end_chat(chat_id, &token).await?;
    Ok(StatusCode::NO_CONTENT)
}
