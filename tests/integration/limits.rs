//! What one address or member can do, and what the server holds: each limit refuses with a code and `Retry-After`, and
//! nobody else notices. `docs/limits.md` has the same numbers as the code.

use std::collections::BTreeSet;
use std::fs;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use axum::http::Method;
use serde_json::json;
use watch_party::domain::{Account, BrowserSession, Invite, Knock, MessageText, Session, Settings};
use watch_party::http::bounds::{FRAMES_BETWEEN_PINGS, LARGE_ANSWER_BYTES, MAX_FRAME_BYTES, MAX_HEAD_BYTES};
use watch_party::http::{Limits, MAX_BODY_BYTES};
use watch_party::service::Policy;
use watch_party::service::bounds as service;

use crate::app::{BETWEEN_CHATS, BETWEEN_POSTS, Options, TestApp};

fn per_second(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

#[tokio::test]
async fn an_address_that_sends_too_many_requests_gets_429_on_every_way_and_recovers() {
    let app = TestApp::with(Options { requests_per_second: per_second(2), ..Options::default() });
    let (_, ann) = app.chat(json!({"username": "Ann"})).await;
    let burst = 2 * service::REQUEST_BURST_SECONDS;
    for _ in 1..burst {
        app.get("/healthz").await_status(200).await;
    }
    // The calls that skip the router, those that take it, and what is not a call at all.
    let id = &ann.chat_id;
    let refused = || {
        [
            ann.get(""),
            ann.say("hello"),
            app.get("/healthz"),
            app.get(format!("/{id}/nothing")),
            app.get("/robots.txt"),
            app.post("/sf/create_chat"),
            app.call(Method::PUT, "/create"),
        ]
    };
    for call in refused() {
        let answer = call.await_status(429).await;
        assert_eq!(
            (answer.json()["code"].as_str(), answer.header("retry-after")),
            (Some("too_many_requests"), Some("1"))
        );
    }
    // The other address's member reads what this one posted before, so nothing of this is counted there.
    ann.get("").at_address(1).await_status(200).await;
    app.clock.advance(Duration::from_millis(500));
    ann.get("").await_status(200).await;
    ann.get("").await_problem(429, "too_many_requests").await;
    app.clock.advance(Duration::from_secs(u64::from(service::REQUEST_BURST_SECONDS)));
    for call in refused() {
        assert_ne!(call.answer().await.status, 429);
    }
}

#[tokio::test]
async fn the_addresses_of_one_ipv6_subscriber_share_the_limit_behind_a_trusted_proxy() {
    let options =
        Options { requests_per_second: per_second(1), trusted_proxies: &["127.0.0.1/32"], ..Options::default() };
    let app = TestApp::with(options);
    let from = |address: &str| app.get("/healthz").header("x-forwarded-for", address);
    for host in 0..service::REQUEST_BURST_SECONDS {
        from(&format!("2001:db8:1:2::{host}")).await_status(200).await;
    }
    from("2001:db8:1:2:ffff::1").await_status(429).await;
    from("2001:db8:1:3::1").await_status(200).await;
}

#[tokio::test]
async fn a_browser_that_opens_too_many_pages_waits_and_loads_the_page_again() {
    let app = TestApp::new();
    let page = || app.get("/docs").header("accept", "text/html");
    for _ in 0..service::PAGES_AT_ONCE.get() {
        page().await_status(200).await;
    }
    for path in ["/docs", "/", "/no/such/page", "/join/2eaf4767-9975-4773-b7c7-817e60ce2bfb"] {
        let answer = app.get(path).header("accept", "text/html").await_status(429).await;
        assert_eq!((answer.header("retry-after"), answer.header("refresh")), (Some("1"), Some("1")));
        assert!(answer.header("content-type").unwrap().starts_with("text/html"));
        assert!(answer.text().contains("Too many requests. Try again in 1 s."), "{answer:?}");
    }
    app.get("/openapi.json").await_problem(429, "too_many_requests").await;
    // Calls of the API do not count as pages.
    app.get("/healthz").await_status(200).await;
    app.get("/no/such/page").await_status(404).await;
    page().at_address(1).await_status(200).await;
    app.clock.advance(Duration::from_secs(1));
    page().await_status(200).await;
}

#[tokio::test]
async fn a_member_who_changes_the_chat_too_often_waits_and_can_still_post() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let bob = chat.join("Bob").await;
    for _ in 0..service::CHANGES_AT_ONCE.get() {
        ann.post("/recovery").await_status(200).await;
    }
    let refused = || [ann.post("/recovery"), ann.post("/invite"), ann.set_role(&bob, "owner"), ann.delete("")];
    for call in refused() {
        let answer = call.await_status(429).await;
        assert_eq!(
            (answer.json()["code"].as_str(), answer.header("retry-after")),
            (Some("too_many_requests"), Some("1"))
        );
    }
    ann.says("I can still talk").await;
    bob.post("/session").await_status(200).await;
    app.clock.advance(Duration::from_secs(1));
    ann.set_role(&bob, "owner").await_status(200).await;
}

