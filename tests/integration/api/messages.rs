//! Reading and posting messages.

use axum::http::{HeaderMap, Method};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::{BETWEEN_POSTS, TestApp};

#[tokio::test]
async fn a_posted_message_reads_back_as_typed() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let bob = chat.join("Bob").await;
    let message = ann.says("  你好 👩🏽‍🚀 e\u{301}\u{323} مرحبا\n\tmore \n").await;
    assert_eq!(message["text"], "  你好 👩🏽‍🚀 \u{1eb9}\u{301} مرحبا\n\tmore");
    assert_eq!(
        (&message["id"], &message["username"], &message["sent_at"]),
        (&json!(1), &json!("Ann"), &json!("2027-01-15T08:00:00Z"))
    );
    assert_eq!(message["member_id"], ann.id);
    assert!(message.get("client_id").is_none(), "{message}");
    let read = bob.reads(0).await;
    assert_eq!(read, json!({"messages": [message], "last_id": 1, "missed": 0}));
}

#[tokio::test]
async fn a_plain_text_body_is_a_message() {
    let app = TestApp::new();
    let (_, ann) = app.chat(json!({})).await;
    let call = ann.post("").header("content-type", "text/plain; charset=utf-8").body("just words");
    assert_eq!(call.await_status(201).await.json()["text"], "just words");
    ann.post("").header("content-type", "text/plain").body([0xff, 0xfe]).await_problem(400, "invalid_request").await;
    ann.post("").header("content-type", "text/plain").body("").await_problem(422, "invalid_request").await;
}

#[tokio::test]
async fn json_sent_as_text_plain_is_read_as_json() {
    let app = TestApp::new();
    let (_, ann) = app.chat(json!({})).await;
    // The content type that `fetch` sends for a string body, and none at all.
    for (number, kind) in ["text/plain;charset=UTF-8", ""].into_iter().enumerate() {
        let fetch = |body: String| match kind {
            "" => ann.post("").body(body),
            kind => ann.post("").header("content-type", kind).body(body),
        };
        let body = json!({"text": "hi", "client_id": Uuid::from_u128(1 + number as u128)}).to_string();
        let first = fetch(body.clone()).await_status(201).await.json();
        assert_eq!(first["text"], "hi");
        assert_eq!(fetch(format!(" \n{body}")).await_status(200).await.json(), first);
        let wrong = fetch(json!({"text": 7}).to_string()).await_problem(422, "invalid_request").await;
        assert_eq!(wrong["field"], "text");
    }
    assert_eq!(ann.texts().await, ["hi", "hi"]);
}

#[tokio::test]
async fn plain_text_that_only_resembles_json_is_posted_verbatim() {
    let app = TestApp::new();
    let (_, ann) = app.chat(json!({})).await;
    let texts = [
        "{\"text\": \"hi\"",
        "{\"text\": \"hi\"} and more",
        "{text}",
        "{\"not\": \"a message\"}",
        "{\"message\": {\"text\": \"deep\"}}",
        "[{\"text\": \"hi\"}]",
        "{}",
        "\"text\"",
        "null",
    ];
    for text in texts {
        let message = ann.post("").header("content-type", "text/plain").body(text).await_status(201).await.json();
        assert_eq!(message["text"], text);
        // Without the content type of plain text, the body is refused with a client error.
        assert!(ann.post("").body(text).answer().await.status.is_client_error(), "{text}");
    }
    assert_eq!(ann.texts().await, texts);
}

#[tokio::test]
async fn a_reader_gets_only_messages_after_the_cursor() {
    let app = TestApp::new();
    let (_, ann) = app.chat(json!({})).await;
    for text in ["one", "two", "three"] {
        ann.says(text).await;
    }
    let ids = |read: Value| -> Vec<u64> {
        read["messages"].as_array().unwrap().iter().map(|message| message["id"].as_u64().unwrap()).collect()
    };
    assert_eq!(ids(ann.reads(0).await), [1, 2, 3]);
    assert_eq!(ids(ann.reads(2).await), [3]);
    assert_eq!(ann.reads(3).await, json!({"messages": [], "last_id": 3, "missed": 0}));
    assert_eq!(ids(ann.reads(99).await), [1, 2, 3], "a cursor ahead of the chat gets everything");
    assert_eq!(ids(ann.get("").await_status(200).await.json()), [1, 2, 3]);
}

