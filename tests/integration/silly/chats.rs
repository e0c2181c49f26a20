//! Milestone 0, and the messages of a chat.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{chat, opaque, path, text_of, texts};
use crate::app::{BETWEEN_POSTS, Options, TestApp};

const UNKNOWN_ID: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";

#[tokio::test]
async fn milestone_0_two_users_chat_through_a_link() {
    let app = TestApp::new();
    // "`User1` creates a chat URL."
    let created = app.post("/v1/chats").await_status(201).await.json();
    let (chat_url, user1) = (text_of(&created["chat_url"]), text_of(&created["author_id"]));
    let post = |by: &str, message: &str| {
        app.post(path(&chat_url)).json(&json!({"author_id": by, "message": message})).await_status(201)
    };
    let read = |by: &str| app.get(format!("{}?author_id={by}", path(&chat_url))).await_status(200);

    // "At that point, `User1` can post messages into the chat and read the chat."
    post(&user1, "is anybody there?").await;
    assert_eq!(texts(&read(&user1).await), ["is anybody there?"]);

    // "`User1` creates a link URL and shares it with `User2` (e.g. by email)."
    let body = json!({"chat_url": chat_url, "author_id": user1, "approval": false});
    let link = app.post("/v1/links").json(&body).await_status(201).await.json();
    let link_url = text_of(&link["link_url"]);

    // "`User2` exchanges the link for the chat URL."
    let exchanged = app.get(path(&link_url)).await_status(200).await.json();
    assert_eq!(exchanged["chat"], chat_url);
    assert_eq!((&exchanged["link_url"], &exchanged["approval_status"]), (&json!(link_url), &json!(true)));
    let user2 = text_of(&exchanged["client_id"]);

    // "At that point, both `User1` and `User2` can post messages into the chat."
    post(&user2, "here I am").await;
    post(&user1, "welcome").await;

    // "Both `User1` and `User2` can read the chat and they see all the messages."
    let all = ["is anybody there?", "here I am", "welcome"];
    assert_eq!(texts(&read(&user1).await), all);
    assert_eq!(texts(&read(&user2).await), all);
    assert_eq!(read(&user1).await.body, read(&user2).await.body);
}

#[tokio::test]
async fn milestone_0_has_opaque_ids_free_form_text_and_no_deletion() {
    let app = TestApp::new();
    let (mine, other) = (chat(&app).await, chat(&app).await);
    // "The chat URL contains an id that is a large opaque random string."
    assert!(mine.chat_url.starts_with("http://chat.test/v1/chats/"), "{}", mine.chat_url);
    assert!(opaque(&mine.chat_url).len() >= 32, "{}", mine.chat_url);
    assert_ne!(mine.chat_url, other.chat_url);
    // "A chat message is just text, there's no formal author field; chat clients can freely decide
    // on the format of the messages."
    let formats = [r#"{"from": "Ann", "said": "hi"}"#, "Ann: hi", "<b>Ann</b> hi", "  Ann\n\thi", "안녕 👩🏽‍🚀"];
    for message in formats {
        mine.say_as(&mine.author_id, message).await_status(201).await;
    }
    assert_eq!(mine.texts().await, formats);
    // "Once the message is posted, it cannot be deleted."
    app.delete(path(&mine.chat_url)).await_problem(405, "method_not_allowed").await;
    app.delete(format!("{}/1", path(&mine.chat_url))).await_problem(404, "not_found").await;
    assert_eq!(mine.texts().await, formats);
    assert!(other.texts().await.is_empty(), "each chat has its own messages");
}

#[tokio::test]
async fn user_ids_are_version_4_uuids() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let guest = owned.link().await.ask(&app).await;
    for id in [&owned.author_id, &guest] {
        assert_eq!(id.parse::<Uuid>().unwrap().get_version_num(), 4, "{id}");
    }
}

#[tokio::test]
async fn a_chat_can_be_created_with_or_without_a_body() {
    let app = TestApp::new();
    app.post("/v1/chats").await_status(201).await;
    app.post("/v1/chats").json(&json!({"whatever": 1})).await_status(201).await;
    app.post("/v1/chats").json(&json!([])).await_problem(422, "invalid_request").await;
    app.post("/v1/chats").body("{").await_problem(400, "invalid_request").await;
}

