//! Behaviour that all calls share: bodies, methods, limits, failures, headers.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::{Method, Request};
use parking_lot::Mutex;
use serde_json::json;
use uuid::Uuid;
use watch_party::domain::{
    BrowserDigest, BrowserSession, Chat, ChatId, Position, SealedChatId, Timestamp, Transition, Username,
};
use watch_party::http::MAX_BODY_BYTES;
use watch_party::store::{BrowserSessionStore, ChatStore, CommitError, Unavailable};

use crate::app::{Answer, Call, Options, TestApp, resolve};

#[tokio::test]
async fn malformed_json_gets_400_and_json_of_the_wrong_shape_gets_422() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({})).await;
    let join = format!("/{}/join", chat.id);
    for body in ["{", "{\"text\":}", "text=hi", "\u{feff}{}", "{\"a\":1}x"] {
        ann.post("").body(body).await_problem(400, "invalid_request").await;
        ann.post("/invite").body(body).await_problem(400, "invalid_request").await;
        app.post("/create").body(body).await_problem(400, "invalid_request").await;
        app.post(&join).body(body).await_problem(400, "invalid_request").await;
    }
    for body in ["[]", "5", "null", "\"text\""] {
        ann.post("").body(body).await_problem(422, "invalid_request").await;
        app.post("/create").body(body).await_problem(422, "invalid_request").await;
    }
    ann.post("").await_problem(400, "invalid_request").await;
    ann.post("").body("[".repeat(10_000)).await_problem(400, "invalid_request").await;
}

#[tokio::test]
async fn json_is_parsed_regardless_of_the_content_type() {
    let app = TestApp::new();
    let (_, ann) = app.chat(json!({})).await;
    let call = ann.post("").header("content-type", "application/x-www-form-urlencoded").body("{\"text\": \"hi\"}");
    call.await_status(201).await;
}

#[tokio::test]
async fn a_body_over_64_kib_is_refused() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({})).await;
    let large = vec![b' '; MAX_BODY_BYTES + 1];
    for path in
        ["/create".to_owned(), format!("/{}", chat.id), format!("/{}/join", chat.id), format!("/{}/invite", chat.id)]
    {
        let call = app.post(&path).bearer(&ann.token).body(large.clone());
        call.await_problem(413, "payload_too_large").await;
        // The same without a `Content-Length`.
        let chunks = futures_util::stream::iter(
            large.chunks(1_000).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect::<Vec<_>>(),
        );
        let request = Request::post(&path).header("authorization", &ann.token).body(Body::from_stream(chunks)).unwrap();
        assert_eq!(app.send(request).await.json()["code"], "payload_too_large");
    }
    let mut fitting = json!({"text": "fits"}).to_string().into_bytes();
    fitting.resize(MAX_BODY_BYTES, b' ');
    ann.post("").body(fitting).await_status(201).await;
}

#[tokio::test]
async fn unknown_addresses_get_404_and_unsupported_methods_get_405() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({})).await;
    for path in ["/a/b", "/create/x/y/z", &format!("/{}/nothing", chat.id), "/chat", "//"] {
        let answer = app.get(path).bearer(&ann.token).answer().await;
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
    }
    app.get("/a/b").await_problem(404, "not_found").await;
    let answer = app.call(Method::PUT, "/create").await_status(405).await;
    assert_eq!((answer.header("allow"), &answer.json()["code"]), (Some("POST"), &json!("method_not_allowed")));
    assert_eq!(answer.json()["detail"], "This address supports only POST.");
    let problem = ann.call(Method::PATCH, "").await_problem(405, "method_not_allowed").await;
    assert_eq!(problem["detail"], "This address supports only GET, HEAD, POST and DELETE.");
    // Pages, their files and their forms' server functions do the same.
    for (path, allowed) in
        [("/", "GET,HEAD,POST"), ("/docs/", "GET,HEAD"), ("/robots.txt", "GET,HEAD"), ("/sf/join_chat", "POST")]
    {
        let answer = app.call(Method::PUT, path).await_status(405).await;
        assert_eq!((answer.header("allow"), &answer.json()["code"]), (Some(allowed), &json!("method_not_allowed")));
        assert!(answer.header("x-request-id").is_some() && answer.header("content-security-policy").is_some());
    }
}