#[tokio::test]
async fn thirty_messages_are_kept_and_missed_messages_are_counted() {
    let app = TestApp::new();
    let (_, ann) = app.chat(json!({})).await;
    for at in 1..=35 {
        app.clock.advance(BETWEEN_POSTS);
        ann.says(&format!("message {at}")).await;
    }
    let texts = ann.texts().await;
    assert_eq!(texts.len(), 30);
    assert_eq!((texts[0].as_str(), texts[29].as_str()), ("message 6", "message 35"));
    assert_eq!(ann.reads(0).await["missed"], 5);
    assert_eq!(ann.reads(3).await["missed"], 2);
    assert_eq!(ann.reads(5).await["missed"], 0);
    assert_eq!(ann.reads(35).await["missed"], 0);
}

#[tokio::test]
async fn an_invalid_cursor_is_refused_by_field_name() {
    let app = TestApp::new();
    let (_, ann) = app.chat(json!({})).await;
    for cursor in ["x", "-1", "1.5", "", "99999999999999999999999"] {
        let problem = ann.get(&format!("?after={cursor}")).await_problem(400, "invalid_request").await;
        assert_eq!(problem["field"], "after");
    }
}

#[tokio::test]
async fn an_invalid_message_is_refused_and_changes_nothing() {
    let app = TestApp::new();
    let (_, ann) = app.chat(json!({})).await;
    let long = "x".repeat(2_001);
    let heavy = "👩‍👩‍👧‍👦".repeat(700);
    for text in ["", "   ", "\n\t", "\u{200b}", &long, &heavy] {
        let problem = ann.say(text).await_problem(422, "invalid_request").await;
        assert_eq!(problem["field"], "text");
    }
    for body in [json!({}), json!({"text": 5}), json!({"text": null}), json!({"text": ["a"]})] {
        let problem = ann.post("").json(&body).await_problem(422, "invalid_request").await;
        assert_eq!(problem["field"], "text", "{body}");
    }
    assert_eq!(ann.reads(0).await["last_id"], 0);
    ann.says(&"é".repeat(2_000)).await;
}

#[tokio::test]
async fn posting_twice_with_one_client_id_creates_one_message() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({})).await;
    let bob = chat.join("Bob").await;
    let body = json!({"text": "once", "client_id": Uuid::from_u128(7)});
    let first = ann.post("").json(&body).await_status(201).await.json();
    assert_eq!(first["client_id"], Uuid::from_u128(7).to_string());
    let again = ann.post("").json(&body).await_status(200).await.json();
    assert_eq!(again, first);
    let changed = json!({"text": "other words", "client_id": Uuid::from_u128(7)});
    assert_eq!(ann.post("").json(&changed).await_status(200).await.json(), first);
    bob.post("").json(&body).await_status(201).await;
    assert_eq!(ann.texts().await, ["once", "once"]);
}

#[tokio::test]
async fn an_idempotency_key_works_like_a_client_id() {
    let app = TestApp::new();
    let (_, ann) = app.chat(json!({})).await;
    let post = |key: &str| ann.say("once").header("idempotency-key", key);
    let first = post("order-66").await_status(201).await.json();
    assert_eq!(post("order-66").await_status(200).await.json(), first);
    assert_eq!(post("\"order-66\"").await_status(200).await.json(), first);
    post("order-67").await_status(201).await;
    let uuid = Uuid::from_u128(9).to_string();
    post(&uuid).await_status(201).await;
    let same = json!({"text": "once", "client_id": uuid});
    ann.post("").json(&same).await_status(200).await;
    ann.post("").json(&same).header("idempotency-key", &uuid).await_status(200).await;
    let problem =
        ann.post("").json(&same).header("idempotency-key", "order-1").await_problem(422, "invalid_request").await;
    assert_eq!(problem["field"], "client_id");
    for key in ["", " ", &"x".repeat(256)] {
        post(key).await_problem(422, "invalid_request").await;
    }
    let problem =
        ann.post("").json(&json!({"text": "a", "client_id": "7"})).await_problem(422, "invalid_request").await;
    assert_eq!(problem["field"], "client_id");
}

#[tokio::test]
async fn a_client_id_is_remembered_longer_than_its_message() {
    let app = TestApp::new();
    let (_, ann) = app.chat(json!({"history": 1})).await;
    let body = json!({"text": "once", "client_id": Uuid::from_u128(7)});
    let first = ann.post("").json(&body).await_status(201).await.json();
    for at in 0..255_u32 {
        app.clock.advance(BETWEEN_POSTS);
        let other = json!({"text": "other", "client_id": Uuid::from_u128(1_000 + u128::from(at))});
        ann.post("").json(&other).await_status(201).await;
    }
    assert_eq!(ann.post("").json(&body).await_status(200).await.json(), first);
    ann.post("").json(&json!({"text": "one more", "client_id": Uuid::from_u128(8)})).await_status(201).await;
    ann.post("").json(&body).await_status(201).await;
}

