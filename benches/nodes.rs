//! Measures what posts and deliveries cost when several nodes share a Redis: processor time of the nodes and of Redis,
//! for one to three nodes, with one Redis and with a Cluster, and how it grows with the chats that are in use. Load,
//! nodes and Redis run on one machine, so the sum of the rates does not grow with the nodes; their costs are compared.
//!
//! `cargo bench --bench nodes -- --quick` is a small run. It needs `redis-server` and `redis-cli`.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// Writers, each in a chat of its own, who post as fast as they get answers.
const WRITERS: usize = 16;

/// Which program the benchmark runs. The packaged one, if the variable names it.
fn program() -> String {
    std::env::var("WATCH_PARTY_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_watch-party").into())
}

fn main() {
    let is_quick = std::env::args().any(|argument| argument == "--quick");
    let time = Duration::from_secs(if is_quick { 1 } else { 8 });
    // Each stream needs a socket on both sides: more open files than most shells allow by default.
    let limit = ["--pid", &std::process::id().to_string(), "--nofile=20000:"].map(str::to_owned);
    let _ = Command::new("prlimit").args(limit).stderr(Stdio::null()).status();
    let runtime = Runtime::new().expect("the runtime should start");
    let ping = |servers: usize| Redis::start(servers, false);

    println!("Posts and deliveries of several nodes\n");
    println!(
        "| store | nodes | readers of a chat | posts per second | deliveries per second | nodes' CPU per post | Redis's \
         CPU per post | of both, compared with one node in memory |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|");
    let mut base = [None; 2];
    for (redis, nodes) in
        [(None, 1), (Some(ping(1)), 1), (Some(ping(1)), 2), (Some(ping(1)), 3), (Some(ping(6)), 1), (Some(ping(6)), 3)]
    {
        for (readers, base) in [0, 6].into_iter().zip(&mut base) {
            let measured = runtime.block_on(measure(redis.as_ref(), nodes, readers, time));
            let all = measured.of_nodes + measured.of_redis;
            let ratio = all / *base.get_or_insert(all);
            println!(
                "| {} | {nodes} | {readers} | {:.0} | {:.0} | {:.0} µs | {:.0} µs | {ratio:.2} |",
                name_of(redis.as_ref()),
                measured.posts_per_second,
                measured.deliveries_per_second,
                measured.of_nodes * 1e6,
                measured.of_redis * 1e6,
            );
        }
    }

    println!("\nChats in use that nobody writes to, each with one reader\n");
    println!(
        "| store | nodes | chats | nodes' CPU per chat and minute | Redis's | memory of Redis per chat | of a node |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|");
    let counts = if is_quick { vec![100] } else { vec![500, 2_000] };
    for chats in counts {
        for nodes in [1, 3] {
            let redis = ping(1);
            let idle = runtime.block_on(idle(&redis, nodes, chats, time * 4));
            println!(
                "| redis | {nodes} | {chats} | {:.2} ms | {:.2} ms | {:.1} KiB | {:.1} KiB |",
                idle.of_nodes * 1e3,
                idle.of_redis * 1e3,
                idle.redis_bytes / 1024.0,
                idle.node_bytes / 1024.0,
            );
        }
    }
}

fn name_of(redis: Option<&Redis>) -> &'static str {
    match redis {
        None => "memory",
        Some(redis) if redis.servers.len() > 1 => "Cluster",
        Some(_) => "redis",
    }
}

fn cpu_seconds(id: u32) -> f64 {
    /// How often the kernel counts in a second (`getconf CLK_TCK`).
    const TICKS: f64 = 100.0;
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // The fields after the program's name, which may contain spaces: `utime` and `stime` are the 12th and 13th.
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
    fields.map(|ticks| ticks.parse::<f64>().unwrap_or(f64::NAN)).sum::<f64>() / TICKS
}

fn resident_bytes(id: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: f64 = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(f64::NAN);
    kib * 1024.0
}

/// A process that ends with this.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One server, or a Cluster of three masters with a replica each.
struct Redis {
    servers: Vec<(u16, Process)>,
    _folders: Vec<TempDir>,
}

