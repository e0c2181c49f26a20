//! Measures how soon followers receive a post over WebSockets, how much memory the server uses for each connection, and
//! how much processor time for each delivery. Server and followers run on one machine, over loopback.
//!
//! `cargo bench --bench live -- --quick` is a small run. `--chats=`, `--members=` and `--posts=` (per second) make one
//! measurement of that size.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tokio_tungstenite::connect_async_with_config;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

#[derive(Clone, Copy)]
struct Scale {
    chats: usize,
    /// Members of each chat, who all follow it.
    members: usize,
    posts_per_second: u64,
    time: Duration,
}

const QUICK: Scale = Scale { chats: 20, members: 6, posts_per_second: 100, time: Duration::from_secs(2) };
/// The second has as many deliveries as the first, in large chats. The third is about what a process with 20,000 open files can serve.
const FULL: [Scale; 3] = [
    Scale { chats: 1_000, members: 6, posts_per_second: 1_000, time: Duration::from_secs(15) },
    Scale { chats: 120, members: 50, posts_per_second: 120, time: Duration::from_secs(15) },
    Scale { chats: 3_000, members: 6, posts_per_second: 3_000, time: Duration::from_secs(15) },
];
/// Interval between sends; all posts that are due at a send go out together.
const SEND_INTERVAL: Duration = Duration::from_millis(5);

fn main() {
    let is_quick = std::env::args().any(|argument| argument == "--quick");
    let number = |name: &str| std::env::args().find_map(|argument| argument.strip_prefix(name)?.parse::<u32>().ok());
    let asked = [number("--chats="), number("--members="), number("--posts=")];
    let mut scales = if is_quick { vec![QUICK] } else { FULL.to_vec() };
    if let [Some(chats), Some(members), Some(posts)] = asked {
        let (chats, members) = (chats as usize, members as usize);
        scales = vec![Scale { chats, members, posts_per_second: posts.into(), ..scales[0] }];
    }
    // Each connection needs a socket on both sides: more open files than most shells allow by default.
    let limit = ["--pid", &std::process::id().to_string(), "--nofile=20000:"].map(str::to_owned);
    let _ = Command::new("prlimit").args(limit).stderr(Stdio::null()).status();
    println!("Delivery of posts over WebSockets\n");
    println!(
        "| WebSockets | posts per second | deliveries per second | p50 | p99 | max | memory per connection, idle | \
         after the posts | the server's CPU per delivery |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    for scale in scales {
        let server = Server::start();
        Runtime::new().expect("the runtime should start").block_on(measure(&server, &scale));
    }
}

/// The program itself, with the store in memory, because only delivery is measured.
struct Server {
    child: Child,
    site: String,
}

