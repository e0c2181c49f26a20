//! The document's Milestone 0: the chat's URL is enough to use it.

use serde_json::{Value, json};

use super::{chat, opaque, path, text_of, texts};
use crate::app::{Options, TestApp};

/// Creates a chat of Milestone 0, and returns its URL.
async fn open_chat(app: &TestApp) -> String {
    let created = app.post("/v1/chats").json(&json!({"approval": false})).await_status(201).await.json();
    text_of(&created["chat_url"])
}

#[tokio::test]
async fn milestone_0_works_from_creating_the_chat_url_to_chatting() {
    let app = TestApp::new();
    // "`User1` creates a chat URL".
    let chat_url = open_chat(&app).await;
    let say = |message: &str| app.post(path(&chat_url)).json(&json!({"message": message}));
    // "At that point, `User1` can post messages into the chat and read the chat".
    let message = say("Hello").await_status(201).await.json();
    assert_eq!(
        message,
        json!({
            "id": 1, "author": "00000000-0000-0000-0000-000000000000", "message": "Hello",
            "posted_at": "2027-01-15T08:00:00Z",
        })
    );
    // "`User1` creates a link URL and shares it with `User2`".
    let link = app.post("/v1/links").json(&json!({"chat_url": chat_url})).await_status(201).await.json();
    let link_url = text_of(&link["link_url"]);
    // "`User2` exchanges the link for the chat URL".
    let exchange = app.get(path(&link_url)).await_status(200).await.json();
    assert_eq!(
        exchange,
        json!({
            "link_url": link_url, "request_sent_status": false, "approval_status": true, "chat": chat_url,
            "client_id": null,
        })
    );
    // A request for events gets the same answer as an event, and nobody needs approval.
    let events = app.get(path(&link_url)).header("accept", "text/event-stream").await_status(200).await;
    assert!(events.text().starts_with("event: approved\n"), "{}", events.text());
    let status = app.get(format!("/v1/approval/?link_url={link_url}")).await_status(200).await.json();
    assert_eq!(status, json!({"approval_status": true}));
    // "both `User1` and `User2` can post messages into the chat", and "they see all the messages".
    say("Hello back").await_status(201).await;
    let read = app.get(path(&text_of(&exchange["chat"]))).await_status(200).await;
    assert_eq!(texts(&read), ["Hello", "Hello back"]);
    // "a chat message is just text": the native API returns it too, with an anonymous author.
    let read = app.get(format!("/{}", opaque(&chat_url))).await_status(200).await.json();
    // The native API also accepts such posts, but without a `client_id`, which it would have to recognize again.
    let post = |body: Value| app.post(format!("/{}", opaque(&chat_url))).json(&body);
    let problem = post(json!({"text": "hi", "client_id": link["link_id"]})).await_problem(422, "invalid_request").await;
    assert_eq!(problem["field"], "client_id");
    let names: Vec<&Value> = read["messages"].as_array().unwrap().iter().map(|message| &message["username"]).collect();
    assert_eq!(names, ["Anonymous", "Anonymous"]);
    assert_eq!(post(json!({"text": "natively"})).await_status(201).await.json()["id"], 3);
    post(json!({"text": "hi"})).bearer("nonsense").await_problem(401, "session_required").await;
}

#[tokio::test]
async fn the_chat_url_alone_cannot_read_or_post_in_other_chats() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    app.get(path(&owned.chat_url)).await_problem(401, "session_required").await;
    let problem =
        app.post(path(&owned.chat_url)).json(&json!({"message": "hi"})).await_problem(401, "session_required").await;
    assert_eq!(problem["field"], "author_id");
    // A wrong credential is refused, even in a chat that needs none.
    let open = open_chat(&app).await;
    let stranger = "8e03978e-40d5-43dd-bc93-6894a57f9324";
    let body = json!({"message": "hi", "author_id": stranger});
    app.post(path(&open)).json(&body).await_problem(401, "session_required").await;
    assert!(owned.texts().await.is_empty());
}

