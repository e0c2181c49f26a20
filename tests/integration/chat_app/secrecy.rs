//! What nobody else is ever shown.

use axum::http::Method;
use serde_json::json;

use super::{browser, room};
use crate::app::{Answer, TestApp};

fn shows(answer: &Answer, secret: &str) -> bool {
    let in_headers = answer.headers.values().any(|value| value.to_str().unwrap_or_default().contains(secret));
    in_headers || answer.text().contains(secret)
}

#[tokio::test]
async fn a_token_stands_in_the_answer_that_gives_it_and_in_no_other() {
    let app = TestApp::new();
    let room = room(&app).await;
    let (ann, bob) = (browser(&app, "Ann").await, browser(&app, "Bob").await);
    let token = ann.token();
    let seat = ann.enters(&room).await;
    let bobs = bob.enters(&room).await;
    let asked = [
        ann.get("/sessions/me"),
        ann.say(&room, "hello"),
        ann.say(&room, " "),
        ann.read(&room),
        bob.read(&room),
        ann.enter(&room),
        ann.visit(room.page()),
        bob.visit(room.page()),
        ann.asks_from(Some("https://evil.test"), Method::DELETE, "/sessions/me"),
        room.native(Method::GET, "", &bobs),
        room.native(Method::GET, "/members", &bobs),
        room.native(Method::GET, "/session", &seat),
        room.native(Method::POST, "/session", &seat),
        ann.post("/sessions").json(&json!({"username": " "})),
        ann.delete("/sessions/me"),
        ann.get("/sessions/me"),
        ann.visit(room.page()),
    ];
    for call in asked {
        let answer = call.answer().await;
        assert!(!shows(&answer, token), "{answer:?}");
    }
}

#[tokio::test]
async fn a_seats_token_is_shown_to_its_browser_alone() {
    let app = TestApp::new();
    let room = room(&app).await;
    let (ann, bob) = (browser(&app, "Ann").await, browser(&app, "Bob").await);
    let seat = ann.enters(&room).await;
    let bobs = bob.enters(&room).await;
    assert_ne!(seat.token, bobs.token);
    let asked = [
        ann.say(&room, "hello"),
        ann.read(&room),
        bob.read(&room),
        bob.enter(&room),
        bob.visit(room.page()),
        room.native(Method::GET, "/members", &bobs),
        room.native(Method::GET, "", &bobs),
    ];
    for call in asked {
        let answer = call.answer().await;
        assert!(answer.status.is_success() && !shows(&answer, &seat.token), "{answer:?}");
    }
}

#[tokio::test]
async fn answers_about_a_session_are_kept_by_nobody_on_the_way() {
    let app = TestApp::new();
    let room = room(&app).await;
    let ann = browser(&app, "Ann").await;
    for call in [ann.get("/sessions/me"), ann.read(&room), ann.enter(&room), ann.say(&room, "hello")] {
        let answer = call.answer().await;
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
    }
    // The page is another for who has a session than for who has none.
    let page = ann.visit(room.page()).await_status(200).await;
    assert!(page.header("cache-control").is_some_and(|how| how.contains("no-")), "{page:?}");
}
