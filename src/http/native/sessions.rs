//! Staying, and coming back.

use axum::extract::State;
use axum::{Extension, Json};

use crate::http::auth::Bearer;
use crate::http::body::RequestBody;
use crate::http::path::ChatInPath;
use crate::http::problem::Answer;
use crate::service::{Caller, Service};
use crate::wire::{self, Joined, OwnSeat, Problem, Recovered, RecoveryCode};

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
    let member = service.show_seat(chat_id, &token).await?;
    Ok(Json(OwnSeat { expires_at: member.session.expires_at, member: (&member).into() }))
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
