//! What pages of other origins may do: every call that takes its credentials from the request itself, and no call that
//! could be made with a cookie.

use axum::http::Method;
use serde_json::{Value, json};
use watch_party::http::api_document;

use crate::app::{Answer, Call, TestApp};
use crate::documents::{filled, other_form};

const ELSEWHERE: &str = "https://elsewhere.example";
const ID: &str = "2eaf4767-9975-4773-b7c7-817e60ce2bfb";
/// The dialects that are closed: calls that trust a cookie, and a login with which pages could guess passwords.
const CLOSED: [&str; 2] = ["chat app", "flask-chat"];

fn as_page(call: Call<'_>) -> Call<'_> {
    call.header("origin", ELSEWHERE).header("sec-fetch-site", "cross-site")
}

fn preflight<'a>(app: &'a TestApp, method: &str, path: &str) -> Call<'a> {
    let call = as_page(app.call(Method::OPTIONS, path)).header("access-control-request-method", method);
    call.header("access-control-request-headers", "authorization,content-type")
}

/// Whether a page of another origin may read the answer. No page may send cookies with a request.
fn is_readable(answer: &Answer) -> bool {
    assert_eq!(answer.header("access-control-allow-credentials"), None, "{answer:?}");
    let origin = answer.header("access-control-allow-origin");
    assert!(origin.is_none_or(|origin| origin == "*"), "{answer:?}");
    origin.is_some()
}

fn assert_readable(answer: &Answer) {
    assert!(is_readable(answer), "{answer:?}");
    let exposed = answer.header("access-control-expose-headers").unwrap();
    for name in ["retry-after", "x-request-id", "etag", "location"] {
        assert!(exposed.split(", ").any(|exposed| exposed == name), "{exposed}");
    }
    assert!(answer.header("vary").unwrap().contains("origin"), "{answer:?}");
}

/// The documented calls, with the paths in both forms, and whether pages of other origins may make them.
fn calls() -> Vec<(Method, String, bool)> {
    let mut calls = Vec::new();
    for (path, methods) in api_document()["paths"].as_object().unwrap() {
        for (method, call) in methods.as_object().unwrap().iter().filter(|(_, call)| call.get("x-same-as").is_none()) {
            let tag = call["tags"][0].as_str().unwrap();
            let method: Method = method.to_uppercase().parse().unwrap();
            for path in [filled(path), other_form(&filled(path))] {
                calls.push((method.clone(), path, !CLOSED.contains(&tag)));
            }
        }
    }
    assert!(calls.iter().any(|(_, _, is_open)| !is_open) && calls.len() > 80, "{}", calls.len());
    calls
}

#[tokio::test]
async fn every_call_is_open_to_pages_of_other_origins_or_closed_as_its_dialect_is() {
    let app = TestApp::new();
    let calls = calls();
    for (method, path, is_open) in &calls {
        // `GET /{chat_id}/` is Flask-Chat's page of a room, and `GET /{chat_id}` is native.
        let twin = calls.iter().find(|(other, same, is_open)| (other, same) == (method, path) && *is_open);
        let is_flask_page = *method == Method::GET && *path == format!("/{ID}/");
        let is_open = !is_flask_page && (*is_open || twin.is_some());
        let asked = preflight(&app, method.as_str(), path).answer().await;
        let allowed = asked.header("access-control-allow-methods").unwrap_or_default();
        assert_eq!(
            allowed.split(", ").any(|allowed| allowed == method.as_str()),
            is_open,
            "{method} {path}: {asked:?}"
        );
        if is_open {
            assert_readable(&asked);
            assert_eq!((asked.status.as_u16(), asked.body.len()), (204, 0), "{method} {path}");
            assert!(asked.header("access-control-allow-headers").unwrap().contains("authorization"));
            assert_eq!(asked.header("access-control-max-age"), Some("86400"));
            assert!(asked.header("vary").unwrap().contains("access-control-request-method"));
        }
        let answer = as_page(app.call(method.clone(), path)).answer().await;
        assert_eq!(is_readable(&answer), is_open, "{method} {path}: {answer:?}");
        if is_open {
            assert_readable(&answer);
        }
        let of_a_program = app.call(method.clone(), path).answer().await;
        assert!(!is_readable(&of_a_program), "{method} {path}: {of_a_program:?}");
    }
}

