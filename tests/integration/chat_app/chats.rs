//! Chats that people enter by their address: creating them, reading them, and posting in them.

use axum::http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Browser, FORM, UNKNOWN_CHAT, browser, conversation, room, room_with, text_of};
use crate::app::{Call, TestApp};

/// Returns every call for the chat `key`, made by `browser`.
fn calls<'a>(browser: &Browser<'a>, key: &str) -> [Call<'a>; 3] {
    [
        browser.get(format!("/chats/{key}/")),
        browser.post(format!("/chats/{key}/messages")).json(&json!({"content": "hello"})),
        browser.post(format!("/chats/{key}/enter")),
    ]
}

#[tokio::test]
async fn anyone_can_create_a_chatroom_and_each_has_a_unique_key() {
    let app = TestApp::new();
    let make = || app.post("/chats").json(&json!({"name": "  Movie night 🎬 "})).await_status(201);
    let created = make().await.json();
    let key = text_of(&created["hash_key"]);
    let url = format!("http://chat.test/chatrooms/{key}/");
    assert_eq!(created, json!({"name": "Movie night 🎬", "hash_key": key, "url": url}));
    assert_eq!(key.parse::<Uuid>().unwrap().get_version_num(), 4);
    assert_ne!(make().await.json()["hash_key"], created["hash_key"]);
}

#[tokio::test]
async fn a_chatroom_has_50_seats_and_1000_messages_unless_set_otherwise() {
    let app = TestApp::new();
    let kept = async |request: Value| {
        let room = room_with(&app, request).await;
        let seat = browser(&app, "Ann").await.enters(&room).await;
        let members = room.native(Method::GET, "/members", &seat).await_status(200).await.json();
        let retention = room.native(Method::GET, "/retention", &seat).await_status(200).await.json();
        (members["capacity"].clone(), members["admission"].clone(), retention["history"].clone())
    };
    // "Fills in the chatroom name and hits submit": only a name is needed.
    assert_eq!(kept(json!({"name": "Large"})).await, (json!(50), json!("open"), json!(1_000)));
    // A chat of the same kind that the native API creates has the same defaults.
    let (key, owner) = created(&app, "open").await;
    let members = app.get(format!("/{key}/members")).bearer(&owner).await_status(200).await.json();
    assert_eq!((&members["capacity"], &members["history"]), (&json!(50), &json!(1_000)));
    let small = json!({"name": "Small", "capacity": 2, "history": 3});
    assert_eq!(kept(small).await, (json!(2), json!("open"), json!(3)));
    let room = room_with(&app, json!({"name": "Short", "history": 3})).await;
    let ann = browser(&app, "Ann").await;
    for number in 1..=5 {
        ann.says(&room, &number.to_string()).await;
    }
    assert_eq!(ann.reads(&room).await, conversation(&[("Ann", "3"), ("Ann", "4"), ("Ann", "5")]));
}

#[tokio::test]
async fn an_invalid_chatroom_field_is_named() {
    let app = TestApp::new();
    let make = |body: &str| app.post("/chats").body(body);
    for body in ["", "{", "name=Movie+night"] {
        make(body).await_problem(400, "invalid_request").await;
    }
    make("[]").await_problem(422, "invalid_request").await;
    let long = "x".repeat(65);
    let wrong = [
        (json!({}), "name"),
        (json!({"name": ""}), "name"),
        (json!({"name": " \n "}), "name"),
        (json!({"name": long}), "name"),
        (json!({"name": 5}), "name"),
        (json!({"name": "x", "capacity": 0}), "capacity"),
        (json!({"name": "x", "capacity": 51}), "capacity"),
        (json!({"name": "x", "capacity": "six"}), "capacity"),
        (json!({"name": "x", "history": 0}), "history"),
        (json!({"name": "x", "history": 1_001}), "history"),
        (json!({"name": "x", "history": -1}), "history"),
    ];
    for (body, field) in wrong {
        let problem = make(&body.to_string()).await_problem(422, "invalid_request").await;
        assert_eq!(problem["field"], field, "{body}");
    }
    let form = |body: &str| app.post("/chats").header("content-type", FORM).body(body);
    for body in ["", "title=Movie+night", "name=", "name=a&name=b"] {
        assert_eq!(form(body).await_problem(422, "invalid_request").await["field"], "name", "{body}");
    }
    make(&" ".repeat(64 * 1024 + 1)).await_problem(413, "payload_too_large").await;
}

#[tokio::test]
async fn a_form_creates_a_chatroom_with_the_same_fields_as_json() {
    let app = TestApp::new();
    let form = |body: &str| app.post("/chats").header("content-type", FORM).body(body).await_status(201);
    assert_eq!(form("name=Caf%C3%A9+%26+more").await.json()["name"], "Café & more");
    let created = form("name=Small&capacity=1&history=3").await.json();
    let key = text_of(&created["hash_key"]);
    browser(&app, "Ann").await.post(format!("/chats/{key}/enter")).await_status(201).await;
    let refused = browser(&app, "Bob").await.post(format!("/chats/{key}/enter"));
    refused.await_problem(409, "chat_full").await;
}

