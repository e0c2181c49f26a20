//! Who is in a chat.

use std::time::Duration;

use serde_json::json;

use crate::app::TestApp;

#[tokio::test]
async fn members_are_listed_with_role_since_and_presence() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    app.clock.advance(Duration::from_mins(1));
    let bob = chat.join("Bob").await;
    let list = bob.get("/members").await_status(200).await.json();
    assert_eq!(
        list,
        json!({
            "members": [
                {"member_id": ann.id, "username": "Ann", "role": "owner", "since": "2027-01-15T08:00:00Z", "online": true},
                {"member_id": bob.id, "username": "Bob", "role": "guest", "since": "2027-01-15T08:01:00Z", "online": true},
            ],
            "capacity": 6,
            "history": 30,
            "admission": "link",
        })
    );
    let online = |list: &serde_json::Value| -> Vec<bool> {
        list["members"].as_array().unwrap().iter().map(|member| member["online"].as_bool().unwrap()).collect()
    };
    app.clock.advance(Duration::from_secs(80));
    assert_eq!(online(&bob.get("/members").await_status(200).await.json()), [false, true]);
    ann.reads(0).await;
    assert_eq!(online(&bob.get("/members").await_status(200).await.json()), [true, true]);
}

#[tokio::test]
async fn a_member_leaves_and_its_token_ends() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let bob = chat.join("Bob").await;
    bob.says("bye").await;
    bob.delete(&format!("/members/{}", bob.id)).await_status(204).await;
    bob.get("").await_problem(401, "session_expired").await;
    assert_eq!(ann.usernames().await, ["Ann"]);
    assert_eq!(ann.texts().await, ["bye"]);
}

#[tokio::test]
async fn only_the_owner_removes_others() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let bob = chat.join("Bob").await;
    let cem = chat.join("Cem").await;
    bob.delete(&format!("/members/{}", cem.id)).await_problem(403, "owner_only").await;
    ann.delete(&format!("/members/{}", cem.id)).await_status(204).await;
    cem.say("still here?").await_problem(401, "session_expired").await;
    assert_eq!(ann.usernames().await, ["Ann", "Bob"]);
    ann.delete(&format!("/members/{}", cem.id)).await_problem(404, "not_found").await;
    ann.delete("/members/nobody").await_problem(404, "not_found").await;
    ann.delete(&format!("/members/{}", uuid::Uuid::nil())).await_problem(404, "not_found").await;
}
