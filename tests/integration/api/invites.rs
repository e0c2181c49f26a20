//! The owner's magic links.

use std::time::Duration;

use axum::http::Method;
use futures_util::FutureExt as _;
use serde_json::{Value, json};
use uuid::Uuid;
use watch_party::domain::{Departure, Event};
use watch_party::wire::LiveEvent;

use crate::app::{Member, TestApp, live, published};

#[tokio::test]
async fn an_owner_can_create_an_invite_with_terms() {
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
async fn an_invite_stops_working_when_it_expires() {
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
async fn invalid_invite_terms_are_refused_by_field_name() {
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
async fn revoking_an_invite_blocks_new_guests_and_keeps_its_members() {
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
async fn only_owners_can_create_list_and_revoke_invites() {
    let app = TestApp::new();
    let (chat, _) = app.chat(json!({})).await;
    let bob = chat.join("Bob").await;
    let invite_id = chat.created["invite"]["invite_id"].as_str().unwrap();
    bob.post("/invite").await_problem(403, "owner_only").await;
    bob.get("/invites").await_problem(403, "owner_only").await;
    bob.delete(&format!("/invites/{invite_id}")).await_problem(403, "owner_only").await;
}

#[tokio::test]
async fn a_chat_has_at_most_a_hundred_open_invites() {
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
    assert_eq!(kept["invites"].as_array().unwrap().len(), 2, "expired invites make room");
}

#[tokio::test]
async fn an_invite_inherits_asks_first_from_the_chat_unless_set() {
    let app = TestApp::new();
    for (admission, as_the_chat) in [("link", false), ("approval", true)] {
        let (chat, ann) = app.chat(json!({"admission": admission})).await;
        assert_eq!(chat.created["invite"]["asks_first"], as_the_chat);
        for (number, (asked, asks_first)) in
            [(json!(null), as_the_chat), (json!(true), true), (json!(false), false)].into_iter().enumerate()
        {
            let invite = ann.post("/invite").json(&json!({"asks_first": asked})).await_status(201).await.json();
            assert_eq!(invite["asks_first"], asks_first);
            let status = if asks_first { 202 } else { 201 };
            let guest = format!("Guest {number}");
            chat.join_with(invite["key"].as_str().unwrap(), &guest).await_status(status).await;
        }
        let list = ann.get("/invites").await_status(200).await.json();
        let listed: Vec<&Value> =
            list["invites"].as_array().unwrap().iter().map(|invite| &invite["asks_first"]).collect();
        assert_eq!(listed, [as_the_chat, as_the_chat, true, false]);
    }
    let (_, ann) = app.chat(json!({})).await;
    let problem = ann.post("/invite").json(&json!({"asks_first": "yes"})).await_problem(422, "invalid_request").await;
    assert_eq!(problem["field"], "asks_first");
}

/// Returns the usernames of the members who joined with each invite.
async fn members_by_invite(owner: &Member<'_>) -> Vec<Vec<String>> {
    let list = owner.get("/invites").await_status(200).await.json();
    let invites = list["invites"].as_array().unwrap().iter();
    invites
        .map(|invite| {
            let members = invite["members"].as_array().unwrap().iter();
            members.map(|member| member["username"].as_str().unwrap().to_owned()).collect()
        })
        .collect()
}

#[tokio::test]
async fn the_owner_sees_which_members_joined_with_each_invite() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let second = ann.post("/invite").json(&json!({"asks_first": true})).await_status(201).await.json();
    let second = second["key"].as_str().unwrap();
    let bob = chat.join("Bob").await;
    let cem = chat.knock_by(second, "Cem").await;
    assert_eq!(members_by_invite(&ann).await, [vec!["Bob"], vec![]]);
    ann.approves(&cem).await;
    chat.join("Dan").await;
    assert_eq!(members_by_invite(&ann).await, [vec!["Bob", "Dan"], vec!["Cem"]]);
    let list = ann.get("/invites").await_status(200).await.json();
    assert_eq!(
        list["invites"][0]["members"][0],
        json!({"member_id": bob.id, "username": "Bob", "role": "guest", "since": "2027-01-15T08:00:00Z"})
    );
    bob.delete(&format!("/members/{}", bob.id)).await_status(204).await;
    assert_eq!(members_by_invite(&ann).await, [vec!["Dan"], vec!["Cem"]]);
    let list = ann.get("/invites").await_status(200).await.json();
    assert_eq!(list["invites"][0]["uses"], 2, "a member who left still counts as a use");
}

#[tokio::test]
async fn revoking_an_invite_can_remove_the_guests_who_joined_with_it() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let second = ann.post("/invite").await_status(201).await.json();
    let (bob, dan) = (chat.join("Bob").await, chat.join("Dan").await);
    let cem = chat.join_by(second["key"].as_str().unwrap(), "Cem").await;
    ann.set_role(&dan, "owner").await_status(200).await;
    let mut cem_events = app.follow(&cem).await;
    let path = format!("/invites/{}", chat.created["invite"]["invite_id"].as_str().unwrap());
    for wrong in ["", "leave", "GO", "true"] {
        let problem = ann.delete(&format!("{path}?members={wrong}")).await_problem(400, "invalid_request").await;
        assert_eq!(problem["field"], "members");
    }
    cem.delete(&format!("{path}?members=go")).await_problem(403, "owner_only").await;
    assert_eq!(ann.usernames().await, ["Ann", "Bob", "Dan", "Cem"]);

    ann.delete(&format!("{path}?members=go")).await_status(204).await;
    assert_eq!(ann.usernames().await, ["Ann", "Dan", "Cem"]);
    bob.say("still here?").await_problem(401, "session_expired").await;
    let left = LiveEvent::MemberLeft { member_id: bob.id.parse().unwrap(), reason: Departure::Removed };
    assert_eq!(live(cem_events.next().await), left);
    dan.says("an owner stays").await;
    chat.join_with(&chat.key, "Bob").await_problem(403, "invalid_invite").await;
    assert_eq!(members_by_invite(&ann).await, [["Cem"]]);
}

#[tokio::test]
async fn revoking_an_invite_with_members_stay_keeps_its_guests() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let bob = chat.join("Bob").await;
    let path = format!("/invites/{}?members=stay", chat.created["invite"]["invite_id"].as_str().unwrap());
    ann.delete(&path).await_status(204).await;
    bob.says("still here").await;
    assert_eq!(ann.usernames().await, ["Ann", "Bob"]);
}

#[tokio::test]
async fn redeeming_an_invite_twice_with_one_join_id_gives_one_seat_and_spends_one_use() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let invite = ann.post("/invite").json(&json!({"max_uses": 2})).await_status(201).await.json();
    let key = invite["key"].as_str().unwrap();
    let uses = async || ann.get("/invites").await_status(200).await.json()["invites"][1]["uses"].clone();
    let mut ann_events = app.follow(&ann).await;
    let join = || chat.join_as(key, "Bob", Uuid::from_u128(1));
    let seat = join().await_status(201).await.json();
    app.clock.advance(Duration::from_hours(1));
    assert_eq!(join().await_status(201).await.json(), seat);
    assert_eq!(chat.join_as(key, "Robert", Uuid::from_u128(1)).await_status(201).await.json(), seat);
    assert_eq!((uses().await, ann.usernames().await), (json!(1), vec!["Ann".to_owned(), "Bob".to_owned()]));
    assert!(matches!(published(ann_events.next().await), Event::MemberJoined { .. }));
    assert!(ann_events.next().now_or_never().is_none(), "a repeated join is published once");

    chat.join_as(key, "Bob", Uuid::from_u128(2)).await_problem(409, "username_taken").await;
    let other = chat.join_as(key, "Cem", Uuid::from_u128(2)).await_status(201).await.json();
    assert_ne!(other["member"]["member_id"], seat["member"]["member_id"]);
    assert_ne!(other["session_token"], seat["session_token"]);
    assert_eq!(uses().await, 2);
    chat.join_as(key, "Dan", Uuid::from_u128(3)).await_problem(403, "invalid_invite").await;
    assert_eq!(join().await_status(201).await.json(), seat, "even after the invite is used up");
    ann.delete(&format!("/invites/{}", invite["invite_id"].as_str().unwrap())).await_status(204).await;
    assert_eq!(join().await_status(201).await.json(), seat, "even after the invite is revoked");
    chat.member(&seat).says("one of me").await;
}

