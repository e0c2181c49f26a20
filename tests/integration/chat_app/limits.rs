//! Rate limits.

use std::time::Duration;

use serde_json::json;

use super::{SITE, browser, room};
use crate::app::TestApp;

#[tokio::test]
async fn creating_browser_sessions_is_rate_limited() {
    let app = TestApp::new();
    let open = || app.post("/sessions").header("origin", SITE).json(&json!({"username": "Ann"}));
    for _ in 0..30 {
        open().await_status(201).await;
    }
    let refused = open().await_status(429).await;
    assert_eq!(refused.header("retry-after"), Some("2"));
    assert!(refused.header("set-cookie").is_none());
    let problem = refused.json();
    assert_eq!((&problem["code"], &problem["retry_after"]), (&json!("too_many_requests"), &json!(2)));
    app.clock.advance(Duration::from_secs(2));
    open().await_status(201).await;
}

#[tokio::test]
async fn creating_entering_and_posting_are_rate_limited() {
    let app = TestApp::new();
    let first = room(&app).await;
    for _ in 1..20 {
        room(&app).await;
    }
    let refused = app.post("/chats").json(&json!({"name": "one too many"})).await_status(429).await;
    assert_eq!(refused.header("retry-after"), Some("3"));
    let ann = browser(&app, "Ann").await;
    for _ in 0..30 {
        ann.says(&first, "fast").await;
    }
    ann.say(&first, "too fast").await_problem(429, "too_many_requests").await;
    // The first message took the seat, which counted as one attempt.
    for _ in 1..60 {
        ann.enters(&first).await;
    }
    let refused = ann.enter(&first).await_status(429).await;
    assert_eq!(refused.header("retry-after"), Some("1"));
}
