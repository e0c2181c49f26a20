//! Random requests: the server answers as its document says, never fails, and loses nothing.
//!
//! The requests are generated from that document and from earlier answers, so a new call is covered without a change
//! here.

pub mod document;
mod draw;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, Method, Request};
use serde_json::Value;
use watch_party::store::MemoryStore;
use watch_party::wire::{Code, Problem};

use crate::app::{Answer, Options, TestApp};
use document::{Operation, operations, server_functions};
use draw::{Dice, FORM, corrupted, header};
use world::World;

/// The minimum number of requests. Further requests follow until each call has succeeded once.
const REQUESTS: usize = 4_000;
const MOST_REQUESTS: usize = 5 * REQUESTS;
/// Time between two requests. All requests end before a session expires.
const PACE: Duration = Duration::from_millis(500);

/// A request as it was sent.
struct RandomRequest {
    method: Method,
    path: String,
    headers: Vec<(HeaderName, Vec<u8>)>,
    body: Vec<u8>,
    /// The values that were filled in, by name.
    filled: BTreeMap<String, String>,
}

impl RandomRequest {
    /// Builds the request, or returns `None` if no client could send it.
    fn request(&self) -> Option<Request<Body>> {
        let mut request = Request::builder().method(self.method.clone()).uri(&self.path);
        if self.headers.iter().all(|(name, _)| name != "host") {
            request = request.header("host", "chat.test");
        }
        for (name, value) in &self.headers {
            request = request.header(name, HeaderValue::from_bytes(value).ok()?);
        }
        request.body(Body::from(self.body.clone())).ok()
    }

    fn written(&self) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).chars().take(300).collect::<String>();
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| format!("{name}: {}", text(value))).collect();
        format!("{} {} {headers:?} {}", self.method, self.path, text(&self.body))
    }

    fn asks_for_page(&self) -> bool {
        let mut accepts = self.headers.iter().filter(|(name, _)| name == "accept");
        accepts.any(|(_, value)| String::from_utf8_lossy(value).contains("text/html"))
    }
}

/// Draws a request to the call, mostly with known values of one chat, and with nonsense in other places.
fn draw_request_to(operation: &Operation, world: &World, dice: &Dice) -> RandomRequest {
    let chat = world.pick_for(operation, dice);
    let mut filled = BTreeMap::new();
    let mut fill = |name: &str, text: String| {
        filled.insert(name.to_owned(), text.clone());
        text
    };
    let mut path = operation.path.clone();
    for name in &operation.in_path {
        let value = fill(name, world.id(name, chat, dice));
        path = path.replace(&format!("{{{name}}}"), &draw::in_path(&value, dice));
    }
    let mut query = Vec::new();
    for name in operation.query.iter().filter(|_| !dice.one_in(4)) {
        query.push(format!("{name}={}", draw::escaped(&fill(name, world.text(name, chat, dice)))));
    }
    if dice.should_err(4) {
        query.push(draw::nonsense(dice));
    }
    if !query.is_empty() {
        path = format!("{path}?{}", query.join("&"));
    }

    let mut fields = serde_json::Map::new();
    for (name, schema) in operation.fields.iter().filter(|_| !dice.should_err(8)) {
        let value = world.value(name, schema, chat, dice);
        let written = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        fill(name, written);
        fields.insert(name.clone(), value);
    }
    let is_form = operation.takes_forms && (!operation.takes_json || dice.one_in(2));
    let (kind, body) = match dice.number(6) {
        _ if !dice.should_err(2) && is_form => (FORM, draw::form(&fields)),
        _ if !dice.should_err(2) => ("application/json", Value::Object(fields).to_string().into_bytes()),
        0 => ("text/plain", draw::text(dice).into_bytes()),
        1 => (FORM, corrupted(draw::form(&fields), dice)),
        2 => ("application/json", corrupted(Value::Object(fields).to_string().into_bytes(), dice)),
        3 => ("application/json", draw::json(dice).to_string().into_bytes()),
        4 => ("application/octet-stream", draw::bytes(dice, 200)),
        _ => ("application/json", vec![b' '; 65_000 + dice.number(1_000)]),
    };
    let mut headers = Vec::new();
    if !dice.should_err(5) {
        headers.push((CONTENT_TYPE, kind.as_bytes().to_vec()));
    }
    headers.extend(world.credentials(&operation.proofs, chat, dice));
    while dice.should_err(2) {
        headers.push(header(dice));
    }
    let method = if dice.should_err(4) { draw::method(dice) } else { operation.method.clone() };
    RandomRequest { method, path, headers, body, filled }
}

