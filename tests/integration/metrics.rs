//! What the program counts, where it serves it, and what the documents say of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use axum::http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use watch_party::domain::SessionToken;
use watch_party::http::{Limits, serve_metrics, serve_within};
use watch_party::service::{OsEntropy, Service, SystemClock};
use watch_party::store::{MemoryStore, SqliteOptions, SqliteStore};

use crate::app::{Options, TestApp, caller, policy, state};
use crate::live::{Events, Site};
use crate::nodes::Nodes;
use crate::program::{Program, command};

/// The value of a sample, such as `watch_party_streams{transport="sse"}`; 0 if it is not exported.
fn value(text: &str, sample: &str) -> f64 {
    let found = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    found.map_or(0.0, |value| value.parse().unwrap())
}

#[track_caller]
fn assert_values(app: &TestApp, expected: &[(&str, u32)]) {
    let text = app.service.metrics_text();
    for (sample, expected) in expected {
        let found = value(&text, &format!("watch_party_{sample}"));
        assert!((found - f64::from(*expected)).abs() < 0.1, "{sample} is {found}, not {expected}: {text}");
    }
}

#[tokio::test]
async fn requests_are_counted_by_route_method_and_status() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({})).await;
    ann.says("one").await;
    ann.reads(0).await;
    ann.reads(1).await;
    ann.call(Method::HEAD, "").await_status(200).await;
    app.get(format!("/{}", chat.id)).await_status(401).await;
    ann.get("/members/").await_status(200).await;
    for path in ["/a/wp-login.php", "/a/b/c/d", "/{chat_id}/x"] {
        app.get(path).await_status(404).await;
    }
    app.call("BREW".parse().unwrap(), "/healthz").await_status(405).await;
    assert_values(
        &app,
        &[
            ("http_requests_total{route=\"/create\",method=\"POST\",status=\"201\"}", 1),
            ("http_requests_total{route=\"/{chat_id}\",method=\"POST\",status=\"201\"}", 1),
            ("http_requests_total{route=\"/{chat_id}\",method=\"GET\",status=\"200\"}", 2),
            ("http_requests_total{route=\"/{chat_id}\",method=\"HEAD\",status=\"200\"}", 1),
            ("http_requests_total{route=\"/{chat_id}\",method=\"GET\",status=\"401\"}", 1),
            ("http_requests_total{route=\"/{chat_id}/members\",method=\"GET\",status=\"200\"}", 1),
            ("http_requests_total{route=\"-\",method=\"GET\",status=\"404\"}", 3),
            ("http_requests_total{route=\"/healthz\",method=\"other\",status=\"405\"}", 1),
            ("http_request_duration_seconds_count{route=\"/{chat_id}\",method=\"GET\"}", 3),
            ("http_request_duration_seconds_bucket{route=\"/{chat_id}\",method=\"GET\",le=\"+Inf\"}", 3),
        ],
    );
}

#[tokio::test]
async fn services_count_for_themselves() {
    let (one, other) = (TestApp::new(), TestApp::new());
    one.post("/create").await_status(201).await;
    assert_values(&one, &[("commits_total", 1)]);
    assert_values(&other, &[("commits_total", 0)]);
}

#[tokio::test]
async fn refusals_are_counted_by_code_in_every_dialect_and_form() {
    let app = TestApp::new();
    let form = "application/x-www-form-urlencoded";
    let id = "2eaf4767-9975-4773-b7c7-817e60ce2bfb";
    app.get(format!("/{id}/members")).await_status(401).await;
    app.get(format!("/{id}/members")).bearer(&"A".repeat(43)).await_status(404).await;
    app.post(format!("/{id}/login")).json(&json!({"username": "Ann", "password": "12345678"})).await_status(200).await;
    app.post("/sf/create_chat").header("content-type", form).body("username=+").await_status(422).await;
    app.post("/").header("content-type", form).body("username=+&admission=link").await_status(422).await;
    app.get("/sessions/me").await_status(401).await;
    app.delete("/healthz").await_status(405).await;
    assert_values(
        &app,
        &[
            ("refusals_total{code=\"session_required\"}", 2),
            ("refusals_total{code=\"chat_not_found\"}", 2),
            ("refusals_total{code=\"invalid_request\"}", 2),
            ("refusals_total{code=\"method_not_allowed\"}", 1),
            ("refusals_total{code=\"internal_error\"}", 0),
        ],
    );
}

