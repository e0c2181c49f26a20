//! Chat App's dialect: a browser says once who it is, and enters chats by their address.
//!
//! Thin over the same use cases. The session is a cookie that no script can read, or `Bearer`; what
//! changes something by the cookie must come from a page of this very site.

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
use super::problem::{Answer, Failure};
use super::query::cursor;
use crate::domain::{BrowserToken, MessageText, Refusal, Username};
use crate::service::{Caller, Service};
use crate::wire::addresses;
use crate::wire::chat_app::{
    BrowserSession, Chatroom, ChatroomMessage, ChatroomMessages, ChatroomSaying, NewBrowserSession, NewChatroom,
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

/// The token of the browser that asks, wherever it stands. Whether it is good, the service knows.
pub(super) fn browser_token(headers: &HeaderMap) -> Option<BrowserToken> {
    if headers.contains_key(header::AUTHORIZATION) {
        return secret(headers);
    }
    // Of several, the one of the innermost folder comes first (RFC 6265, 5.4): it is this site's.
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut cookies = cookies.flat_map(Cookie::split_parse).flatten().filter(|cookie| cookie.name() == COOKIE);
    cookies.find_map(|cookie| BrowserToken::parse(cookie.value()))
}

/// The browser that asks. By its cookie alone, another site's page may change nothing.
struct Browser(BrowserToken);

impl FromRequestParts<AppState> for Browser {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Answer<Self> {
        let by_cookie = !parts.headers.contains_key(header::AUTHORIZATION);
        if by_cookie && !parts.method.is_safe() {
            let site = SiteUrl::from_request_parts(parts, state).await?;
            check_origin(&parts.headers, &site)?;
        }
        Ok(Self(browser_token(&parts.headers).ok_or(Refusal::BrowserSessionRequired)?))
    }
}

/// The cookie that holds `token`. Without a path it is for the folder of the address that gives it,
/// as the browser sees it: wherever the site stands on its host, that is the site.
fn session_cookie(is_secure: bool, token: String, lifetime: Duration) -> Cookie<'static> {
    Cookie::build((COOKIE, token)).http_only(true).same_site(SameSite::Lax).secure(is_secure).max_age(lifetime).build()
}