fn form<'a>(call: Call<'a>, body: &str) -> Call<'a> {
    call.header("content-type", "application/x-www-form-urlencoded").body(body)
}

#[tokio::test]
async fn native_calls_accept_forms() {
    let app = TestApp::new();
    let created = form(app.post("/create"), "username=Ann&capacity=2&admission=approval").await_status(201).await;
    let created = created.json();
    let (id, key) = (created["chat_id"].as_str().unwrap(), created["invite"]["key"].as_str().unwrap());
    let ann = created["session_token"].as_str().unwrap();
    let message =
        form(app.post(format!("/{id}")).bearer(ann), "text=a+b%20%F0%9F%91%8B").await_status(201).await.json();
    assert_eq!(message["text"], "a b 👋");
    let invite = form(app.post(format!("/{id}/invite")).bearer(ann), "label=door&max_uses=3&asks_first=false");
    let invite = invite.await_status(201).await.json();
    assert_eq!((&invite["max_uses"], &invite["asks_first"]), (&json!(3), &json!(false)));
    let knock = form(app.post(format!("/{id}/join")), &format!("key={key}&username=Bob+Z")).await_status(202).await;
    let knock = format!("/{id}/knocks/{}", knock.json()["knock_id"].as_str().unwrap());
    form(app.post(knock).bearer(ann), "decision=approve").await_status(200).await;
    let list = app.get(format!("/{id}/members")).bearer(ann).await_status(200).await.json();
    let bob = list["members"].as_array().unwrap().iter().find(|member| member["username"] == "Bob Z").unwrap();
    let member = format!("/{id}/members/{}", bob["member_id"].as_str().unwrap());
    let changed = form(app.call(Method::PATCH, member).bearer(ann), "role=owner").answer().await;
    assert!(changed.status.is_success(), "{changed:?}");
    let code = created["recovery_code"].as_str().unwrap();
    form(app.post(format!("/{id}/recover")), &format!("recovery_code={code}")).await_status(200).await;
}

#[tokio::test]
async fn an_invalid_form_field_is_named_and_nothing_changes() {
    let app = TestApp::new();
    let (_, ann) = app.chat(json!({})).await;
    let wrong = [
        (form(app.post("/create"), "capacity=six"), "capacity"),
        (form(app.post("/create"), "admission=anyhow"), "admission"),
        (form(ann.post(""), "text=a&text=b"), "text"),
        (form(ann.post(""), "words=a"), "text"),
        (form(ann.post("/invite"), "asks_first=perhaps"), "asks_first"),
    ];
    for (call, field) in wrong {
        assert_eq!(call.await_problem(422, "invalid_request").await["field"], field);
    }
    assert!(ann.texts().await.is_empty());
    // Fields that are optional in JSON are optional here.
    form(app.post("/create"), "").await_status(201).await;
}

#[tokio::test]
async fn redirects_resolve_correctly_with_and_without_a_trailing_slash() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({})).await;
    let location = |answer: &Answer| answer.header("location").unwrap().to_owned();
    let room = app.post("/chats/").json(&json!({"name": "Lab"})).await_status(201).await.json();
    let key = room["hash_key"].as_str().unwrap();
    let redirects = [
        (format!("/{}", chat.id), format!("/chat/{}", chat.id)),
        (format!("/{}/", chat.id), format!("/room/{}", chat.id)),
        (format!("/v1/chats/{}", chat.id), format!("/chat/{}", chat.id)),
        (format!("/v1/chats/{}/", chat.id), format!("/chat/{}", chat.id)),
        (format!("/v1/links/{}.{}/", chat.id, chat.key), format!("/join/{}#{}", chat.id, chat.key)),
        (format!("/chatrooms/{key}"), format!("/sessions/new?chatroom={key}")),
        (format!("/chatrooms/{key}/"), format!("/sessions/new?chatroom={key}")),
    ];
    for (path, target) in redirects {
        let answer = app.get(&path).header("accept", "text/html").await_status(303).await;
        assert_eq!(resolve(&path, &location(&answer)), target, "{path}");
    }
    // The query is kept.
    ann.says("one").await;
    assert_eq!(ann.get("/members/?x=1").await_status(200).await.json()["members"][0]["username"], "Owner");
    ann.post("/").json(&json!({"text": "two"})).await_status(201).await;
    assert_eq!(ann.reads(1).await["messages"][0]["text"], "two");
    // Two slashes make a different address.
    for path in ["//", "/create//", &format!("/{}//", chat.id)] {
        app.get(path).await_status(404).await;
    }
}