#[tokio::test]
async fn a_browser_is_redirected_to_the_chats_page() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({})).await;
    let html = "text/html,application/xhtml+xml,*/*;q=0.8";
    let answer = app.get(format!("/{}", chat.id)).header("accept", html).await_status(303).await;
    assert_eq!(answer.header("location"), Some(format!("./chat/{}", chat.id).as_str()));
    let answer = app.get("/nonsense").header("accept", html).await_status(303).await;
    assert_eq!(answer.header("location"), Some("./?notice=chat_not_found"));
    ann.call(Method::GET, "").header("accept", html).await_status(200).await;
}

/// A call: its method, the chat's id, the query, the headers and the body.
type Case<'a> = (&'a Method, &'a str, &'static str, Vec<(&'static str, &'a str)>, &'a str);

/// Sends the same calls to a new chat, and returns the answers. `path` returns the path of the chat with this id.
async fn answers_at(path: impl Fn(&str) -> String) -> Vec<(Method, &'static str, u16, HeaderMap, String)> {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let unknown = Uuid::nil().to_string();
    let large = "x".repeat(65 * 1024);
    let token = format!("Bearer {}", ann.token);
    let (get, post) = (Method::GET, Method::POST);
    let (is_text, is_json) = (("content-type", "text/plain"), ("content-type", "application/json"));
    let authorized = ("authorization", &*token);
    let cases: Vec<Case> = vec![
        (&post, &chat.id, "", vec![authorized, is_text], "first"),
        (&post, &chat.id, "", vec![authorized, is_json, ("idempotency-key", "a")], r#"{"text": "second"}"#),
        (&post, &chat.id, "", vec![authorized, is_json, ("idempotency-key", "a")], r#"{"text": "second"}"#),
        (&post, &chat.id, "", vec![authorized, is_json, ("idempotency-key", "")], r#"{"text": "second"}"#),
        (&post, &chat.id, "", vec![authorized], r#"{"text": "#),
        (&post, &chat.id, "", vec![is_json], r#"{"text": ""}"#),
        (&post, &chat.id, "", vec![("authorization", "Bearer x"), is_json], "{"),
        (&post, &chat.id, "", vec![authorized, is_text], &large),
        (&post, &unknown, "", vec![authorized, is_text], "lost"),
        (&get, &chat.id, "", vec![authorized], ""),
        (&get, &chat.id, "?after=1&b=%20", vec![authorized], ""),
        (&get, &chat.id, "?after=x", vec![authorized], ""),
        (&get, &chat.id, "", vec![], ""),
        (&get, &chat.id, "", vec![("authorization", "Bearer x")], ""),
        (&get, &chat.id, "", vec![("accept", "text/html")], ""),
        (&get, &unknown, "?after=x", vec![authorized], ""),
        (&Method::HEAD, &chat.id, "", vec![authorized], ""),
        (&Method::PUT, &chat.id, "", vec![authorized], ""),
    ];
    let mut answers = Vec::new();
    for (method, id, query, headers, body) in cases {
        let call = app.call(method.clone(), format!("{}{query}", path(id))).body(body);
        let call = headers.iter().fold(call, |call, (name, value)| call.header(name, value));
        let mut answer = call.answer().await;
        assert!(answer.headers.remove("x-request-id").is_some());
        // The router adds it early, and the server adds it to every other answer.
        answer.headers.remove("content-length");
        answers.push((method.clone(), query, answer.status.as_u16(), answer.headers.clone(), answer.text()));
    }
    answers
}

#[tokio::test]
async fn calls_that_skip_the_router_answer_as_through_the_router() {
    let directly = answers_at(|id| format!("/{id}")).await;
    // Only the router decodes paths.
    let by_route = answers_at(|id| format!("/%{:02x}{}", id.as_bytes()[0], &id[1..])).await;
    let statuses: Vec<u16> = directly.iter().map(|(_, _, status, ..)| *status).collect();
    assert_eq!(statuses, [201, 201, 200, 422, 400, 422, 401, 413, 404, 200, 200, 400, 401, 401, 303, 400, 200, 405]);
    for (directly, by_route) in directly.iter().zip(&by_route) {
        assert_eq!(directly, by_route);
    }
}
