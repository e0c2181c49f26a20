//! One chat in two dialects: steps in one dialect continue in the other.

use axum::http::Method;
use reqwest::Client;
use serde_json::json;
use uuid::Uuid;
use watch_party::domain::Ticket;

use super::realtime::{LiveChat, by, expect_event, fetch, get, listen};
use super::{chat, native_token, path, text_of};
use crate::app::TestApp;

#[tokio::test]
async fn the_owner_approves_a_guest_through_the_native_api() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let link = owned.link().await;
    let guest = link.ask(&app).await;
    let knocks = owned.knocks().await;
    assert_eq!(knocks.len(), 1);
    assert_eq!((&knocks[0]["username"], &knocks[0]["status"]), (&json!("Guest"), &json!("pending")));
    assert_eq!(knocks[0]["invite_id"], link.id);
    let call = app.post(format!("/{}/knocks/{}", owned.id(), text_of(&knocks[0]["knock_id"])));
    let decided = owned.native(call).json(&json!({"decision": "approve"})).await_status(200).await.json();
    assert_eq!(decided["status"], "approved");
    assert_eq!(link.exchange_as(&app, &guest).await_status(200).await.json()["chat"], owned.chat_url);
    owned.say_as(&guest, "hello").await_status(201).await;
    owned.approve(&link, None).await_problem(409, "nothing_to_approve").await;
}

#[tokio::test]
async fn both_dialects_share_messages_and_members() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let link = owned.open_link().await;
    let guest = text_of(&link.exchange(&app).await_status(200).await.json()["client_id"]);
    owned.say_as(&owned.author_id, "one").await_status(201).await;
    owned.say_as(&guest, "two").await_status(201).await;
    let native = |method, path: &str, credential: &str| {
        app.call(method, format!("/{}{path}", owned.id())).bearer(&native_token(credential))
    };
    let message = native(Method::POST, "", &guest).json(&json!({"text": "three"})).await_status(201).await.json();
    let read = native(Method::GET, "?after=0", &owned.author_id).await_status(200).await.json();
    let natively: Vec<_> = read["messages"].as_array().unwrap().iter().map(|message| message["text"].clone()).collect();
    assert_eq!(natively, ["one", "two", "three"]);
    assert_eq!(owned.texts().await, ["one", "two", "three"]);
    let messages = owned.read_as(&guest).await_status(200).await.json()["messages"].clone();
    assert_eq!(messages[2]["author"], message["member_id"]);
    assert_eq!((&messages[2]["posted_at"], &messages[2]["id"]), (&message["sent_at"], &json!(3)));
    let members = native(Method::GET, "/members", &guest).await_status(200).await.json();
    let members = members["members"].as_array().unwrap();
    let who: Vec<_> = members.iter().map(|member| (&member["username"], &member["role"])).collect();
    assert_eq!(who, [(&json!("Owner"), &json!("owner")), (&json!("Guest"), &json!("guest"))]);
    assert_eq!(messages[0]["author"], members[0]["member_id"]);
    assert_eq!(messages[1]["author"], members[1]["member_id"]);
}

#[tokio::test]
async fn a_native_guest_who_knocks_with_a_v1_link_can_be_approved_through_v1() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let link = owned.link().await;
    let join = app.post(format!("/{}/join", owned.id())).json(&json!({"key": link.key(), "username": "Bob"}));
    let knocked = join.await_status(202).await.json();
    owned.approves(&link, Some(&text_of(&knocked["knock_id"]))).await;
    let knock = app.get(format!("/{}/knocks/{}", owned.id(), text_of(&knocked["knock_id"])));
    let knock = knock.bearer(&text_of(&knocked["ticket"])).await_status(200).await.json();
    assert_eq!(knock["status"], "approved");
    let token = text_of(&knock["session"]["session_token"]);
    let say = app.post(format!("/{}", owned.id())).bearer(&token).json(&json!({"text": "hi"}));
    say.await_status(201).await;
    assert_eq!(owned.texts().await, ["hi"]);
}

