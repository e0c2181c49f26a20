//! The program under test, without a network: requests go directly to the public router.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use leptos::config::LeptosOptions;
use serde_json::Value;
use uuid::Uuid;
use watch_party::config::{Config, LogFormat, StoreChoice};
use watch_party::domain::{ChatId, Event, InviteKey, SessionToken, Timestamp, Username};
use watch_party::http::{AppState, Site, SiteFiles, site};
use watch_party::service::{
    Caller, Clock, Ending, Entropy, Follower, JoinIdentity, JoinOutcome, Policy, Seat, Service, Update,
};
use watch_party::store::{MemoryStore, Stores};
use watch_party::wire::LiveEvent;

/// Interval at which a member can post indefinitely without reaching the rate limit.
pub const BETWEEN_POSTS: Duration = Duration::from_millis(200);
/// Interval at which an address can create chats indefinitely without reaching the rate limit.
pub const BETWEEN_CHATS: Duration = Duration::from_secs(3);

/// A clock that stands still until a test advances it.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self(AtomicI64::new(1_800_000_000_000))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn uptime(&self) -> Duration {
        Duration::from_millis(self.now().as_millis().try_into().unwrap())
    }
}

/// Returns different bytes on every call, and the same sequence in every run.
#[derive(Debug, Default)]
pub struct CountingEntropy(AtomicU64);

impl CountingEntropy {
    pub fn seeded(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Entropy for CountingEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            // The finalizer of SplitMix64, so that successive words share no bits that a test could depend on.
            let mut word = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst);
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let word = (word ^ (word >> 31)).to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}

/// The default address of callers.
const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

pub struct TestApp {
    site: Site,
    pub clock: Arc<ManualClock>,
    pub service: Service,
}

pub struct Options {
    pub stores: Stores,
    /// On by default, as in the program. A test that turns it off says why.
    pub rate_limit: bool,
    pub public_url: Option<&'static str>,
    pub trusted_proxies: &'static [&'static str],
    pub requests_per_second: NonZeroU32,
    pub max_chats: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            stores: MemoryStore::default().into(),
            rate_limit: true,
            public_url: None,
            trusted_proxies: &[],
            requests_per_second: Policy::REQUESTS_PER_SECOND,
            max_chats: Policy::MAX_CHATS,
        }
    }
}

pub fn policy(rate_limit: bool) -> Policy {
    Policy {
        session_lifetime: Duration::from_hours(6),
        forget_after: Duration::from_hours(24),
        rate_limit,
        requests_per_second: Policy::REQUESTS_PER_SECOND,
        max_chats: Policy::MAX_CHATS,
        ping_interval: Policy::PING_INTERVAL,
    }
}

/// The event of a follower's update.
pub fn published(update: Result<Update, Ending>) -> Event {
    match update {
        Ok(Update::Event(event)) => Event::clone(&event),
        other => panic!("{other:?}"),
    }
}

/// Converts an update of a follower to the event that is sent.
pub fn live(update: Result<Update, Ending>) -> LiveEvent {
    LiveEvent::of(&published(update)).unwrap()
}

/// The caller for direct calls of the service.
pub fn caller() -> Caller {
    Caller::from(HOME)
}

/// Joins by an invite that needs no approval. Returns `None` if the service refuses.
pub async fn seat(service: &Service, chat_id: ChatId, key: &InviteKey, username: &str) -> Option<Seat> {
    let username = Username::parse(username).unwrap();
    match service.join(caller(), chat_id, key, username, JoinIdentity::Unknown).await.ok()? {
        JoinOutcome::Seated(seat) => Some(seat),
        JoinOutcome::Knocked { .. } => panic!("the invite needs approval"),
    }
}

impl TestApp {
    pub fn new() -> Self {
        Self::with(Options::default())
    }

    pub fn with(options: Options) -> Self {
        let clock = Arc::new(ManualClock::default());
        let entropy = Arc::new(CountingEntropy::default());
        let Options { requests_per_second, max_chats, .. } = options;
        let policy = Policy { requests_per_second, max_chats, ..policy(options.rate_limit) };
        let service = Service::new(options.stores, clock.clone(), entropy, policy);
        let site = site(state(&service, options.public_url, options.trusted_proxies));
        Self { site, clock, service }
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        Answer::read(self.respond(HOME, request).await).await
    }

    /// Sends a request from `address`, and returns the answer with its body unread.
    pub async fn respond(&self, address: IpAddr, request: Request<Body>) -> Response<Body> {
        self.site.answer(request, SocketAddr::from((address, 40_000))).await
    }

