//! Session tokens: requirement, expiry, renewal.

use std::time::Duration;

use axum::http::Method;
use serde_json::json;

use crate::app::TestApp;

const LIFETIME: Duration = Duration::from_hours(6);

#[tokio::test]
async fn every_member_call_needs_a_token() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({})).await;
    let invite_id = chat.created["invite"]["invite_id"].as_str().unwrap();
    let calls = [
        (Method::GET, String::new()),
        (Method::POST, String::new()),
        (Method::DELETE, String::new()),
        (Method::POST, "/invite".into()),
        (Method::GET, "/invites".into()),
        (Method::DELETE, format!("/invites/{invite_id}")),
        (Method::GET, "/members".into()),
        (Method::DELETE, format!("/members/{}", ann.id)),
        (Method::POST, "/session".into()),
    ];
    let wrong = ["", "Bearer", "Bearer ", "Bearer nonsense", "Basic abc", &chat.key, "ä"];
    for (method, path) in calls {
        let call = || app.call(method.clone(), format!("/{}{path}", chat.id)).json(&json!({"text": "hi"}));
        let problem = call().await_status(401).await;
        assert_eq!(problem.header("www-authenticate"), Some("Bearer"));
        for credentials in wrong {
            call().header("authorization", credentials).await_problem(401, "session_required").await;
        }
    }
    assert_eq!(ann.reads(0).await["last_id"], 0);
}

#[tokio::test]
async fn a_bare_token_and_any_case_of_bearer_are_accepted() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({})).await;
    for credentials in [ann.token.clone(), format!("bearer {}", ann.token), format!("BEARER  {}", ann.token)] {
        app.get(format!("/{}", chat.id)).header("authorization", &credentials).await_status(200).await;
    }
}

#[tokio::test]
async fn a_session_expires_after_six_hours_and_frees_its_seat_at_once() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann", "capacity": 2})).await;
    app.clock.advance(Duration::from_mins(1));
    let bob = chat.join("Bob").await;
    chat.join_with(&chat.key, "Cem").await_problem(409, "chat_full").await;
    app.clock.advance(LIFETIME.checked_sub(Duration::from_millis(60_001)).unwrap());
    ann.reads(0).await;
    app.clock.advance(Duration::from_millis(1));
    ann.get("").await_problem(401, "session_expired").await;
    ann.say("hello?").await_problem(401, "session_expired").await;
    assert_eq!(bob.usernames().await, ["Bob"]);
    let ann_again = chat.join("ANN").await;
    assert_eq!(bob.usernames().await, ["Bob", "ANN"]);
    ann.get("").await_problem(401, "session_expired").await;
    ann_again.says("back").await;
}

#[tokio::test]
async fn renewing_a_session_keeps_the_seat_and_ends_the_old_token() {
    let app = TestApp::new();
    let (_, ann) = app.chat(json!({"username": "Ann"})).await;
    app.clock.advance(Duration::from_hours(1));
    let renewed = ann.post("/session").await_status(200).await.json();
    assert_eq!(renewed["expires_at"], "2027-01-15T15:00:00Z");
    ann.get("").await_problem(401, "session_expired").await;
    let token = renewed["session_token"].as_str().unwrap();
    let list = app.get(format!("/{}/members", ann.chat_id)).bearer(token).await_status(200).await.json();
    assert_eq!(list["members"][0]["member_id"], ann.id);
    assert_eq!(list["members"][0]["role"], "owner");
}

#[tokio::test]
async fn unknown_chats_are_not_found() {
    let app = TestApp::new();
    let (_, ann) = app.chat(json!({})).await;
    for id in ["2eaf4767-9975-4773-b7c7-817e60ce2bfb", "nonsense", "1", "%00", "%F0%9F%8D%BF"] {
        app.get(format!("/{id}")).bearer(&ann.token).await_problem(404, "chat_not_found").await;
        app.post(format!("/{id}"))
            .bearer(&ann.token)
            .json(&json!({"text": "a"}))
            .await_problem(404, "chat_not_found")
            .await;
        app.delete(format!("/{id}")).bearer(&ann.token).await_problem(404, "chat_not_found").await;
        app.get(format!("/{id}/members")).bearer(&ann.token).await_problem(404, "chat_not_found").await;
        let key = json!({"key": ann.token, "username": "Bob"});
        app.post(format!("/{id}/join")).json(&key).await_problem(404, "chat_not_found").await;
    }
}
