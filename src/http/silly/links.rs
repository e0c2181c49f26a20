//! Links: created, and exchanged for the URL of their chat.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use futures_util::stream;
use uuid::Uuid;

use super::urls::{CHATS, chat_in, link_in, link_url, opaque_of};
use super::{as_author, credential};
use crate::domain::{
    Admission, ChatId, InviteKey, InviteTerms, KnockStatus, PublicAccess, Refusal, SessionToken, Username,
};
use crate::http::accept::{wants_events, wants_page};
use crate::http::body::AnyCaseBody;
use crate::http::origin::SiteUrl;
use crate::http::path::OpaqueInPath;
use crate::http::problem::{Failure, HandlerResult};
use crate::http::query::AnyCaseQuery;
use crate::http::responses::{
    ChatNotFound, InvalidJson, OwnerOnly, PayloadTooLarge, SessionRequired, TooManyRequests, Unavailable,
};
use crate::http::sse;
use crate::service::{Caller, Error, JoinIdentity, JoinStatus, Service};
use crate::wire::addresses;
use crate::wire::silly::{Exchange, Link, NewLink};
use crate::wire::{Code, Problem};

/// Guests choose no name here: they are Guest, Guest 2, Guest 3 …
const GUEST: &str = "Guest";
const MAX_GUESTS: u32 = Admission::Approval.rules().max_capacity + 20;

/// Create a link to a chat.
///
/// The chat URL alone is enough for a link whose guests the owner approves, and for any link to a chat without
/// approval. Other links need the owner's `author_id`. A chat has at most 20 open links that were created without
/// `author_id`.
#[utoipa::path(post, path = "/v1/links", tag = "silly chat", operation_id = "silly_create_link", request_body = NewLink,
    responses(
        (status = 201, description = "The new link", body = Link),
        (status = 409, description = "`wrong_admission`: people do not join this chat with links", body = Problem),
        (status = 422, description = "`invalid_request`: a field is missing or invalid, the URL is of another site, or too many links are open", body = Problem),
        InvalidJson, SessionRequired, OwnerOnly, ChatNotFound, PayloadTooLarge, TooManyRequests, Unavailable,
    ))]
pub(super) async fn create_link(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    SiteUrl(site): SiteUrl,
    AnyCaseBody(request): AnyCaseBody<NewLink>,
) -> HandlerResult<(StatusCode, Json<Link>)> {
    let chat_id = chat_in(&opaque_of("chat_url", &request.chat_url, &site, CHATS)?)?;
    let token = request.author_id.map(SessionToken::from_uuid);
    let is_public = is_public(&service, chat_id).await?;
    let asks_first = request.approval.unwrap_or(!is_public);
    let terms = InviteTerms { asks_first: Some(asks_first), ..InviteTerms::default() };
    let open = match token {
        Some(token) => service.create_invite(chat_id, &token, terms).await,
        None => service.create_invite_by_address(caller, chat_id, terms).await,
    };
    let open = open.map_err(as_author)?;
    let link = Link { link_url: link_url(&site, chat_id, &open.key), link_id: open.invite.id.as_uuid() };
    Ok((StatusCode::CREATED, Json(link)))
}

/// Exchange a link for the chat URL.
///
/// In a chat with approval, the first call asks the owner. The response contains the guest's `client_id`: repeat the
/// call with it to ask whether the request is approved, or add `Accept: text/event-stream` to receive the approval at
/// once. Browsers are redirected to the page where people join. Programs that only preview the link ask the owner
/// nothing.
#[utoipa::path(get, path = "/v1/links/{opaque}", tag = "silly chat", operation_id = "silly_exchange_link",
    params(
        ("opaque" = String, Path, description = "The last part of a link URL"),
        ("client_id" = Option<Uuid>, Query, description = "The guest's credential; safer as `Authorization: Bearer`"),
    ),
    responses(
        (status = 200, description = "Approved, with the chat URL", content(
            (Exchange = "application/json"), (Exchange = "text/event-stream"))),
        (status = 202, description = "The owner was asked, and has not approved the request yet", body = Exchange),
        (status = 204, description = "Nothing, for a program that only previews the link"),
        (status = 303, description = "Redirect to the page where people join, for browsers"),
        (status = 403, description = "`invalid_invite`: the link does not work, or the owner has declined", body = Problem),
        (status = 409, description = "`chat_full`: no seat is free", body = Problem),
        (status = 422, description = "`invalid_request`: `client_id` is not a UUID", body = Problem),
        (status = 429, description = "`too_many_requests`: too many from this address, or too many waiting guests; or `too_many_streams`", body = Problem),
        ChatNotFound, Unavailable,
    ))]
