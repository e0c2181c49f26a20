//! Nothing that people send, and no secret that the server answers, reaches the log or the metrics.

#![cfg(unix)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use futures_util::StreamExt as _;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, redirect};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use uuid::Uuid;
use watch_party::http::api_document;

use crate::fuzz::document::{Operation, operations, server_functions};
use crate::live::Events;
use crate::program::{Program, command};

const FORM: &str = "application/x-www-form-urlencoded";
/// What a trusted proxy forwards: the client's address.
const CLIENTS: [&str; 2] = ["203.0.113.77", "2001:db8:7777::77"];
/// The shortest part of an answer that can be a secret. The server's are longer.
const SHORTEST_SECRET: usize = 16;

/// Sends requests, and remembers what must not be found.
struct Visitor {
    program: Program,
    client: Client,
    secrets: BTreeSet<String>,
}

impl Visitor {
    fn start(folder: &Path, format: &str) -> Self {
        let mut command = command(folder);
        command.env("WATCH_PARTY_LOG", "trace").args(["--log-format", format, "--metrics-addr", "127.0.0.1:0"]);
        // Without limits, because one address sends all requests.
        command.args(["--rate-limit", "off", "--trusted-proxies", "127.0.0.1"]);
        let mut headers = HeaderMap::new();
        let secrets = BTreeSet::from(CLIENTS.map(str::to_owned));
        let mut visitor = Self { program: Program::of(command), client: Client::new(), secrets };
        headers.insert("x-forwarded-for", CLIENTS.join(", ").parse().unwrap());
        for name in ["x-forwarded-host", "x-request-id", "user-agent", "referer", "accept-language", "x-unknown"] {
            headers.insert(name, HeaderValue::try_from(visitor.mark(name)).unwrap());
        }
        let client = Client::builder().default_headers(headers).redirect(redirect::Policy::none());
        visitor.client = client.build().unwrap();
        visitor
    }

    /// Returns a new word that occurs nowhere else.
    fn mark(&mut self, kind: &str) -> String {
        let kind: String = kind.chars().filter(char::is_ascii_alphanumeric).collect();
        let mark = format!("mark{kind}{}", &Uuid::new_v4().simple().to_string()[..12]);
        self.secrets.insert(mark.clone());
        mark
    }

