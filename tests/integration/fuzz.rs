//! Whatever is thrown at it, the server answers as it should and never fails.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, Request};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use crate::app::TestApp;

/// Random requests in one run; proptest's generator is seeded, so every run throws the same.
const REQUESTS: usize = 4_000;

fn segment(ids: Vec<String>) -> impl Strategy<Value = String> {
    prop_oneof![
        4 => proptest::sample::select(ids),
        3 => proptest::sample::select(vec![
            "create", "join", "invite", "invites", "members", "session", "sf", "create_chat", "join_chat",
            "post_message", "preview_invite", "docs", "openapi.json", "healthz", "readyz", "chat", "pkg",
            "assets", "robots.txt", "..", "%2e%2e", "%00", "%ff", "",
        ]).prop_map(str::to_owned),
        1 => "[a-zA-Z0-9%._~-]{0,40}",
    ]
}

fn body(ids: Vec<String>) -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        proptest::sample::select(ids).prop_map(|id| json!(id)),
        ".{0,40}".prop_map(|text| json!(text)),
        any::<i64>().prop_map(|number| json!(number)),
        any::<f64>().prop_map(|number| json!(number)),
        Just(json!(null)),
        Just(json!([])),
        Just(json!({})),
        Just(json!(true)),
    ];
    let field = proptest::sample::select(vec![
        "username",
        "name",
        "admission",
        "capacity",
        "history",
        "label",
        "max_uses",
        "expires_in",
        "key",
        "text",
        "client_id",
        "chat_id",
        "session_token",
        "other",
    ]);
    let object = proptest::collection::vec((field.clone(), word), 0..6).prop_map(|fields| {
        let object: serde_json::Map<_, _> = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        serde_json::to_vec(&object).unwrap()
    });
    let form = proptest::collection::vec((field, "[a-zA-Z0-9%+-]{0,50}"), 0..6).prop_map(|fields| {
        fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&").into_bytes()
    });
    prop_oneof![
        4 => object,
        2 => form,
        2 => proptest::collection::vec(any::<u8>(), 0..200),
        1 => ".{0,3000}".prop_map(String::into_bytes),
        1 => (65_000_usize..66_000).prop_map(|length| vec![b'x'; length]),
    ]
}

fn header_value() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..60)
}

#[tokio::test]
async fn random_paths_headers_and_bodies_never_make_the_server_fail() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"history": 5})).await;
    let bob = chat.join("Bob").await;
    let ids: Vec<String> = [&chat.id, &chat.key, &ann.id, &ann.token, &bob.token].map(Clone::clone).into();
    let tokens = vec![format!("Bearer {}", ann.token), format!("Bearer {}", bob.token), bob.token.clone()];
    // Ending the chat would leave nothing to throw at: DELETE is left to longer paths.
    let methods = vec!["GET", "POST", "POST", "PUT", "OPTIONS", "BREW"];
    let header = proptest::sample::select(vec![
        "accept",
        "content-type",
        "idempotency-key",
        "host",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-request-id",
        "last-event-id",
        "if-none-match",
        "range",
        "cookie",
        "referer",
    ]);
    let known_value = proptest::sample::select(vec![
        "text/html",
        "text/plain",
        "application/json",
        "application/x-www-form-urlencoded",
        "bytes=0-",
        "a,b",
        "::1",
    ]);
    let value = prop_oneof![known_value.prop_map(|value| value.as_bytes().to_vec()), header_value()];
    let request = (
        proptest::sample::select(methods),
        proptest::collection::vec(segment(ids.clone()), 1..4),
        proptest::option::of("[a-zA-Z0-9%&=._-]{0,30}|after=[0-9-]{0,25}"),
        proptest::option::of(prop_oneof![
            3 => proptest::sample::select(tokens).prop_map(String::into_bytes),
            1 => header_value(),
        ]),
        proptest::collection::vec((header, value), 0..4),
        body(ids),
    );

    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let mut answered = 0;
    for _ in 0..REQUESTS {
        let (method, segments, query, authorization, headers, body) = request.new_tree(&mut runner).unwrap().current();
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let path = format!("/{}{query}", segments.join("/"));
        let mut built = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(&path);
        let Some(map) = built.headers_mut() else { continue };
        let named = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value));
        let all = named.chain(authorization.iter().map(|value| (axum::http::header::AUTHORIZATION, value)));
        for (name, value) in all {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                map.append(name, value);
            }
        }
        let answer = app.send(built.body(Body::from(body.clone())).unwrap()).await;
        let thrown = || format!("{method} {path} {headers:?} {}", String::from_utf8_lossy(&body));
        assert!(answer.status.as_u16() < 500, "{answer:?} to {}", thrown());
        let is_api_failure =
            answer.status.as_u16() >= 400 && answer.header("content-type") == Some("application/problem+json");
        if is_api_failure {
            assert_eq!(answer.json()["status"], answer.status.as_u16(), "{}", thrown());
        }
        answered += 1;
    }
    assert!(answered > REQUESTS * 9 / 10, "only {answered} requests could be built");
    assert!(ann.texts().await.len() <= 5);
    assert!(ann.usernames().await.len() <= 6);
}
