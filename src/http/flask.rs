//! Flask-Chat's dialect: rooms with accounts of their own.
//!
//! A thin layer over the same use cases. As in Flask-Chat's document, a refusal is a 200 with `succeeded: false`; its
//! explanation is for people.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use time::OffsetDateTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::body::{OptionalRequestBody, RequestBody};
use super::layers::note_refusal;
use super::path::ChatInPath;
use super::problem::{Failure, HandlerResult};
use super::responses::{InvalidJson, PayloadTooLarge, TooManyRequests, Unavailable};
use crate::domain::{
    Admission, ChatName, Message, MessageText, PublicAccess, Refusal, Session, SessionToken, Settings, Username,
};
use crate::service::{self, Caller, Password, Service};
use crate::wire::Problem;
use crate::wire::addresses;
use crate::wire::flask::{Credentials, Login, NewRoom, Outcome, PostBody, Room};

/// Maximum number of messages that `get_conversation` returns.
const CONVERSATION: usize = 50;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create_room))
        .routes(routes!(show_room))
        .routes(routes!(register))
        .routes(routes!(log_in))
        .routes(routes!(get_conversation))
        .routes(routes!(post_message))
}

/// Create a room.
///
/// The room has no members yet, and 200 seats. Anyone with its id can read it. An alias that is too long is shortened,
/// and a room without an alias gets one.
#[utoipa::path(post, path = "/createroom", tag = "flask-chat", operation_id = "flask_create_room",
    request_body(content = Option<NewRoom>),
    responses(
        (status = 200, description = "The new room", body = Room),
        (status = 422, description = "`invalid_request`: `alias` is not a string", body = Problem),
        InvalidJson, PayloadTooLarge, TooManyRequests, Unavailable,
    ))]
async fn create_room(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    OptionalRequestBody(request): OptionalRequestBody<NewRoom>,
) -> HandlerResult<Json<Room>> {
    // By its document, a room can always be created.
    let alias = request.alias.as_deref().and_then(ChatName::fit);
    let alias =
        alias.map_or_else(|| ChatName::parse(&format!("Room {:04}", service.draw_uuid().as_u128() % 10_000)), Ok)?;
    // By its document, anyone with the room's id can read it.
    let settings = Settings::new(Admission::Account, None, None)?;
    let settings = Settings { public_access: PublicAccess::Read, ..settings };
    let answer = alias.as_str().to_owned();
    let room = service.open_chat(caller, None, Some(alias), settings).await?;
    Ok(Json(Room { roomid: room.as_uuid(), alias: answer }))
}

/// Open the room's page.
///
/// Redirects to the page where people register and log in.
#[utoipa::path(get, path = "/{chat_id}/", tag = "flask-chat", operation_id = "flask_show_room",
    params(("chat_id" = uuid::Uuid, Path, description = "The `roomid` of the room")),
    responses(
        (status = 303, description = "Redirect to the page where people register and log in"),
        (status = 404, description = "`chat_not_found`: the id is not a UUID", body = Problem),
    ))]
async fn show_room(ChatInPath(chat_id): ChatInPath) -> Redirect {
    Redirect::to(&addresses::room(chat_id))
}

/// Register an account in the room.
///
/// Registering takes no seat; logging in does. A room has at most 200 accounts.
#[utoipa::path(post, path = "/{chat_id}/register", tag = "flask-chat", operation_id = "flask_register",
    params(("chat_id" = uuid::Uuid, Path, description = "The `roomid` of the room")),
    request_body(content((Credentials = "application/json"), (Credentials = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, description = "Whether the account was created", body = Outcome),
        (status = 429, description = "The same body, with `Retry-After`", body = Outcome),
        (status = 503, description = "The same body, with `Retry-After`", body = Outcome),
    ))]
async fn register(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    chat: HandlerResult<ChatInPath>,
    body: HandlerResult<RequestBody<Credentials>>,
) -> Response {
    let done = async {
        let (ChatInPath(chat_id), RequestBody(request)) = (chat?, body?);
        let (username, password) = (Username::parse(&request.username)?, Password::parse(&request.password)?);
        Ok(service.register(caller, chat_id, username, password).await?)
    };
    outcome(done.await)
}

/// Log in to the room.
///
/// Takes the account's seat, or adds a session to it. An account has at most ten sessions: an eleventh login ends the
/// session that started first, and `explanation` says so.
#[utoipa::path(post, path = "/{chat_id}/login", tag = "flask-chat", operation_id = "flask_log_in",
    params(("chat_id" = uuid::Uuid, Path, description = "The `roomid` of the room")),
    request_body(content((Credentials = "application/json"), (Credentials = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, description = "The token, or why the login was refused", body = Login),
        (status = 429, description = "The same body, with `Retry-After`: too many attempts to log in", body = Login),
        (status = 503, description = "The same body, with `Retry-After`", body = Login),
    ))]
