//! Silly Chat's dialect: chat URLs, link URLs, and an owner who approves guests.
//!
//! Thin over the same use cases. `author_id` and `client_id` are random UUIDs that stand for a
//! session (and for the right to one), so they are credentials: nobody else is ever shown them.
//! Messages and requests name members and knocks by their public ids.

use axum::Json;
use std::collections::VecDeque;

use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use futures_util::stream;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::AppState;
use super::accept::{wants_events, wants_page};
use super::auth::secret_text;
use super::body::{JsonBody, OptionalJsonBody};
use super::origin::{SiteUrl, is_same_host};
use super::problem::{Answer, Failure};
use super::sse;
use crate::app::addresses;
use crate::domain::{
    Admission, ChatId, Decision, InviteKey, InviteTerms, Knock, KnockId, KnockStatus, MessageText, RecoveryCode,
    Refusal, SessionToken, Settings, Username,
};
use crate::service::{Caller, Error, Follower, Joiner, Owner, Service, Standing, Update};
use crate::wire::silly::{
    ApproveGuest, Conversation, Exchange, GuestRequest, IsApproved, Link, NewChat, NewLink, NewMessage, Said,
};
use crate::wire::{Code, Problem};

const CHATS: &str = "/v1/chats/";
const LINKS: &str = "/v1/links/";
/// Guests have no name of their own here: they are Guest, Guest 2, Guest 3 …
const GUEST: &str = "Guest";
const MAX_GUESTS: u32 = Settings::MAX_CAPACITY + 20;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create_chat))
        .routes(routes!(read_chat, post_message))
        .routes(routes!(create_link))
        .routes(routes!(exchange_link))
        .routes(routes!(show_approval, approve))
}

