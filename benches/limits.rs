//! Measures how much memory the program uses under loads that its limits bound: idle connections, half-sent requests,
//! connections beyond the limit, many chats, and many addresses. Clients are in this process, over loopback.
//!
//! `cargo bench --features ssr --bench limits -- --quick` is a small run. `--only=<word>` measures the loads whose names
//! contain that word.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Connections of one source address: more than an address may have ephemeral ports would fail.
const PER_ADDRESS: usize = 400;
/// Requests that a client writes before it reads their answers.
const PIPELINE: usize = 64;
const CLIENTS: usize = 16;
/// Longer than the time limits for heads and bodies, and than the interval of the sweep.
const AFTER_TIMEOUTS: Duration = Duration::from_secs(70);
/// Longer than a chat stays in memory while there are many, and a sweep.
const AFTER_IDLE: Duration = Duration::from_secs(150);

#[derive(Clone, Copy)]
struct Scale {
    connections: usize,
    half_sent: usize,
    refused: usize,
    chats: usize,
    addresses: usize,
}

const QUICK: Scale = Scale { connections: 1_000, half_sent: 500, refused: 1_000, chats: 20_000, addresses: 20_000 };
const FULL: Scale =
    Scale { connections: 50_000, half_sent: 10_000, refused: 100_000, chats: 1_000_000, addresses: 1_000_000 };

fn main() {
    let is_quick = std::env::args().any(|argument| argument == "--quick");
    let only = std::env::args().find_map(|argument| Some(argument.strip_prefix("--only=")?.to_owned()));
    let is_meant = |name: &str| only.as_ref().is_none_or(|only| name.contains(&**only));
    let mut scale = if is_quick { QUICK } else { FULL };
    let open_files = raise_open_files();
    // The program reserves a sixteenth of its open files.
    scale.connections = scale.connections.min(open_files - open_files / 16 - 64);
    println!("Memory under load, with {open_files} open files\n");
    println!("| load | resident before | under the load | per item | later |");
    println!("|---|---:|---:|---:|---:|");
    let runtime = Runtime::new().expect("the runtime should start");
    let loads: [(&str, &dyn Fn()); 9] = [
        ("idle connections", &|| runtime.block_on(idle_connections(scale.connections))),
        ("half-sent heads", &|| runtime.block_on(half_sent("half-sent heads", HEAD, 30 * 1024, scale.half_sent))),
        ("half-sent bodies", &|| runtime.block_on(half_sent("half-sent bodies", BODY, 60 * 1024, scale.half_sent))),
        ("half-sent bodies of one address", &|| runtime.block_on(half_sent_by_one(scale.half_sent))),
        ("refused connections", &|| runtime.block_on(refused_connections(scale.refused))),
        ("addresses that poll", &|| runtime.block_on(addresses("addresses that poll", "/healthz", scale.addresses))),
        ("addresses that guess keys", &|| {
            let path = format!("/{UNKNOWN}/seats");
            runtime.block_on(addresses("addresses that guess keys", &path, scale.addresses));
        }),
        ("chats in memory", &|| runtime.block_on(chats("chats in memory", scale.chats, None))),
        ("chats in SQLite", &|| {
            let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("limits-{}", std::process::id()));
            fs::create_dir_all(&folder).expect("the folder should be created");
            runtime.block_on(chats("chats in SQLite", scale.chats, Some(&folder.join("chats.db"))));
            let _ = fs::remove_dir_all(folder);
        }),
    ];
    for (name, measure) in loads {
        if is_meant(name) {
            measure();
        }
    }
}

const UNKNOWN: &str = "2eaf4767-9975-4773-b7c7-817e60ce2bfb";
const HEAD: &str = "GET /healthz HTTP/1.1\r\nhost: x\r\nx-more: ";
const BODY: &str = "POST /create HTTP/1.1\r\nhost: x\r\ncontent-length: 65536\r\n\r\n";

/// Raises the limit of open files of this process and of the programs that it starts, and returns it.
fn raise_open_files() -> usize {
    let id = std::process::id().to_string();
    for limit in ["--nofile=200000:200000", "--nofile=20000:"] {
        let _ = Command::new("prlimit").args(["--pid", &id, limit]).stderr(Stdio::null()).status();
    }
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(1_024)
}

struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(settings: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_watch-party"));
        command.args(["--site-addr", "127.0.0.1:0", "--max-chats", "10000000"]).args(settings);
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the program should start");
        let log = BufReader::new(child.stderr.take().expect("stderr should be piped"));
        let mut lines = log.lines().map_while(Result::ok);
        let site =
            lines.find_map(|line| line.split_once("listening on http://").map(|(_, site)| site.trim().to_owned()));
        std::thread::spawn(move || lines.for_each(drop));
        let address = site.and_then(|site| site.parse().ok());
        Self { child, address: address.expect("the program should listen") }
    }

    fn resident_mib(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib: f64 = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(f64::NAN);
        kib / 1024.0
    }

    /// Whether another address is still served.
    async fn is_serving(&self) -> bool {
        let mut peer = connect(self.address, 60_000).await;
        let _ = peer.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let mut answer = [0; 12];
        peer.read_exact(&mut answer).await.is_ok() && answer.ends_with(b"200")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Connects from one of the machine's own addresses; each has [`PER_ADDRESS`] of the connections.
async fn connect(server: SocketAddr, number: usize) -> TcpStream {
    let address = u32::from(Ipv4Addr::new(127, 1, 0, 1)) + u32::try_from(number / PER_ADDRESS).expect("few addresses");
    let socket = TcpSocket::new_v4().expect("a socket should open");
    socket.bind(SocketAddr::new(IpAddr::from(Ipv4Addr::from(address)), 0)).expect("the address should be local");
    socket.connect(server).await.expect("the server should accept")
}

#[allow(clippy::cast_precision_loss)] // far below 2^52
fn report(load: &str, items: usize, before: f64, under: f64, later: f64) {
    let each = (under - before) * 1024.0 / items as f64;
    println!("| {items} {load} | {before:.0} MiB | {under:.0} MiB | {each:.1} KiB | {later:.0} MiB |");
    let _ = std::io::stdout().flush();
}

async fn idle_connections(count: usize) {
    let server = Server::start(&["--store", "memory"]);
    let before = server.resident_mib();
    let mut peers = Vec::new();
    for number in 0..count {
        let mut peer = connect(server.address, number).await;
        peer.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("the server should read");
        let mut answer = [0; 12];
        peer.read_exact(&mut answer).await.expect("the server should answer");
        peers.push(peer);
    }
    let under = server.resident_mib();
    assert!(server.is_serving().await);
    drop(peers);
    sleep(AFTER_TIMEOUTS / 2).await;
    report("idle connections", count, before, under, server.resident_mib());
}

/// Sends `begin` and `more` bytes on each of `count` connections, and never the rest.
async fn half_sent(load: &str, begin: &str, more: usize, count: usize) {
    let server = Server::start(&["--store", "memory"]);
    let before = server.resident_mib();
    let mut senders = JoinSet::new();
    for sender in 0..CLIENTS {
        let (address, request) = (server.address, format!("{begin}{}", "x".repeat(more)));
        senders.spawn(async move {
            let mut peers = Vec::new();
            for number in (sender..count).step_by(CLIENTS) {
                let mut peer = connect(address, number).await;
                // The server refuses what is beyond its limit, and closes the connection.
                let _ = peer.write_all(request.as_bytes()).await;
                peers.push(peer);
            }
            peers
        });
    }
    let (mut peers, mut under) = (Vec::new(), before);
    while let Some(sent) = senders.join_next().await {
        peers.extend(sent.expect("the sender should finish"));
        under = server.resident_mib().max(under);
    }
    sleep(Duration::from_millis(500)).await;
    under = server.resident_mib().max(under);
    assert!(server.is_serving().await);
    sleep(AFTER_TIMEOUTS).await;
    drop(peers);
    report(load, count, before, under, server.resident_mib());
}

/// The same for bodies, from one address, which may have 500 of them.
async fn half_sent_by_one(count: usize) {
    let server = Server::start(&["--store", "memory"]);
    let before = server.resident_mib();
    let mut peers = Vec::new();
    for _ in 0..count {
        let mut peer = connect(server.address, 0).await;
        // The server may refuse it, and close the connection.
        let _ = peer.write_all(format!("{BODY}{}", "x".repeat(60 * 1024)).as_bytes()).await;
        peers.push(peer);
    }
    let under = server.resident_mib();
    assert!(server.is_serving().await);
    sleep(AFTER_TIMEOUTS).await;
    drop(peers);
    report("half-sent bodies of one address", count, before, under, server.resident_mib());
}

/// Connects `count` times while every connection has a request in progress.
async fn refused_connections(count: usize) {
    let server = Server::start(&["--store", "memory", "--max-connections", "500"]);
    let mut busy = Vec::new();
    for number in 0..500 {
        let mut peer = connect(server.address, 2 * number).await;
        peer.write_all(BODY.as_bytes()).await.expect("the server should read");
        busy.push(peer);
    }
    sleep(Duration::from_millis(500)).await;
    let before = server.resident_mib();
    let mut under = before;
    let begun = Instant::now();
    let mut tried = 0;
    // The bodies are refused after 30 seconds.
    while tried < count && begun.elapsed() < Duration::from_secs(25) {
        let mut peers = JoinSet::new();
        for number in 0..100 {
            let address = server.address;
            peers.spawn(async move {
                let mut peer = connect(address, 10_000 + 4 * number).await;
                let mut answer = Vec::new();
                let _ = peer.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
                let _ = peer.read_to_end(&mut answer).await;
            });
        }
        while peers.join_next().await.is_some() {}
        tried += 100;
        under = server.resident_mib().max(under);
    }
    drop(busy);
    report("refused connections", tried, before, under, server.resident_mib());
}

/// Sends `count` requests made by `request` over [`CLIENTS`] connections.
async fn send_many(server: SocketAddr, count: usize, request: impl Fn(usize) -> String + Clone + Send + 'static) {
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let request = request.clone();
        clients.spawn(async move {
            let mut stream = TcpStream::connect(server).await.expect("the server should accept");
            let mut next = client;
            let mut buffer = vec![0; 256 * 1024];
            while next < count {
                let numbers: Vec<usize> = (next..count).step_by(CLIENTS).take(PIPELINE).collect();
                next = numbers.last().expect("there is a next request") + CLIENTS;
                let requests: String = numbers.iter().map(|number| request(*number)).collect();
                stream.write_all(requests.as_bytes()).await.expect("the server should read");
                let (mut answers, mut tail) = (0, Vec::new());
                while answers < numbers.len() {
                    let read = stream.read(&mut buffer).await.expect("the server should answer");
                    assert_ne!(read, 0, "the server closed the connection");
                    tail.extend_from_slice(&buffer[..read]);
                    answers += tail.windows(9).filter(|window| window == b"HTTP/1.1 ").count();
                    // The status line of the next answer may be cut.
                    tail = tail[tail.len().saturating_sub(8)..].to_vec();
                }
                // The rest of the last answer is read before those of the next requests are counted.
            }
        });
    }
    while let Some(client) = clients.join_next().await {
        client.expect("the client should finish");
    }
}

