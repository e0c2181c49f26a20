//! The requirements in the documents of Watch Party and Chat-Room-Flask, step by step over the native API.

use std::time::Duration;

use serde_json::{Value, json};

use crate::app::{BETWEEN_POSTS, Chat, Member, TestApp};
use crate::program::{Program, command};

const LIFETIME: Duration = Duration::from_hours(6);

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a string"))
}

/// Returns the chat id and the key in a magic link.
fn link_parts(magic_link: &str) -> (&str, &str) {
    let join = magic_link.strip_prefix("http://chat.test/join/").unwrap_or_else(|| panic!("{magic_link}"));
    join.split_once('#').unwrap()
}

/// Follows a magic link and joins as `username`.
async fn follow_link<'a>(app: &TestApp, chat: &Chat<'a>, magic_link: &str, username: &str) -> Member<'a> {
    let (chat_id, key) = link_parts(magic_link);
    assert_eq!(chat_id, chat.id);
    // "visiting that URL" loads the app. Browsers do not send the key after the `#` until someone joins.
    let page = app.get(format!("/join/{chat_id}")).header("accept", "text/html").await_status(200).await;
    assert!(page.text().contains("Join the chat"));
    chat.join_by(key, username).await
}

#[tokio::test]
async fn watch_party_does_what_its_exercise_asks_for() {
    let app = TestApp::new();

    // "POST /create: Allow any user to create a new chat with a new secret invite link. Return a
    // unique identifier `chat_id` and a `session_token`".
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let (other, ann_elsewhere) = app.chat(json!({"username": "Ann"})).await;
    assert_ne!(chat.id, other.id);
    assert_ne!(ann.token, ann_elsewhere.token);
    ann.says("who is watching?").await;

    // "Generate URLs that contain a chat id and a unique key, such that visiting that URL lets the
    // user authorize and join the chat."
    let magic_link = text_of(&chat.created["invite"]["magic_link"]);
    assert_eq!(link_parts(magic_link), (&*chat.id, &*chat.key));
    assert_ne!(chat.key, other.key);

    // "REST endpoint authenticate to an existing chat and receive a session token."
    let bob = follow_link(&app, &chat, magic_link, "Bob").await;
    assert_ne!(bob.token, ann.token);

    // "REST endpoints that require a session token to post messages to a chat and get messages":
    // "Require a valid `session_token` in an authorization header."
    let address = format!("/{}", chat.id);
    let message = json!({"text": "let me in"});
    for token in [None, Some("nonsense"), Some(&*ann_elsewhere.token), Some(&*chat.key)] {
        let (read, post) = (app.get(&address), app.post(&address).json(&message));
        let (read, post) = match token {
            Some(token) => (read.bearer(token), post.bearer(token)),
            None => (read, post),
        };
        read.await_problem(401, "session_required").await;
        post.await_problem(401, "session_required").await;
    }

    // "Return the messages in the chat. Optionally take a parameter that allows it to return only
    // new messages."
    assert_eq!(bob.texts().await, ["who is watching?"]);
    let seen = bob.reads(0).await["last_id"].as_u64().unwrap();
    ann.says("hello Bob").await;
    let new = bob.reads(seen).await;
    assert_eq!((new["messages"].as_array().unwrap().len(), text_of(&new["messages"][0]["text"])), (1, "hello Bob"));
    let seen = new["last_id"].as_u64().unwrap();
    assert_eq!(bob.reads(seen).await["messages"], json!([]));

    // "Support usernames and messages that contain unicode characters."
    let zoe = follow_link(&app, &chat, magic_link, "Zoë 王 🍿").await;
    for text in ["안녕하세요", "مرحبا", "👩🏽‍🚀 e\u{301} ∑ \u{1d54f}"] {
        zoe.says(text).await;
    }
    let read = bob.reads(seen).await;
    assert!(read["messages"].as_array().unwrap().iter().all(|message| message["username"] == "Zoë 王 🍿"), "{read}");
    assert_eq!(
        &bob.texts().await[2..],
        ["안녕하세요", "مرحبا", "👩🏽‍🚀 é ∑ 𝕏"],
        "normalized to NFC, and otherwise as typed"
    );

    // "Watch Party only saves or shows the last 30 messages": "delete older messages as ones over 30
    // come in".
    for number in 1..=40 {
        app.clock.advance(BETWEEN_POSTS);
        bob.says(&format!("message {number}")).await;
    }
    let kept = ann.reads(0).await["messages"].as_array().unwrap().clone();
    assert_eq!(kept.len(), 30);
    assert_eq!((text_of(&kept[0]["text"]), text_of(&kept[29]["text"])), ("message 11", "message 40"));
    assert_eq!(ann.get("/retention").await_status(200).await.json()["messages"], 30);

    // "Allow users to be in multiple chats in multiple tabs": the chats share nothing.
    ann_elsewhere.says("another film").await;
    assert_eq!(ann_elsewhere.texts().await, ["another film"]);
    assert_eq!(ann_elsewhere.usernames().await, ["Ann"]);
    assert_eq!(ann.texts().await.len(), 30);

    // "Redirect users to the home screen if they try to join a chat without the right invite link."
    for key in ["", "nonsense", &chat.key[..42], &other.key, &ann.token] {
        chat.join_with(key, "Eve").await_problem(403, "invalid_invite").await;
    }
    let home = app.get("/join/nonsense").header("accept", "text/html").await_status(303).await;
    assert_eq!(home.header("location"), Some("../?notice=chat_not_found"));

    // "only 6 tokens may exist for a given chat", and "Redirect users to the home screen if they try
    // to join a chat that's full (even by following a magic link)".
    app.clock.advance(Duration::from_hours(1));
    for username in ["Dan", "Eve", "Finn"] {
        follow_link(&app, &chat, magic_link, username).await;
    }
    assert_eq!(ann.usernames().await, ["Ann", "Bob", "Zoë 王 🍿", "Dan", "Eve", "Finn"]);
    chat.join_with(&chat.key, "Gina").await_problem(409, "chat_full").await;
    other.join("Gina").await;
    let home = app.get("/?notice=chat_full").header("accept", "text/html").await_status(200).await;
    assert!(home.text().contains("That chat is full"));

    // "Tokens should expire within 6 hours": the first three end an hour before the others.
    assert_eq!(chat.created["expires_at"], "2027-01-15T14:00:00Z");
    app.clock.advance(LIFETIME.checked_sub(Duration::from_hours(1)).unwrap());
    for expired in [&ann, &bob, &zoe] {
        expired.get("").await_problem(401, "session_expired").await;
        expired.say("too late").await_problem(401, "session_expired").await;
    }
    let gina = chat.join("Gina").await;
    assert_eq!(gina.usernames().await, ["Dan", "Eve", "Finn", "Gina"]);
}