#[tokio::test]
async fn posting_returns_the_message_as_readers_see_it() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let message = owned.say_as(&owned.author_id, "hi  \n").await_status(201).await.json();
    assert_eq!((&message["id"], &message["message"]), (&json!(1), &json!("hi")));
    assert_eq!(message["posted_at"], "2027-01-15T08:00:00Z");
    assert_ne!(message["author"], json!(owned.author_id), "the public id is not the credential");
    let read = owned.read_as(&owned.author_id).await_status(200).await.json();
    assert_eq!(read, json!({"messages": [message]}));
    let by_header = app.get(path(&owned.chat_url)).bearer(&owned.author_id);
    assert_eq!(by_header.await_status(200).await.json(), read);
}

#[tokio::test]
async fn a_chat_keeps_its_last_thousand_messages() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    for number in 1..=1_005 {
        app.clock.advance(BETWEEN_POSTS);
        owned.say_as(&owned.author_id, &format!("message {number}")).await_status(201).await;
    }
    let expected: Vec<String> = (6..=1_005).map(|number| format!("message {number}")).collect();
    assert_eq!(owned.texts().await, expected);
}

#[tokio::test]
async fn only_authors_can_post_and_read() {
    let app = TestApp::new();
    let (owned, other) = (chat(&app).await, chat(&app).await);
    for forged in [UNKNOWN_ID, &other.author_id, opaque(&owned.chat_url)] {
        let problem = owned.say_as(forged, "let me in").await_problem(401, "session_required").await;
        assert_eq!(problem["field"], "author_id");
        owned.read_as(forged).await_problem(401, "session_required").await;
        app.get(path(&owned.chat_url)).bearer(forged).await_problem(401, "session_required").await;
        let events = owned.read_as(forged).header("accept", "text/event-stream");
        events.await_problem(401, "session_required").await;
        let link = json!({"chat_url": owned.chat_url, "author_id": forged});
        app.post("/v1/links").json(&link).await_problem(401, "session_required").await;
    }
    app.get(path(&owned.chat_url)).await_problem(401, "session_required").await;
    owned.read_as("nonsense").await_problem(401, "session_required").await;
    assert!(owned.texts().await.is_empty());
}

#[tokio::test]
async fn an_unknown_chat_is_not_found() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    for id in [UNKNOWN_ID, "nonsense", "%20"] {
        let body = json!({"author_id": owned.author_id, "message": "hi"});
        app.post(format!("/v1/chats/{id}")).json(&body).await_problem(404, "chat_not_found").await;
        let read = app.get(format!("/v1/chats/{id}?author_id={}", owned.author_id));
        read.await_problem(404, "chat_not_found").await;
        let link = json!({"chat_url": format!("http://chat.test/v1/chats/{id}"), "author_id": owned.author_id});
        app.post("/v1/links").json(&link).await_problem(404, "chat_not_found").await;
    }
}

#[tokio::test]
async fn an_ended_chat_is_not_found() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let link = owned.link().await;
    let guest = link.ask(&app).await;
    owned.native(app.delete(format!("/{}", owned.id()))).await_status(204).await;
    owned.read_as(&owned.author_id).await_problem(404, "chat_not_found").await;
    owned.say_as(&owned.author_id, "hello?").await_problem(404, "chat_not_found").await;
    link.exchange(&app).await_problem(404, "chat_not_found").await;
    link.exchange_as(&app, &guest).await_problem(404, "chat_not_found").await;
    link.status(&app, &guest).await_problem(404, "chat_not_found").await;
    owned.approve(&link, None).await_problem(404, "chat_not_found").await;
}

#[tokio::test]
async fn an_empty_or_overlong_message_is_refused_by_field_name() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    for message in ["", "  \n", "\u{200b}", &"x".repeat(2_001), &"👩‍🚀".repeat(1_500)] {
        let problem = owned.say_as(&owned.author_id, message).await_problem(422, "invalid_request").await;
        assert_eq!(problem["field"], "message", "{problem}");
        assert!(problem["detail"].as_str().unwrap().starts_with("message "), "{problem}");
    }
    owned.say_as(&owned.author_id, &"x".repeat(70_000)).await_problem(413, "payload_too_large").await;
    assert!(owned.texts().await.is_empty());
    owned.say_as(&owned.author_id, &"x".repeat(2_000)).await_status(201).await;
}

