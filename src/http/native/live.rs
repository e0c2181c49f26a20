//! A chat's live stream, as server-sent events and over a WebSocket. Both send what [`Follower`] reads, and differ only
//! in the format.

use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{self, CloseFrame, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use axum::response::sse::Event;
use futures_util::{FutureExt as _, stream};
use tokio::time::{MissedTickBehavior, interval, timeout};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::domain::{self, ChatId, MessageId, Refusal, SessionToken};
use crate::http::AppState;
use crate::http::auth::session_token;
use crate::http::path::ChatInPath;
use crate::http::problem::HandlerResult;
use crate::http::query::cursor;
use crate::http::responses::{ChatNotFound, SessionRequired, TooManyStreams, Unavailable};
use crate::http::sse;
use crate::metrics::OpenCount;
use crate::service::{Caller, Ending, Follower, LiveText, Service, SharedEvent, Update};
use crate::wire::{LiveEvent, Problem};

/// How long a frame may wait for a reader that accepts no data.
const SEND_TIMEOUT: Duration = Duration::from_secs(20);
/// The subprotocol that the server selects, and the prefix of the one that contains the token: browsers cannot send
/// headers of their own with a WebSocket.
const PROTOCOL: &str = "watch-party";
const BEARER: &str = "bearer.";
/// How many pings in a row a reader may leave unanswered. After that the stream ends instead of sending another.
const UNANSWERED_PINGS: u32 = 2;
/// Size of the read buffer and of a received message, in bytes. Readers send almost nothing, and what is written is
/// small too.
pub const BUFFER: usize = 4 * 1024;

/// Frames that a reader may send between two pings of the server. Most libraries send a pong for each ping, and some
/// ping the server themselves, a few times a minute.
pub const FRAMES_BETWEEN_PINGS: u32 = 200;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(follow_chat))
}

/// Follow the chat over a WebSocket.
///
/// Sends the messages after a cursor, then every event as it happens; each text frame is one event. Offer the
/// subprotocols `watch-party` and `bearer.<session_token>`, or send the token in the `Authorization` header. The server
/// closes with 1000 after `chat_ended` and `session_ended`, with 1008 when the reader sends too many frames, with 1012
/// when it restarts, and with 1013 when the reader was too slow, its session was replaced, or messages may be lost:
/// reconnect with the newest token and the last id as `after`. Pages of other origins may open it too, because browsers add no credentials to it.
#[utoipa::path(get, path = "/{chat_id}/live", tag = "messages",
    params(
        ("chat_id" = uuid::Uuid, Path, description = "The id of the chat"),
        ("after" = Option<u64>, Query, description = "The id of the last message seen; by default 0, which returns all stored messages"),
    ),
    security(("session_token" = [])),
    responses(
        (status = 101, description = "A WebSocket that sends events", body = LiveEvent),
        (status = 400, description = "`invalid_request`: `after` is not a number, or the request is no WebSocket upgrade", body = Problem),
        SessionRequired, ChatNotFound, TooManyStreams, Unavailable,
    ))]
