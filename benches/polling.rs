//! Compares a poll that finds nothing new, and a post to memory, with bare axum routes whose answers have the same status
//! and body. One route sends nothing else; the other looks for the token's header and sends the same headers. Their
//! answers are made before the first request. Clients in the same process call all in turns within one run, over loopback, so
//! that a noisy machine disturbs all alike. All clients post to one chat, so posts that wait share a commit.
//!
//! `cargo bench --bench polling -- --quick` is a small run.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::any;
use leptos::config::LeptosOptions;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use watch_party::config::Config;
use watch_party::domain::{Admission, MessageText, Settings, Username};
use watch_party::http::{AppState, MAX_BODY_BYTES, SiteFiles, serve};
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

/// The answer to a request. All of it is static, so that a route copies pointers and nothing else.
#[derive(Clone, Copy)]
struct Answer {
    status: StatusCode,
    headers: &'static [(HeaderName, HeaderValue)],
    body: &'static str,
}

impl Answer {
    fn response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.headers.iter().cloned());
        response
    }
}

impl Target {
    /// Starts the program. Returns the targets of a poll and of a post.
    async fn start_server(service: &Service, config: Config) -> [Self; 2] {
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
        let state = AppState { service: service.clone(), config: Arc::new(config), leptos, files: SiteFiles::OnDisk };
        tokio::spawn(serve(state, listener, std::future::pending()));
        let token = token.reveal();
        let head = format!("HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n");
        let poll = format!("GET /{chat_id}?after=1 {head}\r\n");
        let post =
            format!("POST /{chat_id} {head}content-type: text/plain\r\ncontent-length: 15\r\n\r\nShall we begin?");
        [poll, post].map(|request| Self { address, request: request.into() })
    }

    /// Starts a route that sends `answer` for the request of `like`; with all headers, or with the body's type alone.
    async fn start_bare(like: &Self, answer: Answer, with_headers: bool) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port should be free");
        let address = listener.local_addr().expect("the listener should have an address");
        let answer_with_headers = move |request: Request| async move {
            assert!(request.headers().contains_key(header::AUTHORIZATION), "the request should have a token");
            read_body(request).await;
            answer.response()
        };
        let answer_without = move |request: Request| async move {
            read_body(request).await;
            (answer.status, [(header::CONTENT_TYPE, "application/json")], answer.body)
        };
        let route = if with_headers { any(answer_with_headers) } else { any(answer_without) };
        let router: Router = Router::new().route("/{chat_id}", route);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, request: Arc::clone(&like.request) }
    }

    async fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).await.expect("the server should accept connections");
        stream.set_nodelay(true).expect("TCP_NODELAY should be supported");
        Client { stream, request: Arc::clone(&self.request), read: Vec::with_capacity(4 * 1024) }
    }
}

async fn read_body(request: Request) {
    to_bytes(request.into_body(), MAX_BODY_BYTES).await.expect("the request should be complete");
}

struct Client {
    stream: TcpStream,
    request: Arc<str>,
    read: Vec<u8>,
}

impl Client {
    /// Sends the request, and returns the head and the body of the answer.
    async fn ask(&mut self) -> (&str, &[u8]) {
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
            assert!(text.starts_with("HTTP/1.1 20"), "{text}");
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize =
                length.and_then(|length| length.parse().ok()).expect("the response should have a Content-Length");
            if self.read.len() == head + 4 + length {
                let (head, body) = self.read.split_at(head + 4);
                return (std::str::from_utf8(head).expect("the response head should be text"), body);
            }
        }
    }

    /// The answer, without the headers that every server adds itself. It is kept until the program ends.
    async fn answer(&mut self) -> Answer {
        let (head, body) = self.ask().await;
        let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let own = lines.filter(|(name, _)| !["content-length", "date"].contains(name));
        let header = |(name, value): (&str, &str)| {
            let [name, value] = [name, value].map(|text| &*String::leak(text.to_owned()));
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let headers: Vec<_> = own.map(header).collect();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let body = String::from_utf8(body.to_vec()).expect("JSON should be text");
        Answer {
            status: status.expect("the response should have a status"),
            headers: Vec::leak(headers),
            body: String::leak(body),
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
    let config = Config::read("1", arguments, |_| None, None).expect("the settings should be valid");
    let store = Arc::new(MemoryStore::default());
    let service = Service::new(store, Arc::new(SystemClock), Arc::new(OsEntropy), config.policy);
    let servers = Target::start_server(&service, config).await;
    println!(
        "Requests per second, and relative to bare axum routes; all clients use one chat (median of {} rounds)\n",
        scale.rounds
    );
    println!(
        "| call | clients | program | route with the same headers | route without | program / same | program / without |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|");
    for (name, server) in ["poll without news", "post to memory, in one chat"].into_iter().zip(servers) {
        let answer = server.connect().await.answer().await;
        let same = Target::start_bare(&server, answer, true).await;
        let without = Target::start_bare(&server, answer, false).await;
        for clients in CLIENTS {
            let mut rates = [const { Vec::new() }; 3];
            for _ in 0..scale.rounds {
                for (rates, target) in rates.iter_mut().zip([&server, &same, &without]) {
                    rates.push(answers_per_second(target, clients, scale.time).await);
                }
            }
            let ratio = |floor: &[f64]| median(rates[0].iter().zip(floor).map(|(rate, floor)| rate / floor).collect());
            let (to_same, to_without) = (ratio(&rates[1]), ratio(&rates[2]));
            let [program, same, without] = rates.map(median);
            println!(
                "| {name} | {clients} | {program:.0} | {same:.0} | {without:.0} | {to_same:.2} | {to_without:.2} |"
            );
        }
    }
}
