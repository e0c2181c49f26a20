//! Chats: created, read, followed, and posted to.

use std::collections::VecDeque;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use futures_util::stream;

use super::urls::{CHATS, chat_in};
use super::{as_author, credential, not_an_author};
use crate::domain::{
    Admission, ChatId, Event, Knock, KnockId, MessageText, PublicAccess, RecoveryCode, Refusal, SessionToken, Settings,
    Username,
};
use crate::http::accept::{wants_events, wants_page};
use crate::http::body::AnyCaseBody;
use crate::http::origin::SiteUrl;
use crate::http::path::OpaqueInPath;
use crate::http::problem::HandlerResult;
use crate::http::query::AnyCaseQuery;
use crate::http::responses::{
    ChatNotFound, InvalidField, InvalidJson, PayloadTooLarge, SessionRequired, TooManyRequests, Unavailable,
};
use crate::http::sse;
use crate::metrics::OpenCount;
use crate::service::{Caller, Error, Follower, Owner, Service, Update};
use crate::wire::Problem;
use crate::wire::addresses;
use crate::wire::silly::{ChatMessage, ChatTerms, Conversation, GuestRequest, NewChat, NewMessage};

/// Create a chat.
///
/// The owner approves the guests who join with its links. With `approval: false`, nobody needs approval: anyone with the
/// chat URL can read and post.
#[utoipa::path(post, path = "/v1/chats", tag = "silly chat", operation_id = "silly_create_chat", request_body(content = Option<ChatTerms>),
    responses(
        (status = 201, description = "The chat URL and the owner's credential", body = NewChat),
        (status = 422, description = "`invalid_request`: the body is not an object, or `approval` is neither true nor false", body = Problem),
        InvalidJson, PayloadTooLarge, TooManyRequests, Unavailable,
    ))]
pub(super) async fn create_chat(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    SiteUrl(site): SiteUrl,
    AnyCaseBody(terms): AnyCaseBody<ChatTerms>,
) -> HandlerResult<(StatusCode, Json<NewChat>)> {
    let (admission, public_access) = match terms.approval {
        Some(false) => (Admission::Link, PublicAccess::Post),
        _ => (Admission::Approval, PublicAccess::None),
    };
    let settings = Settings::new(admission, Some(admission.rules().max_capacity), Some(Settings::MAX_HISTORY))?;
    let settings = Settings { public_access, ..settings };
    let author_id = service.draw_uuid();
    // The same id recovers the seat when the session has ended.
    let (token, recovery) = (SessionToken::from_uuid(author_id), RecoveryCode::from_uuid(author_id));
    let owner = Owner { username: Username::parse("Owner")?, password: None, token: &token, recovery: &recovery };
    let chat_id = service.open_chat(caller, Some(owner), None, settings).await?;
    let chat_url = format!("{site}{CHATS}{chat_id}");
    Ok((StatusCode::CREATED, Json(NewChat { chat_url, author_id })))
}

/// List the messages.
///
/// Returns all stored messages, oldest first. In a chat without approval, the URL alone is enough.
///
/// With `Accept: text/event-stream`, the same messages are sent as events named `message`, followed by each new one.
/// The owner also receives each `approval_request` at once. A browser that asks for HTML is redirected to the chat's
/// page.
#[utoipa::path(get, path = "/v1/chats/{opaque}", tag = "silly chat", operation_id = "silly_read_chat",
    params(
        ("opaque" = String, Path, description = "The last part of a chat URL"),
        ("author_id" = Option<Uuid>, Query, description = "The reader's credential; safer as `Authorization: Bearer`"),
    ),
    responses(
        (status = 200, description = "The messages, oldest first", content(
            (Conversation = "application/json"), (GuestRequest = "text/event-stream"))),
        (status = 303, description = "Redirect to the chat's page, for browsers"),
        SessionRequired, ChatNotFound, Unavailable,
    ))]
