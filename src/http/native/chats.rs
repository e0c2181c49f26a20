//! Opening a chat, entering it, and ending it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};

use super::open_invite;
use crate::http::auth::Bearer;
use crate::http::body::{OptionalRequestBody, RequestBody};
use crate::http::origin::SiteUrl;
use crate::http::path::ChatInPath;
use crate::http::problem::Answer;
use crate::service::{Caller, Creator, Entrance, Joiner, Password, Service};
use crate::wire::{self, Created, Entered, Joined, Preview, Problem, Retention};

/// Open a chat. The caller becomes its owner.
#[utoipa::path(post, path = "/create", tag = "chats", request_body(content = Option<wire::CreateChat>),
    responses(
        (status = 201, description = "The chat, its owner's session and its first invite", body = Created),
        (status = 400, description = "`invalid_request`: not JSON", body = Problem),
        (status = 409, description = "`username_taken`: a name that stands for nobody, where nobody needs one", body = Problem),
        (status = 413, description = "`payload_too_large`", body = Problem),
        (status = 422, description = "`invalid_request`: a field is wrong", body = Problem),
        (status = 429, description = "`too_many_requests`", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
pub(super) async fn create_chat(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    SiteUrl(site): SiteUrl,
    OptionalRequestBody(request): OptionalRequestBody<wire::CreateChat>,
) -> Answer<(StatusCode, Json<Created>)> {
    let (username, name, settings) = request.parse()?;
    let password = request.password.as_deref().map(Password::parse).transpose()?;
    let new = service.create_chat(caller, Creator { username, password }, name, settings).await?;
    let Joined { session_token, expires_at, member } = (&new.seat).into();
    let created = Created {
        chat_id: new.chat_id.as_uuid(),
        session_token,
        expires_at,
        member,
        recovery_code: new.recovery.reveal(),
        invite: new.invite.as_ref().map(|invite| open_invite(&site, new.chat_id, invite)),
    };
    Ok((StatusCode::CREATED, Json(created)))
}

/// Enter a chat by an invite's key.
///
/// Where the invite asks first, this knocks: show the `ticket` at `/{chat_id}/knocks/{knock_id}` to
/// learn what an owner says. With a `join_id`, the same call made again gives the same seat, or the
/// same knock, and spends no second use of the invite.
#[utoipa::path(post, path = "/{chat_id}/join", tag = "chats",
    params(("chat_id" = uuid::Uuid, Path, description = "The chat")),
    request_body = wire::JoinChat,
    responses(
        (status = 201, description = "A seat and its session", body = Joined),
        (status = 202, description = "A knock, for an owner to answer", body = wire::Knocked),
        (status = 400, description = "`invalid_request`: not JSON", body = Problem),
        (status = 403, description = "`invalid_invite`", body = Problem),
        (status = 404, description = "`chat_not_found`", body = Problem),
        (status = 409, description = "`chat_full` or `username_taken`", body = Problem),
        (status = 413, description = "`payload_too_large`", body = Problem),
        (status = 422, description = "`invalid_request`: a field is wrong", body = Problem),
        (status = 429, description = "`too_many_requests`: from here, or too many wait already", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
pub(super) async fn join_chat(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    ChatInPath(chat_id): ChatInPath,
    RequestBody(request): RequestBody<wire::JoinChat>,
) -> Answer<(StatusCode, Json<Entered>)> {
    let (key, username) = request.parse()?;
    let joiner = request.join_id.map_or(Joiner::Unknown, Joiner::JoinId);
    let entrance = service.join(caller, chat_id, &key, username, joiner).await?;
    let status = match entrance {
        Entrance::Seated(_) => StatusCode::CREATED,
        Entrance::Knocked { .. } => StatusCode::ACCEPTED,
    };
    Ok((status, Json(Entered::from(&entrance))))
}

/// What stands behind a chat's address, for someone who has not entered.
///
/// Of a chat that is entered by a magic link, only what can be read without a session is shown.
#[utoipa::path(get, path = "/{chat_id}/preview", tag = "chats",
    params(("chat_id" = uuid::Uuid, Path, description = "The chat")),
    responses(
        (status = 200, description = "What the chat is called, and how one enters it", body = Preview),
        (status = 401, description = "`session_required`: only members see what the chat is called", body = Problem),
        (status = 404, description = "`chat_not_found`", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
pub(super) async fn preview_chat(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
) -> Answer<Json<Preview>> {
    let preview = service.preview_chat(chat_id).await?;
    Ok(Json(Preview {
        name: preview.name.map(|name| name.as_str().to_owned()),
        admission: preview.admission,
        public_access: preview.public_access,
    }))
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
