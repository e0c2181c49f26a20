//! What a chat leaves in Redis: nothing.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use watch_party::domain::{Admission, Settings, Username};
use watch_party::service::{Caller, Service};

use crate::app::{CountingEntropy, ManualClock, policy};
use crate::program::{Program, command};
use crate::redis::server::RedisServer;
use crate::store::redis::open_at;

fn program(server: &RedisServer) -> Program {
    let folder = std::env::temp_dir();
    let mut command = command(&folder);
    command.args(["--store", &server.url()]);
    Program::of(command)
}

/// All keys but those that end by themselves within minutes: leases and counts of limits.
fn lasting_keys(server: &RedisServer) -> Vec<String> {
    let keys = server.keys();
    let names = keys.lines().filter(|line| line.starts_with("watch-party:"));
    let mut names: Vec<String> =
        names.filter(|name| !name.ends_with(":lease") && !name.ends_with(":count")).map(str::to_owned).collect();
    names.sort();
    names
}

#[tokio::test]
async fn an_ended_chat_leaves_no_key() {
    let server = RedisServer::start();
    let program = program(&server);
    let http = program.caller();
    let before = lasting_keys(&server);
    assert_eq!(before, ["watch-party:schema"]);
    let mut chats = Vec::new();
    for number in 0..5 {
        let (_, created) = http.post("/create", "", &json!({"username": "Ann"})).await;
        let path = format!("/{}", created["chat_id"].as_str().unwrap());
        let token = created["session_token"].as_str().unwrap().to_owned();
        let body = json!({"text": format!("hello {number}"), "client_id": uuid::Uuid::from_u128(number)});
        http.post(&path, &token, &body).await;
        chats.push((path, token));
    }
    assert!(lasting_keys(&server).len() > 10);
    for (path, token) in chats {
        let (status, _, _) = http.ask(reqwest::Method::DELETE, &path, &token, None).await.unwrap();
        assert_eq!(status, 204);
    }
    assert_eq!(lasting_keys(&server), before);
}

#[tokio::test]
async fn every_key_of_a_chat_ends_by_itself_and_a_swept_chat_leaves_none() {
    let server = RedisServer::start();
    let clock = Arc::new(ManualClock::default());
    let store = open_at(&server.url(), clock.clone()).await;
    let service = Service::new(store, clock.clone(), Arc::new(CountingEntropy::default()), policy(true));
    let caller: Caller = std::net::IpAddr::from([127, 0, 0, 1]).into();
    let settings = Settings::new(Admission::Open, None, None).unwrap();
    let chat_id = service.open_chat(caller, None, None, settings).await.unwrap();
    let (token, _) = service.open_browser_session(caller, Username::parse("Ann").unwrap(), None).await.unwrap();
    service.enter(caller, chat_id, &token).await.unwrap();
    let keys = lasting_keys(&server);
    let of_chat: Vec<&String> = keys.iter().filter(|key| !key.ends_with(":schema") && !is_index(key)).collect();
    assert!(of_chat.len() >= 3, "{keys:?}");
    for key in of_chat {
        let left = server.ask(&format!("PTTL {key}")).unwrap();
        let left: i64 = left.trim_start_matches(':').lines().next().unwrap().parse().unwrap();
        let most = i64::try_from(Duration::from_hours(31).as_millis()).unwrap();
        assert!((1..most).contains(&left), "{key}: {left}");
    }
    // Six hours for the session, and a day of grace.
    clock.advance(Duration::from_hours(7));
    service.sweep().await.unwrap();
    clock.advance(Duration::from_hours(25));
    service.sweep().await.unwrap();
    assert_eq!(lasting_keys(&server), ["watch-party:schema"]);
}

fn is_index(key: &str) -> bool {
    key.ends_with(":due") || key.ends_with(":sessions")
}
