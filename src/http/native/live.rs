//! The live stream of a chat, as server-sent events and over a WebSocket. Both write what
//! [`Follower`] reads; they differ only in how.

use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{self, CloseFrame, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use axum::response::sse::Event;
use futures_util::{FutureExt as _, stream};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::domain::{ChatId, MessageId, Refusal, SessionToken};
use crate::http::auth::session_token;
use crate::http::origin::{SiteUrl, check_origin};
use crate::http::path::ChatInPath;
use crate::http::problem::Answer;
use crate::http::query::cursor;
use crate::http::sse::{self, KEEP_ALIVE};
use crate::service::{Caller, Ending, Follower, Service, Update};
use crate::wire::{LiveEvent, Problem};

/// How long a frame may wait for a reader who takes nothing.
const SEND_PATIENCE: Duration = Duration::from_secs(20);
/// The subprotocol that is spoken, and what the token stands behind in another, for browsers can
/// send no header of their own.
const PROTOCOL: &str = "watch-party";
const BEARER: &str = "bearer.";
/// How many pings in a row a reader may leave unanswered; the next is not sent any more.
const UNANSWERED_PINGS: u32 = 2;
/// Readers say nothing, so little is read; what is written is small as well.
const BUFFER: usize = 4 * 1024;

/// Follow the chat over a WebSocket: the messages after a cursor, then everything that happens.
///
/// Each text frame is one event. Offer the subprotocols `watch-party` and `bearer.<session_token>`,
/// or send the token as for any call. The server closes with 1000 after `chat_ended` and
/// `session_ended`, with 1012 when it restarts, and with 1013 when the reader was too slow: come
/// back with the last id as `after`.
#[utoipa::path(get, path = "/{chat_id}/live", tag = "messages",
    params(
        ("chat_id" = uuid::Uuid, Path, description = "The chat"),
        ("after" = Option<u64>, Query, description = "The last message id seen; 0, or left out, for all that are kept"),
    ),
    security(("session_token" = [])),
    responses(
        (status = 101, description = "A WebSocket of events", body = LiveEvent),
        (status = 400, description = "`invalid_request`: `after` is no number, or no WebSocket is asked for", body = Problem),
        (status = 401, description = "`session_required` or `session_expired`", body = Problem),
        (status = 403, description = "`origin_not_allowed`: a page of another site asks", body = Problem),
        (status = 404, description = "`chat_not_found`", body = Problem),
        (status = 429, description = "`too_many_streams`: the newest gives way", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
pub(super) async fn follow_chat(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    ChatInPath(chat_id): ChatInPath,
    Query(query): Query<Vec<(String, String)>>,
    site: SiteUrl,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Answer<Response> {
    check_origin(&headers, &site)?;
    let token = offered_token(&headers)?;
    let after = cursor(&query)?;
    let upgrade = upgrade.map_err(|_| Problem::unreadable("This address speaks WebSocket: ask for an upgrade."))?;
    let follower = service.follow(caller, chat_id, &token, after).await?;
    let upgrade = upgrade.protocols([PROTOCOL]).read_buffer_size(BUFFER).write_buffer_size(0).max_message_size(BUFFER);
    Ok(upgrade.on_upgrade(|socket| carry(socket, follower)))
}

/// The same as server-sent events. `Last-Event-ID` stands before `after`.
pub(super) async fn event_stream(
    service: &Service,
    caller: Caller,
    chat_id: ChatId,
    token: &SessionToken,
    after: MessageId,
    headers: &HeaderMap,
) -> Answer<Response> {
    let last_event = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
    let follower = service.follow(caller, chat_id, token, last_event.unwrap_or(after)).await?;
    let events = stream::unfold(Some(follower), |follower| async move {
        let mut follower = follower?;
        match next_event(&mut follower).await {
            Ok(event) => Some((written(&event), Some(follower))),
            Err(ending) => {
                let last = last_event_of(ending).map_or_else(sse::come_back, |event| written(&event));
                Some((last, None))
            }
        }
    });
    Ok(sse::answer(events))
}

fn written(event: &LiveEvent) -> Event {
    let frame = sse::event(event.name(), event);
    match event {
        LiveEvent::Message { message } => frame.id(message.id.to_string()),
        _ => frame,
    }
}

async fn carry(mut socket: WebSocket, mut follower: Follower) {
    let mut pings = interval(KEEP_ALIVE);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut unanswered = 0;
    loop {
        let (frame, is_last) = tokio::select! {
            event = next_event(&mut follower) => match event {
                Ok(event) => (text(&event), false),
                Err(ending) => {
                    if let Some(event) = last_event_of(ending) {
                        let _ = timeout(SEND_PATIENCE, socket.send(text(&event))).await;
                    }
                    (close(ending), true)
                }
            },
            received = socket.recv() => match received {
                Some(Ok(ws::Message::Close(_)) | Err(_)) | None => return,
                // A pong, or something that nobody asked for.
                Some(Ok(_)) => {
                    unanswered = 0;
                    continue;
                }
            },
            _ = pings.tick() => {
                if unanswered >= UNANSWERED_PINGS {
                    // What came while a frame could not be sent may wait to be read.
                    match socket.recv().now_or_never() {
                        Some(Some(Ok(_))) => unanswered = 0,
                        _ => return,
                    }
                }
                unanswered += 1;
                (ws::Message::Ping(Vec::new().into()), false)
            }
        };
        if !matches!(timeout(SEND_PATIENCE, socket.send(frame)).await, Ok(Ok(()))) || is_last {
            return;
        }
    }
}

fn text(event: &LiveEvent) -> ws::Message {
    let json = serde_json::to_string(event).expect("an event is JSON");
    ws::Message::Text(json.into())
}

fn close(ending: Ending) -> ws::Message {
    let (code, reason) = match ending {
        Ending::ChatEnded | Ending::SessionEnded(_) => (ws::close_code::NORMAL, ""),
        Ending::TooSlow => (ws::close_code::AGAIN, "too slow"),
        Ending::TakenBack => (ws::close_code::AGAIN, "session changed"),
        Ending::Stopping => (ws::close_code::RESTART, "restarting"),
    };
    ws::Message::Close(Some(CloseFrame { code, reason: reason.into() }))
}

/// The next event that has a form on the wire; dropped before it answers, it loses nothing.
async fn next_event(follower: &mut Follower) -> Result<LiveEvent, Ending> {
    loop {
        let event = match follower.next().await? {
            Update::Opened { last_id, missed } => Some(LiveEvent::Opened { last_id, missed }),
            Update::Event(event) => LiveEvent::of(&event),
            Update::Typing { member_id } => Some(LiveEvent::Typing { member_id: member_id.as_uuid() }),
            Update::MembersChanged => Some(LiveEvent::MembersChanged),
        };
        if let Some(event) = event {
            return Ok(event);
        }
    }
}

/// What is said before the stream ends for good; one that may be taken up again just ends.
fn last_event_of(ending: Ending) -> Option<LiveEvent> {
    match ending {
        Ending::ChatEnded => Some(LiveEvent::ChatEnded),
        Ending::SessionEnded(reason) => Some(LiveEvent::SessionEnded { reason }),
        Ending::TakenBack | Ending::TooSlow | Ending::Stopping => None,
    }
}

/// The token among the offered subprotocols, or in the header that every call takes.
fn offered_token(headers: &HeaderMap) -> Result<SessionToken, Refusal> {
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let mut offered = offered.filter_map(|value| value.to_str().ok()).flat_map(|line| line.split(','));
    match offered.find_map(|protocol| protocol.trim().strip_prefix(BEARER)) {
        Some(token) => SessionToken::parse(token).ok_or(Refusal::SessionRequired),
        None => session_token(headers),
    }
}