#[tokio::test]
async fn pages_forms_server_functions_and_files_are_closed() {
    let app = TestApp::new();
    let (join, chatroom) = (format!("/join/{ID}"), format!("/chatrooms/{ID}/"));
    let addresses = ["/", "/docs", "/robots.txt", "/pkg/watch-party.js", "/no/such/page", &join, &chatroom]
        .map(|path| (Method::GET, path))
        .into_iter()
        .chain(["/", &join, "/sf/create_chat", "/sf/log_in", "/sf/post_message"].map(|path| (Method::POST, path)));
    for (method, path) in addresses {
        for call in [preflight(&app, method.as_str(), path), as_page(app.call(method.clone(), path))] {
            let answer = call.header("accept", "text/html").answer().await;
            assert!(!is_readable(&answer), "{method} {path}: {answer:?}");
            assert_ne!(answer.status, 204, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_page_of_another_origin_can_read_every_refusal() {
    let app = TestApp::new();
    let (_, ann) = app.chat(json!({"username": "Ann"})).await;
    let id = &ann.chat_id;
    let large = vec![b' '; 65 * 1024];
    let refusals = [
        (app.get(format!("/{id}")), 401),
        (app.get(format!("/{ID}")).bearer(&ann.token), 404),
        (app.get(format!("/{id}/nothing/here")).bearer(&ann.token), 404),
        (app.get("/v1/nothing"), 404),
        (app.get("/no-chat"), 404),
        (app.call(Method::PUT, format!("/{id}")), 405),
        (app.post("/create").body("{"), 400),
        (app.post("/create").body(large.clone()), 413),
        (app.post(format!("/{id}")).bearer(&ann.token).body(large), 413),
        (ann.say(""), 422),
    ];
    for (call, status) in refusals {
        assert_readable(&as_page(call).await_status(status).await);
    }
    let unknown = preflight(&app, "DELETE", &format!("/{id}/nothing/here")).await_status(204).await;
    assert_readable(&unknown);
    for number in 0..20 {
        app.post("/create").at_address(7).await_status(201).await;
        assert!(number < 20);
    }
    let answer = as_page(app.post("/create").at_address(7)).await_status(429).await;
    assert_readable(&answer);
    assert_eq!(answer.header("retry-after"), Some("3"));
    for _ in 0..30 {
        ann.says("hello").await;
    }
    assert_readable(&as_page(ann.say("too fast")).await_status(429).await);
}

#[tokio::test]
async fn a_page_of_another_origin_creates_joins_posts_and_polls() {
    let app = TestApp::new();
    let created = as_page(app.post("/create").json(&json!({"username": "Ann"}))).await_status(201).await;
    assert_readable(&created);
    let created = created.json();
    let chat = format!("/{}", created["chat_id"].as_str().unwrap());
    let body = json!({"key": created["invite"]["key"], "username": "Bob"});
    let joined = as_page(app.post(format!("{chat}/join")).json(&body)).await_status(201).await;
    assert_readable(&joined);
    let bob = joined.json()["session_token"].as_str().unwrap().to_owned();
    let posted = app.post(&chat).bearer(&bob).header("idempotency-key", "1").json(&json!({"text": "hello"}));
    assert_readable(&as_page(posted).await_status(201).await);
    let ann = created["session_token"].as_str().unwrap();
    let read = as_page(app.get(format!("{chat}?after=0")).bearer(ann)).await_status(200).await;
    assert_readable(&read);
    assert_eq!(read.json()["messages"][0]["text"], "hello");
    let events = app.get(&chat).bearer(ann).header("accept", "text/event-stream").header("origin", ELSEWHERE);
    let events = events.respond().await;
    assert_eq!(events.headers()["access-control-allow-origin"], "*");
}

#[tokio::test]
async fn an_options_request_that_is_no_preflight_is_refused_as_before() {
    let app = TestApp::new();
    for call in [
        app.call(Method::OPTIONS, "/create"),
        as_page(app.call(Method::OPTIONS, "/create")),
        app.call(Method::OPTIONS, "/create").header("access-control-request-method", "POST"),
    ] {
        let answer = call.await_status(405).await;
        assert_eq!(answer.header("allow"), Some("POST"));
    }
}

/// The status and the code of an answer.
fn outcome(answer: &Answer) -> (u16, Value) {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    (answer.status.as_u16(), body["code"].clone())
}

#[tokio::test]
async fn no_open_call_reads_a_cookie() {
    let app = TestApp::new();
    let session = app.post("/sessions").json(&json!({"username": "Ann"})).await_status(201).await.json();
    let room = app.post("/chats").json(&json!({"name": "Movie night"})).await_status(201).await.json();
    let (room, token) = (room["hash_key"].as_str().unwrap(), session["token"].as_str().unwrap());
    let seat = app.post(format!("/chats/{room}/enter")).bearer(token).await_status(201).await.json();
    let session_token = seat["session_token"].as_str().unwrap();
    let cookies = [token, session_token].map(|token| format!("watch-party-session={token}; session_token={token}"));
    for (method, path, _) in calls().into_iter().filter(|(_, path, is_open)| *is_open && !path.ends_with('/')) {
        let call = || app.call(method.clone(), path.replacen(ID, room, 1)).json(&json!({"text": "hello"}));
        let without = outcome(&call().answer().await);
        for cookie in &cookies {
            assert_eq!(outcome(&call().header("cookie", cookie).answer().await), without, "{method} {path}");
        }
    }
}
