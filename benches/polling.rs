//! Compares a poll that finds nothing new with a bare axum route whose answer has the same size. Clients in the same
//! process call both in turns within one run, over loopback, so that a noisy machine disturbs both alike.
//!
//! `cargo bench --bench polling -- --quick` is a small run.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::header;
use axum::routing::get;
use leptos::config::LeptosOptions;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use watch_party::config::Config;
use watch_party::domain::{Admission, MessageText, Settings, Username};
use watch_party::http::{AppState, serve};
use watch_party::service::{Caller, OsEntropy, Service, SystemClock};
use watch_party::store::MemoryStore;

struct Scale {
    /// Number of measurements of each side, in turns. The median is reported.
    rounds: usize,
    /// Duration of each measurement.
    time: Duration,
}

const FULL: Scale = Scale { rounds: 15, time: Duration::from_secs(1) };
const QUICK: Scale = Scale { rounds: 3, time: Duration::from_millis(100) };
/// Numbers of concurrent clients. Each keeps its connection and sends the next request after each answer.
const CLIENTS: [usize; 2] = [1, 32];

fn main() {
    let scale = if std::env::args().any(|argument| argument == "--quick") { QUICK } else { FULL };
    Runtime::new().expect("the runtime should start").block_on(compare(&scale));
}

/// A server, and the request that clients repeat.
struct Target {
    address: SocketAddr,
    request: Arc<str>,
}

impl Target {
    async fn start_server(service: &Service, config: Config) -> Self {
        let caller = Caller::from(std::net::IpAddr::from([127, 0, 0, 1]));
        let username = Username::parse("Ann").expect("the username should be valid");
        let settings = Settings::new(Admission::Link, None, None).expect("the default settings should be valid");
        let chat = service.create_chat(caller, username, None, settings).await.expect("the chat should be created");
        let (chat_id, token) = (chat.chat_id, &chat.seat.token);
        let text = MessageText::parse("Shall we begin?").expect("the text should be valid");
        service.post(chat_id, token, text, None).await.expect("the post should succeed");

        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port should be free");
        let address = listener.local_addr().expect("the listener should have an address");
        let leptos = LeptosOptions::builder().output_name("watch-party").site_root("public").build();
        let state = AppState { service: service.clone(), config: Arc::new(config), leptos };
        tokio::spawn(serve(state, listener, std::future::pending()));
        let token = token.reveal();
        let request = format!("GET /{chat_id}?after=1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
        Self { address, request: request.into() }
    }

    async fn start_bare(body: String) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port should be free");
        let address = listener.local_addr().expect("the listener should have an address");
        let answer = move || async move { ([(header::CONTENT_TYPE, "application/json")], body) };
        let router: Router = Router::new().route("/", get(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, request: "GET / HTTP/1.1\r\nhost: x\r\n\r\n".into() }
    }

    async fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).await.expect("the server should accept connections");
        stream.set_nodelay(true).expect("TCP_NODELAY should be supported");
        Client { stream, request: Arc::clone(&self.request), read: Vec::with_capacity(4 * 1024) }
    }
}

struct Client {
    stream: TcpStream,
    request: Arc<str>,
    read: Vec<u8>,
}

impl Client {
    /// Sends the request, and returns the body of the answer.
    async fn ask(&mut self) -> &[u8] {
        self.stream.write_all(self.request.as_bytes()).await.expect("the request should be sent");
        self.read.clear();
        loop {
            assert_ne!(
                self.stream.read_buf(&mut self.read).await.expect("the server should answer"),
                0,
                "the server closed the connection"
            );
            let Some(head) = self.read.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
            let text = std::str::from_utf8(&self.read[..head]).expect("the response head should be text");
            assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize =
                length.and_then(|length| length.parse().ok()).expect("the response should have a Content-Length");
            if self.read.len() == head + 4 + length {
                return &self.read[head + 4..];
            }
        }
    }
}

async fn answers_per_second(target: &Target, clients: usize, time: Duration) -> f64 {
    let mut ready = Vec::new();
    for _ in 0..clients {
        ready.push(target.connect().await);
    }
    let begin = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for mut client in ready {
        tasks.spawn(async move {
            let mut answers = 0_u32;
            while begin.elapsed() < time {
                client.ask().await;
                answers += 1;
            }
            answers
        });
    }
    let answers: u32 = tasks.join_all().await.into_iter().sum();
    f64::from(answers) / begin.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn compare(scale: &Scale) {
    let arguments = ["polling", "--rate-limit", "off"].map(Into::into);
    let config = Config::read(arguments, |_| None, None).expect("the settings should be valid");
    let store = Arc::new(MemoryStore::default());
    let service = Service::new(store, Arc::new(SystemClock), Arc::new(OsEntropy), config.policy);
    let server = Target::start_server(&service, config).await;
    let body = String::from_utf8(server.connect().await.ask().await.to_vec()).expect("JSON should be text");
    let bare = Target::start_bare(body).await;

    println!("Polls without new messages, compared with a bare axum route (median of {} rounds)\n", scale.rounds);
    println!("| clients | polls per second | bare requests per second | polls / bare |");
    println!("|---:|---:|---:|---:|");
    for clients in CLIENTS {
        let (mut polls, mut bares, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..scale.rounds {
            let poll = answers_per_second(&server, clients, scale.time).await;
            let route = answers_per_second(&bare, clients, scale.time).await;
            ratios.push(poll / route);
            polls.push(poll);
            bares.push(route);
        }
        let (polls, bares, ratio) = (median(polls), median(bares), median(ratios));
        println!("| {clients} | {polls:.0} | {bares:.0} | {ratio:.2} |");
    }
}