pub(super) async fn read_chat(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    OpaqueInPath(opaque): OpaqueInPath,
    AnyCaseQuery(query): AnyCaseQuery,
    headers: HeaderMap,
) -> HandlerResult<Response> {
    let author = credential(&query, "author_id", &headers);
    if !matches!(author, Ok(Some(_))) && wants_page(&headers) {
        let page = opaque.parse::<ChatId>().map_or_else(|_| addresses::NO_SUCH_CHAT.into(), addresses::chat);
        return Ok(Redirect::to(&page).into_response());
    }
    let chat_id = chat_in(&opaque)?;
    let token = author.map_err(|_| not_an_author())?.map(SessionToken::from_uuid);
    if !wants_events(&headers) {
        let unseen = match &token {
            Some(token) => service.read_messages(chat_id, token, 0).await,
            None => service.read_publicly(chat_id, 0).await,
        };
        let unseen = unseen.map_err(as_author)?;
        return Ok(Json(Conversation {
            messages: unseen.messages.iter().map(|message| ChatMessage::from(&**message)).collect(),
        })
        .into_response());
    }
    let token = token.ok_or_else(not_an_author)?;
    let follower = service.follow(caller, chat_id, &token, 0).await.map_err(as_author)?;
    let waiting = match service.list_knocks(chat_id, &token).await {
        Ok(waiting) => waiting,
        Err(Error::Refused(Refusal::OwnerOnly)) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let open = OpenCount::begin(&service.metrics().streams.server_sent_events);
    let owner = AuthorStream {
        service: service.clone(),
        chat_id,
        token,
        follower,
        announced: Vec::new(),
        next: waiting.into(),
        _open: open,
    };
    Ok(sse::answer(&service, stream::unfold(owner, |mut owner| async move { Some((owner.next().await?, owner)) })))
}

/// The stream of one reader of a chat.
struct AuthorStream {
    service: Service,
    chat_id: ChatId,
    token: SessionToken,
    follower: Follower,
    /// The requests that were already sent.
    announced: Vec<KnockId>,
    /// The requests to send next.
    next: VecDeque<Knock>,
    _open: OpenCount,
}

impl AuthorStream {
    async fn list_again(&mut self) {
        self.next.extend(self.service.list_knocks(self.chat_id, &self.token).await.unwrap_or_default());
    }

    async fn next(&mut self) -> Option<sse::Event> {
        loop {
            while let Some(knock) = self.next.pop_front() {
                if !self.announced.contains(&knock.id) {
                    self.announced.push(knock.id);
                    return Some(sse::event("approval_request", &GuestRequest::from(&knock)));
                }
            }
            let update = self.follower.next().await.ok()?;
            let event = if let Update::Event(event) = &update { Some(&**event) } else { None };
            match event {
                Some(Event::MessagePosted { message }) => {
                    return Some(sse::event("message", &ChatMessage::from(&**message)));
                }
                Some(Event::Knocked { knock }) => self.next.push_back(knock.clone()),
                Some(Event::KnockEnded { knock_id, .. }) => self.announced.retain(|announced| announced != knock_id),
                // There may be requests that the reader may see only now, or requests without an event.
                Some(Event::RoleChanged { .. }) => self.list_again().await,
                None if update == Update::MembersChanged => self.list_again().await,
                _ => {}
            }
        }
    }
}

/// Post a message.
///
/// In a chat without approval, the URL alone is enough.
#[utoipa::path(post, path = "/v1/chats/{opaque}", tag = "silly chat", operation_id = "silly_post_message",
    params(("opaque" = String, Path, description = "The last part of a chat URL")),
    request_body = NewMessage,
    responses(
        (status = 201, description = "The new message", body = ChatMessage),
        InvalidJson, SessionRequired, ChatNotFound, PayloadTooLarge, InvalidField, TooManyRequests, Unavailable,
    ))]
pub(super) async fn post_message(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    OpaqueInPath(opaque): OpaqueInPath,
    AnyCaseBody(request): AnyCaseBody<NewMessage>,
) -> HandlerResult<(StatusCode, Json<ChatMessage>)> {
    let chat_id = chat_in(&opaque)?;
    let text = MessageText::parse(&request.message).map_err(|refusal| refusal.of_field("message"))?;
    let posted = match request.author_id.map(SessionToken::from_uuid) {
        Some(token) => service.post(chat_id, &token, text, None).await,
        None => service.post_publicly(caller, chat_id, text, None).await,
    };
    let posted = posted.map_err(as_author)?;
    Ok((StatusCode::CREATED, Json(ChatMessage::from(&*posted.message))))
}