/// Draws a request to any address, with values from earlier answers.
fn draw_request_anywhere(operations: &[Operation], world: &World, dice: &Dice) -> RandomRequest {
    let pages = ["chat", "join", "room", "chatrooms", "sessions", "new", "sf", "pkg", "assets", "robots.txt", "docs"];
    let chat = world.pick(dice);
    let segment = || match dice.number(8) {
        0 => draw::nonsense(dice),
        1 => draw::in_path(&draw::text(dice), dice),
        2..4 => (*dice.pick(&pages)).to_owned(),
        4..6 => draw::in_path(&world.id("chat_id", chat, dice), dice),
        _ => dice.pick(operations).path.split('/').nth(1 + dice.number(2)).unwrap_or_default().replace(['{', '}'], ""),
    };
    let path: Vec<String> = (0..=dice.number(4)).map(|_| segment()).collect();
    let mut headers: Vec<_> = world.credentials(&[], chat, dice).into_iter().collect();
    while dice.one_in(2) {
        headers.push(header(dice));
    }
    let body = if dice.one_in(2) { draw::json(dice).to_string().into_bytes() } else { draw::bytes(dice, 300) };
    let path = format!("/{}", path.join("/"));
    RandomRequest { method: draw::method(dice), path, headers, body, filled: BTreeMap::new() }
}

/// The result of a check of an answer: an error says what is wrong.
type Fault = Result<(), String>;

fn ensure(condition: bool, otherwise: &str) -> Fault {
    if condition { Ok(()) } else { Err(otherwise.to_owned()) }
}

/// Checks that a refusal is a problem with a known code and a sentence for people.
fn check_problem(answer: &Answer) -> Fault {
    let problem: Problem = serde_json::from_slice(&answer.body).map_err(|error| format!("not a problem: {error}"))?;
    let is_unreadable = problem.status == 400 && problem.code == Code::InvalidRequest;
    ensure(problem.status == problem.code.status() || is_unreadable, "the code does not match the status")?;
    ensure(problem.status == answer.status.as_u16(), "the problem has another status than the answer")?;
    ensure(problem.title == problem.code.title(), "the title does not match the code")?;
    ensure(problem.detail.ends_with(['.', '?']), "the detail is not a sentence")?;
    let wait = problem.retry_after.map(|wait| wait.to_string());
    ensure(answer.header("retry-after") == wait.as_deref(), "retry_after and Retry-After differ")
}

/// Checks that a documented call gives a documented answer.
fn check_documented(operation: &Operation, answer: &Answer, sent: &RandomRequest) -> Fault {
    let status = answer.status.as_u16();
    if sent.method == Method::HEAD {
        return ensure(answer.body.is_empty(), "HEAD was answered with a body");
    }
    if sent.method != operation.method {
        // Otherwise another call at the same address answered.
        if status == 405 {
            ensure(answer.header("allow").is_some_and(|allowed| !allowed.is_empty()), "Allow is missing or empty")?;
            return check_problem(answer);
        }
        return Ok(());
    }
    // Any call may answer this, because the body is refused before it is read.
    if status == 413 {
        return check_problem(answer);
    }
    let kinds = operation.answers.get(&status).ok_or("the status is not documented")?;
    let kind = answer.header("content-type").and_then(|kind| kind.split(';').next());
    ensure(kind.map_or(kinds.is_empty(), |kind| kinds.contains(kind)), "the content type is not documented")?;
    if status >= 400 && kind == Some("application/problem+json") {
        check_problem(answer)?;
    } else if status >= 400 || operation.has_own_format {
        let outcome: Value =
            serde_json::from_slice(&answer.body).map_err(|error| format!("not an outcome: {error}"))?;
        let has_succeeded = outcome["succeeded"].as_bool().ok_or("succeeded is missing")?;
        let explanation = outcome["explanation"].as_str();
        ensure(explanation.is_none_or(|why| why.ends_with(['.', '?'])), "the explanation is not a sentence")?;
        ensure(
            explanation.is_some() != has_succeeded,
            "a success with an explanation, or a refusal without an explanation",
        )?;
        ensure(!has_succeeded || status < 400, "a success with the status of a refusal")?;
    }
    Ok(())
}

