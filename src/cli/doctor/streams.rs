//! The streams of a chat: whether a WebSocket opens, whether events arrive when they are posted, and whether idle
//! streams stay open.

use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, ORIGIN, SEC_WEBSOCKET_PROTOCOL};
use futures_util::StreamExt as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use super::chat::OwnChat;
use super::pages::value;
use super::report::{Check, Finding};
use crate::cli::client::{Client, Socket, UpgradeError};

/// How many pings in a row an idle stream must survive, because a proxy could count the first as the answer's start.
const PINGS: usize = 2;
/// More than what the doctor's own chat sends. A proxy's page of another kind may be longer.
const MAX_TEXT_BYTES: usize = 1024 * 1024;

/// How a stream ended while the doctor watched it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Idle {
    /// It sent enough pings.
    Alive,
    /// The proxy closed it.
    Closed,
    /// It sent fewer pings than the server.
    Silent,
}

/// Server-sent events while they arrive.
struct EventStream {
    body: Incoming,
    text: String,
    is_compressed: bool,
    /// Number of pieces in which the text came; each event and each comment is one of them.
    pieces: usize,
}

impl EventStream {
    /// Reads until `is_found`. Returns `None` if the stream ends.
    async fn read_until(&mut self, is_found: impl Fn(&Self) -> bool) -> Option<()> {
        while !is_found(self) {
            let frame = self.body.frame().await?.ok()?;
            let data = frame.into_data().unwrap_or_default();
            self.text.push_str(&String::from_utf8_lossy(&data));
            self.pieces += 1;
            if self.text.len() > MAX_TEXT_BYTES {
                return None;
            }
        }
        Some(())
    }

    /// Whether `part` arrived. A compressed stream is not read, so anything after `pieces` counts.
    fn has(&self, part: &str, pieces: usize) -> bool {
        if self.is_compressed { self.pieces > pieces } else { self.text.contains(part) }
    }

    /// Number of comments, which are the server's pings.
    fn pings(&self) -> usize {
        if self.is_compressed { self.pieces } else { self.text.lines().filter(|line| line.starts_with(':')).count() }
    }
}

/// What the event stream did.
#[derive(Clone, Debug, Default)]
pub(super) struct EventsSeen {
    /// Why there is no stream.
    pub(super) refusal: Option<String>,
    pub(super) encoding: Option<String>,
    /// Whether nothing arrives unless the request accepts no compression.
    pub(super) is_held_by_compression: bool,
    /// Whether the first event arrived.
    pub(super) is_opened: bool,
    /// Whether the posted message arrived.
    pub(super) has_message: bool,
}

/// What the WebSocket did.
#[derive(Clone, Debug, Default)]
pub(super) struct SocketSeen {
    /// What the request that browsers send gets, if it is refused.
    pub(super) refused: Option<StatusCode>,
    /// Why there is no answer.
    pub(super) failure: Option<String>,
    /// Whether the posted message arrived.
    pub(super) has_message: bool,
}

/// All that was seen of streams.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) events: EventsSeen,
    pub(super) socket: SocketSeen,
    /// Of the event stream and of the WebSocket, if they were watched.
    pub(super) idle: [Option<Idle>; 2],
}

/// Follows the doctor's chat in both ways and posts a message. Each event may take as long as `patience`. Then watches
/// both streams until they have sent enough pings, at most as long as `idle_time`.
pub(super) async fn follow(client: &Client, chat: &OwnChat, patience: Duration, idle_time: Option<Duration>) -> Seen {
    let mut seen = Seen::default();
    // As browsers do, which accept compressed streams.
    let mut events = open_events(client, chat, patience, "gzip, br", &mut seen.events).await;
    if seen.events.refusal.is_none() && !seen.events.is_opened {
        let mut plain = EventsSeen::default();
        open_events(client, chat, patience, "identity", &mut plain).await;
        seen.events.is_held_by_compression = plain.is_opened;
    }
    let mut socket = open_socket(client, chat, &mut seen.socket).await;

    let text = format!("Can you hear me? {}", Uuid::new_v4());
    let until = Instant::now() + patience;
    // The socket is read meanwhile, because it must answer pings.
    let on_events = async {
        let Some(stream) = &mut events else { return false };
        let pieces = stream.pieces;
        let arrived = stream.read_until(|stream| stream.has(&text, pieces));
        matches!(timeout_at(until, arrived).await, Ok(Some(())))
    };
    let on_socket = async {
        let Some(socket) = &mut socket else { return false };
        matches!(timeout_at(until, read_socket_until(socket, &text)).await, Ok(Some(())))
    };
    let (_, on_events, on_socket) = tokio::join!(chat.post(client, text.clone()), on_events, on_socket);
    (seen.events.has_message, seen.socket.has_message) = (on_events, on_socket);
    if let Some(idle_time) = idle_time {
        let until = Instant::now() + idle_time;
        let on_events = async {
            let stream = events.as_mut().filter(|_| seen.events.has_message)?;
            let before = stream.pings();
            let pinged = timeout_at(until, stream.read_until(|stream| stream.pings() >= before + PINGS)).await;
            Some(pinged.map_or(Idle::Silent, |end| end.map_or(Idle::Closed, |()| Idle::Alive)))
        };
        let on_socket = async {
            let socket = socket.as_mut().filter(|_| seen.socket.has_message)?;
            let pinged = timeout_at(until, read_pings(socket)).await;
            Some(pinged.map_or(Idle::Silent, |end| end.map_or(Idle::Closed, |()| Idle::Alive)))
        };
        let (on_events, on_socket) = tokio::join!(on_events, on_socket);
        seen.idle = [on_events, on_socket];
    }
    seen
}

