//! The whole site, which answers one request at a time, and what holds for each of its answers.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderMap};
use axum::http::{HeaderName, HeaderValue, Method, Request};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use watch_party::wire::{Code, Problem};

use crate::app::{Answer, Options, TestApp};

/// The number of requests after which the chats are ended and new ones created, because requests change and end them.
const RENEWED_AFTER: u32 = 500;
/// A message that only the members of a chat may read.
const PRIVATE: &str = "only for members 5f2c";

pub struct FuzzedSite {
    runtime: Runtime,
    app: TestApp,
    /// The current chats' ids and secrets, by the names that stand for them in a request.
    known: RefCell<BTreeMap<&'static str, String>>,
    /// Secrets that were sent as something else than a credential, such as a message's text, which others may read.
    told: RefCell<BTreeSet<String>>,
    asked: Cell<u32>,
}

/// A request as an HTTP/1.1 message, with names of known values in braces: `GET /{chat_id} HTTP/1.1`.
#[derive(Clone)]
pub struct Sent {
    pub method: Method,
    pub target: String,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Vec<u8>,
}

impl Sent {
    pub fn new(method: Method, target: impl Into<String>) -> Self {
        Self { method, target: target.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// Adds a header, if `value` can be the value of one.
    pub fn header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Option<Self> {
        self.headers.push((HeaderName::from_static(name), HeaderValue::from_bytes(value.as_ref()).ok()?));
        Some(self)
    }

    pub fn body(self, kind: &'static str, body: impl Into<Vec<u8>>) -> Self {
        let headers = [(CONTENT_TYPE, HeaderValue::from_static(kind))];
        Self { headers: self.headers.into_iter().chain(headers).collect(), body: body.into(), ..self }
    }

    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Reads the message as far as it is one. A line that is no header is left out.
    pub fn read(text: &[u8]) -> Option<Self> {
        let end = text.windows(2).position(|pair| pair == b"\n\n");
        let (head, body) = end.map_or((text, &b""[..]), |end| (&text[..end], &text[end + 2..]));
        let mut lines = head.split(|byte| *byte == b'\n');
        let mut first = lines.next()?.split(|byte| *byte == b' ');
        let method = Method::from_bytes(first.next()?).ok()?;
        let target = String::from_utf8(first.next()?.to_vec()).ok()?;
        let headers = lines.filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = HeaderName::from_bytes(&line[..colon]).ok()?;
            Some((name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?))
        });
        Some(Self { method, target, headers: headers.collect(), body: body.to_vec() })
    }

    fn request(&self) -> Option<Request<Body>> {
        let mut request = Request::builder().method(self.method.clone()).uri(&self.target);
        if self.headers.iter().all(|(name, _)| name != "host") {
            request = request.header("host", "chat.test");
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(Body::from(self.body.clone())).ok()
    }

    fn asks_for_page(&self) -> bool {
        let mut accepts = self.headers.iter().filter(|(name, _)| name == "accept");
        accepts.any(|(_, value)| String::from_utf8_lossy(value.as_bytes()).contains("text/html"))
    }

    /// The path without query and fragment, which the server ignores.
    fn path(&self) -> &str {
        self.target.split(['?', '#']).next().unwrap_or_default()
    }

    fn contains(&self, text: &str) -> bool {
        let has = |bytes: &[u8]| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        has(self.target.as_bytes()) || has(&self.body) || self.headers.iter().any(|(_, value)| has(value.as_bytes()))
    }
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = String::from_utf8_lossy(&self.body);
        write!(f, "{} {} {:?} {body}", self.method, self.target, self.headers)
    }
}

