//! Clients of every kind use a network that cuts, delays and truncates, while the server is killed and restarted.
//! Every reader sees every acknowledged message, once and in the same order.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use parking_lot::Mutex;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use uuid::Uuid;
use watch_party::service::Entropy as _;

use crate::app::CountingEntropy;
use crate::program::{Http, Program};

const CHATS: usize = 3;
const POSTS: usize = 40;
const RESTARTS: usize = 4;
/// Enough to keep all messages of a chat, so that a reader who was away for long misses none.
const HISTORY: usize = 1_000;

fn dice(entropy: &CountingEntropy) -> u16 {
    let mut drawn = [0; 2];
    entropy.fill(&mut drawn);
    u16::from_le_bytes(drawn)
}

/// A network between clients and server. Its port stays the same while the server's changes.
struct Network {
    address: String,
    server: Arc<AtomicU16>,
    /// While this is set, connections are soon cut.
    is_bad: Arc<AtomicBool>,
}

impl Network {
    async fn start(server: u16, entropy: Arc<CountingEntropy>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = Arc::new(AtomicU16::new(server));
        let is_bad = Arc::new(AtomicBool::new(true));
        let (target, bad) = (server.clone(), is_bad.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (port, bad, entropy) = (target.load(Ordering::SeqCst), bad.clone(), entropy.clone());
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
                    carry(client, server, bad, entropy).await;
                });
            }
        });
        Self { address, server, is_bad }
    }
}

/// Carries bytes both ways. While the network is bad, each chunk may be delayed, truncated, and the last of its
/// connection. Different delays let connections overtake each other.
async fn carry(client: TcpStream, server: TcpStream, bad: Arc<AtomicBool>, entropy: Arc<CountingEntropy>) {
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    let one_way = |mut from: tokio::net::tcp::OwnedReadHalf, mut to: tokio::net::tcp::OwnedWriteHalf| {
        let (bad, entropy) = (bad.clone(), entropy.clone());
        async move {
            let mut chunk = [0; 1024];
            while let Ok(read) = from.read(&mut chunk).await {
                let mut part = &chunk[..read];
                let chance = dice(&entropy);
                let is_cut = bad.load(Ordering::SeqCst) && chance.is_multiple_of(24);
                if bad.load(Ordering::SeqCst) && chance.is_multiple_of(4) {
                    tokio::time::sleep(Duration::from_millis(u64::from(chance / 16 % 30))).await;
                }
                if is_cut {
                    part = &part[..read * usize::from(chance / 32 % 4) / 4];
                }
                if read == 0 || to.write_all(part).await.is_err() || is_cut {
                    return;
                }
            }
        }
    };
    // When one direction is cut, so is the other.
    tokio::select! {
        () = one_way(client_read, server_write) => {}
        () = one_way(server_read, client_write) => {}
    }
}

/// One chat of the test, and the messages that were acknowledged in it.
struct Room {
    id: String,
    /// The tokens with which the members write.
    tokens: Vec<String>,
    /// The tokens with which the same members read: from their other session, if they have two.
    reading_tokens: Vec<String>,
    acknowledged: Mutex<HashSet<(u64, String)>>,
}

/// How a reader follows a chat.
#[derive(Clone, Copy, Debug)]
enum Transport {
    Poll,
    Events,
    WebSocket,
}