#[tokio::test]
async fn a_native_knock_reaches_the_v1_owner_immediately() {
    let chat = LiveChat::start().await;
    let mut owner_events = listen(&chat.read_url(&chat.author_id)).await;
    let invite = by(&chat.author_id, Client::new().post(chat.native("/invite")));
    let invite = fetch(invite, 201).await;
    assert_eq!(invite["asks_first"], true, "an invite needs approval as the chat does");
    let key = text_of(&invite["key"]);
    let join = Client::new().post(chat.native("/join")).json(&json!({"key": key, "username": "Bob"}));
    let knocked = fetch(join, 202).await;
    let request = expect_event(&mut owner_events, "approval_request").await;
    assert_eq!(request["username"], "Bob");
    assert_eq!((&request["request_id"], &request["link_id"]), (&knocked["knock_id"], &invite["invite_id"]));
    // The same key gives a link of this dialect, with which the owner answers.
    let link_url = chat.link_url.rsplit_once('.').unwrap().0.to_owned() + "." + &key;
    chat.approve(&link_url, Some(&text_of(&request["request_id"]))).await;
    let knock = Client::new().get(chat.native(&format!("/knocks/{}", text_of(&knocked["knock_id"]))));
    let knock = fetch(knock.bearer_auth(text_of(&knocked["ticket"])), 200).await;
    let token = text_of(&knock["session"]["session_token"]);
    let say = Client::new().post(chat.native("")).bearer_auth(&token).json(&json!({"text": "hi"}));
    let message = fetch(say, 201).await;
    let event = expect_event(&mut owner_events, "message").await;
    assert_eq!((&event["message"], &event["author"]), (&json!("hi"), &message["member_id"]));
    // A guest of this dialect can use that link too.
    get(&link_url, 202).await;
    assert_eq!(expect_event(&mut owner_events, "approval_request").await["username"], "Guest");
}

#[tokio::test]
async fn a_promoted_guest_can_approve_with_their_client_id() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let link = owned.link().await;
    let (first, second) = (link.ask(&app).await, link.ask(&app).await);
    let request_id = text_of(&owned.knocks().await[0]["knock_id"]);
    owned.approves(&link, Some(&first)).await;
    owned.approve_as(&first, &link, Some(&second)).await_problem(403, "owner_only").await;
    let promote = app.call(Method::PATCH, format!("/{}/members/{request_id}", owned.id()));
    owned.native(promote).json(&json!({"role": "owner"})).await_status(200).await;
    owned.approve_as(&first, &link, Some(&second)).await_status(200).await;
    assert!(link.is_approved(&app, &second).await);
}

#[tokio::test]
async fn a_native_magic_link_without_approval_lets_a_v1_guest_in_at_once() {
    let app = TestApp::new();
    let (native, ann) = app.chat(json!({"username": "Ann"})).await;
    let link = app.get(format!("/v1/links/{}.{}", native.id, native.key)).await_status(200).await.json();
    let chat_url = text_of(&link["chat"]);
    let body = json!({"author_id": link["client_id"], "message": "hello"});
    app.post(path(&chat_url)).json(&body).await_status(201).await;
    assert_eq!(ann.texts().await, ["hello"]);
    assert_eq!(ann.usernames().await, ["Ann", "Guest"]);
}

#[tokio::test]
async fn a_v1_guests_knock_is_visible_natively_without_a_session() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let link = owned.link().await;
    let guest = link.ask(&app).await;
    let request_id = text_of(&owned.knocks().await[0]["knock_id"]);
    let ticket = Ticket::from_uuid(guest.parse::<Uuid>().unwrap()).reveal();
    let knock = || app.get(format!("/{}/knocks/{request_id}", owned.id())).bearer(&ticket).await_status(200);
    assert_eq!(knock().await.json()["status"], "pending");
    owned.approves(&link, None).await;
    let shown = knock().await.json();
    assert_eq!(shown["status"], "approved");
    assert!(shown.get("session").is_none(), "the client_id is already the session token: {shown}");
    app.get(format!("/{}?after=0", owned.id())).bearer(&native_token(&guest)).await_status(200).await;
}

#[tokio::test]
async fn a_guest_who_renews_their_session_natively_stays_approved() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let link = owned.link().await;
    let guest = link.ask(&app).await;
    owned.approves(&link, None).await;
    let renew = app.post(format!("/{}/session", owned.id())).bearer(&native_token(&guest));
    renew.await_status(200).await;
    owned.approves(&link, Some(&guest)).await;
    assert!(link.is_approved(&app, &guest).await);
}