#[tokio::test]
async fn an_address_that_sends_too_many_large_bodies_waits_and_can_still_send_small_ones() {
    let app = TestApp::new();
    let (_, ann) = app.chat(json!({"username": "Ann"})).await;
    // Without a session, nothing is posted, but the body has arrived.
    let large = || app.post(format!("/{}", ann.chat_id)).body(vec![b' '; 64 * 1024]);
    for _ in 0..service::BODY_KIB_AT_ONCE.get() / 64 {
        assert_ne!(large().answer().await.status, 429);
    }
    let refused = large().await_status(429).await;
    assert_eq!(
        (refused.json()["code"].as_str(), refused.header("retry-after")),
        (Some("too_many_requests"), Some("1"))
    );
    ann.says("a message of usual length").await;
    assert_ne!(large().at_address(1).answer().await.status, 429);
    app.clock.advance(Duration::from_secs(1));
    assert_ne!(large().answer().await.status, 429);
}

#[tokio::test]
async fn an_address_creates_a_limited_number_of_chats_per_hour() {
    let app = TestApp::new();
    let mut created = 0;
    loop {
        let answer = app.post("/create").answer().await;
        if answer.status == 429 {
            assert_eq!(answer.json()["code"], "too_many_requests");
            let wait: u32 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=3_600 / service::CREATES_PER_HOUR.get()).contains(&wait), "{wait}");
            app.post("/create").at_address(1).await_status(201).await;
            app.clock.advance(Duration::from_secs(u64::from(wait)));
            app.post("/create").await_status(201).await;
            break;
        }
        assert_eq!(answer.status, 201);
        created += 1;
        app.clock.advance(BETWEEN_CHATS);
    }
    let at_once = service::CREATES_BEFORE_THAT.get();
    assert!((at_once..2 * at_once).contains(&created), "{created}");
}

#[tokio::test]
async fn a_full_server_refuses_new_chats_and_names_until_others_have_ended() {
    let app = TestApp::with(Options { max_chats: 3, ..Options::default() });
    app.service.sweep().await.unwrap();
    let (_, ann) = app.chat(json!({"username": "Ann"})).await;
    app.post("/chats").json(&json!({"name": "Movie night"})).await_status(201).await;
    app.post("/createroom").await_status(200).await;
    for call in [app.post("/create"), app.post("/createroom"), app.post("/v1/chats")] {
        let answer = call.await_status(503).await;
        assert_eq!((answer.json()["code"].as_str(), answer.header("retry-after")), (Some("unavailable"), Some("30")));
    }
    ann.says("the chats go on").await;
    for name in ["Ann", "Bob", "Eve"] {
        app.post("/sessions").json(&json!({"username": name})).await_status(201).await;
    }
    app.post("/sessions").json(&json!({"username": "Zoe"})).await_problem(503, "unavailable").await;
    ann.delete("").await_status(204).await;
    app.service.sweep().await.unwrap();
    app.post("/create").await_status(201).await;
    app.post("/create").await_problem(503, "unavailable").await;
}