#[tokio::test]
async fn a_join_id_is_useless_without_its_key() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let join_id = Uuid::from_u128(1);
    let seat = chat.join_as(&chat.key, "Bob", join_id).await_status(201).await.json();
    for wrong in ["A".repeat(43), join_id.to_string(), String::new()] {
        chat.join_as(&wrong, "Bob", join_id).await_problem(403, "invalid_invite").await;
    }
    let second = ann.post("/invite").await_status(201).await.json();
    let second = second["key"].as_str().unwrap();
    chat.join_as(second, "Bob", join_id).await_problem(409, "username_taken").await;
    let other = chat.join_as(second, "Cem", join_id).await_status(201).await.json();
    assert_ne!(other["session_token"], seat["session_token"]);
    let body = json!({"key": chat.key, "username": "Bob", "join_id": "not a uuid"});
    let problem = app.post(format!("/{}/join", chat.id)).json(&body).await_problem(422, "invalid_request").await;
    assert_eq!(problem["field"], "join_id");
}

#[tokio::test]
async fn rejoining_with_the_same_join_id_after_leaving_creates_a_new_member() {
    let app = TestApp::new();
    let (chat, _) = app.chat(json!({"username": "Ann"})).await;
    let join = || chat.join_as(&chat.key, "Bob", Uuid::from_u128(1));
    let first = join().await_status(201).await.json();
    let bob = chat.member(&first);
    bob.delete(&format!("/members/{}", bob.id)).await_status(204).await;
    let second = join().await_status(201).await.json();
    assert_ne!(second["member"]["member_id"], first["member"]["member_id"]);
    assert_ne!(second["session_token"], first["session_token"]);
    chat.member(&first).get("").await_problem(401, "session_expired").await;
    chat.member(&second).says("back").await;
}

