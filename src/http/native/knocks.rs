//! Those who ask to be let in, and those who wait for a seat.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};

use crate::domain::{InviteKey, KnockStatus, Refusal, Ticket};
use crate::http::accept::wants_events;
use crate::http::auth::{Bearer, secret};
use crate::http::body::RequestBody;
use crate::http::path::{ChatInPath, KnockInPath};
use crate::http::problem::Answer;
use crate::http::sse;
use crate::service::{Caller, Service, knock_view};
use crate::wire::{DecideKnock, Joined, Knock, KnockList, KnockState, KnockUpdate, Problem, Seats};

/// List who waits to be let in, longest-waiting first.
#[utoipa::path(get, path = "/{chat_id}/knocks", tag = "knocks",
    params(("chat_id" = uuid::Uuid, Path, description = "The chat")),
    security(("session_token" = [])),
    responses(
        (status = 200, description = "The knocks", body = KnockList),
        (status = 401, description = "`session_required` or `session_expired`", body = Problem),
        (status = 403, description = "`owner_only`", body = Problem),
        (status = 404, description = "`chat_not_found`", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
pub(super) async fn list_knocks(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    Bearer(token): Bearer,
) -> Answer<Json<KnockList>> {
    let knocks = service.list_knocks(chat_id, &token).await?;
    Ok(Json(KnockList { knocks: knocks.iter().map(Knock::from).collect() }))
}

/// Let someone in who waits, or do not.
#[utoipa::path(post, path = "/{chat_id}/knocks/{knock_id}", tag = "knocks",
    params(
        ("chat_id" = uuid::Uuid, Path, description = "The chat"),
        ("knock_id" = uuid::Uuid, Path, description = "The knock; the member that comes of it has the same id"),
    ),
    request_body = DecideKnock,
    security(("session_token" = [])),
    responses(
        (status = 200, description = "The knock as it is now", body = Knock),
        (status = 400, description = "`invalid_request`: not JSON", body = Problem),
        (status = 401, description = "`session_required` or `session_expired`", body = Problem),
        (status = 403, description = "`owner_only`", body = Problem),
        (status = 404, description = "`chat_not_found`, or `not_found`: unknown, or answered before", body = Problem),
        (status = 409, description = "`chat_full`", body = Problem),
        (status = 413, description = "`payload_too_large`", body = Problem),
        (status = 422, description = "`invalid_request`: a field is wrong", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
pub(super) async fn decide_knock(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    Bearer(token): Bearer,
    KnockInPath(knock_id): KnockInPath,
    RequestBody(request): RequestBody<DecideKnock>,
) -> Answer<Json<Knock>> {
    let knock = service.decide_knock(chat_id, &token, knock_id, request.decision).await?;
    Ok(Json(Knock::from(&knock)))
}

/// How a knock stands; once approved, with the session.
///
/// With `Accept: text/event-stream`, each change comes as a server-sent event at once.
#[utoipa::path(get, path = "/{chat_id}/knocks/{knock_id}", tag = "knocks",
    params(
        ("chat_id" = uuid::Uuid, Path, description = "The chat"),
        ("knock_id" = uuid::Uuid, Path, description = "The knock"),
    ),
    security(("ticket" = [])),
    responses(
        (status = 200, description = "The knock; as a stream, what becomes of it", content(
            (KnockState = "application/json"), (KnockUpdate = "text/event-stream"))),
        (status = 401, description = "`session_required`: no ticket, or another's", body = Problem),
        (status = 404, description = "`chat_not_found`, or `not_found`: withdrawn, expired, or never there", body = Problem),
        (status = 429, description = "`too_many_streams`", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
pub(super) async fn show_knock(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    ChatInPath(chat_id): ChatInPath,
    KnockInPath(knock_id): KnockInPath,
    headers: HeaderMap,
) -> Answer<Response> {
    let ticket = ticket(&headers)?;
    if !wants_events(&headers) {
        let view = service.show_knock(chat_id, knock_id, &ticket).await?;
        return Ok(Json(KnockState::from(&view)).into_response());
    }
    let watcher = service.watch_knock(caller, chat_id, knock_id, &ticket).await?;
    Ok(sse::watched(watcher, move |seen| {
        let update = seen.map_or(KnockUpdate::Ended, |(knock, member)| {
            let view = knock_view(knock, member, &ticket);
            match view.knock.status {
                KnockStatus::Pending => KnockUpdate::Pending,
                KnockStatus::Approved => KnockUpdate::Approved { session: view.seat.as_ref().map(Joined::from) },
                KnockStatus::Declined => KnockUpdate::Declined,
            }
        });
        (sse::event(update.name(), &update), !matches!(update, KnockUpdate::Pending))
    }))
}

/// Withdraw a knock.
#[utoipa::path(delete, path = "/{chat_id}/knocks/{knock_id}", tag = "knocks",
    params(
        ("chat_id" = uuid::Uuid, Path, description = "The chat"),
        ("knock_id" = uuid::Uuid, Path, description = "The knock"),
    ),
    security(("ticket" = [])),
    responses(
        (status = 204, description = "Nobody waits there any more"),
        (status = 401, description = "`session_required`: no ticket, or another's", body = Problem),
        (status = 404, description = "`chat_not_found` or `not_found`", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
pub(super) async fn withdraw_knock(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    KnockInPath(knock_id): KnockInPath,
    headers: HeaderMap,
) -> Answer<StatusCode> {
    service.withdraw_knock(chat_id, knock_id, &ticket(&headers)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How many seats are free, for whoever holds a magic link's key.
///
/// With `Accept: text/event-stream`, each change comes as a server-sent event at once: so one who
/// was refused because the chat is full waits for a seat. No seat is held meanwhile.
#[utoipa::path(get, path = "/{chat_id}/seats", tag = "knocks",
    params(("chat_id" = uuid::Uuid, Path, description = "The chat")),
    security(("invite_key" = [])),
    responses(
        (status = 200, description = "The seats; as a stream, each time they change", content(
            (Seats = "application/json"), (Seats = "text/event-stream"))),
        (status = 403, description = "`invalid_invite`", body = Problem),
        (status = 404, description = "`chat_not_found`", body = Problem),
        (status = 429, description = "`too_many_requests` or `too_many_streams`", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
pub(super) async fn show_seats(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    ChatInPath(chat_id): ChatInPath,
    headers: HeaderMap,
) -> Answer<Response> {
    let key: InviteKey = secret(&headers).ok_or(Refusal::InvalidInvite)?;
    if !wants_events(&headers) {
        return Ok(Json(seats(service.show_seats(caller, chat_id, &key).await?)).into_response());
    }
    let watcher = service.watch_seats(caller, chat_id, &key).await?;
    Ok(sse::watched(watcher, |seen| match seen {
        Ok(seen) => (sse::event("seats", &seats(seen)), false),
        Err(refusal) => (sse::event("ended", &Problem::from(refusal)), true),
    }))
}

fn seats((free, capacity): (usize, u32)) -> Seats {
    Seats { free: u32::try_from(free).unwrap_or(u32::MAX), capacity }
}

fn ticket(headers: &HeaderMap) -> Result<Ticket, Refusal> {
    secret(headers).ok_or(Refusal::TicketRequired)
}