#[tokio::test]
async fn the_chat_url_alone_can_create_a_link_that_needs_the_owners_approval() {
    let app = TestApp::new();
    // "`POST /v1/links` with chat URL, create and returns a link URL for this chat": Milestone 1 does not change
    // this.
    let owned = chat(&app).await;
    let link = app.post("/v1/links").json(&json!({"chat_url": owned.chat_url})).await_status(201).await.json();
    let link_url = text_of(&link["link_url"]);
    let pending = app.get(path(&link_url)).await_status(202).await.json();
    assert_eq!(owned.knocks().await.len(), 1, "the owner receives a request");
    // "`GET /v1/approval/` … by supply link URL": the status of the newest request.
    let status = async || app.get(format!("/v1/approval/?link_url={link_url}")).await_status(200).await.json();
    assert_eq!(status().await, json!({"approval_status": false}));
    let body = json!({"link_url": link_url, "author_id": owned.author_id, "approval_status": true});
    app.post("/v1/approval/").json(&body).await_status(200).await;
    assert_eq!(status().await, json!({"approval_status": true}));
    app.clock.advance(std::time::Duration::from_secs(1));
    let later = app.get(path(&link_url)).await_status(202).await.json();
    assert_ne!(later["client_id"], pending["client_id"]);
    assert_eq!(status().await, json!({"approval_status": false}), "the status of the newest request");
    // The newest request counts, not the guest who was approved last.
    app.clock.advance(std::time::Duration::from_secs(1));
    let third = app.get(path(&link_url)).await_status(202).await.json();
    let body = json!({
        "link_url": link_url, "author_id": owned.author_id, "approval_status": true, "client_id": later["client_id"],
    });
    app.post("/v1/approval/").json(&body).await_status(200).await;
    assert_ne!(third["client_id"], later["client_id"]);
    assert_eq!(status().await, json!({"approval_status": false}));
    // Only the owner can create a link that needs no approval.
    let open = json!({"chat_url": owned.chat_url, "approval": false});
    app.post("/v1/links").json(&open).await_problem(401, "session_required").await;
    // The owner sees which link was created this way.
    let list = owned.native(app.get(format!("/{}/invites", owned.id()))).await_status(200).await.json();
    assert_eq!(list["invites"][0]["by_address"], true);
}

#[tokio::test]
async fn links_created_with_the_url_alone_leave_room_for_the_owners_links() {
    let app = TestApp::with(Options { rate_limit: false, ..Options::default() });
    let owned = chat(&app).await;
    let body = json!({"chat_url": owned.chat_url});
    for _ in 0..20 {
        app.post("/v1/links").json(&body).await_status(201).await;
    }
    let problem = app.post("/v1/links").json(&body).await_problem(422, "invalid_request").await;
    assert!(problem["detail"].as_str().unwrap().contains("20"), "{problem}");
    owned.link().await;
    // They expire after a day, because there may be nobody left to revoke them.
    let list = owned.native(app.get(format!("/{}/invites", owned.id()))).await_status(200).await.json();
    assert_eq!(list["invites"][0]["expires_at"], "2027-01-16T08:00:00Z");
}

#[tokio::test]
async fn posting_without_a_session_is_rate_limited_and_keeps_the_chat_alive() {
    let app = TestApp::new();
    let chat_url = open_chat(&app).await;
    let say = || app.post(path(&chat_url)).json(&json!({"message": "hi"}));
    for _ in 0..30 {
        say().await_status(201).await;
    }
    say().await_problem(429, "too_many_requests").await;
    // The owner's session ended long ago. The day after which the chat is deleted starts with the last message.
    app.clock.advance(std::time::Duration::from_hours(20));
    app.service.sweep().await.unwrap();
    say().await_status(201).await;
    app.clock.advance(std::time::Duration::from_hours(23));
    app.service.sweep().await.unwrap();
    app.get(path(&chat_url)).await_status(200).await;
    app.clock.advance(std::time::Duration::from_hours(1));
    app.service.sweep().await.unwrap();
    app.get(path(&chat_url)).await_problem(404, "chat_not_found").await;
}

#[tokio::test]
async fn the_username_anonymous_is_reserved_where_anyone_can_post() {
    let app = TestApp::new();
    let chat_url = open_chat(&app).await;
    let link = app.post("/v1/links").json(&json!({"chat_url": chat_url})).await_status(201).await.json();
    let key = text_of(&link["link_url"]).rsplit('.').next().unwrap().to_owned();
    let join = json!({"key": key, "username": "ANONYMOUS"});
    app.post(format!("/{}/join", opaque(&chat_url))).json(&join).await_problem(409, "username_taken").await;
    let create = json!({"username": "Anonymous", "public_access": "post"});
    app.post("/create").json(&create).await_problem(409, "username_taken").await;
    // In a chat without anonymous posts, "Anonymous" is a name like any other.
    app.post("/create").json(&json!({"username": "Anonymous"})).await_status(201).await;
}