/// Posts messages, and sends each again with the same client id until it is acknowledged.
async fn write(client: Client, site: String, room: Arc<Room>, seat: usize) {
    for number in 0..POSTS {
        let text = format!("{seat}: {number}");
        let body = json!({"text": text, "client_id": Uuid::new_v4()});
        loop {
            let post = client.post(format!("{site}/{}", room.id)).bearer_auth(&room.tokens[seat]).json(&body);
            let Ok(answer) = post.send().await else { continue };
            let status = answer.status();
            let Ok(message) = answer.json::<Value>().await else { continue };
            if [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS].contains(&status) {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
            assert!(status.is_success(), "{status} {message}");
            assert!(room.acknowledged.lock().insert((message["id"].as_u64().unwrap(), text)));
            break;
        }
    }
}

/// A reader, and the messages it has seen, in the order of receipt.
struct Reader {
    room: Arc<Room>,
    token: String,
    seen: Vec<(u64, String)>,
    expected: usize,
}

impl Reader {
    fn cursor(&self) -> u64 {
        self.seen.last().map_or(0, |(id, _)| *id)
    }

    fn take(&mut self, message: &Value) {
        self.seen.push((message["id"].as_u64().unwrap(), message["text"].as_str().unwrap().to_owned()));
    }

    fn has_all(&self) -> bool {
        self.seen.len() >= self.expected
    }

    /// Reads until all messages are seen, and continues at the cursor after each failure.
    async fn read(mut self, client: Client, address: String, transport: Transport) -> Self {
        while !self.has_all() {
            // An empty or truncated answer is a failure like any other.
            let _ = match transport {
                Transport::Poll => self.poll(&client, &address).await,
                Transport::Events => self.follow_events(&client, &address).await,
                Transport::WebSocket => self.follow_socket(&address).await,
            };
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self
    }

    async fn poll(&mut self, client: &Client, address: &str) -> Option<()> {
        let path = format!("http://{address}/{}?after={}", self.room.id, self.cursor());
        let answer = client.get(path).bearer_auth(&self.token).send().await.ok()?;
        let read: Value = answer.error_for_status().ok()?.json().await.ok()?;
        assert_eq!(read["missed"], 0);
        read["messages"].as_array()?.iter().for_each(|message| self.take(message));
        Some(())
    }

    async fn follow_events(&mut self, client: &Client, address: &str) -> Option<()> {
        let request = client.get(format!("http://{address}/{}", self.room.id)).bearer_auth(&self.token);
        let request = request.header("accept", "text/event-stream").header("last-event-id", self.cursor());
        let mut answer = request.send().await.ok()?.error_for_status().ok()?;
        let mut read = Vec::new();
        while !self.has_all() {
            read.extend_from_slice(&answer.chunk().await.ok()??);
            while let Some(end) = read.windows(2).position(|pair| pair == b"\n\n") {
                let event: Vec<u8> = read.drain(..end + 2).collect();
                let event = String::from_utf8(event).unwrap();
                let data = event.lines().find_map(|line| line.strip_prefix("data: "));
                self.receive(data.unwrap_or("null"));
            }
        }
        Some(())
    }

    async fn follow_socket(&mut self, address: &str) -> Option<()> {
        let path = format!("ws://{address}/{}/live?after={}", self.room.id, self.cursor());
        let mut request = path.into_client_request().unwrap();
        let protocols = format!("watch-party, bearer.{}", self.token);
        request.headers_mut().insert("sec-websocket-protocol", protocols.parse().unwrap());
        let (mut socket, _) = connect_async(request).await.ok()?;
        while !self.has_all() {
            if let Message::Text(text) = socket.next().await?.ok()? {
                self.receive(&text);
            }
        }
        Some(())
    }

    fn receive(&mut self, event: &str) {
        let event: Value = serde_json::from_str(event).unwrap();
        match event["type"].as_str() {
            Some("message") => self.take(&event["message"]),
            Some("opened") => assert_eq!(event["missed"], 0),
            _ => {}
        }
    }
}

async fn room_by_links(http: &Http) -> Room {
    let (_, created) = http.post("/create", "", &json!({"history": HISTORY})).await;
    let id = created["chat_id"].as_str().unwrap().to_owned();
    let mut tokens = vec![created["session_token"].as_str().unwrap().to_owned()];
    for guest in ["Bob", "Cleo"] {
        let body = json!({"key": created["invite"]["key"], "username": guest});
        let (_, joined) = http.post(&format!("/{id}/join"), "", &body).await;
        tokens.push(joined["session_token"].as_str().unwrap().to_owned());
    }
    Room { id, reading_tokens: tokens.clone(), tokens, acknowledged: Mutex::default() }
}

/// Creates a chat whose members are each logged in from two browsers.
async fn room_of_accounts(http: &Http) -> Room {
    let (_, created) = http.post("/create", "", &json!({"admission": "account", "history": HISTORY})).await;
    let id = created["chat_id"].as_str().unwrap().to_owned();
    let (mut tokens, mut reading_tokens) = (Vec::new(), Vec::new());
    for username in ["Ann", "Bob", "Cleo"] {
        let account = json!({"username": username, "password": "correct horse"});
        let (_, registered) = http.post(&format!("/{id}/register"), "", &account).await;
        assert_eq!(registered["succeeded"], true);
        for tokens in [&mut tokens, &mut reading_tokens] {
            let (_, login) = http.post(&format!("/{id}/login"), "", &account).await;
            tokens.push(login["token"].as_str().unwrap().to_owned());
        }
    }
    Room { id, tokens, reading_tokens, acknowledged: Mutex::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_messages_are_never_lost_duplicated_or_reordered() {
    let seed = std::env::var("CHAOS_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| Uuid::new_v4().as_u64_pair().0);
    println!("CHAOS_SEED={seed}");
    let entropy = Arc::new(CountingEntropy::seeded(seed));
    let folder = tempfile::tempdir().unwrap();
    let mut program = Program::start(folder.path());
    let port = |program: &Program| program.site.rsplit(':').next().unwrap().parse::<u16>().unwrap();
    let http = program.caller();
    let network = Network::start(port(&program), entropy.clone()).await;
    let site = format!("http://{}", network.address);
    // One connection per request, so that a cut connection fails no other request.
    let client = Client::builder().pool_max_idle_per_host(0).timeout(Duration::from_secs(10)).build().unwrap();
    let streaming = Client::builder().pool_max_idle_per_host(0).build().unwrap();

    let (mut writers, mut readers, mut rooms) = (JoinSet::new(), JoinSet::new(), Vec::new());
    for number in 0..CHATS {
        let room = Arc::new(if number == 0 { room_of_accounts(&http).await } else { room_by_links(&http).await });
        rooms.push(room.clone());
        for seat in 0..3 {
            writers.spawn(write(client.clone(), site.clone(), room.clone(), seat));
            for transport in [Transport::Poll, Transport::Events, Transport::WebSocket] {
                let token = room.reading_tokens[seat].clone();
                let reader = Reader { room: room.clone(), token, seen: Vec::new(), expected: 3 * POSTS };
                let client = if matches!(transport, Transport::Poll) { client.clone() } else { streaming.clone() };
                readers.spawn(reader.read(client, network.address.clone(), transport));
            }
        }
    }
    let all = CHATS * 3 * POSTS;
    for restart in 1..=RESTARTS {
        // Spread the restarts evenly over all posts.
        let acknowledged = || rooms.iter().map(|room| room.acknowledged.lock().len()).sum::<usize>();
        while acknowledged() < all * restart / (RESTARTS + 1) {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(5)) => {}
                // A writer that panics fails the test; one that finishes has had all its posts acknowledged.
                Some(writer) = writers.join_next() => writer.unwrap(),
            }
        }
        program.kill();
        program = Program::start(folder.path());
        network.server.store(port(&program), Ordering::SeqCst);
    }
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    network.is_bad.store(false, Ordering::SeqCst);
    for reader in readers.join_all().await {
        let ids: Vec<u64> = reader.seen.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, (1..=3 * POSTS as u64).collect::<Vec<_>>(), "each message once, in order");
        let seen: HashSet<(u64, String)> = reader.seen.into_iter().collect();
        assert_eq!(seen, *reader.room.acknowledged.lock(), "every acknowledged message, under the same id");
    }
}