#[tokio::test]
async fn chat_room_flask_does_what_its_description_asks_for() {
    let app = TestApp::new();

    // "POST /create: Allow any user to create a new chat. Return a unique identifier chat_id and a
    // session_token to allow the original creator to identify themselves in subsequent requests."
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    assert_eq!(ann.usernames().await, ["Ann"]);
    ann.says("anyone there?").await;

    // "POST /<chat_id>/invite: Take chat_id as a URL param and require that chat's creator's
    // session_token in an authorization header. Generate a \"magic link\"".
    let invite = ann.post("/invite").await_status(201).await.json();
    let magic_link = text_of(&invite["magic_link"]);
    assert_eq!(link_parts(magic_link), (&*chat.id, text_of(&invite["key"])));
    assert_ne!(text_of(&invite["key"]), chat.key);

    // "that, when visited, loads the Watch Party web application, prompts the new user for a
    // username and authenticates them by giving them a session_token, and displays the chat's page".
    let bob = follow_link(&app, &chat, magic_link, "Bob").await;
    let page = app.get(format!("/chat/{}", chat.id)).header("accept", "text/html").await_status(200).await;
    assert!(page.text().contains("Opening the chat"));
    assert_eq!(bob.texts().await, ["anyone there?"]);

    // Only the creator can create an invite.
    let path = format!("/{}/invite", chat.id);
    let (_, stranger) = app.chat(json!({"username": "Ann"})).await;
    app.post(&path).await_problem(401, "session_required").await;
    app.post(&path).bearer(&stranger.token).await_problem(401, "session_required").await;
    app.post(&path).bearer(text_of(&invite["key"])).await_problem(401, "session_required").await;
    bob.post("/invite").await_problem(403, "owner_only").await;
    assert_eq!(ann.get("/invites").await_status(200).await.json()["invites"].as_array().unwrap().len(), 2);

    // "POST /<chat_id>: Require a valid session_token [...]. Post a new message to the chat." and
    // "messages should appear automatically": each member who polls receives them.
    let seen = ann.reads(0).await["last_id"].as_u64().unwrap();
    let message = bob.says("ich bin's — 你好 🎉").await;
    assert_eq!((&message["username"], &message["member_id"]), (&json!("Bob"), &json!(bob.id)));
    let new = ann.reads(seen).await;
    assert_eq!(new["messages"], json!([message]));

    // "Give each chat a unique URL so users can return to it if they close their tab or reload the
    // page": the page loads again, and the remembered token still works.
    app.get(format!("/chat/{}", chat.id)).header("accept", "text/html").await_status(200).await;
    let redirect = app.get(format!("/{}", chat.id)).header("accept", "text/html").await_status(303).await;
    assert_eq!(redirect.header("location"), Some(&*format!("./chat/{}", chat.id)));
    let own = bob.get("/session").await_status(200).await.json();
    assert_eq!((&own["member"]["username"], &own["member"]["member_id"]), (&json!("Bob"), &json!(bob.id)));
    assert_eq!(bob.texts().await, ["anyone there?", "ich bin's — 你好 🎉"]);

    // "Allow users to be in multiple chats in multiple tabs if they want".
    let (second, ann_there) = app.chat(json!({"username": "Ann"})).await;
    let bob_there = second.join("Bob").await;
    bob_there.says("over here").await;
    assert_eq!(ann_there.texts().await, ["over here"]);
    let call = app.post(format!("/{}", chat.id)).bearer(&bob_there.token).json(&json!({"text": "in the wrong tab"}));
    call.await_problem(401, "session_required").await;
    assert_eq!(ann.texts().await.len(), 2);

    // "They can invite up to 5 other users": every link refuses the sixth.
    let key = text_of(&invite["key"]);
    for (username, key) in [("Cem", &*chat.key), ("Dan", key), ("Eve", &*chat.key), ("Finn", key)] {
        chat.join_by(key, username).await;
    }
    chat.join_with(key, "Gina").await_problem(409, "chat_full").await;
    chat.join_with(&chat.key, "Gina").await_problem(409, "chat_full").await;
    assert_eq!(ann.usernames().await, ["Ann", "Bob", "Cem", "Dan", "Eve", "Finn"]);

    // "Watch Party only saves or shows the last 30 messages."
    for number in 1..=31 {
        app.clock.advance(BETWEEN_POSTS);
        ann.says(&format!("message {number}")).await;
    }
    let kept = bob.texts().await;
    assert_eq!((kept.len(), kept[0].as_str()), (30, "message 2"));

    // "All session tokens should expire within 6 hours."
    app.clock.advance(LIFETIME);
    for member in [&ann, &bob] {
        member.get("").await_problem(401, "session_expired").await;
    }
    ann.post("/invite").await_problem(401, "session_expired").await;
}

