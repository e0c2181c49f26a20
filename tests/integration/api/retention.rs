//! What the server still stores of a chat.

use std::time::Duration;

use serde_json::json;

use crate::app::TestApp;

#[tokio::test]
async fn a_member_can_see_what_is_stored_and_until_when() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann", "history": 2})).await;
    let empty = ann.get("/retention").await_status(200).await.json();
    let expected = json!({
        "messages": 0, "history": 2, "oldest_sent_at": null, "members": 1, "forgotten_at": "2027-01-16T14:00:00Z",
    });
    assert_eq!(empty, expected, "six hours of session, then a day of grace");

    app.clock.advance(Duration::from_mins(30));
    let bob = chat.join("Bob").await;
    for text in ["first", "second", "third"] {
        app.clock.advance(Duration::from_mins(1));
        bob.says(text).await;
    }
    let kept = bob.get("/retention").await_status(200).await.json();
    let expected = json!({
        "messages": 2, "history": 2, "oldest_sent_at": "2027-01-15T08:32:00Z", "members": 2,
        "forgotten_at": "2027-01-16T14:30:00Z",
    });
    assert_eq!(kept, expected, "the oldest message is deleted, and the last session counts");

    bob.delete(&format!("/members/{}", bob.id)).await_status(204).await;
    let kept = ann.get("/retention").await_status(200).await.json();
    assert_eq!((&kept["members"], &kept["forgotten_at"]), (&json!(1), &json!("2027-01-16T14:00:00Z")));
}

#[tokio::test]
async fn only_members_can_see_what_is_stored() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let (_, stranger) = app.chat(json!({})).await;
    let path = format!("/{}/retention", chat.id);
    app.get(&path).await_problem(401, "session_required").await;
    app.get(&path).bearer(&stranger.token).await_problem(401, "session_required").await;
    app.clock.advance(Duration::from_hours(6));
    ann.get("/retention").await_problem(401, "session_expired").await;
    app.get("/8e03978e-40d5-43dd-bc93-6894a57f9324/retention")
        .bearer(&ann.token)
        .await_problem(404, "chat_not_found")
        .await;
}