/// Checks that a refusal at any address is a problem, a page if the request asks for one, or an empty answer for a
/// file.
fn check_shape(answer: &Answer, sent: &RandomRequest) -> Fault {
    if answer.status.as_u16() < 400 || sent.method == Method::HEAD {
        return Ok(());
    }
    match answer.header("content-type") {
        Some("application/problem+json") => check_problem(answer),
        Some("text/html; charset=utf-8") => ensure(sent.asks_for_page(), "a page for a request that asked for none"),
        kind => ensure(kind.is_none() && answer.body.is_empty(), "a refusal in an unknown format"),
    }
}

/// Checks that a server function also refuses with a problem, whatever its content type. A form that is sent without
/// script is redirected back.
fn check_function(answer: &Answer, sent: &RandomRequest) -> Fault {
    let is_refused = answer.status.as_u16() >= 400 && answer.header("location").is_none();
    if is_refused && sent.method != Method::HEAD { check_problem(answer) } else { Ok(()) }
}

#[tokio::test]
async fn random_requests_get_documented_answers_and_lose_no_data() {
    let store = Arc::new(MemoryStore::default());
    // The test acts as a trusted proxy, so its headers set the callers' addresses.
    let app = TestApp::with(Options {
        stores: store.clone().into(),
        trusted_proxies: &["127.0.0.0/8"],
        ..Options::default()
    });
    let dice = Dice::default();
    let operations = operations();
    let functions = server_functions(&operations);
    let mut world = World::new(&app, store).await;
    // One example of each fault, so that a run shows all kinds.
    let mut faults: BTreeMap<String, String> = BTreeMap::new();
    let mut is_reached: BTreeSet<String> = BTreeSet::new();
    let mut all: BTreeSet<String> = operations.iter().map(|operation| operation.name.clone()).collect();
    // A WebSocket needs a real connection, which this test does not have.
    assert!(all.remove("follow_chat"));

    let mut number = 0;
    while number < REQUESTS || (!all.is_subset(&is_reached) && number < MOST_REQUESTS) {
        number += 1;
        app.clock.advance(PACE);
        dice.begin_request();
        let kind = dice.number(10);
        let operation = match kind {
            0 => None,
            1 => Some(dice.pick(&functions)),
            _ => Some(dice.pick(&operations)),
        };
        let sent = match operation {
            Some(operation) => draw_request_to(operation, &world, &dice),
            None => draw_request_anywhere(&operations, &world, &dice),
        };
        let Some(request) = sent.request() else { continue };
        let response = app.respond(IpAddr::from([127, 0, 0, 1]), request).await;
        // A stream has no end, so its body is not read.
        let is_stream = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
        let response = if is_stream { response.map(|_| Body::empty()) } else { response };
        let answer = Answer::read(response).await;

        assert!(answer.status.as_u16() < 500, "{answer:?} to {}", sent.written());
        let fault = match operation {
            Some(operation) if kind != 1 => check_documented(operation, &answer, &sent),
            Some(_) => check_function(&answer, &sent),
            None => check_shape(&answer, &sent),
        };
        if let Err(fault) = fault {
            let name = operation.map_or("anywhere", |operation| &operation.name);
            faults
                .entry(format!("{name} {}: {fault}", answer.status))
                .or_insert(format!("{answer:?} to {}", sent.written()));
        }
        let is_done = world.learn(&sent, &answer);
        if let Some(operation) = operation.filter(|operation| operation.method == sent.method && is_done) {
            is_reached.insert(operation.name.clone());
        }
        if number % 40 == 0 {
            world.add_chat(&app).await;
        }
        if number % 500 == 0 {
            world.check().await;
        }
    }
    world.check().await;
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(world.message_count() > 10, "only few messages were posted in {number} requests");
    let unreached: Vec<&String> = all.difference(&is_reached).collect();
    assert!(unreached.is_empty(), "no request to {unreached:?} succeeded in {number} requests");
}