#[tokio::test]
async fn a_message_can_be_json_or_a_form_and_an_invalid_field_is_named() {
    let app = TestApp::new();
    let room = room(&app).await;
    let ann = browser(&app, "Ann").await;
    let path = format!("{}messages", room.path());
    let say = |body: &str| ann.post(&path).body(body);
    for body in ["", "{", "content=hello"] {
        say(body).await_problem(400, "invalid_request").await;
    }
    say("[]").await_problem(422, "invalid_request").await;
    let (long, large) = ("x".repeat(2_001), "👩‍👩‍👧‍👦".repeat(700));
    for content in [json!(""), json!(" \n"), json!("\u{200b}"), json!(long), json!(large), json!(5), json!(null)] {
        let problem = say(&json!({"content": content}).to_string()).await_problem(422, "invalid_request").await;
        assert_eq!(problem["field"], "content", "{content}");
    }
    assert_eq!(say("{\"text\": \"hello\"}").await_problem(422, "invalid_request").await["field"], "content");
    let form = |body: &str| ann.post(&path).header("content-type", FORM).body(body);
    for body in ["", "text=hello", "content=", "content=a&content=b"] {
        assert_eq!(form(body).await_problem(422, "invalid_request").await["field"], "content", "{body}");
    }
    say(&" ".repeat(64 * 1024 + 1)).await_problem(413, "payload_too_large").await;
    assert!(ann.reads(&room).await.is_empty());

    form("content=by+a+form%3A+%E4%BD%A0%E5%A5%BD&other=1").await_status(201).await;
    ann.says(&room, "by JSON: مرحبا 👩🏽‍🚀\nin two lines  ").await;
    let expected = [("Ann", "by a form: 你好"), ("Ann", "by JSON: مرحبا 👩🏽‍🚀\nin two lines")];
    assert_eq!(ann.reads(&room).await, conversation(&expected));
}

#[tokio::test]
async fn a_messages_author_is_always_the_sessions_username() {
    let app = TestApp::new();
    let room = room(&app).await;
    let ann = browser(&app, "Ann").await;
    let body = json!({"content": "hello", "username": "Bob", "id": 7, "timestamp": "1970-01-01T00:00:00Z"});
    let message = ann.post(format!("{}messages", room.path())).json(&body).await_status(201).await.json();
    let expected = json!({"id": 1, "timestamp": "2027-01-15T08:00:00Z", "username": "Ann", "content": "hello"});
    assert_eq!(message, expected);
    let read = ann.read(&room).await_status(200).await.json();
    assert_eq!(
        read,
        json!({"name": "Movie night", "hash_key": room.key, "messages": [expected], "last_id": 1, "missed": 0})
    );
}

#[tokio::test]
async fn malformed_ids_get_404_and_unknown_ids_get_404_only_with_a_session() {
    let app = TestApp::new();
    let (ann, nobody) = (browser(&app, "Ann").await, Browser::new(&app));
    for key in ["nonsense", "1", "%00", "%F0%9F%8D%BF", "..%2F..%2Fcreate"] {
        for call in calls(&ann, key).into_iter().chain(calls(&nobody, key)) {
            call.await_problem(404, "chat_not_found").await;
        }
    }
    for call in calls(&ann, UNKNOWN_CHAT) {
        call.await_problem(404, "chat_not_found").await;
    }
    // Only callers with a session are told whether a chat exists.
    for call in calls(&nobody, UNKNOWN_CHAT) {
        call.await_problem(401, "session_required").await;
    }
}

#[tokio::test]
async fn an_ended_chat_is_not_found() {
    let app = TestApp::new();
    let room = room(&app).await;
    let ann = browser(&app, "Ann").await;
    let seat = ann.enters(&room).await;
    room.native(Method::DELETE, "", &seat).await_status(204).await;
    for call in calls(&ann, &room.key) {
        call.await_problem(404, "chat_not_found").await;
    }
    assert_eq!(ann.name().await, "Ann", "the browser session belongs to no chat");
}

#[tokio::test]
async fn a_chat_with_another_admission_cannot_be_read_or_entered_by_its_address() {
    let app = TestApp::new();
    let ann = browser(&app, "Ann").await;
    for admission in ["link", "approval", "account"] {
        let (key, token) = created(&app, admission).await;
        let say = app.post(format!("/{key}")).bearer(&token).json(&json!({"text": "between us"}));
        say.await_status(201).await;
        for call in calls(&ann, &key) {
            let problem = call.await_problem(409, "wrong_admission").await;
            assert!(!problem.to_string().contains("between us"));
        }
        let members = app.get(format!("/{key}/members")).bearer(&token).await_status(200).await.json();
        assert_eq!(members["members"].as_array().unwrap().len(), 1, "{admission}");
    }
    // Anyone who knows the id of a Flask-Chat room can read it, but not through this dialect.
    let flask = app.post("/createroom").json(&json!({"alias": "A room"})).await_status(200).await.json();
    for call in calls(&ann, &text_of(&flask["roomid"])) {
        call.await_problem(409, "wrong_admission").await;
    }
}

/// Creates a chat with the native API, and returns its id and its owner's token.
async fn created(app: &TestApp, admission: &str) -> (String, String) {
    let request = json!({"username": "Owner", "admission": admission});
    let created = app.post("/create").json(&request).await_status(201).await.json();
    (text_of(&created["chat_id"]), text_of(&created["session_token"]))
}

#[tokio::test]
async fn an_open_chat_created_by_the_native_api_can_be_entered_by_its_address() {
    let app = TestApp::new();
    let (key, owner) = created(&app, "open").await;
    let ann = browser(&app, "Ann").await;
    let [read, say, enter] = calls(&ann, &key);
    let read = read.await_status(200).await.json();
    assert_eq!(read, json!({"name": null, "hash_key": key, "messages": [], "last_id": 0, "missed": 0}));
    say.await_status(201).await;
    assert_eq!(enter.await_status(201).await.json()["member"]["role"], "guest");
    let natively = app.get(format!("/{key}")).bearer(&owner).await_status(200).await.json();
    assert_eq!(natively["messages"][0]["text"], "hello");
}