#[tokio::test]
async fn limits_are_counted_by_their_names() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({})).await;
    for _ in 0..30 {
        ann.says("hello").await;
    }
    ann.say("too much").await_problem(429, "too_many_requests").await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(app.follow(&ann).await);
    }
    let token = SessionToken::parse(&ann.token).unwrap();
    assert!(app.service.follow(caller(), chat.id.parse().unwrap(), &token, 0).await.is_err());
    assert_values(
        &app,
        &[
            ("limits_hit_total{limit=\"post\"}", 1),
            ("limits_hit_total{limit=\"streams_of_member\"}", 1),
            ("limits_hit_total{limit=\"streams_of_address\"}", 0),
            ("limits_hit_total{limit=\"login_wait_of_account\"}", 0),
            ("refusals_total{code=\"too_many_requests\"}", 1),
        ],
    );
}

#[tokio::test]
async fn a_wait_after_wrong_passwords_is_counted() {
    let app = TestApp::new();
    let room = app.post("/createroom").await_status(200).await.json();
    let path = format!("/{}/login", room["roomid"].as_str().unwrap());
    let login = || app.post(&path).json(&json!({"username": "Ann", "password": "12345678"}));
    for _ in 0..5 {
        login().await_status(200).await;
    }
    assert_values(&app, &[("refusals_total{code=\"wrong_password\"}", 5)]);
    login().await_status(429).await;
    assert_values(&app, &[("limits_hit_total{limit=\"login_wait_of_address\"}", 1)]);
}

#[tokio::test]
async fn posts_and_readers_who_catch_up_are_counted() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"history": 2})).await;
    for text in ["one", "two", "three", "four"] {
        ann.says(text).await;
    }
    let post = || ann.say("five").header("idempotency-key", "five");
    post().await_status(201).await;
    post().await_status(200).await;
    // A new reader, one who is up to date, and one who missed two messages.
    for after in [0, 5, 1] {
        ann.reads(after).await;
    }
    let token = SessionToken::parse(&ann.token).unwrap();
    let chat_id = chat.id.parse().unwrap();
    for after in [0, 5, 4] {
        app.service.follow(caller(), chat_id, &token, after).await.unwrap();
    }
    assert_values(
        &app,
        &[
            ("messages_posted_total", 5),
            ("duplicate_posts_total", 1),
            ("readers_resumed_total{transport=\"poll\"}", 1),
            ("readers_resumed_total{transport=\"stream\"}", 1),
            ("messages_caught_up_total", 3),
            ("messages_missed_total", 2),
            ("commits_total", 6),
            ("commit_duration_seconds_count", 6),
            ("commit_commands_count", 5),
            ("commit_commands_sum", 5),
            ("chats_in_memory", 1),
            ("members_online", 1),
        ],
    );
    app.clock.advance(std::time::Duration::from_mins(2));
    assert_values(&app, &[("members_online", 0)]);
}

#[tokio::test]
async fn sweeps_scrubs_and_the_store_are_measured() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("chats.db"), SqliteOptions::default()).unwrap();
    let app = TestApp::with(Options { stores: store.into(), ..Options::default() });
    app.post("/create").await_status(201).await;
    app.get("/readyz").await_status(200).await;
    app.clock.advance(std::time::Duration::from_hours(48));
    app.service.sweep().await.unwrap();
    app.service.scrub().await.unwrap();
    let text = app.service.metrics_text();
    assert!(value(&text, "watch_party_scrubbed_bytes_total") > 0.0, "{text}");
    assert!(value(&text, "watch_party_store_read_duration_seconds_count") > 0.0, "{text}");
    assert!(value(&text, "watch_party_transaction_commits_sum") >= 2.0, "{text}");
    assert_values(
        &app,
        &[
            ("sweep_duration_seconds_count", 1),
            ("scrub_duration_seconds_count", 1),
            ("swept_chats_total", 1),
            ("store_failures_total{operation=\"commit\"}", 0),
        ],
    );
}

