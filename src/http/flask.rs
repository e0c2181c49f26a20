//! Flask-Chat's dialect: rooms with accounts of their own.
//!
//! Thin over the same use cases. What is refused is answered with 200 and `succeeded: false`, as its
//! document has it; the explanation is for people.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use time::OffsetDateTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::body::{OptionalRequestBody, RequestBody};
use super::path::ChatInPath;
use super::problem::{Answer, Failure};
use crate::domain::{
    Admission, ChatName, Message, MessageText, PublicAccess, Refusal, Session, SessionToken, Settings, Username,
};
use crate::service::{self, Caller, Password, Service};
use crate::wire::Problem;
use crate::wire::addresses;
use crate::wire::flask::{Credentials, Login, NewRoom, Outcome, Room, Saying};

/// The most messages that `get_conversation` answers.
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

/// Create a room. It has no members yet, and 200 may log in.
///
/// A room can always be created: an alias that is too long is cut, and where none is given the room gets one.
#[utoipa::path(post, path = "/createroom", tag = "flask-chat", operation_id = "flask_create_room",
    request_body(content = Option<NewRoom>),
    responses(
        (status = 200, description = "The room", body = Room),
        (status = 400, description = "`invalid_request`: not JSON", body = Problem),
        (status = 413, description = "`payload_too_large`", body = Problem),
        (status = 422, description = "`invalid_request`: `alias` is no text", body = Problem),
        (status = 429, description = "`too_many_requests`", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
async fn create_room(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    OptionalRequestBody(request): OptionalRequestBody<NewRoom>,
) -> Answer<Json<Room>> {
    // By its document, a room can always be created.
    let alias = request.alias.as_deref().and_then(ChatName::fit);
    let alias =
        alias.map_or_else(|| ChatName::parse(&format!("Room {:04}", service.draw_uuid().as_u128() % 10_000)), Ok)?;
    // By its document, too, whoever knows the room's id reads.
    let settings = Settings::new(Admission::Account, None, None)?;
    let settings = Settings { public_access: PublicAccess::Read, ..settings };
    let answer = alias.as_str().to_owned();
    let room = service.open_chat(caller, None, Some(alias), settings).await?;
    Ok(Json(Room { roomid: room.as_uuid(), alias: answer }))
}

/// The room's page.
#[utoipa::path(get, path = "/{chat_id}/", tag = "flask-chat", operation_id = "flask_show_room",
    params(("chat_id" = uuid::Uuid, Path, description = "The room's `roomid`")),
    responses(
        (status = 303, description = "Where people register and log in"),
        (status = 404, description = "`chat_not_found`: no such id can be", body = Problem),
    ))]
async fn show_room(ChatInPath(chat_id): ChatInPath) -> Redirect {
    Redirect::to(&addresses::room(chat_id))
}

/// Make an account in the room. It takes no seat.
#[utoipa::path(post, path = "/{chat_id}/register", tag = "flask-chat", operation_id = "flask_register",
    params(("chat_id" = uuid::Uuid, Path, description = "The room's `roomid`")),
    request_body(content((Credentials = "application/json"), (Credentials = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, description = "Whether it was made", body = Outcome),
        (status = 429, description = "The same, with `Retry-After`", body = Outcome),
        (status = 503, description = "The same, with `Retry-After`", body = Outcome),
    ))]
async fn register(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    chat: Answer<ChatInPath>,
    body: Answer<RequestBody<Credentials>>,
) -> Response {
    let done = async {
        let (ChatInPath(chat_id), RequestBody(request)) = (chat?, body?);
        let (username, password) = (Username::parse(&request.username)?, Password::parse(&request.password)?);
        Ok(service.register(caller, chat_id, username, password).await?)
    };
    outcome(done.await)
}