/// Sends one request from each of `count` addresses, which a trusted proxy names.
async fn addresses(load: &str, path: &str, count: usize) {
    let server = Server::start(&["--store", "memory", "--trusted-proxies", "127.0.0.0/8"]);
    let before = server.resident_mib();
    let path = path.to_owned();
    send_many(server.address, count, move |number| {
        let (high, low) = (number / 65_536, number % 65_536);
        let key = "A".repeat(43);
        format!(
            "GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\
             x-forwarded-for: 2001:db8:{high:x}:{low:x}::1\r\n\r\n"
        )
    })
    .await;
    let under = server.resident_mib();
    sleep(AFTER_TIMEOUTS).await;
    report(load, count, before, under, server.resident_mib());
}

/// Creates `count` chats, and leaves them.
async fn chats(load: &str, count: usize, file: Option<&PathBuf>) {
    let store = file.map_or("memory".to_owned(), |path| format!("sqlite:{}", path.display()));
    let server = Server::start(&["--store", &store, "--rate-limit", "off"]);
    let before = server.resident_mib();
    send_many(server.address, count, |_| {
        "POST /create HTTP/1.1\r\nhost: x\r\ncontent-length: 18\r\n\r\n{\"username\":\"Ann\"}".into()
    })
    .await;
    let under = server.resident_mib();
    sleep(AFTER_IDLE).await;
    report(load, count, before, under, server.resident_mib());
    if let Some(path) = file {
        let database = Connection::open(path).expect("the database should open");
        let stored: i64 = database.query_row("SELECT count(*) FROM chat", [], |row| row.get(0)).expect("a number");
        assert_eq!(usize::try_from(stored), Ok(count));
    }
}
