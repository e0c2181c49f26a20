//! Secrets that nobody else is ever shown.

use axum::http::Method;
use serde_json::json;

use super::{browser, room};
use crate::app::{Answer, TestApp};

fn shows(answer: &Answer, secret: &str) -> bool {
    let in_headers = answer.headers.values().any(|value| value.to_str().unwrap_or_default().contains(secret));
    in_headers || answer.text().contains(secret)
}

#[tokio::test]
async fn a_browser_token_appears_only_in_the_answer_that_issues_it() {
    let app = TestApp::new();
    let room = room(&app).await;
    let (ann, bob) = (browser(&app, "Ann").await, browser(&app, "Bob").await);
    let token = ann.token();
    let seat = ann.enters(&room).await;
    let bob_seat = bob.enters(&room).await;
    let calls = [
        (ann.get("/sessions/me"), 200),
        (ann.say(&room, "hello"), 201),
        (ann.say(&room, " "), 422),
        (ann.read(&room), 200),
        (bob.read(&room), 200),
        (ann.enter(&room), 201),
        (ann.visit(room.page()), 200),
        (bob.visit(room.page()), 200),
        (ann.call_from(Some("https://evil.test"), Method::DELETE, "/sessions/me"), 403),
        (room.native(Method::GET, "", &bob_seat), 200),
        (room.native(Method::GET, "/members", &bob_seat), 200),
        (room.native(Method::GET, "/session", &seat), 200),
        (room.native(Method::POST, "/session", &seat), 200),
        (ann.post("/sessions").json(&json!({"username": " "})), 422),
        (ann.delete("/sessions/me"), 204),
        (ann.get("/sessions/me"), 401),
        (ann.visit(room.page()), 303),
    ];
    for (call, status) in calls {
        let answer = call.await_status(status).await;
        assert!(!shows(&answer, token), "{answer:?}");
    }
}

#[tokio::test]
async fn a_seats_token_is_shown_only_to_its_browser() {
    let app = TestApp::new();
    let room = room(&app).await;
    let (ann, bob) = (browser(&app, "Ann").await, browser(&app, "Bob").await);
    let seat = ann.enters(&room).await;
    let bob_seat = bob.enters(&room).await;
    assert_ne!(seat.token, bob_seat.token);
    let calls = [
        ann.say(&room, "hello"),
        ann.read(&room),
        bob.read(&room),
        bob.enter(&room),
        bob.visit(room.page()),
        room.native(Method::GET, "/members", &bob_seat),
        room.native(Method::GET, "", &bob_seat),
    ];
    for call in calls {
        let answer = call.answer().await;
        assert!(answer.status.is_success() && !shows(&answer, &seat.token), "{answer:?}");
    }
}

#[tokio::test]
async fn answers_about_a_session_are_not_cached() {
    let app = TestApp::new();
    let room = room(&app).await;
    let ann = browser(&app, "Ann").await;
    for call in [ann.get("/sessions/me"), ann.read(&room), ann.enter(&room), ann.say(&room, "hello")] {
        let answer = call.answer().await;
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
    }
    // The page differs for visitors with and without a session, so a cache must not reuse it.
    let page = ann.visit(room.page()).await_status(200).await;
    assert!(page.header("cache-control").is_some_and(|how| how.contains("no-")), "{page:?}");
}