/// Log in. An account may be used from ten browsers at once; of more, the one that logged in first is
/// logged out, and `explanation` says so.
#[utoipa::path(post, path = "/{chat_id}/login", tag = "flask-chat", operation_id = "flask_log_in",
    params(("chat_id" = uuid::Uuid, Path, description = "The room's `roomid`")),
    request_body(content((Credentials = "application/json"), (Credentials = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, description = "The token, or why there is none", body = Login),
        (status = 429, description = "The same, with `Retry-After`: wrong too often", body = Login),
        (status = 503, description = "The same, with `Retry-After`", body = Login),
    ))]
async fn log_in(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    chat: Answer<ChatInPath>,
    body: Answer<RequestBody<Credentials>>,
) -> Response {
    let done = async {
        let (ChatInPath(chat_id), RequestBody(request)) = (chat?, body?);
        // What could be nobody's name, or password, is as wrong as any other.
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
                format!("You were logged in {at_most} times, which is the most: the first of these logins has ended.")
            });
            Json(Login { succeeded: true, token: Some(token), explanation }).into_response()
        }
        Err(Failure(problem)) => refused(&problem, |explanation| Login { succeeded: false, token: None, explanation }),
    }
}

/// Read the last 50 messages, each as `YY-MM-DD HH:MM:SS <username> text`, in UTC.
#[utoipa::path(get, path = "/{chat_id}/get_conversation", tag = "flask-chat", operation_id = "flask_get_conversation",
    params(("chat_id" = uuid::Uuid, Path, description = "The room's `roomid`")),
    responses(
        (status = 200, description = "Oldest first", body = Vec<String>),
        (status = 401, description = "`session_required`: a chat that only its members read", body = Problem),
        (status = 404, description = "`chat_not_found`", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
async fn get_conversation(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
) -> Answer<Json<Vec<String>>> {
    let read = service.read_publicly(chat_id, 0).await?;
    let extra = read.messages.len().saturating_sub(CONVERSATION);
    Ok(Json(read.messages[extra..].iter().map(line).collect()))
}

/// Say something.
#[utoipa::path(post, path = "/{chat_id}/message", tag = "flask-chat", operation_id = "flask_post_message",
    params(("chat_id" = uuid::Uuid, Path, description = "The room's `roomid`")),
    request_body(content((Saying = "application/json"), (Saying = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, description = "Whether it was said", body = Outcome),
        (status = 429, description = "The same, with `Retry-After`", body = Outcome),
        (status = 503, description = "The same, with `Retry-After`", body = Outcome),
    ))]
async fn post_message(
    State(service): State<Service>,
    chat: Answer<ChatInPath>,
    body: Answer<RequestBody<Saying>>,
) -> Response {
    let done = async {
        let (ChatInPath(chat_id), RequestBody(request)) = (chat?, body?);
        let token = SessionToken::parse(&request.token).ok_or(Refusal::SessionRequired)?;
        let username = Username::parse(&request.username)?;
        // The token alone proves who one is; a name that is another's is a mistake worth hearing of.
        if !service.show_seat(chat_id, &token).await?.0.username.same_as(&username) {
            return Err(Refusal::SessionRequired.into());
        }
        let text = MessageText::parse(&request.message).map_err(|refusal| refusal.of_field("message"))?;
        service.post(chat_id, &token, text, None).await?;
        Ok(())
    };
    outcome(done.await.map_err(|Failure(problem)| Failure(in_words_of_the_dialect(problem))))
}

fn outcome(done: Answer<()>) -> Response {
    match done {
        Ok(()) => Json(Outcome { succeeded: true, explanation: None }).into_response(),
        Err(Failure(problem)) => refused(&problem, |explanation| Outcome { succeeded: false, explanation }),
    }
}

/// The refusal in the dialect's own shape. Only what is of the moment has a status of its own.
fn refused<T: serde::Serialize>(problem: &Problem, body: impl FnOnce(Option<String>) -> T) -> Response {
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

fn in_words_of_the_dialect(problem: Problem) -> Problem {
    if problem.status == 401 {
        return Problem { detail: "You are not logged in under that name. Log in again.".into(), ..problem };
    }
    problem
}

/// One line, whatever was said: what follows a line break would pass for another's words.
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