/// Opens the event stream, and waits for its first event. Returns `None` if none arrives in time.
async fn open_events(
    client: &Client,
    chat: &OwnChat,
    patience: Duration,
    encodings: &str,
    seen: &mut EventsSeen,
) -> Option<EventStream> {
    let until = Instant::now() + patience;
    let call = client.get(chat.path()).bearer(chat.token()).header(ACCEPT, "text/event-stream");
    let answer = match timeout_at(until, call.header(ACCEPT_ENCODING, encodings).open()).await {
        // A proxy can hold back the answer's head too.
        Err(_) => return None,
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            seen.refusal = Some(error.to_string());
            return None;
        }
    };
    let media_type = value(answer.headers(), CONTENT_TYPE.as_str()).unwrap_or_default();
    if answer.status() != StatusCode::OK || !media_type.starts_with("text/event-stream") {
        seen.refusal = Some(format!("the answer is {} {media_type}", answer.status()).trim_end().to_owned());
        return None;
    }
    seen.encoding = value(answer.headers(), CONTENT_ENCODING.as_str()).map(str::to_owned);
    let is_compressed = seen.encoding.is_some();
    let mut stream = EventStream { body: answer.into_body(), text: String::new(), is_compressed, pieces: 0 };
    let opened = stream.read_until(|stream| stream.has("event: opened", 0));
    seen.is_opened = matches!(timeout_at(until, opened).await, Ok(Some(())));
    seen.is_opened.then_some(stream)
}

type LiveSocket = WebSocketStream<Box<dyn Socket>>;

async fn open_socket(client: &Client, chat: &OwnChat, seen: &mut SocketSeen) -> Option<LiveSocket> {
    let path = format!("{}/live", chat.path());
    // As a browser does, which cannot send the token in a header of its own.
    let protocols = format!("watch-party, bearer.{}", chat.token());
    let call = || client.get(&path).header(SEC_WEBSOCKET_PROTOCOL, &protocols);
    match call().header(ORIGIN, &client.site.origin()).upgrade().await {
        Ok(socket) => Some(socket),
        Err(UpgradeError::Refused(status)) => {
            seen.refused = Some(status);
            None
        }
        Err(error) => {
            seen.failure = Some(error.to_string());
            None
        }
    }
}

async fn read_socket_until(socket: &mut LiveSocket, part: &str) -> Option<()> {
    loop {
        if let Message::Text(text) = socket.next().await?.ok()?
            && text.contains(part)
        {
            return Some(());
        }
    }
}

async fn read_pings(socket: &mut LiveSocket) -> Option<()> {
    let mut pings = 0;
    while pings < PINGS {
        if matches!(socket.next().await?.ok()?, Message::Ping(_)) {
            pings += 1;
        }
    }
    Some(())
}

pub(super) fn judge_socket(seen: &SocketSeen) -> Finding {
    let check = Check::Websocket;
    let upgrade = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; \
                   proxy_set_header Connection $connection_upgrade;";
    if let Some(status) = seen.refused {
        return check
            .fault(format!("A WebSocket does not open: the request to upgrade gets {status}. Pages then poll."))
            .nginx(upgrade)
            .caddy("remove header_up Connection and header_up Upgrade; Caddy upgrades by itself");
    }
    if let Some(failure) = &seen.failure {
        return check.fault(format!("A WebSocket does not open: {failure}. Pages then poll.")).nginx(upgrade);
    }
    if !seen.has_message {
        return check.fault("A WebSocket opens, but a posted message does not arrive on it.").nginx(upgrade);
    }
    check.fine("A WebSocket opens from the site's pages, and messages arrive when they are posted.")
}

