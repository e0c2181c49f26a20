//! Chat App's dialect: a browser picks a name once, and enters chats by their address.
//!
//! A thin layer over the same use cases. The session token is a cookie that scripts cannot read, or a `Bearer` token. A
//! request that changes something by the cookie must come from a page of this site.

use axum::Json;
use axum::extract::{Extension, FromRequestParts, OriginalUri, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use time::Duration;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::auth::secret;
use super::body::RequestBody;
use super::origin::{SiteUrl, check_origin};
use super::path::HashKeyInPath;
use super::problem::{Failure, HandlerResult};
use super::query::cursor;
use super::responses::{
    BrowserSessionRequired, ChatNotFound, InvalidField, InvalidJson, PayloadTooLarge, TooManyRequests, Unavailable,
};
use crate::domain::{BrowserToken, MessageText, Refusal, Username};
use crate::service::{Caller, Service};
use crate::wire::addresses;
use crate::wire::chat_app::{
    BrowserSession, Chatroom, ChatroomMessage, ChatroomMessages, ChatroomPostBody, NewBrowserSession, NewChatroom,
    OwnName,
};
use crate::wire::{Joined, Problem};

pub(super) const COOKIE: &str = "watch-party-session";

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(open_session))
        .routes(routes!(show_session, end_session))
        .routes(routes!(create_chat))
        .routes(routes!(read_chat))
        .routes(routes!(post_message))
        .routes(routes!(enter_chat))
}

/// The browser's token, from the `Authorization` header or the cookie. The service decides whether it is valid.
pub(super) fn browser_token(headers: &HeaderMap) -> Option<BrowserToken> {
    if headers.contains_key(header::AUTHORIZATION) {
        return secret(headers);
    }
    // Of several cookies, the one of the innermost folder comes first (RFC 6265, 5.4). It is the one of this site.
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut cookies = cookies.flat_map(Cookie::split_parse).flatten().filter(|cookie| cookie.name() == COOKIE);
    cookies.find_map(|cookie| BrowserToken::parse(cookie.value()))
}

/// The calling browser. A page of another site cannot use its cookie to change anything.
struct Browser(BrowserToken);

impl FromRequestParts<AppState> for Browser {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> HandlerResult<Self> {
        let by_cookie = !parts.headers.contains_key(header::AUTHORIZATION);
        if by_cookie && !parts.method.is_safe() {
            let site = SiteUrl::from_request_parts(parts, state).await?;
            check_origin(&parts.headers, &site)?;
        }
        Ok(Self(browser_token(&parts.headers).ok_or(Refusal::BrowserSessionRequired)?))
    }
}

/// The cookie that contains `token`. Without a path, the browser limits it to the folder of the address that sets it.
/// That is the site's folder, wherever the site is on its host.
fn session_cookie(is_secure: bool, token: String, lifetime: Duration) -> Cookie<'static> {
    Cookie::build((COOKIE, token)).http_only(true).same_site(SameSite::Lax).secure(is_secure).max_age(lifetime).build()
}

/// Create a browser session.
///
/// The session is one name for all `open` chats, and lasts at most six hours. If the cookie
/// or the `Authorization` header already has a session, the call renames that session and its seats, and the other
/// members of those chats are notified.
#[utoipa::path(post, path = "/sessions", tag = "chat app", operation_id = "chat_app_open_session",
    request_body(content((NewBrowserSession = "application/json"), (NewBrowserSession = "application/x-www-form-urlencoded"))),
    responses(
        (status = 201, description = "The session; its token is set as a cookie too", body = BrowserSession),
        (status = 403, description = "`origin_not_allowed`: sent by a page of another site", body = Problem),
        (status = 409, description = "`username_taken`: taken in one of the browser's chats; nothing has changed", body = Problem),
        (status = 422, description = "`invalid_request`: `username` is missing or invalid", body = Problem),
        InvalidJson, PayloadTooLarge, TooManyRequests, Unavailable,
    ))]