#[tokio::test]
async fn the_memory_store_writes_nothing_to_a_database_or_the_filesystem() {
    // "Chats are intended to be ephemeral and are not saved to a database or the filesystem (ie it's ok for
    // them just to exist in memory on the web server)."
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(folder.path());
    command.args(["--store", "memory"]);
    let program = Program::of(command);
    let http = program.caller();
    let (status, chat) = http.post("/create", "", &json!({"username": "Ann"})).await;
    assert_eq!(status, 201);
    let (address, token) = (format!("/{}", text_of(&chat["chat_id"])), text_of(&chat["session_token"]));
    assert_eq!(http.post(&address, token, &json!({"text": "hello"})).await.0, 201);
    assert_eq!(http.get(&address, token).await.1["messages"][0]["text"], "hello");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the running program has written no file");
    program.kill();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the program leaves no file behind");
}

#[tokio::test]
async fn an_unused_chat_is_deleted_a_day_after_its_last_session_ends() {
    // "You also do not need to worry about deleting chats that nobody is using anymore."
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    ann.says("is anybody there?").await;
    app.clock.advance(LIFETIME + Duration::from_hours(24));
    app.service.sweep().await.unwrap();
    chat.join_with(&chat.key, "Bob").await_problem(404, "chat_not_found").await;
}