    /// A new id that must not be found.
    fn id(&mut self) -> String {
        let id = Uuid::new_v4().to_string();
        self.secrets.insert(id.clone());
        id
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.program.site))
    }

    fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST, path).json(body)
    }

    /// Sends the request, remembers the secrets of the answer, and returns its body.
    async fn send(&mut self, request: RequestBuilder) -> Value {
        let answer = request.send().await.unwrap();
        assert_ne!(answer.status(), 500, "{answer:?}");
        let cookies: Vec<_> = answer.headers().get_all("set-cookie").iter().cloned().collect();
        for cookie in cookies {
            let (_, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            self.remember(rest.split(';').next().unwrap());
        }
        let text = answer.text().await.unwrap();
        // A form's answer contains what the browser stores.
        let next = text.split("id=\"next\">").nth(1).and_then(|rest| rest.split("</script>").next());
        let body: Value = serde_json::from_str(next.unwrap_or(&text)).unwrap_or_default();
        self.learn(&body);
        body
    }

    /// The same; the request must succeed.
    async fn succeed(&mut self, request: RequestBuilder) -> Value {
        let seen = request.try_clone().unwrap().build().unwrap();
        let body = self.send(request).await;
        assert!(body["status"].as_u64().is_none_or(|status| status < 400), "{seen:?}: {body}");
        assert_ne!(body["succeeded"], false, "{seen:?}: {body}");
        body
    }

    /// Remembers all texts of an answer that may be secret.
    fn learn(&mut self, body: &Value) {
        match body {
            Value::Object(fields) => {
                let is_public =
                    |name: &str| name.ends_with("_at") || ["title", "detail", "explanation"].contains(&name);
                fields.iter().filter(|(name, _)| !is_public(name)).for_each(|(_, value)| self.learn(value));
            }
            Value::Array(items) => items.iter().for_each(|item| self.learn(item)),
            Value::String(text) => self.remember(text),
            _ => {}
        }
    }

    /// Remembers the parts of `text` that may be secret.
    fn remember(&mut self, text: &str) {
        let parts = text.split(|c: char| !c.is_ascii_alphanumeric() && !"-_".contains(c));
        self.secrets.extend(parts.filter(|part| part.len() >= SHORTEST_SECRET).map(str::to_owned));
    }

    /// Sends a call with marks in each part, in several forms that are refused or accepted.
    async fn try_call(&mut self, operation: &Operation, known: &Map<String, Value>, token: &str) {
        for attempt in 0..4 {
            let has_real_ids = attempt % 2 == 0;
            let mut path = operation.path.clone();
            for name in &operation.in_path {
                let real = known.get(name).and_then(Value::as_str).map(str::to_owned);
                let value = if has_real_ids { real.unwrap_or_else(|| self.id()) } else { self.mark(name) };
                path = path.replace(&format!("{{{name}}}"), &value);
            }
            let mut query = vec![("unknown".to_owned(), self.mark("query"))];
            for name in &operation.query {
                query.push((name.clone(), self.mark(name)));
            }
            let mut fields = Map::new();
            for (name, schema) in &operation.fields {
                let real = known.get(name).filter(|_| attempt == 0).cloned();
                // A wrong type's text shows in the problem.
                let is_text = schema["type"] != "object" || attempt > 1;
                let value = real.unwrap_or_else(|| if is_text { self.mark(name).into() } else { json!(7) });
                fields.insert(name.clone(), value);
            }
            let (key, cookie, event) = (self.mark("idempotency"), self.mark("cookie"), self.mark("event"));
            let bearer = if attempt == 0 { token.to_owned() } else { self.mark("bearer") };
            let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
            let request = self.request(operation.method.clone(), &format!("{path}?{query}")).bearer_auth(&bearer);
            let request = request.header("idempotency-key", key).header("last-event-id", event);
            let request = request.header("cookie", format!("watch-party-session={cookie}; {cookie}=1"));
            let request = match attempt {
                _ if !operation.takes_json && !operation.takes_forms => request,
                0 | 1 if operation.takes_json => request.json(&fields),
                3 => {
                    let mark = self.mark("malformed");
                    request.header("content-type", "application/json").body(format!("{{\"{mark}\": {mark}"))
                }
                _ => {
                    let pairs = fields.iter().map(|(name, value)| (name, value.as_str().unwrap_or_default()));
                    let mut form = form_urlencoded::Serializer::new(String::new());
                    let mark = self.mark("formfield");
                    let form = form.extend_pairs(pairs).append_key_only(&mark).finish();
                    request.header("content-type", FORM).body(form)
                }
            };
            self.send(request).await;
        }
    }

    /// Sends bytes, and reads until the server closes the connection. A whole request asks it to; others are cut off.
    async fn send_raw(&self, bytes: &str) {
        let address = self.program.site.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        if !bytes.contains("connection: close") {
            stream.shutdown().await.unwrap();
        }
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }

    /// Follows the chat over a WebSocket until the first event with a message.
    async fn open_socket(&mut self, chat: &str, token: &str) {
        let url = format!("{}/{chat}/live?after=0", self.program.site.replace("http:", "ws:"));
        let mut request = url.into_client_request().unwrap();
        let protocols = format!("watch-party, bearer.{token}").parse().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", protocols);
        let Ok((mut socket, _)) = connect_async(request).await else { return };
        while let Some(Ok(frame)) = socket.next().await {
            let event: Value = serde_json::from_str(frame.to_text().unwrap_or_default()).unwrap_or_default();
            self.learn(&event);
            if event["type"] == "message" {
                return;
            }
        }
        panic!("the stream ended before a message");
    }

    /// The metrics, the whole log, and what must be in neither.
    async fn finish(mut self) -> (String, String, BTreeSet<String>) {
        let document = api_document().to_string();
        self.secrets.retain(|secret| !document.contains(secret));
        let metrics = Client::new().get(self.program.metrics()).send().await.unwrap().text().await.unwrap();
        (metrics, self.program.stop(), self.secrets)
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a string")).to_owned()
}

/// The path of a URL of the site, whatever host it names.
fn path_of(url: &Value) -> String {
    let url = text(url);
    let (_, rest) = url.split_once("://").unwrap();
    rest[rest.find('/').unwrap()..].to_owned()
}

/// Uses the native API as people do. Returns a chat, and what a call may need.
async fn use_native(visitor: &mut Visitor) -> (Map<String, Value>, String) {
    let (ann, name) = (visitor.mark("username"), visitor.mark("chatname"));
    let chat = visitor.succeed(visitor.post("/create", &json!({"username": ann, "name": name}))).await;
    let (id, token) = (text(&chat["chat_id"]), text(&chat["session_token"]));
    let label = visitor.mark("label");
    let invite = json!({"label": label, "asks_first": true});
    let invite = visitor.succeed(visitor.post(&format!("/{id}/invite"), &invite).bearer_auth(&token)).await;
    let join = format!("/{id}/join");
    let bob = json!({"key": chat["invite"]["key"], "username": visitor.mark("guest"), "join_id": visitor.id()});
    let bob = visitor.succeed(visitor.post(&join, &bob)).await;
    let knock = json!({"key": invite["key"], "username": visitor.mark("knocker")});
    let knock = visitor.succeed(visitor.post(&join, &knock)).await;
    let (message, repeated) = (json!({"text": visitor.mark("text")}), visitor.mark("idempotency"));
    for _ in 0..2 {
        let post = visitor.post(&format!("/{id}"), &message).bearer_auth(&token);
        visitor.succeed(post.header("idempotency-key", &repeated)).await;
    }
    let plain = visitor.request(Method::POST, &format!("/{id}")).bearer_auth(&token).body(visitor.mark("plain"));
    visitor.succeed(plain.header("content-type", "text/plain")).await;
    for path in ["?after=0", "?after=1", "/members", "/invites", "/knocks", "/session", "/sessions", "/retention"] {
        visitor.succeed(visitor.request(Method::GET, &format!("/{id}{path}")).bearer_auth(&token)).await;
    }
    let ticket = text(&knock["ticket"]);
    let knock_path = format!("/{id}/knocks/{}", text(&knock["knock_id"]));
    visitor.succeed(visitor.request(Method::GET, &knock_path).bearer_auth(ticket)).await;
    visitor.succeed(visitor.post(&format!("/{id}/recovery"), &json!({})).bearer_auth(&token)).await;
    visitor.open_socket(&id, &token).await;
    let refused = visitor.mark("subprotocol");
    visitor.open_socket(&id, &refused).await;
    let stream = visitor.request(Method::GET, &format!("/{id}?after=1")).bearer_auth(&token);
    assert!(Events::of(stream).await.next().await.unwrap().contains("opened"));
    let stream = visitor.request(Method::GET, &format!("/{id}/seats")).bearer_auth(text(&invite["key"]));
    assert!(Events::of(stream).await.next().await.is_some());
    let mut known = Map::new();
    for (name, value) in [
        ("chat_id", &chat["chat_id"]),
        ("member_id", &bob["member"]["member_id"]),
        ("invite_id", &invite["invite_id"]),
        ("knock_id", &knock["knock_id"]),
        ("key", &chat["invite"]["key"]),
        ("recovery_code", &chat["recovery_code"]),
    ] {
        known.insert(name.to_owned(), value.clone());
    }
    (known, token)
}

/// Uses the three dialects.
async fn use_dialects(visitor: &mut Visitor, known: &mut Map<String, Value>) {
    // Silly Chat
    let chat = visitor.succeed(visitor.post("/v1/chats", &json!({}))).await;
    let link = json!({"chat_url": chat["chat_url"], "author_id": chat["author_id"]});
    let link = visitor.succeed(visitor.post("/v1/links", &link)).await;
    visitor.succeed(visitor.request(Method::GET, &path_of(&link["link_url"]))).await;
    let approval = json!({"link_url": link["link_url"], "author_id": chat["author_id"], "approval_status": true});
    visitor.succeed(visitor.post("/v1/approval/", &approval)).await;
    let message = json!({"author_id": chat["author_id"], "message": visitor.mark("silly")});
    visitor.succeed(visitor.post(&path_of(&chat["chat_url"]), &message)).await;
    let author = format!("{}?author_id={}", path_of(&chat["chat_url"]), text(&chat["author_id"]));
    visitor.succeed(visitor.request(Method::GET, &author)).await;
    let stream = visitor.request(Method::GET, &author);
    assert!(Events::of(stream).await.next().await.is_some());
    known.insert("opaque".into(), path_of(&link["link_url"]).rsplit('/').next().unwrap().into());
    for (name, value) in [("chat_url", &chat["chat_url"]), ("author_id", &chat["author_id"])] {
        known.insert(name.into(), value.clone());
    }
    // Flask-Chat
    let alias = visitor.mark("alias");
    let room = visitor.succeed(visitor.post("/createroom", &json!({"alias": alias}))).await;
    let room = format!("/{}", text(&room["roomid"]));
    let account = json!({"username": visitor.mark("account"), "password": visitor.mark("password")});
    visitor.succeed(visitor.post(&format!("{room}/register"), &account)).await;
    let login = visitor.succeed(visitor.post(&format!("{room}/login"), &account)).await;
    let message = visitor.mark("flask");
    let message = json!({"username": account["username"], "token": login["token"], "message": message});
    visitor.succeed(visitor.post(&format!("{room}/message"), &message)).await;
    visitor.succeed(visitor.request(Method::GET, &format!("{room}/get_conversation"))).await;
    let wrong = json!({"username": account["username"], "password": visitor.mark("wrongpassword")});
    visitor.send(visitor.post(&format!("{room}/login"), &wrong)).await;
    // Chat App
    let browser = json!({"username": visitor.mark("browser")});
    let browser = visitor.succeed(visitor.post("/sessions", &browser)).await;
    let cookie = format!("watch-party-session={}", text(&browser["token"]));
    let room = json!({"name": visitor.mark("chatroom")});
    let room = visitor.succeed(visitor.post("/chats", &room)).await;
    known.insert("hash_key".into(), room["hash_key"].clone());
    let path = format!("/chats/{}", text(&room["hash_key"]));
    visitor.succeed(visitor.post(&format!("{path}/enter"), &json!({})).header("cookie", &cookie)).await;
    let message = json!({"content": visitor.mark("content")});
    visitor.succeed(visitor.post(&format!("{path}/messages"), &message).header("cookie", &cookie)).await;
    let renamed = json!({"username": visitor.mark("renamed")});
    visitor.succeed(visitor.post("/sessions", &renamed).header("cookie", &cookie)).await;
    for path in [format!("{path}/"), "/sessions/me".to_owned()] {
        visitor.succeed(visitor.request(Method::GET, &path).header("cookie", &cookie)).await;
    }
}

fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// Uses the pages' forms, before and after hydration.
async fn use_pages(visitor: &mut Visitor) {
    let posted = |visitor: &Visitor, path: &str, fields: &[(&str, &str)]| {
        let request = visitor.request(Method::POST, path).header("content-type", FORM);
        request.header("sec-fetch-site", "same-origin").body(form(fields))
    };
    let (username, name, id) = (visitor.mark("username"), visitor.mark("chatname"), visitor.id());
    let fields = [("username", &*username), ("name", &name), ("admission", "link")];
    visitor.succeed(posted(visitor, "/", &fields)).await;
    let chat = visitor.succeed(posted(visitor, "/sf/create_chat", &fields)).await;
    let (chat_id, key) = (text(&chat["chat_id"]), text(&chat["key"]));
    let guest = visitor.mark("guest");
    let invite = [("chat_id", &*chat_id), ("key", &key), ("join_id", &id)];
    visitor.succeed(posted(visitor, "/sf/preview_invite", &invite)).await;
    let join = [&invite[..], &[("username", &guest)]].concat();
    let joined = visitor.succeed(posted(visitor, "/sf/join_chat", &join)).await;
    visitor.send(posted(visitor, &format!("/join/{chat_id}"), &[("key", &*key), ("username", &guest)])).await;
    let (message, client_id, token) = (visitor.mark("text"), visitor.id(), text(&joined["session_token"]));
    let post = [("chat_id", &*chat_id), ("session_token", &token), ("text", &message), ("client_id", &client_id)];
    visitor.succeed(posted(visitor, "/sf/post_message", &post)).await;

    let password = visitor.mark("password");
    let account = [("username", &*username), ("password", &password), ("admission", "account")];
    let chat = visitor.succeed(posted(visitor, "/sf/create_chat", &account)).await;
    let chat_id = text(&chat["chat_id"]);
    let account = [("chat_id", &*chat_id), ("username", &guest), ("password", &password), ("join_id", &id)];
    visitor.succeed(posted(visitor, "/sf/register", &account)).await;
    visitor.succeed(posted(visitor, "/sf/log_in", &account)).await;
    let mark = visitor.mark("query");
    let pages = ["/", "/chat/", "/join/", "/chatrooms/", "/accounts/", "/no/such/path/", "/pkg/", "/assets/", "//"];
    for page in pages {
        let path = format!("{page}{mark}?notice={mark}&{mark}");
        for accepted in ["text/html", "application/json"] {
            visitor.send(visitor.request(Method::GET, &path).header("accept", accepted)).await;
        }
    }
}

async fn use_everything(visitor: &mut Visitor) {
    let (mut known, token) = use_native(visitor).await;
    use_dialects(visitor, &mut known).await;
    use_pages(visitor).await;
    let operations = operations();
    // What ends the chat comes last.
    let (endings, others): (Vec<_>, Vec<_>) =
        operations.iter().partition(|operation| operation.method == Method::DELETE);
    for operation in others.into_iter().chain(&server_functions(&operations)).chain(endings) {
        // The answer to a valid request would be a stream without an end.
        if operation.path != "/{chat_id}/live" {
            visitor.try_call(operation, &known, &token).await;
        }
    }
    let mark = visitor.mark("raw");
    let long = mark.repeat(40_000 / mark.len());
    for raw in [
        format!("{mark}\r\n\r\n"),
        format!("GET /{mark} HTTP/9.9\r\n\r\n"),
        format!("{mark} /{mark} HTTP/1.1\r\nhost: {mark}\r\nconnection: close\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{mark} {mark}\r\n\r\n"),
        format!("GET /{long} HTTP/1.1\r\nhost: x\r\n\r\n"),
        format!("POST /create HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{{\"username\": \"{mark}"),
        format!("POST /create HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{mark}\r\n"),
        format!("POST /create HTTP/1.1\r\nhost: x\r\ncontent-length: {mark}\r\n\r\n"),
    ] {
        visitor.send_raw(&raw).await;
    }
}

async fn assert_secrecy(format: &str) {
    let folder = tempfile::tempdir().unwrap();
    let mut visitor = Visitor::start(folder.path(), format);
    use_everything(&mut visitor).await;
    let (metrics, log, secrets) = visitor.finish().await;
    // Each call was made, and the log and the metrics name its route.
    for operation in operations().iter().filter(|operation| operation.path != "/{chat_id}/live") {
        assert!(metrics.contains(&format!("route=\"{}\"", operation.path)), "{}: {metrics}", operation.path);
        let route = match format {
            "json" => format!("\"route\":\"{}\"", operation.path),
            _ => format!("route={} ", operation.path),
        };
        assert!(log.contains(&route), "{route}");
    }
    assert!(secrets.len() > 500, "{}", secrets.len());
    let lowercase = log.to_ascii_lowercase();
    let found: Vec<_> = secrets
        .iter()
        .filter(|secret| log.contains(&***secret) || lowercase.contains(&***secret) || metrics.contains(&***secret))
        .collect();
    let shows =
        |line: &&str| found.iter().any(|secret| line.to_ascii_lowercase().contains(&secret.to_ascii_lowercase()));
    let lines: Vec<_> = log.lines().chain(metrics.lines()).filter(shows).collect();
    assert!(found.is_empty(), "{found:#?} in {lines:#?}");
}

#[tokio::test]
async fn a_text_log_of_all_details_contains_nothing_that_people_send_and_no_secret() {
    assert_secrecy("text").await;
}

#[tokio::test]
async fn a_json_log_of_all_details_contains_nothing_that_people_send_and_no_secret() {
    assert_secrecy("json").await;
}

/// The calls of the pages' forms are not in the API's document, so a new one must be added here.
#[test]
fn every_server_function_is_used_above() {
    let source = |path: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let (functions, own) = (source("src/app/server_fns.rs"), source("tests/integration/secrecy.rs"));
    let endpoints: Vec<&str> =
        functions.split("endpoint = \"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(!endpoints.is_empty());
    for endpoint in endpoints {
        assert!(own.contains(&format!("\"/sf/{endpoint}\"")), "{endpoint}");
    }
}
