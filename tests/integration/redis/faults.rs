//! Programs on one Redis that is stopped, restarted, paused and cut off.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::program::{Http, Program, command};
use crate::redis::server::{RedisCluster, RedisServer};

fn program(url: &str) -> Program {
    let folder = std::env::temp_dir();
    let mut command = command(&folder);
    command.args(["--store", url, "--rate-limit", "off"]);
    Program::of(command)
}

/// A chat with its owner's token and a guest's.
struct Room {
    path: String,
    ann: String,
    bob: String,
}

async fn room(one: &Http, other: &Http) -> Room {
    let (status, created) = one.post("/create", "", &json!({"username": "Ann"})).await;
    assert_eq!(status, StatusCode::CREATED, "{created}");
    let path = format!("/{}", created["chat_id"].as_str().unwrap());
    let join = json!({"key": created["invite"]["key"], "username": "Bob"});
    let (status, joined) = other.post(&format!("{path}/join"), "", &join).await;
    assert!(status.is_success(), "{joined}");
    let token = |answer: &Value| answer["session_token"].as_str().unwrap().to_owned();
    Room { path, ann: token(&created), bob: token(&joined) }
}

/// Repeats a post until it is acknowledged; in between, the store may be away.
async fn post_until_it_succeeds(http: &Http, room: &Room, text: &str) -> Value {
    let body = json!({"text": text, "client_id": uuid::Uuid::new_v4()});
    let begin = Instant::now();
    loop {
        let (status, retry_after, answer) = http.ask(Method::POST, &room.path, &room.ann, Some(&body)).await.unwrap();
        if status.is_success() {
            return answer;
        }
        assert_eq!((status, &answer["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable")), "{answer}");
        assert_eq!(retry_after.as_deref(), Some("2"));
        assert!(begin.elapsed() < Duration::from_mins(1), "the program does not recover");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Reads until the guest sees the text.
async fn read_until(http: &Http, room: &Room, text: &str) -> Value {
    let begin = Instant::now();
    loop {
        let (status, read) = http.get(&room.path, &room.bob).await;
        let messages = read["messages"].as_array().cloned().unwrap_or_default();
        if status.is_success() && messages.iter().any(|message| message["text"] == text) {
            return read;
        }
        assert!(begin.elapsed() < Duration::from_mins(1), "the message does not arrive: {read}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn while_redis_is_away_writes_get_503_and_everything_recovers_by_itself() {
    let mut server = RedisServer::start_durable();
    let (one, other) = (program(&server.url()), program(&server.url()));
    let (http, other_http) = (one.caller(), other.caller());
    let room = room(&http, &other_http).await;
    post_until_it_succeeds(&http, &room, "before").await;
    read_until(&other_http, &room, "before").await;

    server.kill();
    let refused = json!({"text": "refused"});
    let (status, retry_after, answer) = http.ask(Method::POST, &room.path, &room.ann, Some(&refused)).await.unwrap();
    assert_eq!((status, &answer["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable")), "{answer}");
    assert_eq!(retry_after.as_deref(), Some("2"));
    let (status, _) = http.post("/create", "", &json!({})).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let (status, _) = http.get("/readyz", "").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    // Members go on reading from the nodes' memory.
    let (status, read) = other_http.get(&room.path, &room.bob).await;
    assert_eq!((status, &read["messages"][0]["text"]), (StatusCode::OK, &json!("before")));

    server.restart();
    let after = post_until_it_succeeds(&http, &room, "after").await;
    let read = read_until(&other_http, &room, "after").await;
    assert_eq!(read["messages"].as_array().unwrap().len(), 2, "each message once: {read}");
    assert!(after["id"].as_u64().unwrap() > 2, "no id from before the restart comes again");
    // Who saw everything up to the restart learns that something may be missing, and sees nothing twice.
    let (_, unseen) = other_http.get(&format!("{}?after=1", room.path), &room.bob).await;
    assert_eq!((&unseen["missed"], &unseen["incomplete"]), (&json!(0), &json!(true)));
    assert_eq!(unseen["messages"].as_array().unwrap().len(), 1);
    let (status, _) = http.get("/readyz", "").await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn a_redis_that_answers_nothing_delays_readers_little_and_fails_writers() {
    let server = RedisServer::start();
    let one = program(&server.url());
    let http = one.caller();
    let room = room(&http, &http).await;
    post_until_it_succeeds(&http, &room, "before").await;
    server.pause(true);
    let body = json!({"text": "refused"});
    let (status, _, _) = http.ask(Method::POST, &room.path, &room.ann, Some(&body)).await.unwrap();
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let (status, _) = http.get(&room.path, &room.bob).await;
    assert_eq!(status, StatusCode::OK);
    server.pause(false);
    post_until_it_succeeds(&http, &room, "after").await;
}

#[tokio::test]
async fn cut_connections_of_the_channels_are_repaired() {
    let server = RedisServer::start();
    let (one, other) = (program(&server.url()), program(&server.url()));
    let (http, other_http) = (one.caller(), other.caller());
    let room = room(&http, &other_http).await;
    for round in 0..5 {
        server.ask("CLIENT KILL TYPE pubsub").unwrap();
        let text = format!("message {round}");
        post_until_it_succeeds(&http, &room, &text).await;
        let read = read_until(&other_http, &room, &text).await;
        assert_eq!(read["last_id"], json!(round + 1));
    }
}

#[tokio::test]
async fn a_master_of_a_cluster_that_dies_is_replaced_without_a_lost_acknowledged_message() {
    let mut cluster = RedisCluster::start_for_kills();
    let url = format!("{}?durability=wait:1", cluster.url());
    let (one, other) = (program(&url), program(&url));
    let (http, other_http) = (one.caller(), other.caller());
    let room = room(&http, &other_http).await;
    let mut ids = Vec::new();
    for number in 0..10 {
        ids.push(post_until_it_succeeds(&http, &room, &format!("message {number}")).await["id"].as_u64().unwrap());
    }
    let killed = cluster.kill_master_of(&format!("watch-party:{{{}}}:chat", &room.path[1..]));
    // One replica has taken over, and none is left to wait for: the store's URL asks for one.
    cluster.servers[killed].restart();
    cluster.await_healthy(3);
    for number in 10..20 {
        ids.push(post_until_it_succeeds(&http, &room, &format!("message {number}")).await["id"].as_u64().unwrap());
    }
    assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
    let read = read_until(&other_http, &room, "message 19").await;
    let texts: Vec<&str> =
        read["messages"].as_array().unwrap().iter().map(|message| message["text"].as_str().unwrap()).collect();
    assert_eq!(texts, (0..20).map(|number| format!("message {number}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_repeated_post_is_acknowledged_only_when_the_replicas_have_it() {
    let (server, mut replica) = (RedisServer::start(), RedisServer::start());
    let follow = format!("REPLICAOF 127.0.0.1 {}", server.port);
    replica.ask(&follow).unwrap();
    let await_replica = async || {
        while !server.ask("INFO replication").unwrap().contains("state=online") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    await_replica().await;
    let one = program(&format!("{}?durability=wait:1", server.url()));
    let http = one.caller();
    let room = room(&http, &http).await;
    post_until_it_succeeds(&http, &room, "before").await;
    replica.kill();
    let body = json!({"text": "alone", "client_id": uuid::Uuid::new_v4()});
    for _ in 0..3 {
        let (status, _, answer) = http.ask(Method::POST, &room.path, &room.ann, Some(&body)).await.unwrap();
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
    }
    replica.restart();
    replica.ask(&follow).unwrap();
    await_replica().await;
    let (status, _, answer) = http.ask(Method::POST, &room.path, &room.ann, Some(&body)).await.unwrap();
    assert!(status.is_success(), "{answer}");
    let (_, read) = http.get(&room.path, &room.bob).await;
    let texts: Vec<_> = read["messages"].as_array().unwrap().iter().map(|message| &message["text"]).collect();
    assert_eq!(texts, ["before", "alone"]);
}

#[tokio::test]
async fn a_server_that_has_become_a_replica_makes_the_program_not_ready() {
    let server = RedisServer::start();
    let one = program(&server.url());
    let http = one.caller();
    let (status, _) = http.get("/readyz", "").await;
    assert_eq!(status, StatusCode::OK);
    server.ask("REPLICAOF 127.0.0.1 1").unwrap();
    let (status, _) = http.get("/readyz", "").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    server.ask("REPLICAOF NO ONE").unwrap();
    let (status, _) = http.get("/readyz", "").await;
    assert_eq!(status, StatusCode::OK);
}