async fn open_session(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    OriginalUri(asked): OriginalUri,
    site: SiteUrl,
    headers: HeaderMap,
    RequestBody(request): RequestBody<NewBrowserSession>,
) -> HandlerResult<impl IntoResponse> {
    // Another site must not give the visitor's browser a name.
    check_origin(&headers, &site)?;
    let username = Username::parse(&request.username)?;
    let before = browser_token(&headers);
    let (token, session) = service.open_browser_session(caller, username, before).await?;
    let answer = BrowserSession {
        token: token.reveal(),
        username: session.username.as_str().to_owned(),
        expires_at: session.expires_at,
    };
    let lifetime = service.policy().session_lifetime.try_into().unwrap_or(Duration::MAX);
    let mut cookie = session_cookie(site.is_secure(&headers), answer.token.clone(), lifetime);
    if asked.path().ends_with('/') {
        // With the slash, the default path would be one folder too deep.
        cookie.set_path(site.path());
    }
    Ok((StatusCode::CREATED, CookieJar::new().add(cookie), Json(answer)))
}

/// Show the browser session.
#[utoipa::path(get, path = "/sessions/me", tag = "chat app", operation_id = "chat_app_show_session",
    security(("browser_session" = []), ("browser_cookie" = [])),
    responses(
        (status = 200, description = "The name, and when the session expires", body = OwnName),
        BrowserSessionRequired, Unavailable,
    ))]
async fn show_session(State(service): State<Service>, Browser(token): Browser) -> HandlerResult<Json<OwnName>> {
    let session = service.show_browser_session(&token).await?;
    Ok(Json(OwnName { username: session.username.as_str().to_owned(), expires_at: session.expires_at }))
}

/// End the browser session.
///
/// Its seats stay until the browser leaves them, or their own sessions end.
#[utoipa::path(delete, path = "/sessions/me", tag = "chat app", operation_id = "chat_app_end_session",
    security(("browser_session" = []), ("browser_cookie" = [])),
    responses(
        (status = 204, description = "The session has ended"),
        (status = 403, description = "`origin_not_allowed`: sent by a page of another site", body = Problem),
        BrowserSessionRequired, Unavailable,
    ))]
async fn end_session(
    State(service): State<Service>,
    site: SiteUrl,
    headers: HeaderMap,
    Browser(token): Browser,
) -> HandlerResult<impl IntoResponse> {
    service.end_browser_session(&token).await?;
    let mut ended = session_cookie(site.is_secure(&headers), String::new(), Duration::ZERO);
    // The default path of this address would be one folder too deep.
    ended.set_path(site.path());
    Ok((StatusCode::NO_CONTENT, CookieJar::new().add(ended)))
}

/// Create a chatroom.
///
/// The first browser to enter becomes its owner.
#[utoipa::path(post, path = "/chats", tag = "chat app", operation_id = "chat_app_create_chat",
    request_body(content((NewChatroom = "application/json"), (NewChatroom = "application/x-www-form-urlencoded"))),
    responses(
        (status = 201, description = "The new chatroom", body = Chatroom),
        InvalidJson, PayloadTooLarge, InvalidField, TooManyRequests, Unavailable,
    ))]
async fn create_chat(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    SiteUrl(site): SiteUrl,
    RequestBody(request): RequestBody<NewChatroom>,
) -> HandlerResult<(StatusCode, Json<Chatroom>)> {
    let (name, settings) = request.parse()?;
    let chat_id = service.open_chat(caller, None, Some(name.clone()), settings).await?;
    let url = format!("{site}{}", addresses::chatroom(chat_id));
    let chatroom = Chatroom { name: name.as_str().to_owned(), hash_key: chat_id.as_uuid(), url };
    Ok((StatusCode::CREATED, Json(chatroom)))
}