#[tokio::test]
async fn a_session_cookie_covers_the_site_with_and_without_a_trailing_slash() {
    let app = TestApp::new();
    let open = |path: &str| app.post(path).json(&json!({"username": "Ann"}));
    let cookie = |answer: &Answer| answer.header("set-cookie").unwrap().to_owned();
    // A cookie without a path applies to the folder of the address that sets it.
    assert!(!cookie(&open("/sessions").await_status(201).await).contains("Path"));
    assert!(cookie(&open("/sessions/").await_status(201).await).contains("Path=/;"));
}

#[tokio::test]
async fn answers_carry_cache_and_security_headers() {
    let app = TestApp::new();
    let (_, ann) = app.chat(json!({})).await;
    let answer = ann.get("").await_status(200).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(answer.header("x-frame-options"), Some("DENY"));
    assert!(answer.header("content-security-policy").unwrap().contains("default-src 'none'"));
    assert!(answer.header("x-request-id").is_some());
}

#[tokio::test]
async fn rate_limits_answer_429_with_retry_after() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({})).await;
    for _ in 1..20 {
        app.post("/create").await_status(201).await;
    }
    let answer = app.post("/create").await_status(429).await;
    assert_eq!(answer.header("retry-after"), Some("3"));
    assert_eq!((&answer.json()["code"], &answer.json()["retry_after"]), (&json!("too_many_requests"), &json!(3)));
    app.clock.advance(Duration::from_secs(3));
    app.post("/create").await_status(201).await;

    let guess = "A".repeat(43);
    for _ in 0..60 {
        chat.join_with(&guess, "Bob").await_problem(403, "invalid_invite").await;
    }
    chat.join_with(&chat.key, "Bob").await_problem(429, "too_many_requests").await;

    for _ in 0..30 {
        ann.says("fast").await;
    }
    ann.say("too fast").await_problem(429, "too_many_requests").await;
    app.clock.advance(Duration::from_secs(1));
    ann.says("slower").await;
}

/// A store that is unavailable.
#[derive(Debug)]
struct UnavailableStore;

fn unavailable() -> Unavailable {
    Unavailable { cause: "secret of the operators".into() }
}

#[async_trait]
impl ChatStore for UnavailableStore {
    async fn restore(&self, _: &Arc<Chat>, _: Option<Position>) -> Result<(), CommitError> {
        Err(unavailable().into())
    }
    async fn all_chats(&self) -> Result<Vec<ChatId>, Unavailable> {
        Err(unavailable())
    }
    async fn load(&self, _: ChatId) -> Result<Option<Arc<Chat>>, Unavailable> {
        Err(unavailable())
    }
    async fn commit(&self, _: &Transition) -> Result<(), CommitError> {
        Err(unavailable().into())
    }
    async fn count_chats(&self) -> Result<usize, Unavailable> {
        Err(unavailable())
    }
    async fn due(&self, _: Timestamp, _: Duration, _: usize) -> Result<Vec<ChatId>, Unavailable> {
        Err(unavailable())
    }
    async fn scrub(&self) -> Result<(), Unavailable> {
        Err(unavailable())
    }
    async fn ping(&self) -> Result<(), Unavailable> {
        Err(unavailable())
    }
}