    pub fn call(&self, method: Method, path: impl Into<String>) -> Call<'_> {
        Call { app: self, address: HOME, method, path: path.into(), headers: HeaderMap::new(), body: Vec::new() }
    }

    pub fn get(&self, path: impl Into<String>) -> Call<'_> {
        self.call(Method::GET, path)
    }

    pub fn post(&self, path: impl Into<String>) -> Call<'_> {
        self.call(Method::POST, path)
    }

    pub fn delete(&self, path: impl Into<String>) -> Call<'_> {
        self.call(Method::DELETE, path)
    }

    /// Creates a chat with the body `request`, and returns it with its owner.
    pub async fn chat(&self, request: Value) -> (Chat<'_>, Member<'_>) {
        let created = self.post("/create").json(&request).await_status(201).await.json();
        let id = created["chat_id"].as_str().unwrap().to_owned();
        let key = created["invite"]["key"].as_str().unwrap().to_owned();
        let owner = Member::new(self, &id, &created);
        (Chat { app: self, id, key, created }, owner)
    }

    /// Follows the chat as `member`, after its newest message.
    pub async fn follow(&self, member: &Member<'_>) -> Follower {
        let token = SessionToken::parse(&member.token).unwrap();
        let after = member.reads(0).await["last_id"].as_u64().unwrap();
        let mut follower = self.service.follow(caller(), member.chat_id.parse().unwrap(), &token, after).await.unwrap();
        assert!(matches!(follower.next().await, Ok(Update::Opened { .. })));
        follower
    }
}

pub fn state(service: &Service, public_url: Option<&str>, trusted: &[&str]) -> AppState {
    AppState {
        service: service.clone(),
        config: Arc::new(Config {
            command: None,
            site_addr: None,
            listen: Vec::new(),
            store: StoreChoice::Memory,
            public_url: public_url.map(str::to_owned),
            policy: service.policy(),
            max_connections: None,
            max_connections_per_address: None,
            trusted_proxies: trusted.iter().map(|net| net.parse().unwrap()).collect(),
            metrics_addr: None,
            log_format: LogFormat::Text,
        }),
        leptos: LeptosOptions::builder().output_name("watch-party").site_root("public").build(),
        files: SiteFiles::OnDisk,
    }
}

/// A chat, as created by a test.
pub struct Chat<'a> {
    app: &'a TestApp,
    pub id: String,
    pub key: String,
    pub created: Value,
}

impl<'a> Chat<'a> {
    pub fn join_with(&self, key: &str, username: &str) -> Call<'a> {
        let body = serde_json::json!({ "key": key, "username": username });
        self.app.post(format!("/{}/join", self.id)).json(&body)
    }

    /// The same, with a `join_id`.
    pub fn join_as(&self, key: &str, username: &str, join_id: Uuid) -> Call<'a> {
        let body = serde_json::json!({ "key": key, "username": username, "join_id": join_id });
        self.app.post(format!("/{}/join", self.id)).json(&body)
    }

    pub async fn join(&self, username: &str) -> Member<'a> {
        self.join_by(&self.key, username).await
    }

    pub async fn join_by(&self, key: &str, username: &str) -> Member<'a> {
        let joined = self.join_with(key, username).await_status(201).await.json();
        self.member(&joined)
    }

    /// The member to whom the answer `seat` was sent.
    pub fn member(&self, seat: &Value) -> Member<'a> {
        Member::new(self.app, &self.id, seat)
    }

    /// Knocks with the chat's first invite.
    pub async fn knock(&self, username: &str) -> Guest<'a> {
        self.knock_by(&self.key, username).await
    }

    /// The same, from the address with this number, because one address can knock only a few times.
    pub async fn knock_from(&self, address: u16, username: &str) -> Guest<'a> {
        let knocked = self.join_with(&self.key, username).at_address(address).await_status(202).await.json();
        self.guest(&knocked)
    }

    pub async fn knock_by(&self, key: &str, username: &str) -> Guest<'a> {
        let knocked = self.join_with(key, username).await_status(202).await.json();
        self.guest(&knocked)
    }

    /// The guest to whom the answer `knocked` was sent.
    pub fn guest(&self, knocked: &Value) -> Guest<'a> {
        let id = knocked["knock_id"].as_str().unwrap().to_owned();
        let path = format!("/{}/knocks/{id}", self.id);
        Guest { app: self.app, id, path, ticket: knocked["ticket"].as_str().unwrap().to_owned() }
    }
}

/// A guest who knocked.
pub struct Guest<'a> {
    app: &'a TestApp,
    pub id: String,
    pub path: String,
    pub ticket: String,
}

impl<'a> Guest<'a> {
    pub fn ask(&self) -> Call<'a> {
        self.app.get(&self.path).bearer(&self.ticket)
    }

    pub fn withdraw(&self) -> Call<'a> {
        self.app.delete(&self.path).bearer(&self.ticket)
    }

    /// Returns the current state of the knock.
    pub async fn state(&self) -> Value {
        self.ask().await_status(200).await.json()
    }

    pub async fn status(&self) -> String {
        self.state().await["status"].as_str().unwrap().to_owned()
    }
}

/// A member of a chat.
pub struct Member<'a> {
    app: &'a TestApp,
    pub chat_id: String,
    pub id: String,
    pub token: String,
}