#[tokio::test]
async fn link_previews_change_nothing() {
    const AGENTS: [&str; 12] = [
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        "Slack-ImgProxy (+https://api.slack.com/robots)",
        "Twitterbot/1.0",
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        "WhatsApp/2.23.20.0 A",
        "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
        "TelegramBot (like TwitterBot)",
        "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)",
        "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5 skype-url-preview@microsoft.com",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko) Version/9.0.1 \
         Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.1.1 \
         Safari/605.1.15 (Applebot/0.1; +http://www.apple.com/go/applebot)",
    ];
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann", "admission": "approval"})).await;
    let (bob, _) = (chat.knock("Bob").await, chat.knock("Cem").await);
    ann.approves(&bob).await;
    ann.post("/invite").json(&json!({"max_uses": 1, "asks_first": false})).await_status(201).await;
    let all = async || {
        let mut seen = Vec::new();
        for path in ["/members", "/invites", "/knocks", "/retention", ""] {
            seen.push(ann.get(path).await_status(200).await.json());
        }
        seen
    };
    let before = all().await;
    let mut ann_events = app.follow(&ann).await;
    for agent in AGENTS {
        for accept in ["*/*", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"] {
            for path in [format!("/join/{}", chat.id), format!("/chat/{}", chat.id), format!("/{}", chat.id)] {
                for method in [Method::GET, Method::HEAD] {
                    let call = app.call(method.clone(), &path).header("user-agent", agent).header("accept", accept);
                    let answer = call.header("sec-purpose", "prefetch;prerender").answer().await;
                    let known = [200, 303, 401].contains(&answer.status.as_u16());
                    assert!(known && answer.header("set-cookie").is_none(), "{method} {path} {agent}: {answer:?}");
                }
            }
        }
    }
    assert_eq!(all().await, before);
    assert!(ann_events.next().now_or_never().is_none());
}