impl Redis {
    fn start(count: usize, is_durable: bool) -> Self {
        let (mut servers, mut folders) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let folder = tempfile::tempdir().expect("a folder should be created");
            let port = free_port();
            let mut command = Command::new("redis-server");
            command
                .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
                .arg(folder.path());
            command.args(["--appendonly", if is_durable { "yes" } else { "no" }]);
            if count > 1 {
                command.args(["--cluster-enabled", "yes"]);
            }
            let child = command.stdout(Stdio::null()).spawn().expect("redis-server should be installed");
            servers.push((port, Process(child)));
            folders.push(folder);
            while !ask_redis(port, "PING").contains("PONG") {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        let redis = Self { servers, _folders: folders };
        if count > 1 {
            let mut create = Command::new("redis-cli");
            create.args(["--cluster", "create"]).args(redis.hosts());
            create.args(["--cluster-replicas", "1", "--cluster-yes"]).stdout(Stdio::null());
            assert!(create.status().expect("redis-cli should run").success());
            let is_ready = |(port, _): &(u16, Process)| ask_redis(*port, "CLUSTER INFO").contains("cluster_state:ok");
            while !redis.servers.iter().all(is_ready) {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        redis
    }

    fn hosts(&self) -> Vec<String> {
        self.servers.iter().map(|(port, _)| format!("127.0.0.1:{port}")).collect()
    }

    fn url(&self) -> String {
        let scheme = if self.servers.len() > 1 { "redis+cluster" } else { "redis" };
        format!("{scheme}://{}", self.hosts().join(","))
    }

    fn cpu_seconds(&self) -> f64 {
        self.servers.iter().map(|(_, process)| cpu_seconds(process.0.id())).sum()
    }

    fn used_bytes(&self) -> f64 {
        let info = ask_redis(self.servers[0].0, "INFO memory");
        let line = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
        line.and_then(|bytes| bytes.trim().parse().ok()).unwrap_or(f64::NAN)
    }
}

/// Below 55,536, because a Cluster's servers use the port that is 10,000 higher as well.
fn free_port() -> u16 {
    loop {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port should be free");
        let port = 10_000 + listener.local_addr().expect("it should have an address").port() % 22_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() && TcpListener::bind(("127.0.0.1", port + 10_000)).is_ok() {
            return port;
        }
    }
}

fn ask_redis(port: u16, command: &str) -> String {
    let mut answer = String::new();
    if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
        let _ = stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes());
        let _ = stream.read_to_string(&mut answer);
    }
    answer
}

struct Node {
    process: Process,
    site: String,
}

fn start_node(redis: Option<&Redis>) -> Node {
    let mut command = Command::new(program());
    command.args(["--site-addr", "127.0.0.1:0", "--rate-limit", "off", "--max-connections", "19000"]);
    command.args(["--store", &redis.map_or("memory".into(), Redis::url)]);
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the program should start");
    let log = BufReader::new(child.stderr.take().expect("stderr should be piped"));
    let mut lines = log.lines().map_while(Result::ok);
    let site = lines.find_map(|line| line.split_once("listening on ").map(|(_, site)| site.trim().to_owned()));
    std::thread::spawn(move || lines.for_each(drop));
    Node { process: Process(child), site: site.expect("the program should listen") }
}

struct Chat {
    id: String,
    tokens: Vec<String>,
}

async fn ask(client: &Client, address: String, token: &str, body: &Value) -> Value {
    let answer = client.post(address).bearer_auth(token).json(body).send().await.expect("the server should answer");
    answer.error_for_status().expect("the request should succeed").json().await.expect("the answer should be JSON")
}

fn text(value: &Value) -> String {
    value.as_str().expect("the value should be a string").to_owned()
}

async fn create(client: &Client, site: &str, members: usize) -> Chat {
    let created = ask(client, format!("{site}/create"), "", &json!({"username": "Ann"})).await;
    let id = text(&created["chat_id"]);
    let mut tokens = vec![text(&created["session_token"])];
    for guest in 1..members {
        let body = json!({"key": created["invite"]["key"], "username": format!("Guest {guest}")});
        tokens.push(text(&ask(client, format!("{site}/{id}/join"), "", &body).await["session_token"]));
    }
    Chat { id, tokens }
}

/// How a message begins in a stream.
const NAME: &[u8] = b"event: message\n";

/// Counts the messages that arrive on a stream of the chat's events.
async fn follow(client: &Client, site: &str, chat: &Chat, seat: usize, delivered: Arc<AtomicU64>) {
    let request = client.get(format!("{site}/{}", chat.id)).bearer_auth(&chat.tokens[seat]);
    let request = request.header("accept", "text/event-stream");
    let mut answer = request.send().await.expect("the stream should open").error_for_status().expect("it should open");
    tokio::spawn(async move {
        while let Ok(Some(chunk)) = answer.chunk().await {
            let messages = chunk.windows(NAME.len()).filter(|window| *window == NAME).count();
            delivered.fetch_add(messages as u64, Ordering::Relaxed);
        }
    });
}

struct Measured {
    posts_per_second: f64,
    deliveries_per_second: f64,
    /// Seconds of processor time for each post.
    of_nodes: f64,
    of_redis: f64,
}

#[allow(clippy::cast_precision_loss)] // far below 2^52
async fn measure(redis: Option<&Redis>, count: usize, readers: usize, time: Duration) -> Measured {
    let nodes: Vec<Node> = (0..count).map(|_| start_node(redis)).collect();
    let site = |at: usize| nodes[at % nodes.len()].site.clone();
    let client = Client::new();
    let delivered = Arc::new(AtomicU64::new(0));
    let mut chats = Vec::new();
    for number in 0..WRITERS {
        let chat = Arc::new(create(&client, &site(number), readers.max(1)).await);
        for reader in 0..readers {
            // The readers of a chat are spread over all nodes.
            follow(&client, &site(number + reader), &chat, reader, delivered.clone()).await;
        }
        chats.push(chat);
    }
    let cpu = || {
        let of_nodes: f64 = nodes.iter().map(|node| cpu_seconds(node.process.0.id())).sum();
        (of_nodes, redis.map_or(0.0, Redis::cpu_seconds))
    };
    let (begin, before, delivered_before) = (Instant::now(), cpu(), delivered.load(Ordering::Relaxed));
    let mut writers = JoinSet::new();
    for (number, chat) in chats.into_iter().enumerate() {
        let (client, sites) = (client.clone(), (0..count).map(site).collect::<Vec<_>>());
        writers.spawn(async move {
            let (body, mut posts) = (json!({"text": "x".repeat(50)}), 0_u64);
            while begin.elapsed() < time {
                // The writer is moved from node to node.
                let at = (number + usize::try_from(posts).unwrap_or(0)) % sites.len();
                ask(&client, format!("{}/{}", sites[at], chat.id), &chat.tokens[0], &body).await;
                posts += 1;
            }
            posts
        });
    }
    let posts: u64 = writers.join_all().await.into_iter().sum();
    let elapsed = begin.elapsed().as_secs_f64();
    // What is still on its way is a small part.
    let arrived = delivered.load(Ordering::Relaxed) - delivered_before;
    let after = cpu();
    Measured {
        posts_per_second: posts as f64 / elapsed,
        deliveries_per_second: arrived as f64 / elapsed,
        of_nodes: (after.0 - before.0) / posts as f64,
        of_redis: (after.1 - before.1) / posts as f64,
    }
}

struct Idle {
    /// Seconds of processor time for each chat and minute.
    of_nodes: f64,
    of_redis: f64,
    redis_bytes: f64,
    node_bytes: f64,
}

#[allow(clippy::cast_precision_loss)] // far below 2^52
async fn idle(redis: &Redis, count: usize, chats: usize, time: Duration) -> Idle {
    let nodes: Vec<Node> = (0..count).map(|_| start_node(Some(redis))).collect();
    let client = Client::new();
    let resident = || nodes.iter().map(|node| resident_bytes(node.process.0.id())).sum::<f64>();
    let (redis_before, node_before) = (redis.used_bytes(), resident());
    for number in 0..chats {
        let site = &nodes[number % nodes.len()].site;
        let chat = create(&client, site, 1).await;
        follow(&client, site, &chat, 0, Arc::default()).await;
    }
    let (redis_bytes, node_bytes) = (redis.used_bytes() - redis_before, resident() - node_before);
    let cpu = || nodes.iter().map(|node| cpu_seconds(node.process.0.id())).sum::<f64>();
    let (before, redis_cpu) = (cpu(), redis.cpu_seconds());
    tokio::time::sleep(time).await;
    let per_chat_minute = 60.0 / time.as_secs_f64() / chats as f64;
    Idle {
        of_nodes: (cpu() - before) * per_chat_minute,
        of_redis: (redis.cpu_seconds() - redis_cpu) * per_chat_minute,
        redis_bytes: redis_bytes / chats as f64,
        node_bytes: node_bytes / chats as f64,
    }
}