impl Server {
    fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_watch-party"));
        command.args([
            "--site-addr",
            "127.0.0.1:0",
            "--rate-limit",
            "off",
            "--store",
            "memory",
            "--max-connections",
            "19000",
        ]);
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the program should start");
        let log = BufReader::new(child.stderr.take().expect("stderr should be piped"));
        let mut lines = log.lines().map_while(Result::ok);
        let site = lines.find_map(|line| line.split_once("listening on ").map(|(_, site)| site.trim().to_owned()));
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, site: site.expect("the program should listen") }
    }

    /// The processor time that the server has used, in seconds.
    fn cpu_seconds(&self) -> f64 {
        /// How often the kernel counts in a second (`getconf CLK_TCK`).
        const TICKS: f64 = 100.0;
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        // The fields after the program's name, which may contain spaces: `utime` and `stime` are the 12th and 13th.
        let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
        fields.map(|ticks| ticks.parse::<f64>().unwrap_or(f64::NAN)).sum::<f64>() / TICKS
    }

    fn resident_bytes(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib: f64 = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(f64::NAN);
        kib * 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Chat {
    id: String,
    tokens: Vec<String>,
}

async fn ask(client: &Client, address: String, token: &str, body: Value) -> Value {
    let answer = client.post(address).bearer_auth(token).json(&body).send().await.expect("the server should answer");
    answer.error_for_status().expect("the request should succeed").json().await.expect("the answer should be JSON")
}

fn text(value: &Value) -> String {
    value.as_str().expect("the value should be a string").to_owned()
}

async fn create(client: &Client, site: &str, members: usize) -> Chat {
    let created = ask(client, format!("{site}/create"), "", json!({"capacity": members})).await;
    let id = text(&created["chat_id"]);
    let mut tokens = vec![text(&created["session_token"])];
    for guest in 1..members {
        let body = json!({"key": created["invite"]["key"], "username": format!("Guest {guest}")});
        tokens.push(text(&ask(client, format!("{site}/{id}/join"), "", body).await["session_token"]));
    }
    Chat { id, tokens }
}

async fn measure(server: &Server, scale: &Scale) {
    let client = Client::new();
    let mut chats = Vec::new();
    for _ in 0..scale.chats {
        chats.push(Arc::new(create(&client, &server.site, scale.members).await));
    }
    let before = server.resident_bytes();
    let begin = Instant::now();
    let (delays, mut latencies) = mpsc::unbounded_channel::<f64>();
    for chat in &chats {
        for token in &chat.tokens {
            follow(&server.site, chat, token, begin, delays.clone()).await;
        }
    }
    drop(delays);
    #[allow(clippy::cast_precision_loss)] // far below 2^52
    let connections = (scale.chats * scale.members) as f64;
    let idle = (server.resident_bytes() - before) / connections / 1024.0;

    let mut ticks = interval(SEND_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let per_tick = u64::try_from(SEND_INTERVAL.as_millis()).expect("the interval should fit into 64 bits")
        * scale.posts_per_second;
    let used_before = server.cpu_seconds();
    let (started, mut posted, mut owed) = (Instant::now(), 0_usize, 0);
    let mut posts = tokio::task::JoinSet::new();
    while started.elapsed() < scale.time {
        ticks.tick().await;
        owed += per_tick;
        while owed >= 1_000 {
            owed -= 1_000;
            let chat = chats[posted % chats.len()].clone();
            let (client, address) = (client.clone(), format!("{}/{}", server.site, chat.id));
            posted += 1;
            posts.spawn(async move {
                let sent_at = begin.elapsed().as_secs_f64().to_string();
                ask(&client, address, &chat.tokens[0], json!({"text": sent_at})).await;
            });
        }
    }
    while posts.join_next().await.is_some() {}
    let elapsed_seconds = started.elapsed().as_secs_f64();
    let mut all = Vec::new();
    while all.len() < posted * scale.members {
        all.push(latencies.recv().await.expect("every follower should receive every post"));
    }
    let used = server.cpu_seconds() - used_before;
    let busy = (server.resident_bytes() - before) / connections / 1024.0;
    all.sort_by(f64::total_cmp);
    let at = |share: f64| {
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let index = ((all.len() - 1) as f64 * share) as usize;
        all[index] * 1_000.0
    };
    #[allow(clippy::cast_precision_loss)]
    let (posts_rate, delivery_rate) = (posted as f64 / elapsed_seconds, all.len() as f64 / elapsed_seconds);
    #[allow(clippy::cast_precision_loss)]
    let cost = used / all.len() as f64 * 1e6;
    println!(
        "| {connections} in {} chats of {} | {posts_rate:.0} | {delivery_rate:.0} | {:.1} ms | {:.1} ms | {:.1} ms | \
         {idle:.1} KiB | {busy:.1} KiB | {cost:.1} µs |",
        scale.chats,
        scale.members,
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

/// Opens a stream, and reports the delay between the sending and the receipt of each message.
async fn follow(site: &str, chat: &Chat, token: &str, begin: Instant, delays: mpsc::UnboundedSender<f64>) {
    let address = format!("{}/{}/live", site.replacen("http", "ws", 1), chat.id);
    let mut request = address.into_client_request().expect("the address should be valid");
    let protocols = format!("watch-party, bearer.{token}");
    request
        .headers_mut()
        .insert("sec-websocket-protocol", protocols.parse().expect("the header value should be valid"));
    let config = WebSocketConfig::default().read_buffer_size(4 * 1024).write_buffer_size(0);
    let (mut socket, _) = connect_async_with_config(request, Some(config), true).await.expect("the stream should open");
    tokio::spawn(async move {
        while let Some(Ok(frame)) = socket.next().await {
            let Message::Text(text) = frame else { continue };
            // Parsing the JSON would take the followers more time than the server needs for the delivery.
            let after = text.split("\"text\":\"").nth(1).and_then(|rest| rest.split('"').next());
            let Some(sent_at) = after.and_then(|text| text.parse::<f64>().ok()) else { continue };
            if delays.send(begin.elapsed().as_secs_f64() - sent_at).is_err() {
                return;
            }
        }
    });
}