#[async_trait]
impl BrowserSessionStore for UnavailableStore {
    async fn all_browser_sessions(&self) -> Result<Vec<BrowserDigest>, Unavailable> {
        Err(unavailable())
    }
    async fn save_browser_session(&self, _: &BrowserSession) -> Result<(), Unavailable> {
        Err(unavailable())
    }
    async fn load_browser_session(&self, _: BrowserDigest) -> Result<Option<BrowserSession>, Unavailable> {
        Err(unavailable())
    }
    async fn rename_browser_session(&self, _: BrowserDigest, _: &Username) -> Result<(), Unavailable> {
        Err(unavailable())
    }
    async fn add_entered_chat(&self, _: BrowserDigest, _: &SealedChatId) -> Result<(), Unavailable> {
        Err(unavailable())
    }
    async fn load_entered_chats(&self, _: BrowserDigest) -> Result<Vec<SealedChatId>, Unavailable> {
        Err(unavailable())
    }
    async fn delete_browser_session(&self, _: BrowserDigest) -> Result<(), Unavailable> {
        Err(unavailable())
    }
    async fn count_browser_sessions(&self) -> Result<usize, Unavailable> {
        Err(unavailable())
    }
    async fn delete_expired_browser_sessions(&self, _: Timestamp) -> Result<(), Unavailable> {
        Err(unavailable())
    }
}

#[tokio::test]
async fn an_unavailable_store_gives_503_without_internals() {
    let app = TestApp::with(Options { stores: UnavailableStore.into(), ..Options::default() });
    let id = "2eaf4767-9975-4773-b7c7-817e60ce2bfb";
    let token = "A".repeat(43);
    let calls = [
        app.get("/readyz"),
        app.post("/create"),
        app.get(format!("/{id}")).bearer(&token),
        app.post("/sessions").json(&json!({"username": "Ann"})),
        app.get("/sessions/me").bearer(&token),
        app.delete("/sessions/me").bearer(&token),
        app.post("/chats").json(&json!({"name": "Movie night"})),
        app.get(format!("/chats/{id}/")).bearer(&token),
        app.post(format!("/chats/{id}/messages")).bearer(&token).json(&json!({"content": "hello"})),
        app.post(format!("/chats/{id}/enter")).bearer(&token),
    ];
    for call in calls {
        let answer = call.await_status(503).await;
        assert_eq!(answer.header("retry-after"), Some("2"));
        assert_eq!(answer.json()["code"], "unavailable");
        assert!(!answer.text().contains("secret"), "{answer:?}");
    }
    // Nobody has to log in again: the page waits, and retries by itself.
    let page = app.get(format!("/chatrooms/{id}/")).header("cookie", &format!("watch-party-session={token}"));
    assert!(page.await_status(200).await.text().contains("Opening the chat"));
    app.get("/healthz").await_status(200).await;
}

/// A store with a bug.
#[derive(Debug)]
struct BrokenStore;

#[async_trait]
impl ChatStore for BrokenStore {
    async fn restore(&self, _: &Arc<Chat>, _: Option<Position>) -> Result<(), CommitError> {
        panic!("internals")
    }
    async fn all_chats(&self) -> Result<Vec<ChatId>, Unavailable> {
        panic!("internals")
    }
    async fn load(&self, _: ChatId) -> Result<Option<Arc<Chat>>, Unavailable> {
        panic!("internals")
    }
    async fn commit(&self, _: &Transition) -> Result<(), CommitError> {
        panic!("internals")
    }
    async fn count_chats(&self) -> Result<usize, Unavailable> {
        Ok(0)
    }
    async fn due(&self, _: Timestamp, _: Duration, _: usize) -> Result<Vec<ChatId>, Unavailable> {
        Ok(Vec::new())
    }
    async fn ping(&self) -> Result<(), Unavailable> {
        Ok(())
    }
}