impl FuzzedSite {
    pub fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        // The rules are tested here, and not the limits.
        let options = Options { rate_limit: false, trusted_proxies: &["127.0.0.0/8"], ..Options::default() };
        let app = TestApp::with(options);
        let known = RefCell::new(runtime.block_on(create(&app)));
        Self { runtime, app, known, told: RefCell::default(), asked: Cell::new(0) }
    }

    pub fn known(&self, name: &str) -> String {
        self.known.borrow()[name].clone()
    }

    /// Replaces each `{name}` of a known value.
    pub fn filled(&self, text: &[u8]) -> Vec<u8> {
        let known = self.known.borrow();
        let mut filled = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(begin) = rest.iter().position(|byte| *byte == b'{') {
            filled.extend_from_slice(&rest[..begin]);
            let end = rest[begin..].iter().position(|byte| *byte == b'}');
            let name = end.and_then(|end| std::str::from_utf8(&rest[begin + 1..begin + end]).ok());
            if let Some((name, value)) = name.and_then(|name| Some((name, known.get(name)?))) {
                filled.extend_from_slice(value.as_bytes());
                rest = &rest[begin + name.len() + 2..];
            } else {
                filled.push(b'{');
                rest = &rest[begin + 1..];
            }
        }
        filled.extend_from_slice(rest);
        filled
    }

    /// Sends the request, and checks the answer. Returns `None` if no client could send it.
    pub fn ask(&self, sent: &Sent) -> Option<Answer> {
        let request = sent.request()?;
        let asked = self.asked.get() + 1;
        self.asked.set(asked % RENEWED_AFTER);
        let answer = self.runtime.block_on(async {
            let response = self.app.respond(IpAddr::V4(Ipv4Addr::LOCALHOST), request).await;
            // A stream has no end, so its body is not read.
            let is_stream = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
            Answer::read(if is_stream { response.map(|_| Body::empty()) } else { response }).await
        });
        self.check(sent, &answer);
        if asked == RENEWED_AFTER {
            self.renew();
        }
        Some(answer)
    }

    /// Lets all chats expire, and creates others.
    fn renew(&self) {
        self.app.clock.advance(Duration::from_hours(48));
        let known = self.runtime.block_on(async {
            self.app.service.sweep().await.unwrap();
            create(&self.app).await
        });
        self.known.replace(known);
        self.told.take();
    }

    fn check(&self, sent: &Sent, answer: &Answer) {
        let status = answer.status.as_u16();
        let words = || format!("{answer:?} to {sent:?}");
        assert!(status < 500, "{}", words());
        check_headers(&answer.headers);
        if sent.method == Method::HEAD {
            assert!(answer.body.is_empty(), "{}", words());
        }
        let kind = answer.header("content-type");
        if status >= 400 && sent.method != Method::HEAD {
            match kind {
                Some("application/problem+json") => check_problem(answer),
                Some("text/html; charset=utf-8") => {
                    let is_form =
                        sent.method == Method::POST && (sent.path() == "/" || sent.path().starts_with("/join/"));
                    assert!(sent.asks_for_page() || is_form, "a page for a program: {}", words());
                }
                Some("application/json") if sent.path().starts_with("/sf/") => check_problem(answer),
                Some("application/json") => {
                    let outcome = answer.json();
                    assert!(status == 429 && outcome["succeeded"] == false, "{}", words());
                }
                kind => assert!(kind.is_none() && answer.body.is_empty(), "{}", words()),
            }
        }
        if kind.is_some_and(|kind| kind.starts_with("text/html")) {
            assert!(!answer.text().to_lowercase().contains("<x-fuzz"), "what was typed is read as HTML: {}", words());
        }
        self.check_secrecy(sent, answer);
    }

    /// Checks that the answer tells no secret that the request does not show to know.
    fn check_secrecy(&self, sent: &Sent, answer: &Answer) {
        let text = answer.text();
        let known = self.known.borrow();
        let mut told = self.told.borrow_mut();
        let secrets = || SECRETS.iter().map(|name| (name, &known[*name]));
        let bare = Sent { headers: Vec::new(), ..sent.clone() };
        told.extend(secrets().map(|(_, secret)| secret.clone()).filter(|secret| bare.contains(secret)));
        for (name, secret) in secrets().filter(|(_, secret)| text.contains(secret.as_str()) && !told.contains(*secret))
        {
            assert!(sent.contains(secret), "the answer tells {name}: {answer:?} to {sent:?}");
        }
        if text.contains(PRIVATE) {
            let proofs = ["session_token", "bob_token", "recovery_code"].map(|name| known[name].clone());
            assert!(proofs.iter().any(|proof| sent.contains(proof)), "a stranger reads: {answer:?} to {sent:?}");
        }
    }
}