#[tokio::test]
async fn large_answers_that_an_address_does_not_read_are_limited() {
    let app = TestApp::new();
    let (_, ann) = app.chat(json!({"username": "Ann", "history": 1_000})).await;
    let text = "👩‍🚀".repeat(1_400);
    for _ in 0..1_000 {
        app.clock.advance(BETWEEN_POSTS);
        ann.says(&text).await;
    }
    let all = ann.get("?after=0").await_status(200).await.body.len();
    let unread = service::UNREAD_ANSWER_BYTES / all;
    assert!((2..10).contains(&unread), "{all}");
    let mut answers = Vec::new();
    for _ in 0..unread {
        let answer = ann.get("?after=0").respond().await;
        assert_eq!(answer.status(), 200);
        answers.push(answer);
    }
    let refused = ann.get("?after=0").await_status(429).await;
    assert_eq!(
        (refused.json()["code"].as_str(), refused.header("retry-after")),
        (Some("too_many_requests"), Some("2"))
    );
    // New messages are small, and other addresses have limits of their own.
    ann.get("?after=999").await_status(200).await;
    ann.get("?after=0").at_address(1).await_status(200).await;
    drop(answers.pop());
    ann.get("?after=0").await_status(200).await;
}

/// The rows of the tables in docs/limits.md: each limit and its number.
fn rows() -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/limits.md");
    let text = fs::read_to_string(path).unwrap();
    let mut rows = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 5, "{line}");
        if cells[0] != "limit" {
            rows.push((cells[0].to_owned(), cells[1].to_owned()));
        }
    }
    rows
}