/// Create a chat. Its owner approves those who come by its links.
#[utoipa::path(post, path = "/v1/chats", tag = "silly chat", operation_id = "silly_create_chat", request_body(content = Option<Object>),
    responses(
        (status = 201, description = "The chat URL and the owner's credential", body = NewChat),
        (status = 400, description = "`invalid_request`: not JSON", body = Problem),
        (status = 413, description = "`payload_too_large`", body = Problem),
        (status = 422, description = "`invalid_request`: not an object", body = Problem),
        (status = 429, description = "`too_many_requests`", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
async fn create_chat(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    SiteUrl(site): SiteUrl,
    OptionalJsonBody(_): OptionalJsonBody<serde_json::Map<String, serde_json::Value>>,
) -> Answer<(StatusCode, Json<NewChat>)> {
    let settings = Settings::new(Admission::Approval, Some(Settings::MAX_CAPACITY), Some(Settings::MAX_HISTORY))?;
    let author_id = service.draw_uuid();
    // The same id brings the owner back when the session has ended.
    let (token, recovery) = (SessionToken::from_uuid(author_id), RecoveryCode::from_uuid(author_id));
    let owner = Owner { username: Username::parse("Owner")?, token: &token, recovery: &recovery };
    let chat_id = service.open_chat(caller, Some(owner), None, settings).await?;
    let chat_url = format!("{site}{CHATS}{chat_id}");
    Ok((StatusCode::CREATED, Json(NewChat { chat_url, author_id })))
}

/// Read all messages that are kept.
///
/// With `Accept: text/event-stream`, the same messages come as events named `message`, then each new
/// one; the owner is told of every `approval_request` at once. A browser that asks for HTML is sent
/// on to the chat's page.
#[utoipa::path(get, path = "/v1/chats/{opaque}", tag = "silly chat", operation_id = "silly_read_chat",
    params(
        ("opaque" = String, Path, description = "The end of a chat URL"),
        ("author_id" = Option<Uuid>, Query, description = "The reader's credential; better as `Authorization: Bearer`"),
    ),
    responses(
        (status = 200, description = "The messages, oldest first", content(
            (Conversation = "application/json"), (GuestRequest = "text/event-stream"))),
        (status = 303, description = "The chat's page, for a browser"),
        (status = 401, description = "`session_required` or `session_expired`", body = Problem),
        (status = 404, description = "`chat_not_found`", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
async fn read_chat(
    State(service): State<Service>,
    Path(opaque): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Answer<Response> {
    let author = credential(&query, "author_id", &headers);
    if !matches!(author, Ok(Some(_))) && wants_page(&headers) {
        let page = opaque.parse::<ChatId>().map_or_else(|_| addresses::NO_SUCH_CHAT.into(), addresses::chat);
        return Ok(Redirect::to(&page).into_response());
    }
    let chat_id = chat_in(&opaque)?;
    let token = author.ok().flatten().map(SessionToken::from_uuid).ok_or_else(not_an_author)?;
    if !wants_events(&headers) {
        let unseen = service.read(chat_id, &token, 0).await.map_err(as_author)?;
        return Ok(Json(Conversation { messages: unseen.messages.iter().map(Said::from).collect() }).into_response());
    }
    let follower = service.follow(chat_id, &token, 0).await.map_err(as_author)?;
    let waiting = match service.list_knocks(chat_id, &token).await {
        Ok(waiting) => waiting,
        Err(Error::Refused(Refusal::OwnerOnly)) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let owner = OwnerStream { service, chat_id, token, follower, told: Vec::new(), next: waiting.into() };
    Ok(sse::answer(stream::unfold(owner, |mut owner| async move { Some((owner.next().await?, owner)) })))
}

/// What is told to one who listens to a chat.
struct OwnerStream {
    service: Service,
    chat_id: ChatId,
    token: SessionToken,
    follower: Follower,
    /// The requests that were told already.
    told: Vec<KnockId>,
    /// Those that are to be told next.
    next: VecDeque<Knock>,
}

impl OwnerStream {
    async fn next(&mut self) -> Option<sse::Event> {
        loop {
            while let Some(knock) = self.next.pop_front() {
                if !self.told.contains(&knock.id) {
                    self.told.push(knock.id);
                    return Some(sse::event("approval_request", &GuestRequest::from(&knock)));
                }
            }
            match self.follower.next().await.ok()? {
                Update::Posted(message) => return Some(sse::event("message", &Said::from(&message))),
                Update::Knocked(knock) => self.next.push_back(knock),
                Update::KnockEnded { knock_id, .. } => self.told.retain(|told| *told != knock_id),
                // There may be requests that nothing has told of, or that one may see only now.
                Update::MembersChanged | Update::RoleChanged { .. } => {
                    self.next.extend(self.service.list_knocks(self.chat_id, &self.token).await.unwrap_or_default());
                }
                _ => {}
            }
        }
    }
}

/// Say something.
#[utoipa::path(post, path = "/v1/chats/{opaque}", tag = "silly chat", operation_id = "silly_post_message",
    params(("opaque" = String, Path, description = "The end of a chat URL")),
    request_body = NewMessage,
    responses(
        (status = 201, description = "The message", body = Said),
        (status = 400, description = "`invalid_request`: not JSON", body = Problem),
        (status = 401, description = "`session_required` or `session_expired`", body = Problem),
        (status = 404, description = "`chat_not_found`", body = Problem),
        (status = 413, description = "`payload_too_large`", body = Problem),
        (status = 422, description = "`invalid_request`: a field is wrong", body = Problem),
        (status = 429, description = "`too_many_requests`", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
async fn post_message(
    State(service): State<Service>,
    Path(opaque): Path<String>,
    JsonBody(request): JsonBody<NewMessage>,
) -> Answer<(StatusCode, Json<Said>)> {
    let chat_id = chat_in(&opaque)?;
    let text = MessageText::parse(&request.message).map_err(|refusal| refusal.of_field("message"))?;
    let token = SessionToken::from_uuid(request.author_id);
    let posted = service.post(chat_id, &token, text, None).await.map_err(as_author)?;
    Ok((StatusCode::CREATED, Json(Said::from(&posted.message))))
}

/// Create a link to a chat; the owner's right.
#[utoipa::path(post, path = "/v1/links", tag = "silly chat", operation_id = "silly_create_link", request_body = NewLink,
    responses(
        (status = 201, description = "The link", body = Link),
        (status = 400, description = "`invalid_request`: not JSON", body = Problem),
        (status = 401, description = "`session_required` or `session_expired`", body = Problem),
        (status = 403, description = "`owner_only`", body = Problem),
        (status = 404, description = "`chat_not_found`", body = Problem),
        (status = 413, description = "`payload_too_large`", body = Problem),
        (status = 422, description = "`invalid_request`: a field is wrong, or the URL is of another site", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
async fn create_link(
    State(service): State<Service>,
    SiteUrl(site): SiteUrl,
    JsonBody(request): JsonBody<NewLink>,
) -> Answer<(StatusCode, Json<Link>)> {
    let chat_id = chat_in(opaque_of("chat_url", &request.chat_url, &site, CHATS)?)?;
    let token = SessionToken::from_uuid(request.author_id);
    let terms = InviteTerms { asks_first: Some(request.approval.unwrap_or(true)), ..InviteTerms::default() };
    let open = service.create_invite(chat_id, &token, terms).await.map_err(as_author)?;
    let link = Link { link_url: link_url(&site, chat_id, &open.key), link_id: open.invite.id.as_uuid() };
    Ok((StatusCode::CREATED, Json(link)))
}

/// Exchange a link for the chat URL: the first time, this asks the owner.
///
/// The answer names the guest's `client_id`: ask again with it, or listen with
/// `Accept: text/event-stream`, and learn of the approval at once. Browsers are sent to the page
/// where people join, and what only previews the link asks nobody anything.
#[utoipa::path(get, path = "/v1/links/{opaque}", tag = "silly chat", operation_id = "silly_exchange_link",
    params(
        ("opaque" = String, Path, description = "The end of a link URL"),
        ("client_id" = Option<Uuid>, Query, description = "The guest's credential; better as `Authorization: Bearer`"),
    ),
    responses(
        (status = 200, description = "Approved: with the chat URL", content(
            (Exchange = "application/json"), (Exchange = "text/event-stream"))),
        (status = 202, description = "The owner was asked, and has not approved yet", body = Exchange),
        (status = 204, description = "For what only previews the link"),
        (status = 303, description = "The page where people join, for a browser"),
        (status = 403, description = "`invalid_invite`: no such link any more, or the owner has declined", body = Problem),
        (status = 404, description = "`chat_not_found`", body = Problem),
        (status = 409, description = "`chat_full`", body = Problem),
        (status = 422, description = "`invalid_request`: `client_id` is no UUID", body = Problem),
        (status = 429, description = "`too_many_requests`: from here, or too many wait already", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
async fn exchange_link(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    SiteUrl(site): SiteUrl,
    method: Method,
    Path(opaque): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Answer<Response> {
    let (chat_id, key) = link_in(&opaque)?;
    if wants_page(&headers) {
        // The key goes to where no server sees it.
        return Ok(Redirect::to(&addresses::join(chat_id, &key.reveal())).into_response());
    }
    let given = credential(&query, "client_id", &headers)?;
    if given.is_none() && (method == Method::HEAD || is_preview(&headers)) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let client = known_client(&service, chat_id, &key, given).await?;
    let client_id = match client {
        Some(client_id) => client_id,
        None => ask(&service, caller, chat_id, &key).await?,
    };
    let link_url = link_url(&site, chat_id, &key);
    let exchange = move |is_approved: bool| Exchange {
        link_url: link_url.clone(),
        request_sent_status: true,
        approval_status: is_approved,
        chat: is_approved.then(|| format!("{site}{CHATS}{chat_id}")),
        client_id,
    };
    if wants_events(&headers) {
        let watcher = service.watch_standing(chat_id, &key, Joiner::Credential(client_id)).await?;
        return Ok(sse::watched(watcher, move |standing| match standing {
            Ok(Standing::Seated) => (sse::event("approved", &exchange(true)), true),
            Ok(Standing::Knocked { status: KnockStatus::Declined, .. }) => {
                (sse::event("declined", &exchange(false)), true)
            }
            Ok(Standing::Knocked { .. }) => (sse::event("pending", &exchange(false)), false),
            Err(_) => (sse::event("ended", &exchange(false)), true),
        }));
    }
    match service.find_standing(chat_id, &key, Joiner::Credential(client_id)).await? {
        Some(Standing::Seated) => Ok(Json(exchange(true)).into_response()),
        Some(Standing::Knocked { status: KnockStatus::Declined, .. }) => Err(declined()),
        _ => Ok((StatusCode::ACCEPTED, Json(exchange(false))).into_response()),
    }
}

/// Whether a guest's request is approved.
#[utoipa::path(get, path = "/v1/approval/", tag = "silly chat", operation_id = "silly_show_approval",
    params(
        ("link_url" = String, Query, description = "The link"),
        ("client_id" = Option<Uuid>, Query, description = "The guest's credential; better as `Authorization: Bearer`"),
    ),
    responses(
        (status = 200, description = "Whether it is", body = IsApproved),
        (status = 403, description = "`invalid_invite`: no such link", body = Problem),
        (status = 404, description = "`chat_not_found`, or `not_found`: nobody asked with this `client_id`", body = Problem),
        (status = 422, description = "`invalid_request`: the URL is of another site, or a parameter is missing", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
async fn show_approval(
    State(service): State<Service>,
    SiteUrl(site): SiteUrl,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Answer<Json<IsApproved>> {
    let given = query.iter().find(|(name, _)| name == "link_url").map(|(_, value)| value);
    let given = given.ok_or_else(|| invalid("link_url", "is missing"))?;
    let (chat_id, key) = link_in(opaque_of("link_url", given, &site, LINKS)?)?;
    let client_id = credential(&query, "client_id", &headers)?.ok_or_else(|| invalid("client_id", "is missing"))?;
    let standing = service.find_standing(chat_id, &key, Joiner::Credential(client_id)).await?;
    let standing = standing.ok_or(Refusal::NotFound("request"))?;
    Ok(Json(IsApproved { approval_status: standing == Standing::Seated }))
}

/// Approve a guest; the owner's right. The guest is told at once.
#[utoipa::path(post, path = "/v1/approval/", tag = "silly chat", operation_id = "silly_approve", request_body = ApproveGuest,
    responses(
        (status = 200, description = "The guest is in", body = IsApproved),
        (status = 400, description = "`invalid_request`: not JSON", body = Problem),
        (status = 401, description = "`session_required` or `session_expired`", body = Problem),
        (status = 403, description = "`owner_only`, or `invalid_invite`: no such link", body = Problem),
        (status = 404, description = "`chat_not_found`", body = Problem),
        (status = 409, description = "`nothing_to_approve`: nobody asks by this link; or `chat_full`", body = Problem),
        (status = 413, description = "`payload_too_large`", body = Problem),
        (status = 422, description = "`invalid_request`: a field is wrong, or the URL is of another site", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
async fn approve(
    State(service): State<Service>,
    SiteUrl(site): SiteUrl,
    JsonBody(request): JsonBody<ApproveGuest>,
) -> Answer<Json<IsApproved>> {
    let (chat_id, key) = link_in(opaque_of("link_url", &request.link_url, &site, LINKS)?)?;
    if !request.approval_status {
        return Err(invalid("approval_status", "must be true: what is not approved is left pending").into());
    }
    let token = SessionToken::from_uuid(request.author_id);
    let invites = service.list_invites(chat_id, &token).await.map_err(as_author)?;
    let shared = invites.iter().find(|shared| shared.invite.digest == key.digest()).ok_or(Refusal::InvalidInvite)?;
    let invite_id = shared.invite.id;
    let by_client = match request.client_id {
        None => None,
        Some(id) => match service.find_standing(chat_id, &key, Joiner::Credential(id)).await? {
            Some(Standing::Knocked { knock_id, .. }) => Some(knock_id),
            // Approved before: it stays so.
            Some(Standing::Seated) => return Ok(Json(IsApproved { approval_status: true })),
            None if shared.members.iter().any(|member| member.id == id.into()) => {
                return Ok(Json(IsApproved { approval_status: true }));
            }
            None => Some(KnockId::from(id)),
        },
    };
    let waiting = service.list_knocks(chat_id, &token).await.map_err(as_author)?;
    let mut waiting = waiting.iter().filter(|knock| knock.invite_id == invite_id);
    let knock = waiting.find(|knock| by_client.is_none_or(|id| id == knock.id)).ok_or_else(nobody_asks)?;
    let decided = service.decide_knock(chat_id, &token, knock.id, Decision::Approve).await;
    decided.map_err(|error| match error {
        // Someone else has answered it meanwhile.
        Error::Refused(Refusal::NotFound(_)) => nobody_asks(),
        error => as_author(error),
    })?;
    Ok(Json(IsApproved { approval_status: true }))
}

/// Knocks for someone new, under the first name that is free, and gives their credential.
async fn ask(service: &Service, caller: Caller, chat_id: ChatId, key: &InviteKey) -> Answer<Uuid> {
    let numbered = |number| if number == 1 { GUEST.to_owned() } else { format!("{GUEST} {number}") };
    let names: Vec<Username> = (1..=MAX_GUESTS).map(|n| Username::parse(&numbered(n))).collect::<Result<_, _>>()?;
    let client_id = service.draw_uuid();
    loop {
        let name = service.first_free_name(chat_id, &names).await?;
        match service.join(caller, chat_id, key, name, Joiner::Credential(client_id)).await {
            // Someone was quicker.
            Err(Error::Refused(Refusal::UsernameTaken)) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => return Ok(client_id),
        }
    }
}

/// The guest's credential, if it is one: whoever has made one up, or waited too long, asks anew.
async fn known_client(
    service: &Service,
    chat_id: ChatId,
    key: &InviteKey,
    client_id: Option<Uuid>,
) -> Answer<Option<Uuid>> {
    let Some(client_id) = client_id else { return Ok(None) };
    let known = service.find_standing(chat_id, key, Joiner::Credential(client_id)).await?;
    Ok(known.map(|_| client_id))
}

/// The credential in the query, or in the `Authorization` header.
fn credential(query: &[(String, String)], name: &'static str, headers: &HeaderMap) -> Result<Option<Uuid>, Refusal> {
    let in_query = query.iter().find(|(key, _)| key == name).map(|(_, value)| &**value);
    let given = in_query.or_else(|| secret_text(headers)).map(|text| text.trim().parse());
    given.transpose().map_err(|_| invalid(name, "must be a UUID"))
}

/// Whether a program asks that shows people what stands behind a link before they follow it. They
/// say so themselves, by name.
fn is_preview(headers: &HeaderMap) -> bool {
    const NAMES: [&str; 18] = [
        "applebot",
        "bingbot",
        "bingpreview",
        "bitlybot",
        "discordbot",
        "embedly",
        "facebookexternalhit",
        "facebot",
        "googlebot",
        "iframely",
        "linkedinbot",
        "pinterestbot",
        "redditbot",
        "skypeuripreview",
        "slackbot",
        "telegrambot",
        "twitterbot",
        "whatsapp",
    ];
    let value = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    let agent = value(header::USER_AGENT.as_str());
    NAMES.iter().any(|name| agent.contains(name))
        || ["purpose", "sec-purpose", "x-moz"].into_iter().any(|name| value(name).contains("prefetch"))
}

fn chat_in(opaque: &str) -> Result<ChatId, Refusal> {
    opaque.parse().map_err(|_| Refusal::ChatNotFound)
}

fn link_in(opaque: &str) -> Result<(ChatId, InviteKey), Refusal> {
    let (chat_id, key) = opaque.split_once('.').ok_or(Refusal::InvalidInvite)?;
    Ok((chat_in(chat_id)?, InviteKey::parse(key).ok_or(Refusal::InvalidInvite)?))
}

fn link_url(site: &str, chat_id: ChatId, key: &InviteKey) -> String {
    format!("{site}{LINKS}{chat_id}.{}", key.reveal())
}

/// What stands after `path` in a URL of this very site.
fn opaque_of<'a>(field: &'static str, url: &'a str, site: &str, path: &str) -> Result<&'a str, Refusal> {
    let wrong = || invalid(field, "must be a URL that this site has given");
    let parsed: Uri = url.trim().parse().map_err(|_| wrong())?;
    let own: Uri = site.parse().map_err(|_| wrong())?;
    if !is_same_host(&parsed, &own) {
        return Err(wrong());
    }
    let opaque = url.trim().split_once(path).map(|(_, opaque)| opaque).ok_or_else(wrong)?;
    Ok(opaque.split(['?', '#', '/']).next().unwrap_or_default())
}

fn invalid(field: &'static str, problem: &str) -> Refusal {
    Refusal::Invalid { field, problem: problem.into() }
}

fn not_an_author() -> Failure {
    let detail = "author_id is nobody's in this chat. A guest's client_id counts once the owner has approved it.";
    Problem::new(Code::SessionRequired, detail).about_field("author_id").into()
}

fn as_author(error: Error) -> Failure {
    match error {
        Error::Refused(Refusal::SessionRequired) => not_an_author(),
        error => error.into(),
    }
}

fn declined() -> Failure {
    Problem::new(Code::InvalidInvite, "The owner has declined this request.").into()
}

fn nobody_asks() -> Failure {
    Problem::new(Code::NothingToApprove, "Nobody asks to be let in by this link.").into()
}