pub(super) async fn exchange_link(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    SiteUrl(site): SiteUrl,
    method: Method,
    OpaqueInPath(opaque): OpaqueInPath,
    AnyCaseQuery(query): AnyCaseQuery,
    headers: HeaderMap,
) -> HandlerResult<Response> {
    let (chat_id, key) = link_in(&opaque)?;
    if wants_page(&headers) {
        // The key moves into the fragment, which no server sees.
        return Ok(Redirect::to(&addresses::join(chat_id, &key.reveal())).into_response());
    }
    let given = credential(&query, "client_id", &headers)?;
    if given.is_none() && (method == Method::HEAD || is_preview(&headers)) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    if is_public(&service, chat_id).await? {
        service.check_invite(caller, chat_id, &key).await?;
        let exchange = Exchange {
            link_url: link_url(&site, chat_id, &key),
            request_sent_status: false,
            approval_status: true,
            chat: Some(format!("{site}{CHATS}{chat_id}")),
            client_id: None,
        };
        if wants_events(&headers) {
            return Ok(sse::answer(&service, stream::iter([sse::event("approved", &exchange)])));
        }
        return Ok(Json(exchange).into_response());
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
        client_id: Some(client_id),
    };
    if wants_events(&headers) {
        let watcher = service.watch_join_status(caller, chat_id, &key, JoinIdentity::Credential(client_id)).await?;
        return Ok(sse::watched(&service, watcher, move |join_status| match join_status {
            Ok(JoinStatus::Seated) => (sse::event("approved", &exchange(true)), true),
            Ok(JoinStatus::Knocked { status: KnockStatus::Declined, .. }) => {
                (sse::event("declined", &exchange(false)), true)
            }
            Ok(JoinStatus::Knocked { .. }) => (sse::event("pending", &exchange(false)), false),
            Err(_) => (sse::event("ended", &exchange(false)), true),
        }));
    }
    match service.find_join_status(chat_id, &key, JoinIdentity::Credential(client_id)).await? {
        Some(JoinStatus::Seated) => Ok(Json(exchange(true)).into_response()),
        Some(JoinStatus::Knocked { status: KnockStatus::Declined, .. }) => Err(declined()),
        _ => Ok((StatusCode::ACCEPTED, Json(exchange(false))).into_response()),
    }
}

/// Whether the chat's URL alone is enough to read and post.
pub(super) async fn is_public(service: &Service, chat_id: ChatId) -> HandlerResult<bool> {
    match service.preview_chat(chat_id).await {
        Ok(preview) => Ok(preview.public_access == PublicAccess::Post),
        Err(Error::Refused(Refusal::SessionRequired)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Knocks for a new guest, under the first free name, and returns the guest's credential.
async fn ask(service: &Service, caller: Caller, chat_id: ChatId, key: &InviteKey) -> HandlerResult<Uuid> {
    let numbered = |number| if number == 1 { GUEST.to_owned() } else { format!("{GUEST} {number}") };
    let names = || (1..=MAX_GUESTS).filter_map(|number| Username::parse(&numbered(number)).ok());
    let client_id = service.draw_uuid();
    loop {
        let name = service.first_free_name(chat_id, names()).await?;
        match service.join(caller, chat_id, key, name, JoinIdentity::Credential(client_id)).await {
            // Another guest has taken the name in the meantime.
            Err(Error::Refused(Refusal::UsernameTaken)) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => return Ok(client_id),
        }
    }
}

/// Returns `client_id` if the chat knows it. A guest with an invented or expired one asks again.
async fn known_client(
    service: &Service,
    chat_id: ChatId,
    key: &InviteKey,
    client_id: Option<Uuid>,
) -> HandlerResult<Option<Uuid>> {
    let Some(client_id) = client_id else { return Ok(None) };
    let known = service.find_join_status(chat_id, key, JoinIdentity::Credential(client_id)).await?;
    Ok(known.map(|_| client_id))
}

/// Whether the caller is a program that previews or prefetches links. Such programs say so in their headers.
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

fn declined() -> Failure {
    Problem::new(Code::InvalidInvite, "The owner has declined this request.").into()
}