#[tokio::test]
async fn missing_and_invalid_fields_are_named() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let link = owned.link().await;
    let (chat_url, author_id) = (&owned.chat_url, &owned.author_id);
    let calls = [
        (path(chat_url), json!({"author_id": author_id, "message": "hi"}), vec![]),
        (
            "/v1/links".to_owned(),
            json!({"chat_url": chat_url, "author_id": author_id}),
            vec![("approval", json!("no"))],
        ),
        (
            "/v1/approval/".to_owned(),
            json!({"link_url": link.url, "author_id": author_id, "approval_status": true}),
            vec![("client_id", json!("nobody")), ("client_id", json!(7))],
        ),
    ];
    for (path, body, wrong) in calls {
        let required: Vec<String> = body.as_object().unwrap().keys().cloned().collect();
        let refused = async |body: &Value, field: &str| {
            let problem = app.post(&path).json(body).await_problem(422, "invalid_request").await;
            assert_eq!(problem["field"], field, "{path} {body}: {problem}");
        };
        for field in &required {
            // Other tests cover what the URL alone allows.
            let may_be_left_out = field == "author_id" && path != "/v1/approval/";
            if !may_be_left_out {
                let mut without = body.clone();
                without.as_object_mut().unwrap().remove(field);
                refused(&without, field).await;
            }
            let missing = [json!(null)].into_iter().filter(|_| !may_be_left_out);
            for value in [json!(7), json!(["x"])].into_iter().chain(missing) {
                let mut with = body.clone();
                with[field] = value;
                refused(&with, field).await;
            }
        }
        let no_uuid = ["", "nobody", &author_id[1..], "8e03978e-40d5-43dd-bc93-6894a57f932g"];
        for (field, value) in wrong.into_iter().chain(no_uuid.map(|id| ("author_id", json!(id)))) {
            let mut with = body.clone();
            with[field] = value;
            refused(&with, field).await;
        }
        app.post(&path).body("{").await_problem(400, "invalid_request").await;
        app.post(&path).await_problem(422, "invalid_request").await;
        app.post(&path).json(&json!([])).await_problem(422, "invalid_request").await;
    }
    assert!(owned.texts().await.is_empty());
}

#[tokio::test]
async fn a_browser_is_redirected_from_the_chat_url_to_the_chats_page() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let answer = app.get(path(&owned.chat_url)).header("accept", accept).await_status(303).await;
    assert_eq!(answer.header("location"), Some(&*format!("../../chat/{}", owned.id())));
    let answer = app.get("/v1/chats/nonsense").header("accept", accept).await_status(303).await;
    assert_eq!(answer.header("location"), Some("../../?notice=chat_not_found"));
    // A request with a credential gets the messages.
    owned.read_as(&owned.author_id).header("accept", accept).await_status(200).await;
}

#[tokio::test]
async fn urls_use_the_sites_public_url() {
    let app = TestApp::with(Options { public_url: Some("https://party.example"), ..Options::default() });
    let owned = chat(&app).await;
    assert_eq!(owned.chat_url, format!("https://party.example/v1/chats/{}", owned.id()));
    let link = owned.link().await;
    assert!(link.url.starts_with(&format!("https://party.example/v1/links/{}.", owned.id())), "{}", link.url);
    let pending = link.exchange(&app).await_status(202).await.json();
    assert_eq!(pending["link_url"], link.url);
    let guest = text_of(&pending["client_id"]);
    assert!(!link.is_approved(&app, &guest).await);
    owned.approves(&link, None).await;
    assert_eq!(link.exchange_as(&app, &guest).await_status(200).await.json()["chat"], owned.chat_url);
    // The host that a request names does not count.
    let inside = format!("http://chat.test{}", path(&owned.chat_url));
    let body = json!({"chat_url": inside, "author_id": owned.author_id});
    let problem = app.post("/v1/links").json(&body).await_problem(422, "invalid_request").await;
    assert_eq!(problem["field"], "chat_url");
}
