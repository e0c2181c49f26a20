//! Creating, joining and ending chats.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::{Options, TestApp};

#[tokio::test]
async fn anyone_can_create_a_chat_with_an_empty_body() {
    let app = TestApp::new();
    let created = app.post("/create").await_status(201).await.json();
    let chat_id = created["chat_id"].as_str().unwrap();
    assert_eq!(Uuid::parse_str(chat_id).unwrap().get_version_num(), 4);
    assert_eq!(created["session_token"].as_str().unwrap().len(), 43);
    assert_eq!(created["expires_at"], "2027-01-15T14:00:00Z");
    assert_eq!(created["member"]["role"], "owner");
    assert_eq!(created["member"]["username"], "Owner");
    let key = created["invite"]["key"].as_str().unwrap();
    assert_eq!(created["invite"]["magic_link"], format!("http://chat.test/join/{chat_id}#{key}"));
    assert_eq!(created["invite"]["uses"], 0);
}

#[tokio::test]
async fn a_creator_chooses_name_capacity_and_history() {
    let app = TestApp::new();
    let request =
        json!({"username": " Zoe\u{308} ", "name": "Movie night", "admission": "link", "capacity": 2, "history": 3});
    let (chat, owner) = app.chat(request).await;
    assert_eq!(chat.created["member"]["username"], "Zo\u{eb}");
    let list = owner.get("/members").await_status(200).await.json();
    assert_eq!((&list["name"], &list["capacity"], &list["history"]), (&json!("Movie night"), &json!(2), &json!(3)));
    chat.join("Bob").await;
    chat.join_with(&chat.key, "Cem").await_problem(409, "chat_full").await;
    for text in ["1", "2", "3", "4"] {
        owner.says(text).await;
    }
    assert_eq!(owner.texts().await, ["2", "3", "4"]);
}

#[tokio::test]
async fn invalid_chat_settings_are_refused_by_field_name() {
    let app = TestApp::new();
    let wrong = [
        ("username", json!("")),
        ("username", json!("a\u{202e}b")),
        ("username", json!("x".repeat(33))),
        ("username", json!("a\u{0}b")),
        ("username", json!(7)),
        ("name", json!(" ")),
        ("name", json!("x".repeat(65))),
        ("capacity", json!(0)),
        ("capacity", json!(51)),
        ("capacity", json!(-1)),
        ("capacity", json!("six")),
        ("history", json!(0)),
        ("history", json!(1_001)),
        ("history", json!(1.5)),
        ("admission", json!("anyone")),
    ];
    for (field, value) in wrong {
        let problem = app.post("/create").json(&json!({ field: value })).await_problem(422, "invalid_request").await;
        assert_eq!(problem["field"], field, "{problem}");
        assert!(problem["detail"].as_str().unwrap().starts_with(field), "{problem}");
    }
}

#[tokio::test]
async fn unknown_fields_are_ignored() {
    let app = TestApp::new();
    app.post("/create").json(&json!({"colour": "red"})).await_status(201).await;
}

#[tokio::test]
async fn a_guest_joins_with_an_invite_key() {
    let app = TestApp::new();
    let (chat, owner) = app.chat(json!({"username": "Ann"})).await;
    let joined = chat.join_with(&chat.key, "Bob").await_status(201).await.json();
    assert_eq!(joined["member"]["role"], "guest");
    assert_eq!(joined["member"]["username"], "Bob");
    assert_eq!(joined["expires_at"], "2027-01-15T14:00:00Z");
    assert_ne!(joined["session_token"], chat.created["session_token"]);
    assert_eq!(owner.usernames().await, ["Ann", "Bob"]);
}

#[tokio::test]
async fn joining_with_a_wrong_key_is_refused() {
    let app = TestApp::new();
    let (chat, owner) = app.chat(json!({})).await;
    let (other, _) = app.chat(json!({})).await;
    for key in ["", "wrong", &chat.key[1..], &format!("{}x", chat.key), &other.key, &owner.token] {
        chat.join_with(key, "Bob").await_problem(403, "invalid_invite").await;
    }
    assert_eq!(owner.usernames().await, ["Owner"]);
}