pub(super) fn judge_events(seen: &EventsSeen) -> Finding {
    let check = Check::EventStream;
    if let Some(refusal) = &seen.refusal {
        return check.fault(format!("There is no event stream: {refusal}."));
    }
    let is_compressed = seen.encoding.is_some();
    let finding = match (is_compressed, seen.is_opened && seen.has_message) {
        (false, true) => return check.fine("Events arrive when they are posted."),
        (true, true) => check.advice("Events arrive, but the proxy compresses them, which can delay them."),
        (true, false) => check.fault("Events do not arrive when they are posted: the proxy compresses them."),
        (false, false) if seen.is_held_by_compression => {
            check.fault("Events do not arrive when they are posted: the proxy compresses them.")
        }
        (false, false) => {
            return check
                .fault("Events do not arrive when they are posted: the proxy buffers them.")
                .nginx("proxy_buffering off; (or remove proxy_ignore_headers X-Accel-Buffering;)")
                .caddy("reverse_proxy … { flush_interval -1 }");
        }
    };
    finding
        .nginx("remove text/event-stream from gzip_types")
        .caddy("remove encode; the program compresses its files itself")
}

/// Judges how the idle event stream and the idle WebSocket ended.
pub(super) fn judge_idle(idle: &[Option<Idle>; 2]) -> Finding {
    let check = Check::IdleStreams;
    let names = ["The event stream", "The WebSocket"];
    let mut watched = names.into_iter().zip(idle).filter_map(|(name, idle)| Some((name, idle.as_ref()?)));
    match watched.clone().find(|(_, idle)| **idle != Idle::Alive) {
        Some((name, Idle::Closed)) => check
            .fault(format!("{name} is closed although the server pings it: the proxy does not wait long enough."))
            .nginx("proxy_read_timeout 1h;")
            .caddy("remove read_timeout and write_timeout from transport http and servers"),
        Some((name, _)) => check
            .fault(format!("{name} stays open, but the server's pings do not arrive."))
            .nginx("proxy_buffering off;")
            .caddy("reverse_proxy … { flush_interval -1 }"),
        None if watched.next().is_none() => check.skipped("No stream is open."),
        None => check.fine("Idle streams stay open from ping to ping."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::report::Verdict;

    #[test]
    fn a_websocket_must_open_from_the_site_s_pages_and_carry_messages() {
        let fine = SocketSeen { has_message: true, ..SocketSeen::default() };
        let not_upgraded = Some(StatusCode::BAD_REQUEST);
        for (seen, verdict, line) in [
            (fine, Verdict::Fine, None),
            (SocketSeen::default(), Verdict::Fault, Some("Upgrade")),
            (SocketSeen { failure: Some("broken".into()), ..SocketSeen::default() }, Verdict::Fault, Some("Upgrade")),
            (SocketSeen { refused: not_upgraded, ..SocketSeen::default() }, Verdict::Fault, Some("Upgrade")),
        ] {
            let finding = judge_socket(&seen);
            assert_eq!(finding.verdict, verdict, "{seen:?}: {finding:?}");
            let nginx = finding.mend.nginx.unwrap_or_default();
            assert!(line.is_none_or(|line| nginx.contains(line)), "{nginx}");
        }
    }

    #[test]
    fn events_must_arrive_uncompressed_when_they_are_posted() {
        let seen = |encoding: Option<&str>, arrives| EventsSeen {
            refusal: None,
            encoding: encoding.map(str::to_owned),
            is_held_by_compression: false,
            is_opened: arrives,
            has_message: arrives,
        };
        for (seen, verdict) in [
            (seen(None, true), Verdict::Fine),
            (seen(Some("gzip"), true), Verdict::Advice),
            (seen(Some("gzip"), false), Verdict::Fault),
            (seen(None, false), Verdict::Fault),
            (EventsSeen { refusal: Some("404".into()), ..seen(None, false) }, Verdict::Fault),
        ] {
            assert_eq!(judge_events(&seen).verdict, verdict, "{seen:?}");
        }
        let held = EventsSeen { is_held_by_compression: true, ..seen(None, false) };
        assert!(judge_events(&held).mend.nginx.unwrap().contains("gzip_types"));
    }

    #[test]
    fn idle_streams_must_survive() {
        for (idle, verdict) in [
            ([Some(Idle::Alive), Some(Idle::Alive)], Verdict::Fine),
            ([Some(Idle::Alive), Some(Idle::Closed)], Verdict::Fault),
            ([Some(Idle::Silent), None], Verdict::Fault),
            ([None, None], Verdict::Skipped),
        ] {
            assert_eq!(judge_idle(&idle).verdict, verdict, "{idle:?}");
        }
    }
}
