//! The owner's magic links.

use std::time::Duration;

use serde_json::{Value, json};

use crate::app::TestApp;

#[tokio::test]
async fn the_owner_makes_an_invite_with_terms() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({})).await;
    let terms = json!({"label": "for Bob", "max_uses": 1, "expires_in": 60});
    let invite = ann.post("/invite").json(&terms).await_status(201).await.json();
    let key = invite["key"].as_str().unwrap();
    assert_eq!(invite["magic_link"], format!("http://chat.test/join/{}#{key}", chat.id));
    assert_eq!(
        (&invite["label"], &invite["max_uses"], &invite["uses"], &invite["expires_at"]),
        (&json!("for Bob"), &json!(1), &json!(0), &json!("2027-01-15T08:01:00Z"))
    );
    chat.join_with(key, "Bob").await_status(201).await;
    chat.join_with(key, "Cem").await_problem(403, "invalid_invite").await;
}

#[tokio::test]
async fn an_invite_without_terms_needs_no_body() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({})).await;
    let invite = ann.post("/invite").await_status(201).await.json();
    for term in ["label", "max_uses", "expires_at"] {
        assert_eq!(invite[term], Value::Null);
    }
    chat.join_with(invite["key"].as_str().unwrap(), "Bob").await_status(201).await;
}

#[tokio::test]
async fn an_invite_ends_with_its_time() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({})).await;
    let invite = ann.post("/invite").json(&json!({"expires_in": 60})).await_status(201).await.json();
    let key = invite["key"].as_str().unwrap();
    app.clock.advance(Duration::from_millis(59_999));
    chat.join_with(key, "Bob").await_status(201).await;
    app.clock.advance(Duration::from_millis(1));
    chat.join_with(key, "Cem").await_problem(403, "invalid_invite").await;
}

#[tokio::test]
async fn terms_out_of_bounds_are_refused_by_name() {
    let app = TestApp::new();
    let (_, ann) = app.chat(json!({})).await;
    let wrong = [
        ("label", json!("")),
        ("label", json!("x".repeat(65))),
        ("label", json!("a\nb")),
        ("max_uses", json!(0)),
        ("max_uses", json!(1_001)),
        ("max_uses", json!("one")),
        ("expires_in", json!(0)),
        ("expires_in", json!(2_592_001)),
        ("expires_in", json!(-5)),
    ];
    for (field, value) in wrong {
        let call = ann.post("/invite").json(&json!({ field: value }));
        assert_eq!(call.await_problem(422, "invalid_request").await["field"], field);
    }
    assert_eq!(ann.get("/invites").await_status(200).await.json()["invites"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_owner_sees_uses_but_never_keys() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({})).await;
    ann.post("/invite").json(&json!({"label": "second"})).await_status(201).await;
    chat.join("Bob").await;
    let answer = ann.get("/invites").await_status(200).await;
    assert!(!answer.text().contains(&chat.key) && !answer.text().contains("key"), "{answer:?}");
    let invites = answer.json()["invites"].as_array().unwrap().clone();
    assert_eq!(invites.len(), 2);
    assert_eq!((&invites[0]["uses"], &invites[0]["label"]), (&json!(1), &Value::Null));
    assert_eq!((&invites[1]["uses"], &invites[1]["label"]), (&json!(0), &json!("second")));
}

#[tokio::test]
async fn a_revoked_invite_opens_nothing_and_who_came_by_it_stays() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({})).await;
    let bob = chat.join("Bob").await;
    let invite_id = chat.created["invite"]["invite_id"].as_str().unwrap();
    ann.delete(&format!("/invites/{invite_id}")).await_status(204).await;
    chat.join_with(&chat.key, "Cem").await_problem(403, "invalid_invite").await;
    bob.says("still here").await;
    assert_eq!(ann.get("/invites").await_status(200).await.json(), json!({"invites": []}));
    ann.delete(&format!("/invites/{invite_id}")).await_problem(404, "not_found").await;
    ann.delete("/invites/nothing").await_problem(404, "not_found").await;
}

#[tokio::test]
async fn invites_are_the_owners_alone() {
    let app = TestApp::new();
    let (chat, _) = app.chat(json!({})).await;
    let bob = chat.join("Bob").await;
    let invite_id = chat.created["invite"]["invite_id"].as_str().unwrap();
    bob.post("/invite").await_problem(403, "owner_only").await;
    bob.get("/invites").await_problem(403, "owner_only").await;
    bob.delete(&format!("/invites/{invite_id}")).await_problem(403, "owner_only").await;
}

#[tokio::test]
async fn open_invites_are_bounded() {
    let app = TestApp::new();
    let (_, ann) = app.chat(json!({})).await;
    for _ in 1..100 {
        ann.post("/invite").json(&json!({"expires_in": 60})).await_status(201).await;
    }
    let problem = ann.post("/invite").await_problem(422, "invalid_request").await;
    assert!(problem["detail"].as_str().unwrap().contains("revoke"), "{problem}");
    app.clock.advance(Duration::from_mins(1));
    ann.post("/invite").await_status(201).await;
    let kept = ann.get("/invites").await_status(200).await.json();
    assert_eq!(kept["invites"].as_array().unwrap().len(), 2, "spent invites make room");
}