/// A whole number with commas between thousands.
fn number(number: impl TryInto<u64>) -> String {
    let digits = number.try_into().ok().unwrap().to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn seconds(time: Duration) -> String {
    format!("{} s", number(time.as_secs()))
}

fn minutes(time: Duration) -> String {
    format!("{} min", number(time.as_secs() / 60))
}

fn kib(bytes: u64) -> String {
    format!("{} KiB", number(bytes / 1024))
}

fn mib(bytes: usize) -> String {
    format!("{} MiB", number(u64::try_from(bytes / 1024 / 1024).unwrap()))
}

fn rate(amount: NonZeroU32, every: &str) -> String {
    format!("{} per {every}", number(amount.get()))
}

fn burst(amount: NonZeroU32, every: &str, at_once: u32) -> String {
    format!("{} per {every}, {} at once", number(amount.get()), number(at_once))
}

#[test]
fn the_documented_limits_are_those_of_the_code() {
    let defaults = Limits::default();
    let requests = Policy::REQUESTS_PER_SECOND;
    let u64_of = |bytes: usize| u64::try_from(bytes).unwrap();
    let expected = [
        ("open connections", number(u64_of(Limits::MAX_CONNECTIONS))),
        ("open connections of an address", format!("{} of {}", number(u64_of(Limits::connections_per_address(4))), 4)),
        ("wait for a request and its head", seconds(Limits::HEAD_TIMEOUT)),
        ("wait for the body of a request", seconds(Limits::BODY_TIMEOUT)),
        ("wait for a reader that accepts no data", seconds(Limits::WRITE_TIMEOUT)),
        ("wait for answers when the program stops", seconds(Limits::DRAIN_TIMEOUT)),
        ("head of a request", kib(u64_of(MAX_HEAD_BYTES))),
        ("body of a request", kib(u64_of(MAX_BODY_BYTES))),
        ("bodies that have not arrived yet", number(u64_of(service::UNFINISHED_BODIES))),
        ("bodies of all addresses that have not arrived yet", number(u64_of(service::ALL_UNFINISHED_BODIES))),
        ("answers above 64 KiB that are not read yet", mib(service::UNREAD_ANSWER_BYTES)),
        ("such answers of all addresses", mib(service::ALL_UNREAD_ANSWER_BYTES)),
        ("requests", burst(requests, "second", requests.get() * service::REQUEST_BURST_SECONDS)),
        (
            "pages, `/docs` and `/openapi.json`",
            burst(service::PAGES_PER_SECOND, "second", service::PAGES_AT_ONCE.get()),
        ),
        ("streams and WebSockets of an address", number(u64_of(service::STREAMS_OF_CALLER))),
        ("streams and WebSockets of a member", number(u64_of(service::STREAMS_OF_MEMBER))),
        ("frames that a WebSocket's reader sends", format!("{FRAMES_BETWEEN_PINGS} in 20 s")),
        ("frame that a WebSocket's reader sends", kib(u64_of(MAX_FRAME_BYTES))),
        (
            "bodies above 1 KiB",
            format!(
                "{} KiB per second, {} KiB at once",
                number(service::BODY_KIB_PER_SECOND.get()),
                number(service::BODY_KIB_AT_ONCE.get())
            ),
        ),
        ("new chats", rate(service::CREATES_PER_MINUTE, "minute")),
        ("new chats in the long run", burst(service::CREATES_PER_HOUR, "hour", service::CREATES_BEFORE_THAT.get())),
        ("attempts to join, previews and recoveries", rate(service::JOINS_PER_MINUTE, "minute")),
        (
            "knocks at one chat",
            format!("1 per {} minutes, {} at once", service::MINUTES_PER_KNOCK, service::KNOCKS_AT_ONCE),
        ),
        ("browser sessions", rate(service::BROWSER_SESSIONS_PER_MINUTE, "minute")),
        ("new accounts", rate(service::REGISTERS_PER_MINUTE, "minute")),
        ("logins", rate(service::LOGINS_PER_MINUTE, "minute")),
        ("wrong passwords in a row before a wait", service::FREE_TRIES.to_string()),
        ("longest wait after wrong passwords, of an address", minutes(service::LONGEST_WAIT_OF_CALLER)),
        ("longest wait after wrong passwords, of an account", minutes(service::LONGEST_WAIT_OF_ACCOUNT)),
        (
            "passwords that are hashed, and that wait",
            format!("{} and {}", service::HASHES_AT_ONCE, service::HASHES_WAITING),
        ),
        ("messages", burst(service::POSTS_PER_SECOND, "second", service::POSTS_AT_ONCE.get())),
        ("other changes of a chat", burst(service::CHANGES_PER_SECOND, "second", service::CHANGES_AT_ONCE.get())),
        ("changes of a browser's name", rate(service::RENAMES_PER_MINUTE, "minute")),
        ("typing signals", rate(service::TYPING_PER_MINUTE, "minute")),
        ("changes that wait for one chat's writer", number(u64_of(service::MAX_QUEUED))),
        ("chats", number(u64_of(Policy::MAX_CHATS))),
        ("browser sessions in all", number(u64_of(Policy::MAX_CHATS))),
        ("an unused chat in memory", minutes(service::IDLE_CHAT)),
        ("the same while the next number of chats is in memory", seconds(service::IDLE_CHAT_OF_MANY)),
        ("chats in memory before unused ones leave it sooner", number(u64_of(service::MANY_CHATS))),
        ("addresses and members that a rate counts each on its own", number(u64_of(service::COUNTED_KEYS))),
        ("counts that all others share", number(u64_of(service::SHARED_COUNTS))),
        ("messages kept", number(Settings::MAX_HISTORY)),
        (
            "a message",
            format!(
                "{} characters, {}",
                number(u64_of(MessageText::MAX_GRAPHEMES)),
                kib(u64_of(MessageText::MAX_BYTES))
            ),
        ),
        ("sessions of a member", Session::MAX_PER_MEMBER.to_string()),
        ("open invites", Invite::MAX.to_string()),
        ("open invites that were created without a session", Invite::MAX_BY_ADDRESS.to_string()),
        ("waiting knocks", Knock::MAX_WAITING.to_string()),
        ("accounts", Account::MAX.to_string()),
        ("chats that a browser session remembers", BrowserSession::MAX_CHATS.to_string()),
    ];
    assert_eq!(LARGE_ANSWER_BYTES, 64 * 1024);
    assert_eq!(defaults.max_connections, Limits::MAX_CONNECTIONS);
    let rows = rows();
    let documented: BTreeSet<(&str, &str)> = rows.iter().map(|(limit, value)| (&**limit, &**value)).collect();
    let expected: BTreeSet<(&str, &str)> = expected.iter().map(|(limit, value)| (*limit, &**value)).collect();
    let missing: Vec<_> = expected.difference(&documented).collect();
    let others: Vec<_> = documented.difference(&expected).collect();
    assert!(missing.is_empty() && others.is_empty(), "missing {missing:#?}, and not in the code {others:#?}");
    assert_eq!(rows.len(), expected.len(), "a limit is in the tables twice");
}
