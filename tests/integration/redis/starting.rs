//! What stops a start on a Redis store: each with one clear line, in which no password stands.

use std::process::Command;

use crate::program::{Program, command, refused_start};
use crate::redis::server::{RedisCluster, RedisServer, free_port};

fn start_on(url: &str) -> Command {
    let folder = std::env::temp_dir();
    let mut command = command(&folder);
    command.args(["--store", url]);
    command
}

fn refusal(url: &str) -> String {
    let (code, log) = refused_start(start_on(url));
    assert_eq!(code, Some(2), "{log}");
    assert!(log.lines().count() == 1 && log.starts_with("watch-party: "), "{log}");
    assert!(!log.contains("secret"), "{log}");
    log
}

#[test]
fn a_wrong_url_or_password_stops_the_start_with_one_line() {
    let server = RedisServer::start_with(&["--save", "", "--requirepass", "right-secret"]);
    let place = format!("127.0.0.1:{}", server.port);
    assert!(refusal("redis://a,b").contains("several hosts"));
    assert!(refusal("redis:/127.0.0.1").contains("must be memory, sqlite: and"));
    assert!(refusal(&format!("redis://:wrong-secret@{place}/x")).contains("must have a number"));
    for url in [format!("redis://:wrong-secret@{place}"), format!("redis://{place}")] {
        let line = refusal(&url);
        assert!(line.contains(&format!("redis://{place}: the user or the password is wrong")), "{line}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "right-secret\n").unwrap();
    drop(Program::of(start_on(&format!("redis://{place}?password-file={}", file.display()))));
    drop(Program::of(start_on(&format!("redis://:right-secret@{place}"))));
    let line = refusal(&format!("redis://{place}?password-file=/nowhere"));
    assert!(line.contains("password-file: "), "{line}");
}

#[test]
fn a_server_with_tls_is_used_if_its_certificate_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    std::fs::write(file("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(file("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let server = RedisServer::start();
    let (certificate, key) = (file("cert.pem"), file("key.pem"));
    let settings = format!(
        "CONFIG SET tls-cert-file {certificate} tls-key-file {key} tls-ca-cert-file {certificate} tls-auth-clients no"
    );
    // Another program may take the port before the server does.
    let port = loop {
        let port = free_port();
        let answer = server.ask(&format!("{settings} tls-port {port}")).unwrap();
        if answer.starts_with("+OK") {
            break port;
        }
        assert!(answer.contains("Unable to listen on this port"), "{answer}");
    };
    let url = format!("rediss://localhost:{port}");
    let line = refusal(&url);
    assert!(line.contains(&url) && line.to_lowercase().contains("certificate"), "{line}");
    drop(Program::of(start_on(&format!("{url}?ca-file={certificate}"))));
    assert!(refusal(&format!("{url}?ca-file=/nowhere")).contains("ca-file: "));
}

#[test]
fn a_user_with_the_documented_rights_is_enough() {
    let page = include_str!("../../../docs/scaling.md");
    let (_, rest) = page.split_once("```\nACL SETUSER ").unwrap();
    let (rule, _) = rest.split_once("```").unwrap();
    let rule = rule.replace("\\\n", " ").replace('\n', " ");
    let server = RedisServer::start();
    let answer = server.ask(&format!("ACL SETUSER {rule}")).unwrap();
    assert!(answer.starts_with("+OK"), "{rule}: {answer}");
    let program = Program::of(start_on(&format!("redis://watch-party:password@127.0.0.1:{}", server.port)));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let http = program.caller();
        let (status, created) = http.post("/create", "", &serde_json::json!({"username": "Ann"})).await;
        assert_eq!(status, 201, "{created}");
        let path = format!("/{}", created["chat_id"].as_str().unwrap());
        let token = created["session_token"].as_str().unwrap();
        let (status, _) = http.post(&path, token, &serde_json::json!({"text": "hello"})).await;
        assert_eq!(status, 201);
        let (status, _) = http.get("/readyz", "").await;
        assert_eq!(status, 200);
    });
}

#[test]
fn a_server_that_is_away_or_of_the_wrong_kind_stops_the_start_with_one_line() {
    let mut server = RedisServer::start();
    let line = refusal(&server.url().replace("redis:", "redis+cluster:"));
    assert!(line.contains("the server belongs to no Cluster"), "{line}");
    server.ask("REPLICAOF 127.0.0.1 1").unwrap();
    assert!(refusal(&server.url()).contains("the server is a replica"));
    server.kill();
    let line = refusal(&server.url());
    assert!(line.contains(&server.url()) && line.contains("onnection refused"), "{line}");
}

#[test]
fn chats_of_another_schema_stop_the_start_and_each_call_with_one_line() {
    let server = RedisServer::start();
    server.ask("SET watch-party:schema 2").unwrap();
    let line = refusal(&server.url());
    assert!(line.contains("are stored with schema 2; this program supports schema 1"), "{line}");
    let program = Program::of(start_on(&format!("{}?prefix=other", server.url())));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let http = program.caller();
        let (_, created) = http.post("/create", "", &serde_json::json!({"username": "Ann"})).await;
        let (id, token) = (created["chat_id"].as_str().unwrap(), created["session_token"].as_str().unwrap());
        // A newer program has written to the chat.
        server.ask(&format!("HSET other:{{{id}}}:chat schema 2")).unwrap();
        let path = format!("/{id}");
        let (status, problem) = http.post(&path, token, &serde_json::json!({"text": "hello"})).await;
        assert_eq!((status.as_u16(), &problem["code"]), (503, &serde_json::json!("unavailable")));
        let line = program.lines_until("is stored with schema 2; this program supports schema 1");
        assert!(!line.contains("hello"), "{line}");
    });
}

#[test]
fn a_cluster_that_misses_slots_stops_the_start_with_one_line() {
    let server = RedisServer::start_with(&["--save", "", "--cluster-enabled", "yes"]);
    assert!(refusal(&server.url()).contains("the server belongs to a Cluster"));
    let url = server.url().replace("redis:", "redis+cluster:");
    let line = refusal(&url);
    assert!(line.contains("the Cluster serves no slots"), "{line}");
    server.ask("CLUSTER ADDSLOTS 0 1 2").unwrap();
    let line = refusal(&url);
    assert!(line.contains("only 3 of the Cluster's 16384 slots are served"), "{line}");
}

#[test]
fn a_program_starts_on_a_cluster_of_which_it_knows_one_server() {
    let cluster = RedisCluster::start();
    let url = format!("redis+cluster://127.0.0.1:{}", cluster.servers[0].port);
    drop(Program::of(start_on(&url)));
}