/// List a chatroom's messages.
///
/// Returns the stored messages after a cursor, oldest first. Takes no seat.
#[utoipa::path(get, path = "/chats/{hash_key}/", tag = "chat app", operation_id = "chat_app_read_chat",
    params(
        ("hash_key" = uuid::Uuid, Path, description = "The id of the chatroom"),
        ("after" = Option<u64>, Query, description = "The id of the last message seen; by default 0, which returns all stored messages"),
    ),
    security(("browser_session" = []), ("browser_cookie" = [])),
    responses(
        (status = 200, description = "The chatroom's messages", body = ChatroomMessages),
        (status = 400, description = "`invalid_request`: `after` is not a number", body = Problem),
        (status = 409, description = "`wrong_admission`: the chat's `admission` is not `open`", body = Problem),
        BrowserSessionRequired, ChatNotFound, Unavailable,
    ))]
async fn read_chat(
    State(service): State<Service>,
    HashKeyInPath(chat_id): HashKeyInPath,
    Query(query): Query<Vec<(String, String)>>,
    Browser(token): Browser,
) -> HandlerResult<Json<ChatroomMessages>> {
    let (name, read) = service.read_open_chat(chat_id, &token, cursor(&query)?).await?;
    Ok(Json(ChatroomMessages::new(chat_id.as_uuid(), name.as_ref(), &read)))
}

/// Post a message to a chatroom.
///
/// Takes a seat first, if the browser has none there.
#[utoipa::path(post, path = "/chats/{hash_key}/messages", tag = "chat app", operation_id = "chat_app_post_message",
    params(("hash_key" = uuid::Uuid, Path, description = "The id of the chatroom")),
    request_body(content((ChatroomPostBody = "application/json"), (ChatroomPostBody = "application/x-www-form-urlencoded"))),
    security(("browser_session" = []), ("browser_cookie" = [])),
    responses(
        (status = 201, description = "The new message", body = ChatroomMessage),
        (status = 403, description = "`origin_not_allowed`: sent by a page of another site; `removed`: an owner removed this guest", body = Problem),
        (status = 409, description = "`chat_full`, `username_taken`, or `wrong_admission`: the chat's `admission` is not `open`", body = Problem),
        (status = 422, description = "`invalid_request`: `content` is missing or invalid", body = Problem),
        InvalidJson, BrowserSessionRequired, ChatNotFound, PayloadTooLarge, TooManyRequests, Unavailable,
    ))]
async fn post_message(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    HashKeyInPath(chat_id): HashKeyInPath,
    Browser(token): Browser,
    RequestBody(request): RequestBody<ChatroomPostBody>,
) -> HandlerResult<(StatusCode, Json<ChatroomMessage>)> {
    let text = MessageText::parse(&request.content).map_err(|refusal| refusal.of_field("content"))?;
    let posted = service.post_to_open_chat(caller, chat_id, &token, text).await?;
    Ok((StatusCode::CREATED, Json((&*posted.message).into())))
}

/// Enter a chatroom.
///
/// Takes a seat, and returns its session token for the calls and streams of the native API. A browser session has one
/// seat in a chatroom: entering again returns the same token until it is renewed.
#[utoipa::path(post, path = "/chats/{hash_key}/enter", tag = "chat app", operation_id = "chat_app_enter_chat",
    params(("hash_key" = uuid::Uuid, Path, description = "The id of the chatroom")),
    security(("browser_session" = []), ("browser_cookie" = [])),
    responses(
        (status = 201, description = "The seat and its session", body = Joined),
        (status = 403, description = "`origin_not_allowed`: sent by a page of another site; `removed`: an owner removed this guest", body = Problem),
        (status = 409, description = "`chat_full`, `username_taken`, or `wrong_admission`: the chat's `admission` is not `open`", body = Problem),
        BrowserSessionRequired, ChatNotFound, TooManyRequests, Unavailable,
    ))]
async fn enter_chat(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    HashKeyInPath(chat_id): HashKeyInPath,
    Browser(token): Browser,
) -> HandlerResult<(StatusCode, Json<Joined>)> {
    let seat = service.enter(caller, chat_id, &token).await?;
    Ok((StatusCode::CREATED, Json((&seat).into())))
}
