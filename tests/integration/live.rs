//! Live streams: no gaps, no duplicates, and in order, over each transport.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async, connect_async};
use watch_party::domain::{Admission, Departure, Event, MessageText, Settings, Username};
use watch_party::http::serve;
use watch_party::service::{Ending, Follower, NewChat, OsEntropy, Service, SystemClock, Update};
use watch_party::store::MemoryStore;
use watch_party::wire::LiveEvent;

use crate::app::{TestApp, caller, live, policy, published, seat, state};

fn service() -> Service {
    Service::new(Arc::new(MemoryStore::default()), Arc::new(SystemClock), Arc::new(OsEntropy), policy(false))
}

fn username(name: &str) -> Username {
    Username::parse(name).unwrap()
}

async fn chat(service: &Service) -> NewChat {
    let settings = Settings::new(Admission::Link, Some(50), Some(1_000)).unwrap();
    service.create_chat(caller(), username("Ann"), None, settings).await.unwrap()
}

async fn say(service: &Service, chat: &NewChat, text: &str) {
    let text = MessageText::parse(text).unwrap();
    service.post(chat.chat_id, &chat.seat.token, text, None).await.unwrap();
}

/// Returns the ids of the messages up to `last`, in the order of receipt.
async fn ids(follower: &mut Follower, last: u64) -> Vec<u64> {
    let mut ids = Vec::new();
    while ids.last() != Some(&last) {
        if let Ok(Update::Event(event)) = follower.next().await
            && let Event::MessagePosted { message } = &*event
        {
            ids.push(message.id);
        }
    }
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followers_that_start_during_posts_get_each_message_once_and_in_order() {
    const POSTS: u64 = 600;
    let service = service();
    let chat = Arc::new(chat(&service).await);
    let writer = {
        let (service, chat) = (service.clone(), chat.clone());
        tokio::spawn(async move {
            for number in 1..=POSTS {
                say(&service, &chat, &format!("message {number}")).await;
            }
        })
    };
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let (service, chat) = (service.clone(), chat.clone());
        readers.spawn(async move {
            let mut seen = Vec::new();
            let mut cursor = 0;
            // A reader that is cut off for being slow reconnects with its cursor.
            while cursor < POSTS {
                let mut follower = service.follow(caller(), chat.chat_id, &chat.seat.token, cursor).await.unwrap();
                while cursor < POSTS {
                    match follower.next().await {
                        Ok(Update::Event(event)) => {
                            if let Event::MessagePosted { message } = &*event {
                                cursor = message.id;
                                seen.push(message.id);
                            }
                        }
                        Ok(Update::Opened { missed, .. }) => assert_eq!(missed, 0),
                        Ok(_) => {}
                        Err(ending) => {
                            assert_eq!(ending, Ending::Behind);
                            break;
                        }
                    }
                }
            }
            seen
        });
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
    for seen in readers.join_all().await {
        assert_eq!(seen, (1..=POSTS).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_follower_that_reads_nothing_is_cut_off_and_delays_nobody() {
    let service = service();
    let chat = chat(&service).await;
    let mut slow = service.follow(caller(), chat.chat_id, &chat.seat.token, 0).await.unwrap();
    let mut quick = service.follow(caller(), chat.chat_id, &chat.seat.token, 0).await.unwrap();
    for number in 1..=200 {
        say(&service, &chat, "hello").await;
        assert_eq!(ids(&mut quick, number).await, [number]);
    }
    assert_eq!(slow.next().await, Ok(Update::Opened { last_id: 0, missed: 0, is_incomplete: false }));
    assert_eq!(slow.next().await, Err(Ending::Behind));
    assert_eq!(slow.next().await, Err(Ending::Behind), "it stays cut off");
    let mut again = service.follow(caller(), chat.chat_id, &chat.seat.token, 0).await.unwrap();
    assert_eq!(ids(&mut again, 200).await.len(), 200);
}

#[tokio::test]
async fn joins_departures_and_typing_are_streamed_and_removal_ends_the_stream() {
    let service = service();
    let chat = chat(&service).await;
    let (id, ann) = (chat.chat_id, &chat.seat.token);
    let mut ann_events = service.follow(caller(), id, ann, 0).await.unwrap();
    assert!(matches!(ann_events.next().await, Ok(Update::Opened { .. })));
    let bob = seat(&service, id, &chat.invite.as_ref().unwrap().key, "Bob").await.unwrap();
    assert_eq!(published(ann_events.next().await), Event::MemberJoined { member: bob.member.clone() });
    let mut bob_events = service.follow(caller(), id, &bob.token, 0).await.unwrap();
    assert!(matches!(bob_events.next().await, Ok(Update::Opened { .. })));

    service.notify_typing(id, &bob.token).await.unwrap();
    assert_eq!(ann_events.next().await, Ok(Update::Typing { member_id: bob.member.id }));
    service.remove_member(id, ann, bob.member.id, false).await.unwrap();
    let left = LiveEvent::MemberLeft { member_id: bob.member.id.as_uuid(), reason: Departure::Removed };
    assert_eq!(live(ann_events.next().await), left);
    assert_eq!(
        bob_events.next().await,
        Err(Ending::SessionEnded(Departure::Removed)),
        "members receive no typing signals of their own"
    );
    service.end_chat(id, ann).await.unwrap();
    assert_eq!(ann_events.next().await, Err(Ending::ChatEnded));
}

#[tokio::test]
async fn a_follower_is_online_even_when_the_chat_is_silent() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let bob = chat.join("Bob").await;
    let token = watch_party::domain::SessionToken::parse(&ann.token).unwrap();
    let follower = app.service.follow(caller(), chat.id.parse().unwrap(), &token, 0).await.unwrap();
    let online = async || bob.get("/members").await_status(200).await.json()["members"][0]["online"].clone();
    app.clock.advance(Duration::from_hours(1));
    assert_eq!(online().await, true);
    drop(follower);
    assert_eq!(online().await, true, "shortly after the stream has closed");
    app.clock.advance(Duration::from_mins(2));
    assert_eq!(online().await, false);
}

#[tokio::test]
async fn an_expired_sessions_stream_ends_before_the_next_message() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    app.clock.advance(Duration::from_hours(3));
    let bob = chat.join("Bob").await;
    let token = watch_party::domain::SessionToken::parse(&ann.token).unwrap();
    let mut follower = app.service.follow(caller(), chat.id.parse().unwrap(), &token, 0).await.unwrap();
    assert!(matches!(follower.next().await, Ok(Update::Opened { .. })));
    app.clock.advance(Duration::from_hours(3));
    bob.says("now that Ann is gone").await;
    assert_eq!(follower.next().await, Err(Ending::SessionEnded(Departure::Expired)));
}

/// A server on its own port.
pub struct Site {
    pub service: Service,
    pub address: String,
    pub stop: Option<oneshot::Sender<()>>,
    pub server: JoinHandle<()>,
}

impl Site {
    pub async fn start() -> Self {
        Self::of(service()).await
    }

    pub async fn of(service: Service) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(serve(state(&service, None, &[]), listener, async move {
            let _ = stopped.await;
        }));
        Self { service, address, stop: Some(stop), server }
    }

    pub async fn connect(&self, path: &str, headers: &[(&'static str, &str)]) -> Result<Socket, Error> {
        let mut request = format!("ws://{}{path}", self.address).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        connect_async(request).await.map(|(socket, _)| socket)
    }

    async fn follow(&self, chat: &NewChat, token: &str, after: u64) -> Socket {
        let protocols = format!("watch-party, bearer.{token}");
        let path = format!("/{}/live?after={after}", chat.chat_id);
        self.connect(&path, &[("sec-websocket-protocol", &protocols)]).await.unwrap()
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Returns the next event. Pings are answered meanwhile.
async fn event(socket: &mut Socket) -> Value {
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn close_code(socket: &mut Socket) -> CloseCode {
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Close(frame) => return frame.unwrap().code,
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_websocket_carries_past_messages_and_new_events() {
    let site = Site::start().await;
    let chat = chat(&site.service).await;
    say(&site.service, &chat, "one").await;
    say(&site.service, &chat, "two").await;
    let ann = chat.seat.token.reveal();
    let mut socket = site.follow(&chat, &ann, 1).await;
    assert_eq!(event(&mut socket).await, json!({"type": "opened", "last_id": 2, "missed": 0}));
    let message = event(&mut socket).await;
    assert_eq!((&message["type"], &message["message"]["text"]), (&json!("message"), &json!("two")));
    say(&site.service, &chat, "three").await;
    assert_eq!(event(&mut socket).await["message"]["id"], 3);
    // The server ignores what readers send.
    socket.send(Message::text("hello?")).await.unwrap();

    let bob = seat(&site.service, chat.chat_id, &chat.invite.as_ref().unwrap().key, "Bob").await.unwrap();
    let joined = event(&mut socket).await;
    assert_eq!((&joined["type"], &joined["member"]["username"]), (&json!("member_joined"), &json!("Bob")));
    let mut bob_events = site.follow(&chat, &bob.token.reveal(), 3).await;
    assert_eq!(event(&mut bob_events).await["type"], "opened");
    site.service.notify_typing(chat.chat_id, &bob.token).await.unwrap();
    let bob_id = bob.member.id.to_string();
    assert_eq!(event(&mut socket).await, json!({"type": "typing", "member_id": bob_id}));
    site.service.remove_member(chat.chat_id, &bob.token, bob.member.id, false).await.unwrap();
    assert_eq!(event(&mut socket).await, json!({"type": "member_left", "member_id": bob_id, "reason": "left"}));
    assert_eq!(event(&mut bob_events).await, json!({"type": "session_ended", "reason": "left"}));
    assert_eq!(close_code(&mut bob_events).await, CloseCode::Normal);
    site.service.end_chat(chat.chat_id, &chat.seat.token).await.unwrap();
    assert_eq!(event(&mut socket).await, json!({"type": "chat_ended"}));
    assert_eq!(close_code(&mut socket).await, CloseCode::Normal);
}

/// A path, the headers of the request, and the refusal it gets.
type Case<'a> = (&'a str, Vec<(&'static str, &'a str)>, Option<(u16, &'a str)>);

#[tokio::test]
async fn an_invalid_websocket_request_is_refused_before_the_upgrade() {
    let site = Site::start().await;
    let chat = chat(&site.service).await;
    let token = chat.seat.token.reveal();
    let path = format!("/{}/live", chat.chat_id);
    let protocols = format!("watch-party, bearer.{token}");
    let offered = ("sec-websocket-protocol", protocols.as_str());
    let bearer = format!("Bearer {token}");
    let own = format!("https://{}", site.address);
    let cookie = format!("watch-party-session={token}");
    let cases: [Case; 8] = [
        (&path, vec![], Some((401, "session_required"))),
        (&path, vec![("sec-websocket-protocol", "watch-party, bearer.wrong")], Some((401, "session_required"))),
        // Browsers add cookies to a WebSocket of another site's page, so no cookie may authenticate it.
        (&path, vec![("origin", "https://elsewhere.example"), ("cookie", &cookie)], Some((401, "session_required"))),
        (&path, vec![offered, ("origin", "https://elsewhere.example"), ("sec-fetch-site", "cross-site")], None),
        ("/8e03978e-40d5-43dd-bc93-6894a57f9324/live", vec![offered], Some((404, "chat_not_found"))),
        (&format!("{path}?after=x"), vec![offered], Some((400, "invalid_request"))),
        (&path, vec![offered, ("origin", &own)], None),
        (&path, vec![("authorization", &bearer)], None),
    ];
    for (path, headers, refusal) in cases {
        match (site.connect(path, &headers).await, refusal) {
            (Ok(_), None) => {}
            (Err(Error::Http(answer)), Some((status, code))) => {
                let problem: Value = serde_json::from_slice(answer.body().as_ref().unwrap()).unwrap();
                assert_eq!((answer.status().as_u16(), &problem["code"]), (status, &json!(code)), "{path} {headers:?}");
            }
            (answer, _) => panic!("{path} {headers:?}: {answer:?}"),
        }
    }
    let plain = reqwest::Client::new().get(format!("http://{}{path}", site.address)).bearer_auth(&token);
    let answer = plain.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert!(answer.text().await.unwrap().contains("upgrade"));
}

/// A stream of server-sent events, read line by line.
pub struct Events {
    answer: reqwest::Response,
    read: String,
}

impl Events {
    pub async fn open(site: &Site, path: &str, token: &str, last_event: Option<&str>) -> Self {
        let request = reqwest::Client::new().get(format!("http://{}{path}", site.address)).bearer_auth(token);
        Self::of(match last_event {
            Some(id) => request.header("last-event-id", id),
            None => request,
        })
        .await
    }

    /// Opens the stream that answers `request`. When this returns, its headers have arrived.
    pub async fn of(request: reqwest::RequestBuilder) -> Self {
        let answer = request.header("accept", "text/event-stream").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self { answer, read: String::new() }
    }

    /// Returns the next event as sent, without its last empty line, or `None` at the end.
    pub async fn next(&mut self) -> Option<String> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.read = rest;
                return Some(event);
            }
            let chunk = self.answer.chunk().await.unwrap()?;
            self.read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

#[tokio::test]
async fn server_sent_events_carry_messages_with_ids_to_resume_from() {
    let site = Site::start().await;
    let chat = chat(&site.service).await;
    for text in ["one", "two", "three"] {
        say(&site.service, &chat, text).await;
    }
    let token = chat.seat.token.reveal();
    let path = format!("/{}?after=1", chat.chat_id);
    let mut events = Events::open(&site, &path, &token, None).await;
    assert_eq!(events.next().await.unwrap(), "event: opened\ndata: {\"type\":\"opened\",\"last_id\":3,\"missed\":0}");
    let two = events.next().await.unwrap();
    assert!(two.starts_with("event: message\ndata: {") && two.contains("\"two\"") && two.ends_with("id: 2"), "{two}");
    let mut again = Events::open(&site, &path, &token, Some("2")).await;
    again.next().await.unwrap();
    assert!(again.next().await.unwrap().ends_with("id: 3"));
    events.next().await.unwrap();
    say(&site.service, &chat, "four").await;
    assert!(events.next().await.unwrap().ends_with("id: 4"));
    site.service.end_chat(chat.chat_id, &chat.seat.token).await.unwrap();
    assert_eq!(events.next().await.unwrap(), "event: chat_ended\ndata: {\"type\":\"chat_ended\"}");
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn a_stopping_server_asks_readers_to_reconnect_and_exits() {
    let mut site = Site::start().await;
    let chat = chat(&site.service).await;
    let token = chat.seat.token.reveal();
    let mut socket = site.follow(&chat, &token, 0).await;
    event(&mut socket).await;
    let mut events = Events::open(&site, &format!("/{}", chat.chat_id), &token, None).await;
    events.next().await.unwrap();
    site.stop.take().unwrap().send(()).unwrap();
    assert_eq!(close_code(&mut socket).await, CloseCode::Restart);
    assert_eq!(events.next().await.unwrap(), "retry: 1000");
    assert_eq!(events.next().await, None);
    drop((socket, events));
    site.server.await.unwrap();
}

#[tokio::test]
async fn typing_is_restricted_to_members_and_rate_limited() {
    let app = TestApp::with(crate::app::Options { rate_limit: true, ..Default::default() });
    let (chat, ann) = app.chat(json!({})).await;
    ann.post("/typing").await_status(204).await;
    app.post(format!("/{}/typing", chat.id)).await_problem(401, "session_required").await;
    let unknown = app.post("/8e03978e-40d5-43dd-bc93-6894a57f9324/typing").bearer(&ann.token);
    unknown.await_problem(404, "chat_not_found").await;
    let mut answers = Vec::new();
    for _ in 0..61 {
        answers.push(ann.post("/typing").answer().await.status.as_u16());
    }
    assert_eq!(answers.last(), Some(&429));
}

/// One reader reads nothing from its socket, another one does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unread_websocket_is_cut_off_and_delays_nobody() {
    const POSTS: u64 = 900;
    let site = Site::start().await;
    let chat = chat(&site.service).await;
    let token = chat.seat.token.reveal();
    let mut slow = {
        let narrow = TcpSocket::new_v4().unwrap();
        narrow.set_recv_buffer_size(16 * 1024).unwrap();
        let stream = narrow.connect(site.address.parse().unwrap()).await.unwrap();
        let path = format!("ws://{}/{}/live", site.address, chat.chat_id);
        let mut request = path.into_client_request().unwrap();
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        client_async(request, stream).await.unwrap().0
    };
    let mut quick = site.follow(&chat, &token, 0).await;
    event(&mut quick).await;
    // More data in total than the sockets' own buffers hold.
    let long = "👩‍🚀".repeat(1_400);
    for number in 1..=POSTS {
        say(&site.service, &chat, &long).await;
        assert_eq!(event(&mut quick).await["message"]["id"], number);
    }
    let mut seen = 0;
    let ending = loop {
        match slow.next().await {
            Some(Ok(Message::Text(text))) => {
                let event: Value = serde_json::from_str(&text).unwrap();
                if event["type"] == "message" {
                    seen += 1;
                    assert_eq!(event["message"]["id"], seen, "messages arrive complete and in order");
                }
            }
            Some(Ok(Message::Close(frame))) => break frame.map(|frame| frame.code),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => break None,
        }
    };
    assert!(seen < POSTS, "the slow reader was cut off");
    assert!(ending.is_none_or(|code| code == CloseCode::Again), "{ending:?}");
    // It reconnects with its cursor, and misses no message.
    let mut again = site.follow(&chat, &token, seen).await;
    event(&mut again).await;
    for number in seen + 1..=POSTS {
        assert_eq!(event(&mut again).await["message"]["id"], number);
    }
}
