//! Staying, and coming back.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};

use crate::http::auth::Bearer;
use crate::http::body::RequestBody;
use crate::http::path::{ChatInPath, SessionInPath};
use crate::http::problem::Answer;
use crate::service::{Caller, Service};
use crate::wire::{self, Joined, OwnSeat, OwnSession, OwnSessions, Problem, Recovered, RecoveryCode};

/// Whose session it is, and how long it holds.
#[utoipa::path(get, path = "/{chat_id}/session", tag = "sessions",
    params(("chat_id" = uuid::Uuid, Path, description = "The chat")),
    security(("session_token" = [])),
    responses(
        (status = 200, description = "One's own seat", body = OwnSeat),
        (status = 401, description = "`session_required` or `session_expired`", body = Problem),
        (status = 404, description = "`chat_not_found`", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
pub(super) async fn show_session(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    Bearer(token): Bearer,
) -> Answer<Json<OwnSeat>> {
    let (member, expires_at) = service.show_seat(chat_id, &token).await?;
    Ok(Json(OwnSeat { expires_at, member: (&member).into() }))
}

/// End the session that asks. With the last of a seat, the seat is free.
#[utoipa::path(delete, path = "/{chat_id}/session", tag = "sessions",
    params(("chat_id" = uuid::Uuid, Path, description = "The chat")),
    security(("session_token" = [])),
    responses(
        (status = 204, description = "The session has ended"),
        (status = 401, description = "`session_required` or `session_expired`", body = Problem),
        (status = 404, description = "`chat_not_found`", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
pub(super) async fn end_own_session(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    Bearer(token): Bearer,
) -> Answer<StatusCode> {
    service.end_session(chat_id, &token, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List the sessions of one's own seat: the browsers in which an account is used.
#[utoipa::path(get, path = "/{chat_id}/sessions", tag = "sessions",
    params(("chat_id" = uuid::Uuid, Path, description = "The chat")),
    security(("session_token" = [])),
    responses(
        (status = 200, description = "The sessions, in the order in which they started", body = OwnSessions),
        (status = 401, description = "`session_required` or `session_expired`", body = Problem),
        (status = 404, description = "`chat_not_found`", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
pub(super) async fn list_sessions(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    Bearer(token): Bearer,
) -> Answer<Json<OwnSessions>> {
    let sessions = service.list_sessions(chat_id, &token).await?;
    Ok(Json(OwnSessions { sessions: sessions.iter().map(OwnSession::from).collect() }))
}

/// End one of the sessions of one's own seat. With the last, the seat is free.
///
/// Where it is not the session that asks, an owner's recovery code ends as well: the browser that is logged
/// out may hold it.
#[utoipa::path(delete, path = "/{chat_id}/sessions/{session_id}", tag = "sessions",
    params(
        ("chat_id" = uuid::Uuid, Path, description = "The chat"),
        ("session_id" = uuid::Uuid, Path, description = "The session"),
    ),
    security(("session_token" = [])),
    responses(
        (status = 204, description = "The session has ended"),
        (status = 401, description = "`session_required` or `session_expired`", body = Problem),
        (status = 404, description = "`chat_not_found`, or `not_found`: no such session of one's own", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
pub(super) async fn end_session(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    SessionInPath(session_id): SessionInPath,
    Bearer(token): Bearer,
) -> Answer<StatusCode> {
    service.end_session(chat_id, &token, Some(session_id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Get a new token for the same seat, good for a whole session lifetime. The old one ends.
///
/// Asked again with the old one within five minutes, it gives the same new one.
#[utoipa::path(post, path = "/{chat_id}/session", tag = "sessions",
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

/// Get a new recovery code; the one before brings nobody back any more.
#[utoipa::path(post, path = "/{chat_id}/recovery", tag = "sessions",
    params(("chat_id" = uuid::Uuid, Path, description = "The chat")),
    security(("session_token" = [])),
    responses(
        (status = 200, description = "The code, to be kept where it is safe", body = RecoveryCode),
        (status = 401, description = "`session_required` or `session_expired`", body = Problem),
        (status = 403, description = "`owner_only`", body = Problem),
        (status = 404, description = "`chat_not_found`", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
pub(super) async fn renew_recovery(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    Bearer(token): Bearer,
) -> Answer<Json<RecoveryCode>> {
    let code = service.renew_recovery(chat_id, &token).await?;
    Ok(Json(RecoveryCode { recovery_code: code.reveal() }))
}

/// Come back as an owner whose session is lost, with the code that was given to keep.
///
/// The seat is the same if it is still held, else a free one. Each use gives a new code; asked again
/// with the old one within five minutes, the answer is the same.
#[utoipa::path(post, path = "/{chat_id}/recover", tag = "sessions",
    params(("chat_id" = uuid::Uuid, Path, description = "The chat")),
    request_body = wire::Recover,
    responses(
        (status = 200, description = "The owner's seat, its session, and the code for the next time", body = Recovered),
        (status = 400, description = "`invalid_request`: not JSON", body = Problem),
        (status = 403, description = "`invalid_recovery`", body = Problem),
        (status = 404, description = "`chat_not_found`", body = Problem),
        (status = 409, description = "`chat_full`, or `username_taken`: give another `username`", body = Problem),
        (status = 413, description = "`payload_too_large`", body = Problem),
        (status = 422, description = "`invalid_request`: a field is wrong", body = Problem),
        (status = 429, description = "`too_many_requests`", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
pub(super) async fn recover(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    ChatInPath(chat_id): ChatInPath,
    RequestBody(request): RequestBody<wire::Recover>,
) -> Answer<Json<Recovered>> {
    let (code, username) = request.parse()?;
    let (seat, next) = service.recover(caller, chat_id, &code, username).await?;
    Ok(Json(Recovered { seat: Joined::from(&seat), recovery_code: next.reveal() }))
}