/// Say who you are, once for all chats that are entered by their address.
///
/// The session lives six hours at most. Where the cookie or the header names one already, that session goes
/// on under the new name, and so do its seats: the others in those chats learn of it.
#[utoipa::path(post, path = "/sessions", tag = "chat app", operation_id = "chat_app_open_session",
    request_body(content((NewBrowserSession = "application/json"), (NewBrowserSession = "application/x-www-form-urlencoded"))),
    responses(
        (status = 201, description = "The session, as a cookie too", body = BrowserSession),
        (status = 400, description = "`invalid_request`: not JSON", body = Problem),
        (status = 403, description = "`origin_not_allowed`: a page of another site asks", body = Problem),
        (status = 409, description = "`username_taken`: in a chat that this browser is in; nothing has changed", body = Problem),
        (status = 413, description = "`payload_too_large`", body = Problem),
        (status = 422, description = "`invalid_request`: `username` is wrong", body = Problem),
        (status = 429, description = "`too_many_requests`", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
async fn open_session(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    OriginalUri(asked): OriginalUri,
    site: SiteUrl,
    headers: HeaderMap,
    RequestBody(request): RequestBody<NewBrowserSession>,
) -> Answer<impl IntoResponse> {
    // Nobody's browser is given a name by another site.
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
        // That address is one folder deeper.
        cookie.set_path(site.path());
    }
    Ok((StatusCode::CREATED, CookieJar::new().add(cookie), Json(answer)))
}

/// Who one is.
#[utoipa::path(get, path = "/sessions/me", tag = "chat app", operation_id = "chat_app_show_session",
    security(("browser_session" = []), ("browser_cookie" = [])),
    responses(
        (status = 200, description = "The name", body = OwnName),
        (status = 401, description = "`session_required`", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
async fn show_session(State(service): State<Service>, Browser(token): Browser) -> Answer<Json<OwnName>> {
    let session = service.show_browser_session(&token).await?;
    Ok(Json(OwnName { username: session.username.as_str().to_owned(), expires_at: session.expires_at }))
}

/// Be nobody again. Seats that were taken stay until they are left, or their own sessions end.
#[utoipa::path(delete, path = "/sessions/me", tag = "chat app", operation_id = "chat_app_end_session",
    security(("browser_session" = []), ("browser_cookie" = [])),
    responses(
        (status = 204, description = "The session has ended"),
        (status = 401, description = "`session_required`", body = Problem),
        (status = 403, description = "`origin_not_allowed`: a page of another site asks", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
async fn end_session(
    State(service): State<Service>,
    site: SiteUrl,
    headers: HeaderMap,
    Browser(token): Browser,
) -> Answer<impl IntoResponse> {
    service.end_browser_session(&token).await?;
    let mut ended = session_cookie(site.is_secure(&headers), String::new(), Duration::ZERO);
    // This address is one folder deeper.
    ended.set_path(site.path());
    Ok((StatusCode::NO_CONTENT, CookieJar::new().add(ended)))
}

/// Create a chatroom. The first to enter owns it.
#[utoipa::path(post, path = "/chats", tag = "chat app", operation_id = "chat_app_create_chat",
    request_body(content((NewChatroom = "application/json"), (NewChatroom = "application/x-www-form-urlencoded"))),
    responses(
        (status = 201, description = "The chatroom", body = Chatroom),
        (status = 400, description = "`invalid_request`: not JSON", body = Problem),
        (status = 413, description = "`payload_too_large`", body = Problem),
        (status = 422, description = "`invalid_request`: a field is wrong", body = Problem),
        (status = 429, description = "`too_many_requests`", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
async fn create_chat(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    SiteUrl(site): SiteUrl,
    RequestBody(request): RequestBody<NewChatroom>,
) -> Answer<(StatusCode, Json<Chatroom>)> {
    let (name, settings) = request.parse()?;
    let chat_id = service.open_chat(caller, None, Some(name.clone()), settings).await?;
    let url = format!("{site}{}", addresses::chatroom(chat_id));
    let chatroom = Chatroom { name: name.as_str().to_owned(), hash_key: chat_id.as_uuid(), url };
    Ok((StatusCode::CREATED, Json(chatroom)))
}

/// Read a chatroom: the messages that are kept after a cursor, oldest first. It takes no seat.
#[utoipa::path(get, path = "/chats/{hash_key}/", tag = "chat app", operation_id = "chat_app_read_chat",
    params(
        ("hash_key" = uuid::Uuid, Path, description = "The chatroom"),
        ("after" = Option<u64>, Query, description = "The last message id seen; 0, or left out, for all that are kept"),
    ),
    security(("browser_session" = []), ("browser_cookie" = [])),
    responses(
        (status = 200, description = "The chatroom", body = ChatroomMessages),
        (status = 400, description = "`invalid_request`: `after` is no number", body = Problem),
        (status = 401, description = "`session_required`", body = Problem),
        (status = 404, description = "`chat_not_found`", body = Problem),
        (status = 409, description = "`wrong_admission`: a chat of another kind", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
async fn read_chat(
    State(service): State<Service>,
    HashKeyInPath(chat_id): HashKeyInPath,
    Query(query): Query<Vec<(String, String)>>,
    Browser(token): Browser,
) -> Answer<Json<ChatroomMessages>> {
    let (name, read) = service.read_by_address(chat_id, &token, cursor(&query)?).await?;
    Ok(Json(ChatroomMessages::new(chat_id.as_uuid(), name.as_ref(), &read)))
}

/// Say something, from a seat that is taken if there is none yet.
#[utoipa::path(post, path = "/chats/{hash_key}/messages", tag = "chat app", operation_id = "chat_app_post_message",
    params(("hash_key" = uuid::Uuid, Path, description = "The chatroom")),
    request_body(content((ChatroomSaying = "application/json"), (ChatroomSaying = "application/x-www-form-urlencoded"))),
    security(("browser_session" = []), ("browser_cookie" = [])),
    responses(
        (status = 201, description = "The message", body = ChatroomMessage),
        (status = 400, description = "`invalid_request`: not JSON", body = Problem),
        (status = 401, description = "`session_required`", body = Problem),
        (status = 403, description = "`origin_not_allowed`: a page of another site asks; or `removed`: an owner removed the guest who is asking", body = Problem),
        (status = 404, description = "`chat_not_found`", body = Problem),
        (status = 409, description = "`chat_full`, `username_taken`, or `wrong_admission`: a chat of another kind", body = Problem),
        (status = 413, description = "`payload_too_large`", body = Problem),
        (status = 422, description = "`invalid_request`: `content` is wrong", body = Problem),
        (status = 429, description = "`too_many_requests`", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
async fn post_message(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    HashKeyInPath(chat_id): HashKeyInPath,
    Browser(token): Browser,
    RequestBody(request): RequestBody<ChatroomSaying>,
) -> Answer<(StatusCode, Json<ChatroomMessage>)> {
    let text = MessageText::parse(&request.content).map_err(|refusal| refusal.of_field("content"))?;
    let posted = service.post_by_address(caller, chat_id, &token, text).await?;
    Ok((StatusCode::CREATED, Json((&posted.message).into())))
}

/// Take a seat in a chatroom, for the calls and events of the native API.
///
/// The same session has one seat in a chatroom: entering again gives the same token, as long as it
/// was not renewed.
#[utoipa::path(post, path = "/chats/{hash_key}/enter", tag = "chat app", operation_id = "chat_app_enter_chat",
    params(("hash_key" = uuid::Uuid, Path, description = "The chatroom")),
    security(("browser_session" = []), ("browser_cookie" = [])),
    responses(
        (status = 201, description = "A seat and its session", body = Joined),
        (status = 401, description = "`session_required`", body = Problem),
        (status = 403, description = "`origin_not_allowed`: a page of another site asks; or `removed`: an owner removed the guest who is asking", body = Problem),
        (status = 404, description = "`chat_not_found`", body = Problem),
        (status = 409, description = "`chat_full`, `username_taken`, or `wrong_admission`: a chat of another kind", body = Problem),
        (status = 429, description = "`too_many_requests`", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
async fn enter_chat(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    HashKeyInPath(chat_id): HashKeyInPath,
    Browser(token): Browser,
) -> Answer<(StatusCode, Json<Joined>)> {
    let seat = service.enter(caller, chat_id, &token).await?;
    Ok((StatusCode::CREATED, Json((&seat).into())))
}