#[tokio::test]
async fn open_streams_and_connections_are_counted_while_they_are_open() {
    let site = Site::start().await;
    let created: Value = {
        let request = reqwest::Client::new().post(format!("http://{}/create", site.address)).json(&json!({}));
        request.send().await.unwrap().json().await.unwrap()
    };
    let text = |name: &str| created[name].as_str().unwrap().to_owned();
    let (path, token) = (format!("/{}", text("chat_id")), text("session_token"));
    let mut events = Events::open(&site, &path, &token, None).await;
    let socket = site.connect(&format!("{path}/live"), &[("authorization", &format!("Bearer {token}"))]).await.unwrap();
    let key = created["invite"]["key"].as_str().unwrap();
    let watch = Events::open(&site, &format!("{path}/seats"), key, None).await;
    assert!(events.next().await.is_some());
    let metrics = site.service.metrics_text();
    for transport in ["sse", "websocket", "watch"] {
        let sample = format!("watch_party_streams{{transport=\"{transport}\"}}");
        assert!((value(&metrics, &sample) - 1.0).abs() < 0.1, "{metrics}");
    }
    assert!(value(&metrics, "watch_party_connections") >= 3.0, "{metrics}");
    assert!(value(&metrics, "watch_party_stream_events_total") >= 1.0, "{metrics}");
    drop((events, socket, watch));
    let all_closed = async {
        loop {
            let metrics = site.service.metrics_text();
            let open: f64 = ["sse", "websocket", "watch"]
                .map(|transport| value(&metrics, &format!("watch_party_streams{{transport=\"{transport}\"}}")))
                .iter()
                .sum();
            if open < 0.1 {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_mins(1), all_closed).await.unwrap();
}

fn service() -> Service {
    Service::new(Arc::new(MemoryStore::default()), Arc::new(SystemClock), Arc::new(OsEntropy), policy(true))
}

#[tokio::test]
async fn a_connection_beyond_the_limit_is_counted() {
    let service = service();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = Limits { max_connections: 1, ..Limits::default() };
    let server = tokio::spawn(serve_within(limits, state(&service, None, &[]), listener, std::future::pending()));
    let mut busy = TcpStream::connect(address).await.unwrap();
    busy.write_all(b"POST /create HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n")
        .await
        .unwrap();
    assert!(busy.read(&mut [0; 100]).await.unwrap() > 0);
    let mut refused = String::new();
    TcpStream::connect(address).await.unwrap().read_to_string(&mut refused).await.unwrap();
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    let sample = "watch_party_limits_hit_total{limit=\"connections\"}";
    assert!((value(&service.metrics_text(), sample) - 1.0).abs() < 0.1);
    server.abort();
}

/// Sends a request on a new connection, and returns the answer.
async fn ask(address: std::net::SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("{request} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn the_listener_answers_one_request_a_connection_at_one_path() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(serve_metrics(service(), listener));
    let got = ask(address, "GET /metrics").await;
    let (head, body) = got.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    assert!(body.contains("# TYPE watch_party_commits_total counter\n"), "{body}");
    let headed = ask(address, "HEAD /metrics").await;
    assert!(headed.starts_with("HTTP/1.1 200 ") && headed.ends_with("\r\n\r\n"), "{headed}");
    for (request, status) in [
        ("GET /metrics?x=1", 200),
        ("GET /", 404),
        ("GET /metrics/", 404),
        ("POST /", 404),
        ("POST /metrics", 405),
        ("DELETE /metrics", 405),
    ] {
        let answer = ask(address, request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
        assert_eq!(answer.contains("allow: GET, HEAD"), status == 405, "{request}: {answer}");
    }
    // Those who send nothing hold all places. When they leave, the next gets an answer.
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    let waiting = tokio::spawn(ask(address, "GET /metrics"));
    drop(silent);
    assert!(waiting.await.unwrap().starts_with("HTTP/1.1 200 "));
    server.abort();
    assert!(server.await.unwrap_err().is_cancelled());
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_closed_after_a_time() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(serve_metrics(service(), listener));
    let mut silent = TcpStream::connect(address).await.unwrap();
    silent.write_all(b"GET /metrics HTTP/1.1\r\n").await.unwrap();
    assert_eq!(silent.read(&mut [0; 100]).await.unwrap(), 0);
    server.abort();
}

#[cfg(unix)]
#[tokio::test]
async fn the_program_serves_metrics_only_where_it_is_told_to_and_until_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path());
    assert!(!program.startup_log.contains("metrics"), "{}", program.startup_log);
    drop(program);
    let mut command = command(folder.path());
    command.args(["--metrics-addr", "127.0.0.1:0"]);
    let program = Program::of(command);
    let (site, metrics) = (program.site.clone(), program.metrics());
    // The site has no such page: the path could only be a chat's.
    assert_eq!(reqwest::get(format!("{site}/metrics")).await.unwrap().status(), 404);
    let text = reqwest::get(&metrics).await.unwrap().text().await.unwrap();
    let sample = "watch_party_http_requests_total{route=\"/{chat_id}\",method=\"GET\",status=\"404\"}";
    assert!(value(&text, sample) > 0.0, "{text}");
    program.stop();
    assert!(reqwest::get(&metrics).await.is_err());
}

/// The names and types of what the program exports, on SQLite and on a store that nodes share.
fn exported() -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("chats.db"), SqliteOptions::default()).unwrap();
    let text = TestApp::with(Options { stores: store.into(), ..Options::default() }).service.metrics_text();
    let text = text + &Nodes::start(1).services[0].metrics_text();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    types.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect()
}