/// The known values that prove who somebody is.
const SECRETS: [&str; 11] = [
    "session_token",
    "bob_token",
    "recovery_code",
    "key",
    "approval_token",
    "approval_key",
    "ticket",
    "token",
    "author_id",
    "client_id",
    "browser",
];

fn check_headers(headers: &HeaderMap) {
    for name in ["x-content-type-options", "referrer-policy", "x-frame-options", "cache-control", "x-request-id"] {
        assert!(headers.contains_key(name), "{name} is missing");
    }
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe-inline"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
}

/// Checks that a refusal is a problem with a known code and a sentence for people.
fn check_problem(answer: &Answer) {
    let problem: Problem = serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
    let is_unreadable = problem.status == 400 && problem.code == Code::InvalidRequest;
    assert!(problem.status == problem.code.status() || is_unreadable, "{problem:?}");
    assert!(problem.status == answer.status.as_u16() && problem.title == problem.code.title(), "{answer:?}");
    assert!(problem.detail.ends_with(['.', '?']), "{problem:?}");
    assert_eq!(answer.header("retry-after"), problem.retry_after.map(|wait| wait.to_string()).as_deref());
}

/// Creates a chat of each kind, and returns what is known of them.
async fn create(app: &TestApp) -> BTreeMap<&'static str, String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut known = BTreeMap::new();

    let (chat, ann) = app.chat(json!({"username": "Ann", "name": "Movie night", "history": 5})).await;
    ann.says(PRIVATE).await;
    let bob = chat.join("Bob").await;
    let sessions = ann.get("/sessions").await_status(200).await.json();
    known.insert("chat_id", chat.id.clone());
    known.insert("key", chat.key.clone());
    known.insert("session_token", ann.token.clone());
    known.insert("recovery_code", text(&chat.created["recovery_code"]));
    known.insert("invite_id", text(&chat.created["invite"]["invite_id"]));
    known.insert("session_id", text(&sessions["sessions"][0]["session_id"]));
    known.insert("member_id", bob.id.clone());
    known.insert("bob_token", bob.token.clone());

    let (chat, ann) = app.chat(json!({"username": "Ann", "admission": "approval"})).await;
    let guest = chat.knock("Bob").await;
    known.insert("approval_id", chat.id.clone());
    known.insert("approval_key", chat.key.clone());
    known.insert("approval_token", ann.token.clone());
    known.insert("knock_id", guest.id.clone());
    known.insert("ticket", guest.ticket.clone());

    let room = app.post("/createroom").json(&json!({"alias": "A room"})).await_status(200).await.json();
    let (room, account) = (text(&room["roomid"]), json!({"username": "Ann", "password": "correct horse"}));
    app.post(format!("/{room}/register")).json(&account).await_status(200).await;
    let login = app.post(format!("/{room}/login")).json(&account).await_status(200).await.json();
    known.insert("token", text(&login["token"]));
    known.insert("roomid", room);

    let session = app.post("/sessions").json(&json!({"username": "Ann"})).await_status(201).await.json();
    let open = app.post("/chats").json(&json!({"name": "Lobby", "history": 5})).await_status(201).await.json();
    known.insert("browser", text(&session["token"]));
    known.insert("hash_key", text(&open["hash_key"]));

    let silly = app.post("/v1/chats").await_status(201).await.json();
    let link = json!({"chat_url": silly["chat_url"], "author_id": silly["author_id"]});
    let link = app.post("/v1/links").json(&link).await_status(201).await.json();
    let path = text(&link["link_url"]).replace("http://chat.test", "");
    let exchange = app.get(&path).answer().await.json();
    known.insert("client_id", text(&exchange["client_id"]));
    known.insert("author_id", text(&silly["author_id"]));
    known.insert("opaque", text(&silly["chat_url"]).rsplit('/').next().unwrap().to_owned());
    known.insert("chat_url", text(&silly["chat_url"]));
    known.insert("link", path.rsplit('/').next().unwrap().to_owned());
    known.insert("link_url", text(&link["link_url"]));
    known
}