impl<'a> Member<'a> {
    fn new(app: &'a TestApp, chat_id: &str, seat: &Value) -> Self {
        Self {
            app,
            chat_id: chat_id.to_owned(),
            id: seat["member"]["member_id"].as_str().unwrap().to_owned(),
            token: seat["session_token"].as_str().unwrap().to_owned(),
        }
    }

    pub fn call(&self, method: Method, path: &str) -> Call<'a> {
        self.app.call(method, format!("/{}{path}", self.chat_id)).bearer(&self.token)
    }

    pub fn get(&self, path: &str) -> Call<'a> {
        self.call(Method::GET, path)
    }

    pub fn post(&self, path: &str) -> Call<'a> {
        self.call(Method::POST, path)
    }

    pub fn delete(&self, path: &str) -> Call<'a> {
        self.call(Method::DELETE, path)
    }

    pub fn set_role(&self, target: &Member<'_>, role: &str) -> Call<'a> {
        let call = self.call(Method::PATCH, &format!("/members/{}", target.id));
        call.json(&serde_json::json!({ "role": role }))
    }

    pub fn decide(&self, guest: &Guest<'_>, decision: &str) -> Call<'a> {
        self.post(&format!("/knocks/{}", guest.id)).json(&serde_json::json!({ "decision": decision }))
    }

    pub async fn approves(&self, guest: &Guest<'_>) {
        self.decide(guest, "approve").await_status(200).await;
    }

    pub async fn declines(&self, guest: &Guest<'_>) {
        self.decide(guest, "decline").await_status(200).await;
    }

    /// Returns the usernames of the waiting guests.
    pub async fn waiting(&self) -> Vec<String> {
        let list = self.get("/knocks").await_status(200).await.json();
        let knocks = list["knocks"].as_array().unwrap().iter();
        knocks.map(|knock| knock["username"].as_str().unwrap().to_owned()).collect()
    }

    pub fn say(&self, text: &str) -> Call<'a> {
        self.post("").json(&serde_json::json!({ "text": text }))
    }

    pub async fn says(&self, text: &str) -> Value {
        self.say(text).await_status(201).await.json()
    }

    pub async fn reads(&self, after: u64) -> Value {
        self.get(&format!("?after={after}")).await_status(200).await.json()
    }

    /// Returns the texts of all kept messages.
    pub async fn texts(&self) -> Vec<String> {
        let read = self.reads(0).await;
        let messages = read["messages"].as_array().unwrap().iter();
        messages.map(|message| message["text"].as_str().unwrap().to_owned()).collect()
    }

    pub async fn usernames(&self) -> Vec<String> {
        let list = self.get("/members").await_status(200).await.json();
        let members = list["members"].as_array().unwrap().iter();
        members.map(|member| member["username"].as_str().unwrap().to_owned()).collect()
    }
}

/// A request that is being built.
pub struct Call<'a> {
    app: &'a TestApp,
    address: IpAddr,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Call<'_> {
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(name, value.parse().unwrap());
        self
    }

    /// Sends the request from the address with this number.
    pub fn at_address(mut self, number: u16) -> Self {
        let [high, low] = number.to_be_bytes();
        self.address = IpAddr::from([198, 18, high, low]);
        self
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    pub async fn answer(self) -> Answer {
        Answer::read(self.respond().await).await
    }

    /// Sends the request, and returns the answer with its body unread.
    pub async fn respond(self) -> Response<Body> {
        let mut request = Request::builder().method(self.method).uri(self.path);
        *request.headers_mut().unwrap() = self.headers;
        request.headers_mut().unwrap().entry(header::HOST).or_insert("chat.test".parse().unwrap());
        let request = request.body(Body::from(self.body)).unwrap();
        self.app.respond(self.address, request).await
    }

    pub async fn await_status(self, status: u16) -> Answer {
        let request = format!("{} {}", self.method, self.path);
        let answer = self.answer().await;
        assert_eq!(answer.status.as_u16(), status, "{request}: {answer:?}");
        answer
    }

    /// Expects a problem with this status and code, and returns its body.
    pub async fn await_problem(self, status: u16, code: &str) -> Value {
        let answer = self.await_status(status).await;
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        let problem = answer.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        assert!(problem["title"].is_string(), "{problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.ends_with(['.', '?'])), "{problem}");
        problem
    }
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub async fn read(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Self { status: parts.status, headers: parts.headers, body }
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {}", self.status, self.headers, self.text())
    }
}

/// Resolves `reference` against `path`, as browsers do. It must be relative, so that it works in any folder of a host.
pub fn resolve(path: &str, reference: &str) -> String {
    assert!(!reference.starts_with('/') && !reference.contains("//"), "{reference} is not relative");
    let (relative, suffix) = reference.split_at(reference.find(['?', '#']).unwrap_or(reference.len()));
    let mut segments: Vec<&str> = path.split('/').collect();
    segments.pop();
    for segment in relative.split('/') {
        match segment {
            "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    format!("{}{suffix}", segments.join("/"))
}
