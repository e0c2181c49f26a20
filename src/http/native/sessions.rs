//! A member's sessions, and the recovery of an owner's seat.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::AppState;
use crate::http::auth::Bearer;
use crate::http::body::RequestBody;
use crate::http::path::{ChatInPath, SessionInPath};
use crate::http::problem::HandlerResult;
use crate::http::responses::{
    ChatNotFound, InvalidField, InvalidJson, OwnerOnly, PayloadTooLarge, SessionRequired, TooManyRequests, Unavailable,
};
use crate::service::{self, Caller, Seat, Service};
use crate::wire::{self, Joined, OwnSeat, OwnSession, OwnSessions, Problem, Recovered, RecoveryCode};

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(renew_session, show_session, end_own_session))
        .routes(routes!(list_sessions))
        .routes(routes!(end_session))
        .routes(routes!(renew_recovery))
        .routes(routes!(recover))
}

/// Show the current session.
///
/// Returns its member, and when it expires.
#[utoipa::path(get, path = "/{chat_id}/session", tag = "sessions",
    params(("chat_id" = uuid::Uuid, Path, description = "The id of the chat")),
    security(("session_token" = [])),
    responses(
        (status = 200, description = "The caller's seat", body = OwnSeat),
        SessionRequired, ChatNotFound, Unavailable,
    ))]
async fn show_session(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    Bearer(token): Bearer,
) -> HandlerResult<Json<OwnSeat>> {
    let (member, expires_at) = service.show_seat(chat_id, &token).await?;
    Ok(Json(OwnSeat { expires_at, member: (&member).into() }))
}

/// End the current session.
///
/// Ending the last session of a seat frees the seat.
#[utoipa::path(delete, path = "/{chat_id}/session", tag = "sessions",
    params(("chat_id" = uuid::Uuid, Path, description = "The id of the chat")),
    security(("session_token" = [])),
    responses(
        (status = 204, description = "The session has ended"),
        SessionRequired, ChatNotFound, Unavailable,
    ))]
async fn end_own_session(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    Bearer(token): Bearer,
) -> HandlerResult<StatusCode> {
    service.end_session(chat_id, &token, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List the sessions of your seat.
///
/// An account has one session for each browser that is logged in.
#[utoipa::path(get, path = "/{chat_id}/sessions", tag = "sessions",
    params(("chat_id" = uuid::Uuid, Path, description = "The id of the chat")),
    security(("session_token" = [])),
    responses(
        (status = 200, description = "The sessions, in the order in which they started", body = OwnSessions),
        SessionRequired, ChatNotFound, Unavailable,
    ))]
async fn list_sessions(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    Bearer(token): Bearer,
) -> HandlerResult<Json<OwnSessions>> {
    let sessions = service.list_sessions(chat_id, &token).await?;
    Ok(Json(OwnSessions { sessions: sessions.iter().map(OwnSession::from).collect() }))
}

/// End a session of your seat.
///
/// Ending the last session of a seat frees the seat. Ending another session than the current one also ends an owner's
/// recovery code, because the browser that is logged out may have it.
#[utoipa::path(delete, path = "/{chat_id}/sessions/{session_id}", tag = "sessions",
    params(
        ("chat_id" = uuid::Uuid, Path, description = "The id of the chat"),
        ("session_id" = uuid::Uuid, Path, description = "The id of the session"),
    ),
    security(("session_token" = [])),
    responses(
        (status = 204, description = "The session has ended"),
        (status = 404, description = "`chat_not_found`, or `not_found`: your seat has no such session", body = Problem),
        SessionRequired, Unavailable,
    ))]
async fn end_session(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    SessionInPath(session_id): SessionInPath,
    Bearer(token): Bearer,
) -> HandlerResult<StatusCode> {
    service.end_session(chat_id, &token, Some(session_id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Renew the current session.
///
/// Returns a new token with a full lifetime, and ends the old one. A repeated call with the old token within five
/// minutes returns the same new token.
#[utoipa::path(post, path = "/{chat_id}/session", tag = "sessions",
    params(("chat_id" = uuid::Uuid, Path, description = "The id of the chat")),
    security(("session_token" = [])),
    responses(
        (status = 200, description = "The new session", body = wire::Session),
        SessionRequired, ChatNotFound, Unavailable,
    ))]
async fn renew_session(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    Bearer(token): Bearer,
) -> HandlerResult<Json<wire::Session>> {
    let (token, expires_at) = service.renew_session(chat_id, &token).await?;
    Ok(Json(wire::Session { session_token: token.reveal(), expires_at }))
}

/// Create a recovery code.
///
/// It replaces the previous code. Owners only.
#[utoipa::path(post, path = "/{chat_id}/recovery", tag = "sessions",
    params(("chat_id" = uuid::Uuid, Path, description = "The id of the chat")),
    security(("session_token" = [])),
    responses(
        (status = 200, description = "The code; keep it in a safe place", body = RecoveryCode),
        SessionRequired, OwnerOnly, ChatNotFound, Unavailable,
    ))]
async fn renew_recovery(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    Bearer(token): Bearer,
) -> HandlerResult<Json<RecoveryCode>> {
    let code = service.renew_recovery(chat_id, &token).await?;
    Ok(Json(RecoveryCode { recovery_code: code.reveal() }))
}

/// Recover an owner's seat.
///
/// For an owner who has lost the session. Recovers the same seat while it is taken, otherwise takes a free one. Each use returns a new code. A repeated call with the old code within five minutes returns the same
/// answer.
#[utoipa::path(post, path = "/{chat_id}/recover", tag = "sessions",
    params(("chat_id" = uuid::Uuid, Path, description = "The id of the chat")),
    request_body = wire::Recover,
    responses(
        (status = 200, description = "The owner's seat, its session, and the next recovery code", body = Recovered),
        (status = 403, description = "`invalid_recovery`: the code is unknown or already used", body = Problem),
        (status = 409, description = "`chat_full`, or `username_taken`: send another `username`", body = Problem),
        InvalidJson, ChatNotFound, PayloadTooLarge, InvalidField, TooManyRequests, Unavailable,
    ))]
async fn recover(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    ChatInPath(chat_id): ChatInPath,
    RequestBody(request): RequestBody<wire::Recover>,
) -> HandlerResult<Json<Recovered>> {
    let (code, username) = request.parse()?;
    let (seat, next) = service.recover(caller, chat_id, &code, username).await?;
    Ok(Json(Recovered { seat: Joined::from(&seat), recovery_code: next.reveal() }))
}

impl From<&Seat> for Joined {
    fn from(seat: &Seat) -> Self {
        let expires_at = seat.expires_at();
        Self { session_token: seat.token.reveal(), expires_at, member: (&seat.member).into() }
    }
}

impl From<&service::OwnSession> for OwnSession {
    fn from(session: &service::OwnSession) -> Self {
        Self {
            session_id: session.id.as_uuid(),
            started_at: session.started_at,
            expires_at: session.expires_at,
            current: session.is_current,
        }
    }
}