fn document(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)).unwrap()
}

#[test]
fn every_metric_is_documented_with_its_type() {
    let rows = document("monitoring.md");
    let rows = rows.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix("| `")?.strip_suffix(" |")?.split(" | ").collect();
        let [name, kind, _] = cells[..] else { return None };
        let name = name.strip_suffix('`')?;
        let name = name.split('{').next()?;
        ["counter", "gauge", "histogram"].contains(&kind).then(|| (name.to_owned(), kind.to_owned()))
    });
    assert_eq!(rows.collect::<BTreeMap<_, _>>(), exported());
}

/// The names of metrics in an expression, without the suffixes of histograms.
fn metrics_in(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let names = words.filter(|word| word.starts_with("watch_party_") || word.starts_with("process_"));
    let suffixes = ["_bucket", "_sum", "_count"];
    names.map(|name| suffixes.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name).to_owned()).collect()
}

/// All expressions of the board's panels.
fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("expr").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|field| expressions(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| expressions(item, found)),
        _ => {}
    }
}

#[test]
fn the_board_shows_metrics_that_the_program_exports_and_all_that_matter() {
    let board: Value = serde_json::from_str(&document("grafana.json")).unwrap();
    let mut found = Vec::new();
    expressions(&board, &mut found);
    let shown: BTreeSet<String> = found.iter().flat_map(|expression| metrics_in(expression)).collect();
    let exported: BTreeSet<String> = exported().into_keys().collect();
    let unknown: Vec<_> = shown.difference(&exported).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    // These repeat others, or say what no curve shows.
    let not_shown = ["process_virtual_memory_bytes", "watch_party_swept_chats_total"];
    let missing: Vec<_> = exported.difference(&shown).filter(|name| !not_shown.contains(&name.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_alert_rules_use_metrics_that_the_program_exports() {
    let page = document("monitoring.md");
    let rules: Vec<&str> = page.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).collect();
    assert!(rules.len() >= 3);
    let exported = exported();
    for rule in rules {
        let names = metrics_in(rule);
        assert!(!names.is_empty() && names.iter().all(|name| exported.contains_key(name)), "{rule}");
    }
}
