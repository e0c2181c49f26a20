//! Knocks, and waiting for a free seat.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::domain::{InviteKey, KnockStatus, Refusal, Ticket};
use crate::http::AppState;
use crate::http::accept::wants_events;
use crate::http::auth::{Bearer, secret};
use crate::http::body::RequestBody;
use crate::http::path::{ChatInPath, KnockInPath};
use crate::http::problem::HandlerResult;
use crate::http::responses::{
    ChatNotFound, InvalidField, InvalidJson, OwnerOnly, PayloadTooLarge, SessionRequired, TooManyStreams, Unavailable,
};
use crate::http::sse;
use crate::service::{Caller, KnockView, Service, knock_view};
use crate::wire::{DecideKnock, Joined, Knock, KnockList, KnockState, KnockUpdate, Problem, Seats};

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_knocks))
        .routes(routes!(show_knock, decide_knock, withdraw_knock))
        .routes(routes!(show_seats))
}

/// List the waiting knocks.
///
/// Longest-waiting first. Owners only.
#[utoipa::path(get, path = "/{chat_id}/knocks", tag = "knocks",
    params(("chat_id" = uuid::Uuid, Path, description = "The id of the chat")),
    security(("session_token" = [])),
    responses(
        (status = 200, description = "The waiting knocks", body = KnockList),
        SessionRequired, OwnerOnly, ChatNotFound, Unavailable,
    ))]
async fn list_knocks(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    Bearer(token): Bearer,
) -> HandlerResult<Json<KnockList>> {
    let knocks = service.list_knocks(chat_id, &token).await?;
    Ok(Json(KnockList { knocks: knocks.iter().map(Knock::from).collect() }))
}

/// Approve or decline a knock.
///
/// An approved guest gets a seat. Owners only.
#[utoipa::path(post, path = "/{chat_id}/knocks/{knock_id}", tag = "knocks",
    params(
        ("chat_id" = uuid::Uuid, Path, description = "The id of the chat"),
        ("knock_id" = uuid::Uuid, Path, description = "The id of the knock; an approved guest's `member_id` is the same"),
    ),
    request_body = DecideKnock,
    security(("session_token" = [])),
    responses(
        (status = 200, description = "The decided knock", body = Knock),
        (status = 404, description = "`chat_not_found`, or `not_found`: unknown, or already decided", body = Problem),
        (status = 409, description = "`chat_full`: no seat is free", body = Problem),
        InvalidJson, SessionRequired, OwnerOnly, PayloadTooLarge, InvalidField, Unavailable,
    ))]
async fn decide_knock(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    Bearer(token): Bearer,
    KnockInPath(knock_id): KnockInPath,
    RequestBody(request): RequestBody<DecideKnock>,
) -> HandlerResult<Json<Knock>> {
    let knock = service.decide_knock(chat_id, &token, knock_id, request.decision).await?;
    Ok(Json(Knock::from(&knock)))
}

/// Show a knock.
///
/// For the guest, with the knock's ticket. An approved knock includes the guest's seat until the seat's session is renewed. With
/// `Accept: text/event-stream`, each change is sent at once as a server-sent event.
#[utoipa::path(get, path = "/{chat_id}/knocks/{knock_id}", tag = "knocks",
    params(
        ("chat_id" = uuid::Uuid, Path, description = "The id of the chat"),
        ("knock_id" = uuid::Uuid, Path, description = "The id of the knock"),
    ),
    security(("ticket" = [])),
    responses(
        (status = 200, description = "The knock; as a stream, each change of its status", content(
            (KnockState = "application/json"), (KnockUpdate = "text/event-stream"))),
        (status = 401, description = "`session_required`: no ticket, or another knock's", body = Problem),
        (status = 404, description = "`chat_not_found`, or `not_found`: withdrawn, expired or unknown", body = Problem),
        TooManyStreams, Unavailable,
    ))]
async fn show_knock(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    ChatInPath(chat_id): ChatInPath,
    KnockInPath(knock_id): KnockInPath,
    headers: HeaderMap,
) -> HandlerResult<Response> {
    let ticket = ticket(&headers)?;
    if !wants_events(&headers) {
        let view = service.show_knock(chat_id, knock_id, &ticket).await?;
        return Ok(Json(KnockState::from(&view)).into_response());
    }
    let watcher = service.watch_knock(caller, chat_id, knock_id, &ticket).await?;
    Ok(sse::watched(&service, watcher, move |seen| {
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
///
/// For the guest, with the knock's ticket. If an owner has already approved it, the guest leaves the seat.
#[utoipa::path(delete, path = "/{chat_id}/knocks/{knock_id}", tag = "knocks",
    params(
        ("chat_id" = uuid::Uuid, Path, description = "The id of the chat"),
        ("knock_id" = uuid::Uuid, Path, description = "The id of the knock"),
    ),
    security(("ticket" = [])),
    responses(
        (status = 204, description = "The knock is withdrawn"),
        (status = 401, description = "`session_required`: no ticket, or another knock's", body = Problem),
        (status = 404, description = "`chat_not_found`, or `not_found`: no such knock", body = Problem),
        Unavailable,
    ))]
async fn withdraw_knock(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    KnockInPath(knock_id): KnockInPath,
    headers: HeaderMap,
) -> HandlerResult<StatusCode> {
    service.withdraw_knock(chat_id, knock_id, &ticket(&headers)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Show how many seats are free.
///
/// For anyone with an invite's key. With `Accept: text/event-stream`, each change is sent at once as a server-sent
/// event, so that a guest who was refused because the chat is full can wait for a seat. Waiting reserves no seat.
#[utoipa::path(get, path = "/{chat_id}/seats", tag = "knocks",
    params(("chat_id" = uuid::Uuid, Path, description = "The id of the chat")),
    security((), ("invite_key" = [])),
    responses(
        (status = 200, description = "The seats; as a stream, each change of them", content(
            (Seats = "application/json"), (Seats = "text/event-stream"))),
        (status = 403, description = "`invalid_invite`: the key is unknown, used up, expired or revoked", body = Problem),
        (status = 429, description = "`too_many_requests`, or `too_many_streams`", body = Problem),
        ChatNotFound, Unavailable,
    ))]
async fn show_seats(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    ChatInPath(chat_id): ChatInPath,
    headers: HeaderMap,
) -> HandlerResult<Response> {
    let key: InviteKey = secret(&headers).ok_or(Refusal::InvalidInvite)?;
    if !wants_events(&headers) {
        return Ok(Json(seats(service.show_seats(caller, chat_id, &key).await?)).into_response());
    }
    let watcher = service.watch_seats(caller, chat_id, &key).await?;
    Ok(sse::watched(&service, watcher, |seen| match seen {
        Ok(seen) => (sse::event("seats", &seats(seen)), false),
        Err(refusal) => (sse::event("ended", &Problem::from(refusal)), true),
    }))
}

impl From<&KnockView> for KnockState {
    fn from(KnockView { knock, seat }: &KnockView) -> Self {
        Self { status: knock.status, expires_at: knock.expires_at, session: seat.as_ref().map(Joined::from) }
    }
}

fn seats((free, capacity): (usize, u32)) -> Seats {
    Seats { free: u32::try_from(free).unwrap_or(u32::MAX), capacity }
}

fn ticket(headers: &HeaderMap) -> Result<Ticket, Refusal> {
    secret(headers).ok_or(Refusal::TicketRequired)
}
