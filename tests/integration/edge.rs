//! Limits on connections, over real sockets: slow, silent or too many peers do not block the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;
use watch_party::domain::{Admission, Chat, ChatId, MessageText, Position, Settings, Timestamp, Transition, Username};
use watch_party::http::bounds::{FRAMES_BETWEEN_PINGS, MAX_FRAME_BYTES};
use watch_party::http::{Limits, serve_within};
use watch_party::service::bounds::UNFINISHED_BODIES;
use watch_party::service::{Caller, NewChat, OsEntropy, Policy, Seat, Service};
use watch_party::store::{ChatStore, CommitError, MemoryStore, Stores, Unavailable};

#[cfg(target_os = "linux")]
use crate::program::{Program, command};

use crate::app::{ManualClock, policy, seat, state};

/// A timeout that a test waits for. No test uses it for a connection that must stay open.
const SHORT: Duration = Duration::from_millis(100);
/// Longer than a test may take.
const LONG: Duration = Duration::from_hours(1);

/// Limits that a test does not reach unless it lowers them.
fn generous_limits() -> Limits {
    Limits {
        max_connections: 1_000,
        max_connections_per_address: 1_000,
        head_timeout: LONG,
        body_timeout: LONG,
        write_timeout: LONG,
        drain_timeout: LONG,
        chore_interval: LONG,
    }
}

struct Site {
    service: Service,
    clock: Arc<ManualClock>,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    server: tokio::task::JoinHandle<()>,
}

impl Site {
    async fn start(limits: Limits) -> Self {
        Self::of(limits, MemoryStore::default()).await
    }

    async fn of(limits: Limits, stores: impl Into<Stores>) -> Self {
        Self::with(limits, stores, policy(false), &[]).await
    }

    async fn with(limits: Limits, stores: impl Into<Stores>, policy: Policy, trusted: &[&str]) -> Self {
        let clock = Arc::new(ManualClock::default());
        let service = Service::new(stores, clock.clone(), Arc::new(OsEntropy), policy);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(serve_within(limits, state(&service, None, trusted), listener, async move {
            let _ = stopped.await;
        }));
        Self { service, clock, address, stop, server }
    }

    async fn connect(&self) -> Peer {
        Peer::of(self.address).await
    }

    /// Connects and sends `text`.
    async fn connect_and_send(&self, text: &str) -> Peer {
        let mut peer = self.connect().await;
        peer.send(text).await;
        peer
    }

    async fn chat(&self) -> NewChat {
        let caller = Caller::from(std::net::IpAddr::from([127, 0, 0, 1]));
        let settings = Settings::new(Admission::Link, None, None).unwrap();
        self.service.create_chat(caller, Username::parse("Ann").unwrap(), None, settings).await.unwrap()
    }

    async fn join(&self, chat: &NewChat) -> Seat {
        seat(&self.service, chat.chat_id, &chat.invite.as_ref().unwrap().key, "Bob").await.unwrap()
    }

    async fn say(&self, chat: &NewChat, seat: &Seat, text: &str) {
        let text = MessageText::parse(text).unwrap();
        self.service.post(chat.chat_id, &seat.token, text, None).await.unwrap();
    }
}

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
const INCOMPLETE: &str = "GET /healthz HTTP/1.1\r\nhost: x\r\nx-more: ";

/// A request for the chat's event stream, which does not end.
fn stream_of(chat: &NewChat) -> String {
    let token = chat.seat.token.reveal();
    let head = format!("GET /{} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n", chat.chat_id);
    format!("{head}accept: text/event-stream\r\n\r\n")
}

/// The same, for a WebSocket.
fn socket_of(chat: &NewChat) -> String {
    let token = chat.seat.token.reveal();
    let head = format!("GET /{}/live HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n", chat.chat_id);
    format!(
        "{head}connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
}

/// The client's end of a connection.
struct Peer {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Peer {
    async fn of(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), read: Vec::new() }
    }

    async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads up to and including `end`.
    async fn until(&mut self, end: &str) -> String {
        loop {
            let text = String::from_utf8_lossy(&self.read);
            if let Some(at) = text.find(end) {
                let rest = text[at + end.len()..].as_bytes().to_vec();
                let text = text[..at + end.len()].to_owned();
                self.read = rest;
                return text;
            }
            let read = timeout(Duration::from_mins(1), self.stream.read_buf(&mut self.read)).await.unwrap().unwrap();
            assert_ne!(read, 0, "closed after {:?}", String::from_utf8_lossy(&self.read));
        }
    }

    /// Reads until the connection is closed.
    async fn until_closed(mut self) -> String {
        // If the server closes a connection with unread data, the connection is reset, which also counts as closed.
        let _ = timeout(Duration::from_mins(1), self.stream.read_to_end(&mut self.read)).await.unwrap();
        String::from_utf8_lossy(&self.read).into_owned()
    }

    /// Reads a JSON answer.
    async fn answer(mut self) -> String {
        self.until("}").await
    }

    /// Sends a health check on this connection, and keeps the connection.
    async fn is_healthy(&mut self) -> bool {
        self.send(HEALTH).await;
        self.until("}").await.starts_with("HTTP/1.1 200 ")
    }
}