#[async_trait]
impl BrowserSessionStore for BrokenStore {
    async fn all_browser_sessions(&self) -> Result<Vec<BrowserDigest>, Unavailable> {
        panic!("internals")
    }
    async fn save_browser_session(&self, _: &BrowserSession) -> Result<(), Unavailable> {
        panic!("internals")
    }
    async fn load_browser_session(&self, _: BrowserDigest) -> Result<Option<BrowserSession>, Unavailable> {
        panic!("internals")
    }
    async fn rename_browser_session(&self, _: BrowserDigest, _: &Username) -> Result<(), Unavailable> {
        panic!("internals")
    }
    async fn add_entered_chat(&self, _: BrowserDigest, _: &SealedChatId) -> Result<(), Unavailable> {
        panic!("internals")
    }
    async fn load_entered_chats(&self, _: BrowserDigest) -> Result<Vec<SealedChatId>, Unavailable> {
        panic!("internals")
    }
    async fn delete_browser_session(&self, _: BrowserDigest) -> Result<(), Unavailable> {
        panic!("internals")
    }
    async fn count_browser_sessions(&self) -> Result<usize, Unavailable> {
        Ok(0)
    }
    async fn delete_expired_browser_sessions(&self, _: Timestamp) -> Result<(), Unavailable> {
        Ok(())
    }
}

#[tokio::test]
async fn an_unexpected_failure_reveals_only_the_request_id() {
    let app = TestApp::with(Options { stores: BrokenStore.into(), ..Options::default() });
    let answer = app.post("/create").header("x-request-id", "request-7").await_status(500).await;
    assert_eq!(answer.json()["code"], "internal_error");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let id = answer.header("x-request-id").unwrap();
    assert!(answer.text().contains(id) && id != "request-7" && !answer.text().contains("internals"), "{answer:?}");
    app.get("/healthz").await_status(200).await;
}

/// What the program logs on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn every_server_error_is_logged_once_with_its_route_and_id() {
    let log = Log::default();
    let written = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || written.clone()).finish();
    // While there is only one subscriber, the first use of a log line on a thread without it would turn that line off
    // for all threads.
    let _second = tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(std::io::sink).finish());
    let _logging = tracing::subscriber::set_default(subscriber);
    let unavailable = TestApp::with(Options { stores: UnavailableStore.into(), ..Options::default() });
    let broken = TestApp::with(Options { stores: BrokenStore.into(), ..Options::default() });
    let id = "2eaf4767-9975-4773-b7c7-817e60ce2bfb";
    let form = "application/x-www-form-urlencoded";
    let calls = [
        (unavailable.get("/readyz"), 503, "/readyz"),
        (unavailable.post("/create"), 503, "/create"),
        (unavailable.get(format!("/{id}")).bearer(&"A".repeat(43)), 503, "/{chat_id}"),
        (unavailable.post("/sf/create_chat").header("content-type", form).body("username=Ann"), 503, "/sf/create_chat"),
        (broken.post("/create"), 500, "/create"),
        (broken.post("/sf/create_chat").header("content-type", form).body("username=Ann"), 500, "/sf/create_chat"),
    ];
    for (call, status, route) in calls {
        let answer = call.await_status(status).await;
        let log = String::from_utf8(log.0.lock().split_off(0)).unwrap();
        let id = answer.header("x-request-id").unwrap();
        let lines: Vec<_> = log.lines().filter(|line| line.contains(id)).collect();
        let is_error = |line: &str| line.contains("ERROR") && line.contains(&format!("route={route} "));
        assert!(matches!(&lines[..], [line] if is_error(line)), "{route}: {log}");
    }
}

#[tokio::test]
async fn a_request_id_does_not_tell_how_many_requests_there_were() {
    let app = TestApp::new();
    let mut ids = Vec::new();
    for _ in 0..100 {
        let answer = app.get("/healthz").await_status(200).await;
        ids.push(answer.header("x-request-id").unwrap().parse::<Uuid>().unwrap());
    }
    assert!(ids.iter().all(|id| id.get_version_num() == 4), "{ids:?}");
    // Neither half counts.
    for half in [|id: &Uuid| id.as_u64_pair().0, |id: &Uuid| id.as_u64_pair().1] {
        assert!(ids.windows(2).all(|pair| half(&pair[0]).abs_diff(half(&pair[1])) > 1_000), "{ids:?}");
    }
}