async fn follow_chat(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    ChatInPath(chat_id): ChatInPath,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> HandlerResult<Response> {
    let token = offered_token(&headers)?;
    let after = cursor(&query)?;
    let upgrade = upgrade.map_err(|_| Problem::unreadable("This address accepts only WebSocket upgrade requests."))?;
    let follower = service.follow(caller, chat_id, &token, after).await?;
    let upgrade = upgrade.protocols([PROTOCOL]).read_buffer_size(BUFFER).write_buffer_size(0).max_message_size(BUFFER);
    // The reader may announce a frame of up to 16 MiB otherwise, for which memory is reserved.
    let upgrade = upgrade.max_frame_size(BUFFER);
    let open = OpenCount::begin(&service.metrics().streams.websockets);
    let ping_interval = service.policy().ping_interval;
    Ok(upgrade.on_upgrade(move |socket| async move {
        run_socket(socket, follower, ping_interval).await;
        drop(open);
    }))
}

/// The same as server-sent events. `Last-Event-ID` takes precedence over `after`.
pub(super) async fn event_stream(
    service: &Service,
    caller: Caller,
    chat_id: ChatId,
    token: &SessionToken,
    after: MessageId,
    headers: &HeaderMap,
) -> HandlerResult<Response> {
    let last_event = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
    let follower = service.follow(caller, chat_id, token, last_event.unwrap_or(after)).await?;
    let open = OpenCount::begin(&service.metrics().streams.server_sent_events);
    let events = stream::unfold(Some((follower, open)), |state| async move {
        let (mut follower, open) = state?;
        match next_event(&mut follower).await {
            Ok(next) => Some((next.into_event(), Some((follower, open)))),
            Err(ending) => {
                let last =
                    last_event_of(ending).map_or_else(sse::reconnect_delay, |event| sse::event(event.name(), &event));
                Some((last, None))
            }
        }
    });
    Ok(sse::answer(service, events))
}

/// What a stream sends next.
enum Next {
    /// An event of the chat, and its text, which all streams share.
    Shared(SharedEvent, LiveText),
    /// An event for this stream.
    Own(LiveEvent),
}

impl Next {
    fn into_event(self) -> Event {
        match self {
            Self::Own(event) => sse::event(event.name(), &event),
            Self::Shared(event, LiveText { name, json }) => {
                let frame = Event::default().event(name).data(json);
                match &*event {
                    domain::Event::MessagePosted { message } => frame.id(message.id.to_string()),
                    _ => frame,
                }
            }
        }
    }

    fn into_frame(self) -> ws::Message {
        match self {
            Self::Own(event) => text(&event),
            Self::Shared(_, LiveText { json, .. }) => ws::Message::Text((&*json).into()),
        }
    }
}

async fn run_socket(mut socket: WebSocket, mut follower: Follower, ping_interval: Duration) {
    let mut pings = interval(ping_interval);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut unanswered, mut received_frames) = (0, 0);
    loop {
        let (frame, is_last) = tokio::select! {
            event = next_event(&mut follower) => match event {
                Ok(next) => (next.into_frame(), false),
                Err(ending) => {
                    if let Some(event) = last_event_of(ending) {
                        let _ = timeout(SEND_TIMEOUT, socket.send(text(&event))).await;
                    }
                    (close(ending), true)
                }
            },
            received = socket.recv() => match received {
                Some(Ok(ws::Message::Close(_)) | Err(_)) | None => return,
                // A pong, or a frame that has no meaning here.
                Some(Ok(_)) => {
                    unanswered = 0;
                    received_frames += 1;
                    if received_frames <= FRAMES_BETWEEN_PINGS {
                        continue;
                    }
                    (too_many_frames(), true)
                }
            },
            _ = pings.tick() => {
                if unanswered >= UNANSWERED_PINGS {
                    // A frame that arrived while another could not be sent may still be unread.
                    match socket.recv().now_or_never() {
                        Some(Some(Ok(_))) => unanswered = 0,
                        _ => return,
                    }
                }
                (unanswered, received_frames) = (unanswered + 1, 0);
                (ws::Message::Ping(Vec::new().into()), false)
            }
        };
        if !matches!(timeout(SEND_TIMEOUT, socket.send(frame)).await, Ok(Ok(()))) || is_last {
            return;
        }
    }
}

fn too_many_frames() -> ws::Message {
    ws::Message::Close(Some(CloseFrame { code: ws::close_code::POLICY, reason: "too many frames".into() }))
}

fn json(event: &LiveEvent) -> String {
    serde_json::to_string(event).expect("an event is JSON")
}

/// The text of an event, if it has a wire format.
fn live_text(event: &domain::Event) -> Option<LiveText> {
    let event = LiveEvent::of(event)?;
    Some(LiveText { name: event.name(), json: json(&event).into() })
}

fn text(event: &LiveEvent) -> ws::Message {
    ws::Message::Text(json(event).into())
}

fn close(ending: Ending) -> ws::Message {
    let (code, reason) = match ending {
        Ending::ChatEnded | Ending::SessionEnded(_) => (ws::close_code::NORMAL, ""),
        Ending::Behind => (ws::close_code::AGAIN, "reconnect with the cursor"),
        Ending::TakenBack => (ws::close_code::AGAIN, "session changed"),
        Ending::Stopping => (ws::close_code::RESTART, "restarting"),
    };
    ws::Message::Close(Some(CloseFrame { code, reason: reason.into() }))
}

/// The next event that has a wire format. Cancel safe: dropping the future loses nothing.
async fn next_event(follower: &mut Follower) -> Result<Next, Ending> {
    loop {
        return Ok(Next::Own(match follower.next().await? {
            Update::Event(event) => match event.live_text(live_text).cloned() {
                Some(text) => return Ok(Next::Shared(event, text)),
                None => continue,
            },
            Update::Opened { last_id, missed, is_incomplete } => {
                LiveEvent::Opened { last_id, missed, incomplete: is_incomplete }
            }
            Update::Typing { member_id } => LiveEvent::Typing { member_id: member_id.as_uuid() },
            Update::MembersChanged => LiveEvent::MembersChanged,
        }));
    }
}

/// The event that is sent before a stream ends for good. A stream that can be resumed ends without one.
fn last_event_of(ending: Ending) -> Option<LiveEvent> {
    match ending {
        Ending::ChatEnded => Some(LiveEvent::ChatEnded),
        Ending::SessionEnded(reason) => Some(LiveEvent::SessionEnded { reason }),
        Ending::TakenBack | Ending::Behind | Ending::Stopping => None,
    }
}

/// The token from the offered subprotocols, or from the `Authorization` header.
fn offered_token(headers: &HeaderMap) -> Result<SessionToken, Refusal> {
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let mut offered = offered.filter_map(|value| value.to_str().ok()).flat_map(|line| line.split(','));
    match offered.find_map(|protocol| protocol.trim().strip_prefix(BEARER)) {
        Some(token) => SessionToken::parse(token).ok_or(Refusal::SessionRequired),
        None => session_token(headers),
    }
}