#[tokio::test]
async fn connections_with_incomplete_requests_are_closed() {
    let site = Site::start(Limits { head_timeout: SHORT, ..generous_limits() }).await;
    let mut slow = Vec::new();
    for _ in 0..50 {
        slow.push(site.connect_and_send(INCOMPLETE).await);
    }
    slow.push(site.connect().await);
    for peer in slow {
        assert_eq!(peer.until_closed().await, "");
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_a_timeout() {
    let site = Site::start(Limits { head_timeout: SHORT, ..generous_limits() }).await;
    loop {
        // Closed after the answer, or before it if the machine was so busy that the request came late.
        let response = site.connect_and_send(HEALTH).await.until_closed().await;
        if !response.is_empty() {
            assert!(response.starts_with("HTTP/1.1 200 ") && !response.contains("connection: close"), "{response}");
            break;
        }
    }
}

#[tokio::test]
async fn every_route_answers_a_stalled_body_with_408() {
    let site = Site::start(Limits { body_timeout: SHORT, ..generous_limits() }).await;
    let chat = site.chat().await;
    let chat_path = format!("/{}", chat.chat_id);
    for path in ["/create", &chat_path, "/createroom", "/v1/chats", "/sessions", "/no/such/path"] {
        for length in ["content-length: 20", "transfer-encoding: chunked"] {
            let incomplete = format!("POST {path} HTTP/1.1\r\nhost: x\r\n{length}\r\n\r\n");
            let response = site.connect_and_send(&incomplete).await.until_closed().await;
            assert!(response.starts_with("HTTP/1.1 408 "), "{path} {length}: {response}");
            assert!(
                response.contains("application/problem+json") && response.contains("\"request_timeout\""),
                "{response}"
            );
        }
    }
}

#[tokio::test]
async fn an_endless_request_head_is_refused_with_431() {
    let site = Site::start(generous_limits()).await;
    let mut head = INCOMPLETE.to_owned();
    head.extend(std::iter::repeat_n('x', 32 * 1024 - INCOMPLETE.len()));
    let response = site.connect_and_send(&head).await.until_closed().await;
    assert!(response.starts_with("HTTP/1.1 431 "), "{response}");
}

#[tokio::test]
async fn http_2_is_not_supported() {
    let site = Site::start(generous_limits()).await;
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0";
    let response = site.connect_and_send(preface).await.until_closed().await;
    assert!(response.is_empty() || response.starts_with("HTTP/1.1 4"), "{response:?}");
    assert!(site.connect().await.is_healthy().await);
}

#[tokio::test]
async fn over_the_limit_the_longest_idle_connection_is_closed() {
    let site = Site::start(Limits { max_connections: 2, ..generous_limits() }).await;
    let (mut first, mut second) = (site.connect().await, site.connect().await);
    assert!(first.is_healthy().await && second.is_healthy().await && first.is_healthy().await);
    let mut third = site.connect().await;
    assert!(third.is_healthy().await);
    assert_eq!(second.until_closed().await, "");
    assert!(first.is_healthy().await && third.is_healthy().await, "the other connections stay open");
}

#[tokio::test]
async fn a_complete_request_is_answered_while_incomplete_requests_fill_the_limit() {
    let site = Site::start(Limits { max_connections: 8, ..generous_limits() }).await;
    let mut slow = Vec::new();
    for _ in 0..100 {
        slow.push(site.connect_and_send(INCOMPLETE).await);
    }
    assert!(site.connect().await.is_healthy().await);
    // The connection that came first was closed first.
    assert_eq!(slow.swap_remove(0).until_closed().await, "");
}

#[tokio::test]
async fn over_the_limit_with_none_idle_new_connections_get_503_and_others_continue() {
    let site = Site::start(Limits { max_connections: 2, ..generous_limits() }).await;
    let chat = site.chat().await;
    let bob = site.join(&chat).await;
    let mut events = site.connect_and_send(&stream_of(&chat)).await;
    events.until("\"opened\"").await;
    let mut socket = site.connect_and_send(&socket_of(&chat)).await;
    socket.until("\"opened\"").await;

    for _ in 0..10 {
        let response = site.connect_and_send(HEALTH).await.until_closed().await;
        assert!(response.starts_with("HTTP/1.1 503 ") && response.contains("\r\nretry-after: "), "{response}");
        assert!(response.contains("application/problem+json") && response.contains("\"unavailable\""), "{response}");
    }
    site.say(&chat, &bob, "still there?").await;
    events.until("still there?").await;
    socket.until("still there?").await;

    drop(socket);
    while !site.connect_and_send(HEALTH).await.answer().await.starts_with("HTTP/1.1 200 ") {}
}

/// Checks that Ann, who reads nothing after the answer to her request, is cut off and shown as offline.
async fn assert_cut_off_and_offline(request_of: impl Fn(&NewChat) -> String) {
    // Only one connection is allowed, so another one is answered only after hers is closed.
    let site = Site::start(Limits { max_connections: 1, write_timeout: SHORT, ..generous_limits() }).await;
    let chat = site.chat().await;
    let bob = site.join(&chat).await;
    let narrow = TcpSocket::new_v4().unwrap();
    narrow.set_recv_buffer_size(4 * 1024).unwrap();
    let mut stalled = narrow.connect(site.address).await.unwrap();
    stalled.write_all(request_of(&chat).as_bytes()).await.unwrap();
    let mut status_line = [0; 12];
    stalled.read_exact(&mut status_line).await.unwrap();
    assert!([*b"HTTP/1.1 200", *b"HTTP/1.1 101"].contains(&status_line));

    let long = "👩‍🚀".repeat(1_400);
    let members = format!(
        "GET /{}/members HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n",
        chat.chat_id,
        bob.token.reveal()
    );
    let accepted = async {
        loop {
            // More data in total than the system's buffers hold.
            for _ in 0..16 {
                site.say(&chat, &bob, &long).await;
            }
            let mut peer = site.connect_and_send(&members).await;
            if peer.until("\r\n\r\n").await.starts_with("HTTP/1.1 200 ") {
                return peer;
            }
        }
    };
    let mut peer = timeout(Duration::from_mins(1), accepted).await.unwrap();
    peer.until("\"Bob\"").await;
    site.clock.advance(Duration::from_mins(2));
    peer.send(&members).await;
    let response = peer.until("\"Bob\"").await;
    assert!(response.contains("\"Ann\"") && response.contains("\"online\":false"), "{response}");
    drop(stalled);
}

#[tokio::test]
async fn an_unread_event_stream_is_cut_off_and_its_reader_shown_as_offline() {
    assert_cut_off_and_offline(stream_of).await;
}

#[tokio::test]
async fn an_unread_websocket_is_cut_off_and_its_reader_shown_as_offline() {
    assert_cut_off_and_offline(socket_of).await;
}

#[tokio::test]
async fn a_client_that_reads_no_answers_is_cut_off() {
    let site = Site::start(Limits { max_connections: 1, write_timeout: SHORT, ..generous_limits() }).await;
    let mut stalled = site.connect().await;
    // The client keeps sending requests and reads no answer, until the server stops reading its requests.
    let document = "GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(1_000);
    let cut_off = async { while stalled.stream.write_all(document.as_bytes()).await.is_ok() {} };
    timeout(Duration::from_mins(1), cut_off).await.unwrap();
    while !site.connect_and_send(HEALTH).await.answer().await.starts_with("HTTP/1.1 200 ") {}
}

/// Connects from one of the machine's own addresses.
#[cfg(target_os = "linux")]
async fn connect_from(address: &str, site: &Site) -> Peer {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(address.parse().unwrap(), 0)).unwrap();
    Peer { stream: socket.connect(site.address).await.unwrap(), read: Vec::new() }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_address_with_too_many_connections_gets_429_and_others_are_served() {
    let site = Site::start(Limits { max_connections_per_address: 2, ..generous_limits() }).await;
    let (mut first, mut second) = (site.connect().await, site.connect().await);
    assert!(first.is_healthy().await && second.is_healthy().await);
    for _ in 0..10 {
        let response = site.connect_and_send(HEALTH).await.until_closed().await;
        assert!(response.starts_with("HTTP/1.1 429 Too Many Requests\r\n"), "{response}");
        assert!(response.contains("\r\nretry-after: 2\r\n"), "{response}");
        assert!(response.contains("application/problem+json") && response.contains("\"too_many_requests\""));
        assert!(response.contains("\r\naccess-control-allow-origin: *\r\n"), "{response}");
    }
    assert!(connect_from("127.0.0.2", &site).await.is_healthy().await);
    assert!(first.is_healthy().await && second.is_healthy().await, "its open connections stay open");
    drop(first);
    while !site.connect_and_send(HEALTH).await.answer().await.starts_with("HTTP/1.1 200 ") {}
}

#[tokio::test]
async fn a_trusted_proxy_has_no_limit_of_its_own_on_connections() {
    let limits = Limits { max_connections_per_address: 1, ..generous_limits() };
    let site = Site::with(limits, MemoryStore::default(), policy(true), &["127.0.0.0/8"]).await;
    let mut peers = Vec::new();
    for _ in 0..5 {
        peers.push(site.connect().await);
    }
    for peer in &mut peers {
        assert!(peer.is_healthy().await);
    }
}

#[tokio::test]
async fn an_address_with_too_many_unfinished_bodies_gets_429() {
    let site = Site::with(generous_limits(), MemoryStore::default(), policy(true), &[]).await;
    let begun = "POST /create HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n";
    let mut waiting = Vec::new();
    for _ in 0..UNFINISHED_BODIES {
        let mut peer = site.connect_and_send(begun).await;
        // Then the server waits for the body.
        peer.until("100 Continue\r\n\r\n").await;
        waiting.push(peer);
    }
    let response = site.connect_and_send(begun).await.answer().await;
    assert!(response.contains("HTTP/1.1 429 ") && response.contains("\r\nretry-after: 2\r\n"), "{response}");
    // A body that arrives with its head does not wait.
    let whole = "POST /create HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}";
    assert!(site.connect_and_send(whole).await.until("\r\n\r\n").await.starts_with("HTTP/1.1 201 "));
    let mut last = waiting.pop().unwrap();
    last.send("{}").await;
    assert!(last.until("\r\n\r\n").await.starts_with("HTTP/1.1 201 "));
    assert!(site.connect_and_send(begun).await.until("\r\n\r\n").await.contains("100 Continue"));
}

/// A masked frame of a client with this opcode, whose head announces `length` bytes, with `payload`.
fn frame(opcode: u8, length: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode, 0x80 | 0x7e];
    frame.extend(length.to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

#[tokio::test]
async fn a_reader_that_sends_too_many_frames_is_closed_with_1008() {
    let site = Site::start(generous_limits()).await;
    let chat = site.chat().await;
    let mut socket = site.connect_and_send(&socket_of(&chat)).await;
    socket.until("\"opened\"").await;
    let pong = [0x8a, 0x80, 0, 0, 0, 0];
    // As many as are allowed after each of two pings, because the server may have sent one in the meantime.
    for _ in 0..=2 * FRAMES_BETWEEN_PINGS {
        if socket.stream.write_all(&pong).await.is_err() {
            break;
        }
    }
    let rest = socket.until_closed().await;
    assert!(rest.contains("too many frames"), "{rest}");
}

#[tokio::test]
async fn a_frame_that_is_too_large_ends_the_stream_before_it_has_arrived() {
    let site = Site::start(generous_limits()).await;
    let chat = site.chat().await;
    let largest = u16::try_from(MAX_FRAME_BYTES).unwrap();
    for (length, is_closed) in [(largest, false), (largest + 1, true)] {
        let mut socket = site.connect_and_send(&socket_of(&chat)).await;
        socket.until("\"opened\"").await;
        socket.stream.write_all(&frame(2, length, &[])).await.unwrap();
        if is_closed {
            socket.until_closed().await;
        } else {
            socket.stream.write_all(&vec![0; usize::from(length)]).await.unwrap();
            site.say(&chat, &chat.seat, "still here").await;
            socket.until("still here").await;
        }
    }
}

#[tokio::test]
async fn a_stopping_server_finishes_running_requests_and_closes_everything_else() {
    let site = Site::start(generous_limits()).await;
    let mut kept = site.connect().await;
    assert!(kept.is_healthy().await);
    let incomplete = site.connect_and_send(INCOMPLETE).await;
    let post = "POST /create HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n";
    let mut posting = site.connect_and_send(post).await;
    posting.until("100 Continue\r\n\r\n").await;

    site.stop.send(()).unwrap();
    assert_eq!((kept.until_closed().await, incomplete.until_closed().await), (String::new(), String::new()));
    assert!(TcpStream::connect(site.address).await.is_err());
    posting.send("{}").await;
    let response = posting.until_closed().await;
    assert!(response.starts_with("HTTP/1.1 201 ") && response.ends_with('}'), "{response}");
    timeout(Duration::from_mins(1), site.server).await.unwrap().unwrap();
}

/// A store that panics at the first query for due chats.
#[derive(Debug)]
struct Panicking {
    store: MemoryStore,
    queries: AtomicUsize,
    answered: watch::Sender<usize>,
}

#[async_trait]
impl ChatStore for Panicking {
    async fn restore(&self, chat: &Arc<Chat>, over: Option<Position>) -> Result<(), CommitError> {
        self.store.restore(chat, over).await
    }
    async fn all_chats(&self) -> Result<Vec<ChatId>, Unavailable> {
        self.store.all_chats().await
    }
    async fn load(&self, id: ChatId) -> Result<Option<Arc<Chat>>, Unavailable> {
        self.store.load(id).await
    }

    async fn commit(&self, change: &Transition) -> Result<(), CommitError> {
        self.store.commit(change).await
    }

    async fn count_chats(&self) -> Result<usize, Unavailable> {
        self.store.count_chats().await
    }

    async fn due(&self, now: Timestamp, forget_after: Duration, at_most: usize) -> Result<Vec<ChatId>, Unavailable> {
        assert_ne!(self.queries.fetch_add(1, Ordering::SeqCst), 0, "the deliberate panic of this test");
        let due = self.store.due(now, forget_after, at_most).await;
        self.answered.send_modify(|answered| *answered += 1);
        due
    }
}

#[tokio::test]
async fn sweeping_continues_after_a_panic() {
    let (answered, mut answers) = watch::channel(0);
    let store = Panicking { store: MemoryStore::default(), queries: AtomicUsize::new(0), answered };
    let stores = Stores { chats: Arc::new(store), browser_sessions: Arc::new(MemoryStore::default()) };
    let site = Site::of(Limits { chore_interval: Duration::from_millis(1), ..generous_limits() }, stores).await;
    let swept = answers.wait_for(|answers| *answers >= 2);
    timeout(Duration::from_mins(1), swept).await.expect("the server should sweep again").unwrap();
    assert!(site.connect().await.is_healthy().await);
}

/// Starts the program with a soft limit of open files, and the hard limit to which it may raise the soft one.
#[cfg(target_os = "linux")]
fn start_with_files(folder: &std::path::Path, soft: u32, hard: u32, flags: &[&str]) -> Program {
    let bare = command(folder);
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &format!("ulimit -Sn {soft} && ulimit -Hn {hard} && exec \"$0\" \"$@\"")]);
    shell.arg(bare.get_program()).args(bare.get_args()).args(["--store", "memory"]).args(flags);
    shell.current_dir(folder).env_clear();
    Program::of(shell)
}

#[cfg(target_os = "linux")]
#[test]
fn the_program_raises_its_open_file_limit_and_logs_the_connection_limit() {
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&[&str], &str); 3] = [
        (&[], "136 connections and 200 files may be open at once"),
        (&["--max-connections", "5"], "5 connections and 200 files may be open at once"),
        (&["--max-connections", "1000"], "max-connections is 1000, but the limit of open files allows only 136"),
    ];
    for (flags, words) in cases {
        let program = start_with_files(folder.path(), 100, 200, flags);
        assert!(program.startup_log.contains(words), "{}", program.startup_log);
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", program.id())).unwrap();
        let files = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
        assert_eq!(files.split_whitespace().next(), Some("200"), "{limits}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn out_of_file_descriptors_open_streams_continue_and_new_connections_wait() {
    let folder = tempfile::tempdir().unwrap();
    let program = start_with_files(folder.path(), 200, 200, &[]);
    let address: SocketAddr = program.site.strip_prefix("http://").unwrap().parse().unwrap();
    let set_file_limit = |files: &str| {
        let limit = ["--pid", &program.id().to_string(), &format!("--nofile={files}:")].map(str::to_owned);
        assert!(std::process::Command::new("prlimit").args(limit).status().unwrap().success());
    };
    let (_, created) = program.caller().post("/create", "", &serde_json::json!({})).await;
    let path = format!("/{}", created["chat_id"].as_str().unwrap());
    let token = created["session_token"].as_str().unwrap();
    let mut events = Peer::of(address).await;
    let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n");
    events.send(&format!("{head}accept: text/event-stream\r\n\r\n")).await;
    events.until("\"opened\"").await;
    let mut idle = Peer::of(address).await;
    assert!(idle.is_healthy().await);

    set_file_limit("1");
    let mut next = Peer::of(address).await;
    next.send(HEALTH).await;
    program.await_line("cannot accept connections");
    assert_eq!(idle.until_closed().await, "", "the idle connection was closed to free a file");
    set_file_limit("200");
    assert!(next.answer().await.starts_with("HTTP/1.1 200 "));
    program.caller().post(&path, token, &serde_json::json!({"text": "still there?"})).await;
    events.until("still there?").await;
}
