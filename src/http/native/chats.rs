//! Creating a chat, joining it, and ending it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::invites::invite_body;
use crate::http::AppState;
use crate::http::auth::Bearer;
use crate::http::body::{OptionalRequestBody, RequestBody};
use crate::http::origin::SiteUrl;
use crate::http::path::ChatInPath;
use crate::http::problem::HandlerResult;
use crate::http::responses::{
    ChatNotFound, InvalidField, InvalidJson, OwnerOnly, PayloadTooLarge, SessionRequired, TooManyRequests, Unavailable,
};
use crate::service::{Caller, Creator, JoinIdentity, JoinOutcome, Password, Service};
use crate::wire::{self, Created, Entered, Joined, Preview, Problem, Retention};

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create_chat))
        .routes(routes!(end_chat))
        .routes(routes!(join_chat))
        .routes(routes!(preview_chat))
        .routes(routes!(show_retention))
}

/// Create a chat.
///
/// The caller becomes its owner.
#[utoipa::path(post, path = "/create", tag = "chats", request_body(content = Option<wire::CreateChat>),
    responses(
        (status = 201, description = "The new chat, its owner's session and its first invite", body = Created),
        (status = 409, description = "`username_taken`: reserved for posts without a session", body = Problem),
        InvalidJson, PayloadTooLarge, InvalidField, TooManyRequests, Unavailable,
    ))]
async fn create_chat(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    SiteUrl(site): SiteUrl,
    OptionalRequestBody(request): OptionalRequestBody<wire::CreateChat>,
) -> HandlerResult<(StatusCode, Json<Created>)> {
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
        invite: new.invite.as_ref().map(|invite| invite_body(&site, new.chat_id, invite)),
    };
    Ok((StatusCode::CREATED, Json(created)))
}

/// Join a chat with an invite's key.
///
/// Returns a seat, or a knock if an owner must approve the guest first: poll or stream
/// `GET /{chat_id}/knocks/{knock_id}` with the knock's `ticket` for the decision. A call with a `join_id` can be
/// repeated: with the same key, it returns the same seat or the same knock, and counts as one use of the invite.
#[utoipa::path(post, path = "/{chat_id}/join", tag = "chats",
    params(("chat_id" = uuid::Uuid, Path, description = "The id of the chat")),
    request_body = wire::JoinChat,
    responses(
        (status = 201, description = "The seat and its session", body = Joined),
        (status = 202, description = "The knock, which waits for an owner", body = wire::Knocked),
        (status = 403, description = "`invalid_invite`: the key is unknown, used up, expired or revoked", body = Problem),
        (status = 409, description = "`chat_full`: no seat is free; or `username_taken`", body = Problem),
        (status = 429, description = "`too_many_requests`: too many from this address, or too many waiting guests", body = Problem),
        InvalidJson, ChatNotFound, PayloadTooLarge, InvalidField, Unavailable,
    ))]
async fn join_chat(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    ChatInPath(chat_id): ChatInPath,
    RequestBody(request): RequestBody<wire::JoinChat>,
) -> HandlerResult<(StatusCode, Json<Entered>)> {
    let (key, username) = request.parse()?;
    let joiner = request.join_id.map_or(JoinIdentity::Unknown, JoinIdentity::JoinId);
    let outcome = service.join(caller, chat_id, &key, username, joiner).await?;
    let status = match outcome {
        JoinOutcome::Seated(_) => StatusCode::CREATED,
        JoinOutcome::Knocked { .. } => StatusCode::ACCEPTED,
    };
    Ok((status, Json(Entered::from(&outcome))))
}

/// Preview a chat.
///
/// Without a session, for a chat whose `admission` is `open` or `account`, or whose `public_access` is `read` or `post`.
#[utoipa::path(get, path = "/{chat_id}/preview", tag = "chats",
    params(("chat_id" = uuid::Uuid, Path, description = "The id of the chat")),
    responses(
        (status = 200, description = "The chat's name, and how people join it", body = Preview),
        (status = 401, description = "`session_required`: only members may see the chat's name", body = Problem),
        ChatNotFound, Unavailable,
    ))]
async fn preview_chat(State(service): State<Service>, ChatInPath(chat_id): ChatInPath) -> HandlerResult<Json<Preview>> {
    let preview = service.preview_chat(chat_id).await?;
    Ok(Json(Preview {
        name: preview.name.map(|name| name.as_str().to_owned()),
        admission: preview.admission,
        public_access: preview.public_access,
    }))
}

/// Show what the server still stores of the chat, and until when.
#[utoipa::path(get, path = "/{chat_id}/retention", tag = "chats",
    params(("chat_id" = uuid::Uuid, Path, description = "The id of the chat")),
    security(("session_token" = [])),
    responses(
        (status = 200, description = "What the server stores", body = Retention),
        SessionRequired, ChatNotFound, Unavailable,
    ))]
async fn show_retention(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    Bearer(token): Bearer,
) -> HandlerResult<Json<Retention>> {
    let retention = service.show_retention(chat_id, &token).await?;
    Ok(Json(Retention {
        messages: retention.messages,
        history: retention.history,
        oldest_sent_at: retention.oldest_sent_at,
        members: retention.members,
        forgotten_at: retention.forgotten_at,
    }))
}

/// End the chat.
///
/// Ends the chat for everyone, and deletes all of it. Owners only.
#[utoipa::path(delete, path = "/{chat_id}", tag = "chats",
    params(("chat_id" = uuid::Uuid, Path, description = "The id of the chat")),
    security(("session_token" = [])),
    responses(
        (status = 204, description = "The chat has ended"),
        SessionRequired, OwnerOnly, ChatNotFound, Unavailable,
    ))]
async fn end_chat(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    Bearer(token): Bearer,
) -> HandlerResult<StatusCode> {
    service.end_chat(chat_id, &token).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<&JoinOutcome> for Entered {
    fn from(outcome: &JoinOutcome) -> Self {
        match outcome {
            JoinOutcome::Seated(seat) => Self::Seated(seat.into()),
            JoinOutcome::Knocked { knock, ticket } => Self::Knocked(wire::Knocked {
                knock_id: knock.id.as_uuid(),
                ticket: ticket.reveal(),
                status: knock.status,
                expires_at: knock.expires_at,
            }),
        }
    }
}
