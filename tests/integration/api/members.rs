//! The members of a chat.

use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use crate::app::{Member, TestApp};

#[tokio::test]
async fn members_are_listed_with_role_join_time_and_presence() {
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
async fn leaving_ends_a_members_token() {
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
async fn a_removed_guest_can_rejoin_with_the_same_link_only_with_an_owners_approval() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let browser = Uuid::from_u128(7);
    let bob = chat.member(&chat.join_as(&chat.key, "Bob", browser).await_status(201).await.json());
    ann.delete(&format!("/members/{}", bob.id)).await_status(204).await;
    // The page knows this before it asks for a name.
    let form = format!("chat_id={}&key={}&join_id={browser}", chat.id, chat.key);
    let preview = || {
        let call = app.post("/sf/preview_invite").header("content-type", "application/x-www-form-urlencoded");
        call.body(form.clone())
    };
    assert_eq!(preview().await_status(200).await.json()["asks_first"], true);
    let knock = chat.guest(&chat.join_as(&chat.key, "Robert", browser).await_status(202).await.json());
    assert_eq!(ann.usernames().await, ["Ann"]);
    chat.join("Cem").await;
    ann.approves(&knock).await;
    assert_eq!(ann.usernames().await, ["Ann", "Cem", "Robert"]);
    // Once an owner has approved them, they can join again like anyone else.
    let session = knock.state().await["session"].clone();
    let rejoined = chat.member(&session);
    rejoined.delete(&format!("/members/{}", rejoined.id)).await_status(204).await;
    assert_eq!(preview().await_status(200).await.json()["asks_first"], false);
    chat.join_as(&chat.key, "Bob", browser).await_status(201).await;
}

#[tokio::test]
async fn a_member_who_left_can_rejoin_with_the_same_link() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let browser = Uuid::from_u128(7);
    let bob = chat.member(&chat.join_as(&chat.key, "Bob", browser).await_status(201).await.json());
    bob.delete(&format!("/members/{}", bob.id)).await_status(204).await;
    chat.join_as(&chat.key, "Bob", browser).await_status(201).await;
    assert_eq!(ann.usernames().await, ["Ann", "Bob"]);
}

#[tokio::test]
async fn removing_a_member_can_also_revoke_their_invite() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let other = ann.post("/invite").json(&json!({"label": "other"})).await_status(201).await.json();
    let other = other["key"].as_str().unwrap();
    let (bob, cem) = (chat.join("Bob").await, chat.join("Cem").await);
    let dan = chat.join_by(other, "Dan").await;
    let revoke_path = |member: &Member<'_>| format!("/members/{}?invite=revoke", member.id);
    bob.delete(&revoke_path(&bob)).await_problem(403, "owner_only").await;
    let wrong = ann.delete(&format!("/members/{}?invite=burn", bob.id)).await_problem(400, "invalid_request").await;
    assert_eq!((&wrong["field"], &wrong["detail"]), (&json!("invite"), &json!("invite must be keep or revoke.")));
    assert_eq!(ann.usernames().await, ["Ann", "Bob", "Cem", "Dan"]);

    ann.delete(&revoke_path(&bob)).await_status(204).await;
    chat.join_with(&chat.key, "Eve").await_problem(403, "invalid_invite").await;
    let invites = ann.get("/invites").await_status(200).await.json();
    assert_eq!(invites["invites"].as_array().unwrap().len(), 1);
    // Others who joined with the link stay. Revoking their link again, although it is gone, is no error.
    assert_eq!(ann.usernames().await, ["Ann", "Cem", "Dan"]);
    ann.delete(&revoke_path(&cem)).await_status(204).await;
    ann.delete(&format!("/members/{}?invite=keep", dan.id)).await_status(204).await;
    chat.join_by(other, "Eve").await;
    assert_eq!(ann.usernames().await, ["Ann", "Eve"]);
}

#[tokio::test]
async fn a_guest_removed_from_an_open_chat_cannot_reenter_with_the_same_session() {
    let app = TestApp::new();
    let call = |path: String, token: &str, body: serde_json::Value| app.post(path).bearer(token).json(&body);
    let session = async |username: &str| {
        let session = app.post("/sessions").json(&json!({"username": username})).await_status(201).await.json();
        session["token"].as_str().unwrap().to_owned()
    };
    let (ann, bob) = (session("Ann").await, session("Bob").await);
    let created = call("/chats".into(), &ann, json!({"name": "Lab"})).await_status(201).await.json();
    let enter = format!("/chats/{}/enter", created["hash_key"].as_str().unwrap());
    let ann_seat = call(enter.clone(), &ann, json!({})).await_status(201).await.json();
    let bob_seat = call(enter.clone(), &bob, json!({})).await_status(201).await.json();
    let member = format!(
        "/{}/members/{}",
        created["hash_key"].as_str().unwrap(),
        bob_seat["member"]["member_id"].as_str().unwrap()
    );
    app.delete(member).bearer(ann_seat["session_token"].as_str().unwrap()).await_status(204).await;
    call(enter.clone(), &bob, json!({})).await_problem(403, "removed").await;
    let robert = session("Robert").await;
    call(enter, &robert, json!({})).await_status(201).await;
}

#[tokio::test]
async fn only_an_owner_can_remove_others() {
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