#[tokio::test]
async fn joining_requires_a_key_and_a_valid_username() {
    let app = TestApp::new();
    let (chat, _) = app.chat(json!({})).await;
    let path = format!("/{}/join", chat.id);
    for (body, field) in [(json!({"username": "Bob"}), "key"), (json!({"key": chat.key}), "username")] {
        let problem = app.post(&path).json(&body).await_problem(422, "invalid_request").await;
        assert_eq!(problem["field"], field);
    }
    for username in ["", "\u{200b}", "a\nb", "\u{2066}x", &"x".repeat(33)] {
        let problem = chat.join_with(&chat.key, username).await_problem(422, "invalid_request").await;
        assert_eq!(problem["field"], "username");
    }
}

#[tokio::test]
async fn a_username_is_taken_regardless_of_case_width_and_invisible_characters() {
    let app = TestApp::new();
    let (chat, owner) = app.chat(json!({"username": "Straße"})).await;
    for username in ["Straße", "STRASSE", "Ｓtrasse", "stra\u{200b}sse"] {
        chat.join_with(&chat.key, username).await_problem(409, "username_taken").await;
    }
    let bob = chat.join("Bob").await;
    bob.delete(&format!("/members/{}", bob.id)).await_status(204).await;
    chat.join("bob").await;
    assert_eq!(owner.usernames().await, ["Straße", "bob"]);
}

#[tokio::test]
async fn a_seventh_member_can_join_only_after_a_seat_is_free() {
    let app = TestApp::new();
    let (chat, _) = app.chat(json!({})).await;
    let mut guests = Vec::new();
    for name in ["Bob", "Cem", "Dan", "Eve", "Fay"] {
        guests.push(chat.join(name).await);
    }
    let problem = chat.join_with(&chat.key, "Gus").await_problem(409, "chat_full").await;
    assert!(problem["detail"].as_str().unwrap().contains('6'), "{problem}");
    let fay = guests.pop().unwrap();
    fay.delete(&format!("/members/{}", fay.id)).await_status(204).await;
    chat.join("Gus").await;
}

#[tokio::test]
async fn ending_a_chat_makes_every_call_answer_chat_not_found() {
    let app = TestApp::new();
    let (chat, owner) = app.chat(json!({})).await;
    let bob = chat.join("Bob").await;
    bob.delete("").await_problem(403, "owner_only").await;
    owner.delete("").await_status(204).await;
    for member in [&owner, &bob] {
        member.get("").await_problem(404, "chat_not_found").await;
        member.say("hello").await_problem(404, "chat_not_found").await;
        member.get("/members").await_problem(404, "chat_not_found").await;
    }
    owner.delete("").await_problem(404, "chat_not_found").await;
    chat.join_with(&chat.key, "Cem").await_problem(404, "chat_not_found").await;
    assert_eq!(app.service.active_chats(), 0);
}

#[tokio::test]
async fn chats_share_no_messages_tokens_or_keys() {
    let app = TestApp::new();
    let (one, ann) = app.chat(json!({"username": "Ann"})).await;
    let (two, ben) = app.chat(json!({"username": "Ben"})).await;
    ann.says("in one").await;
    assert_eq!(ben.texts().await, [""; 0]);
    app.get(format!("/{}", two.id)).bearer(&ann.token).await_problem(401, "session_required").await;
    app.delete(format!("/{}", two.id)).bearer(&ann.token).await_problem(401, "session_required").await;
    two.join_with(&one.key, "Cem").await_problem(403, "invalid_invite").await;
}

#[tokio::test]
async fn magic_links_start_with_the_sites_public_address() {
    let link = |created: &Value| created["invite"]["magic_link"].as_str().unwrap().to_owned();
    let app = TestApp::with(Options { public_url: Some("https://chat.example"), ..Options::default() });
    let created = app.post("/create").await_status(201).await.json();
    assert!(link(&created).starts_with("https://chat.example/join/"), "{created}");

    for (trusted, start) in [(&[][..], "http://chat.test/"), (&["127.0.0.0/8"][..], "https://outer.example/")] {
        let app = TestApp::with(Options { trusted_proxies: trusted, ..Options::default() });
        let call = app.post("/create").header("x-forwarded-proto", "https").header("x-forwarded-host", "outer.example");
        let created = call.await_status(201).await.json();
        assert!(link(&created).starts_with(start), "{created}");
    }
}
