//! Limits of streams, and the presence that they show.

use std::sync::Arc;

use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use watch_party::domain::{Admission, Event, MessageText, Refusal, SessionToken, Settings, Username};
use watch_party::service::{Error, OsEntropy, Service, SystemClock, Update};
use watch_party::store::MemoryStore;

use crate::app::{Options, TestApp, caller, policy, published, seat};
use crate::live::Site;

fn service(rate_limit: bool) -> Service {
    Service::new(Arc::new(MemoryStore::default()), Arc::new(SystemClock), Arc::new(OsEntropy), policy(rate_limit))
}

fn settings(admission: Admission) -> Settings {
    Settings::new(admission, Some(50), None).unwrap()
}

fn username(name: &str) -> Username {
    Username::parse(name).unwrap()
}

#[tokio::test]
async fn a_member_can_open_at_most_20_streams() {
    let app = TestApp::with(Options { rate_limit: true, ..Options::default() });
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let bob = chat.join("Bob").await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(app.follow(&ann).await);
    }
    let events = || ann.get("").header("accept", "text/event-stream");
    let problem = events().await_problem(429, "too_many_streams").await;
    assert!(problem["detail"].as_str().unwrap().contains("at most 20"), "{problem}");
    // Open streams continue, other members have their own limit, and polling still works.
    ann.says("hello").await;
    for stream in &mut streams {
        assert!(matches!(published(stream.next().await), Event::MessagePosted { .. }));
    }
    drop(app.follow(&bob).await);
    ann.reads(0).await;
    streams.pop();
    app.follow(&ann).await;
}

#[tokio::test]
async fn an_address_can_open_at_most_300_streams_of_any_kind() {
    let service = service(true);
    let chat = service.create_chat(caller(), username("Ann"), None, settings(Admission::Link)).await.unwrap();
    let key = &chat.invite.as_ref().unwrap().key;
    let mut streams = Vec::new();
    for number in 0..15 {
        let member = seat(&service, chat.chat_id, key, &format!("Guest {number}")).await.unwrap();
        for _ in 0..20 {
            streams.push(service.follow(caller(), chat.chat_id, &member.token, 0).await.unwrap());
        }
    }
    let refused = service.follow(caller(), chat.chat_id, &chat.seat.token, 0).await;
    assert!(matches!(refused, Err(Error::Refused(Refusal::TooManyStreams { at_most: 300 }))));
    let refused = service.watch_seats(caller(), chat.chat_id, key).await;
    assert!(matches!(refused, Err(Error::Refused(Refusal::TooManyStreams { .. }))));
    let elsewhere = std::net::IpAddr::from([192, 0, 2, 1]).into();
    service.follow(elsewhere, chat.chat_id, &chat.seat.token, 0).await.unwrap();
}

#[tokio::test]
async fn a_stream_that_outlives_its_seat_does_not_keep_the_member_online() {
    let app = TestApp::new();
    let room = app.post("/createroom").json(&json!({"alias": "Book club"})).await_status(200).await.json();
    let id = room["roomid"].as_str().unwrap();
    let call = |action: &str, username: &str| {
        app.post(format!("/{id}/{action}")).json(&json!({"username": username, "password": "correct horse"}))
    };
    let mut tokens = Vec::new();
    for username in ["Ann", "Bob"] {
        call("register", username).await_status(200).await;
        let login = call("login", username).await_status(200).await.json();
        tokens.push(SessionToken::parse(login["token"].as_str().unwrap()).unwrap());
    }
    let chat_id = id.parse().unwrap();
    let member_id = app.service.show_seat(chat_id, &tokens[1]).await.unwrap().0.id;
    let stream = app.service.follow(caller(), chat_id, &tokens[1], 0).await.unwrap();
    app.service.remove_member(chat_id, &tokens[1], member_id, false).await.unwrap();
    // The account's holder returns as the same member in a new seat.
    call("login", "Bob").await_status(200).await;
    drop(stream);
    app.clock.advance(Duration::from_hours(1));
    let roster = app.service.list_members(chat_id, &tokens[0]).await.unwrap();
    let bob = roster.members.iter().find(|(member, _)| member.id == member_id).unwrap();
    assert!(!bob.1, "Bob has been inactive for an hour");
}

#[tokio::test]
async fn typing_signals_do_not_displace_messages() {
    let service = service(false);
    let chat = service.create_chat(caller(), username("Ann"), None, settings(Admission::Link)).await.unwrap();
    let (id, ann) = (chat.chat_id, &chat.seat.token);
    let bob = seat(&service, id, &chat.invite.as_ref().unwrap().key, "Bob").await.unwrap();
    let mut stream = service.follow(caller(), id, ann, 0).await.unwrap();
    assert!(matches!(stream.next().await, Ok(Update::Opened { .. })));
    for _ in 0..200 {
        service.notify_typing(id, &bob.token).await.unwrap();
    }
    service.post(id, &bob.token, MessageText::parse("hello").unwrap(), None).await.unwrap();
    assert!(matches!(published(stream.next().await), Event::MessagePosted { .. }));
    // Bob's typing signals from before his message are dropped; a new one is delivered.
    service.notify_typing(id, &bob.token).await.unwrap();
    assert_eq!(stream.next().await, Ok(Update::Typing { member_id: bob.member.id }));
    service.post(id, &bob.token, MessageText::parse("again").unwrap(), None).await.unwrap();
    assert!(matches!(published(stream.next().await), Event::MessagePosted { .. }));
}

/// Opcodes of WebSocket frames (RFC 6455, section 5.2).
const TEXT: u8 = 1;
const PING: u8 = 9;

/// Returns the opcodes of the WebSocket frames in `bytes`.
fn opcodes(mut bytes: &[u8]) -> Vec<u8> {
    let mut opcodes = Vec::new();
    while let [first, length, ..] = *bytes {
        let (head, length) = match length {
            126 => (4, usize::from(u16::from_be_bytes([bytes[2], bytes[3]]))),
            length => (2, usize::from(length)),
        };
        opcodes.push(first & 0x0f);
        bytes = &bytes[head + length..];
    }
    opcodes
}

#[tokio::test(start_paused = true)]
async fn a_websocket_that_ignores_two_pings_is_cut_off() {
    let site = Site::start().await;
    let chat = site.service.create_chat(caller(), username("Ann"), None, settings(Admission::Link)).await.unwrap();
    let mut socket = TcpStream::connect(&site.address).await.unwrap();
    let request = format!(
        "GET /{}/live HTTP/1.1\r\nhost: {}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
         sec-websocket-protocol: watch-party, bearer.{}\r\n\r\n",
        chat.chat_id,
        site.address,
        chat.seat.token.reveal()
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).await.unwrap();
    let head = bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    let mut seen = opcodes(&bytes[head..]);
    seen.sort_unstable();
    assert_eq!(seen, [TEXT, PING, PING]);
}