async fn log_in(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    chat: HandlerResult<ChatInPath>,
    body: HandlerResult<RequestBody<Credentials>>,
) -> Response {
    let done = async {
        let (ChatInPath(chat_id), RequestBody(request)) = (chat?, body?);
        // A malformed name or password gets the same refusal as a wrong one.
        let wrong = |_| Refusal::WrongPassword;
        let username = Username::parse(&request.username).map_err(wrong)?;
        let password = Password::parse(&request.password).map_err(wrong)?;
        let join = service.draw_join();
        let login = service::Login { username, password, join: &join, ends_oldest: true };
        let (seat, has_ended_oldest) = service.log_in(caller, chat_id, login).await?;
        Ok::<_, Failure>((seat.token.reveal(), has_ended_oldest))
    };
    match done.await {
        Ok((token, has_ended_oldest)) => {
            let explanation = has_ended_oldest.then(|| {
                let at_most = Session::MAX_PER_MEMBER;
                format!("You were logged in {at_most} times, which is the maximum, so the oldest login has ended.")
            });
            Json(Login { succeeded: true, token: Some(token), explanation }).into_response()
        }
        Err(Failure(problem)) => refused(&problem, |explanation| Login { succeeded: false, token: None, explanation }),
    }
}

/// List the last 50 messages.
///
/// Each is a line `YY-MM-DD HH:MM:SS <username> text`, with the time in UTC. Needs no token.
#[utoipa::path(get, path = "/{chat_id}/get_conversation", tag = "flask-chat", operation_id = "flask_get_conversation",
    params(("chat_id" = uuid::Uuid, Path, description = "The `roomid` of the room")),
    responses(
        (status = 200, description = "The lines, oldest first", body = Vec<String>),
        (status = 401, description = "`session_required`: only members may read this chat", body = Problem),
        (status = 404, description = "`chat_not_found`: no such room, or it has ended", body = Problem),
        Unavailable,
    ))]
async fn get_conversation(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
) -> HandlerResult<Json<Vec<String>>> {
    let read = service.read_publicly(chat_id, 0).await?;
    let extra = read.messages.len().saturating_sub(CONVERSATION);
    Ok(Json(read.messages[extra..].iter().map(|message| line(message)).collect()))
}

/// Post a message to the room.
///
/// The token proves who posts; it is refused with a username other than its own.
#[utoipa::path(post, path = "/{chat_id}/message", tag = "flask-chat", operation_id = "flask_post_message",
    params(("chat_id" = uuid::Uuid, Path, description = "The `roomid` of the room")),
    request_body(content((PostBody = "application/json"), (PostBody = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, description = "Whether the message was posted", body = Outcome),
        (status = 429, description = "The same body, with `Retry-After`", body = Outcome),
        (status = 503, description = "The same body, with `Retry-After`", body = Outcome),
    ))]
async fn post_message(
    State(service): State<Service>,
    chat: HandlerResult<ChatInPath>,
    body: HandlerResult<RequestBody<PostBody>>,
) -> Response {
    let done = async {
        let (ChatInPath(chat_id), RequestBody(request)) = (chat?, body?);
        let token = SessionToken::parse(&request.token).ok_or(Refusal::SessionRequired)?;
        let username = Username::parse(&request.username)?;
        // The token alone proves who posts. A username that is not its own is a mistake worth reporting.
        if !service.show_seat(chat_id, &token).await?.0.username.same_as(&username) {
            return Err(Refusal::SessionRequired.into());
        }
        let text = MessageText::parse(&request.message).map_err(|refusal| refusal.of_field("message"))?;
        service.post(chat_id, &token, text, None).await?;
        Ok(())
    };
    outcome(done.await.map_err(|Failure(problem)| Failure(translate_problem(problem))))
}

fn outcome(done: HandlerResult<()>) -> Response {
    match done {
        Ok(()) => Json(Outcome { succeeded: true, explanation: None }).into_response(),
        Err(Failure(problem)) => refused(&problem, |explanation| Outcome { succeeded: false, explanation }),
    }
}

/// The refusal in the dialect's own shape. Only temporary refusals have a status of their own.
fn refused<T: serde::Serialize>(problem: &Problem, body: impl FnOnce(Option<String>) -> T) -> Response {
    note_refusal(problem.code);
    let status = match problem.status {
        429 => StatusCode::TOO_MANY_REQUESTS,
        503 => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::OK,
    };
    let mut response = (status, Json(body(Some(problem.detail.clone())))).into_response();
    if let Some(seconds) = problem.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn translate_problem(problem: Problem) -> Problem {
    if problem.status == 401 {
        return Problem { detail: "You are not logged in under that name. Log in again.".into(), ..problem };
    }
    problem
}

/// Formats a message as one line. Text after a line break would look like another member's message.
fn line(message: &Message) -> String {
    let seconds = message.sent_at.as_millis().div_euclid(1_000);
    let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (date, clock) = (time.date(), time.time());
    format!(
        "{:02}-{:02}-{:02} {:02}:{:02}:{:02} <{}> {}",
        date.year().rem_euclid(100),
        u8::from(date.month()),
        date.day(),
        clock.hour(),
        clock.minute(),
        clock.second(),
        message.username.as_str(),
        message.text.as_str().split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).collect::<Vec<_>>().join(" "),
    )
}
