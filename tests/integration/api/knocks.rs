//! Knocks, and owners' decisions on them.

use std::time::Duration;

use axum::http::Method;
use futures_util::FutureExt as _;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error;
use uuid::Uuid;
use watch_party::domain::{
    Admission, ChatId, Decision, Event, Knock, KnockEnd, KnockId, KnockStatus, Refusal, Settings, Ticket, Username,
};
use watch_party::service::{Follower, JoinIdentity, JoinOutcome, NewChat, WatchEnd, Watcher};
use watch_party::wire::LiveEvent;

use crate::app::{Chat, Guest, Member, Options, TestApp, caller, live, published};
use crate::live::{Events, Site};

/// A moment before a knock expires, and before the result of a decided knock does.
const JUST_BEFORE: Duration = Duration::from_millis(15 * 60 * 1_000 - 1);
const MOMENT: Duration = Duration::from_millis(1);

/// Creates a chat whose invites ask first, with Ann as its owner.
async fn approval_chat(app: &TestApp) -> (Chat<'_>, Member<'_>) {
    app.chat(json!({"username": "Ann", "admission": "approval"})).await
}

async fn admit<'a>(chat: &Chat<'a>, owner: &Member<'a>, username: &str) -> Member<'a> {
    let guest = chat.knock(username).await;
    owner.approves(&guest).await;
    chat.member(&guest.state().await["session"])
}

#[tokio::test]
async fn a_guest_knocks_the_owner_approves_and_the_guest_takes_part() {
    let app = TestApp::new();
    let (chat, ann) = approval_chat(&app).await;
    ann.says("hello").await;
    let knocked = chat.join_with(&chat.key, "Bob").await_status(202).await.json();
    let bob = chat.guest(&knocked);
    assert_eq!(
        knocked,
        json!({"knock_id": bob.id, "ticket": bob.ticket, "status": "pending", "expires_at": "2027-01-15T08:15:00Z"})
    );
    assert_eq!(bob.state().await, json!({"status": "pending", "expires_at": "2027-01-15T08:15:00Z"}));
    let knock = json!({
        "knock_id": bob.id,
        "username": "Bob",
        "invite_id": chat.created["invite"]["invite_id"],
        "knocked_at": "2027-01-15T08:00:00Z",
        "status": "pending",
        "expires_at": "2027-01-15T08:15:00Z",
    });
    assert_eq!(ann.get("/knocks").await_status(200).await.json(), json!({"knocks": [knock]}));
    assert_eq!(ann.usernames().await, ["Ann"]);

    app.clock.advance(Duration::from_mins(1));
    let decided = ann.decide(&bob, "approve").await_status(200).await.json();
    let mut approved = knock.clone();
    approved["status"] = json!("approved");
    approved["expires_at"] = json!("2027-01-15T08:16:00Z");
    assert_eq!(decided, approved);
    assert_eq!(ann.waiting().await, [""; 0]);
    assert_eq!(ann.usernames().await, ["Ann", "Bob"]);

    let state = bob.state().await;
    let member = json!({"member_id": bob.id, "username": "Bob", "role": "guest", "since": "2027-01-15T08:01:00Z"});
    assert_eq!((&state["status"], &state["session"]["member"]), (&json!("approved"), &member));
    assert_eq!(state["session"]["expires_at"], "2027-01-15T14:01:00Z");
    let bob = chat.member(&state["session"]);
    assert_eq!(bob.texts().await, ["hello"]);
    bob.says("thank you").await;
    assert_eq!(ann.texts().await, ["hello", "thank you"]);
}

#[tokio::test]
async fn a_waiting_guest_can_neither_read_nor_change_the_chat() {
    let app = TestApp::new();
    let (chat, ann) = approval_chat(&app).await;
    ann.says("secret").await;
    let bob = chat.knock("Bob").await;
    let invite_id = chat.created["invite"]["invite_id"].as_str().unwrap();
    let id = &chat.id;
    let calls = [
        (Method::GET, format!("/{id}")),
        (Method::GET, format!("/{id}?after=0")),
        (Method::HEAD, format!("/{id}")),
        (Method::POST, format!("/{id}")),
        (Method::DELETE, format!("/{id}")),
        (Method::GET, format!("/{id}/members")),
        (Method::DELETE, format!("/{id}/members/{}", ann.id)),
        (Method::DELETE, format!("/{id}/members/{}", bob.id)),
        (Method::PATCH, format!("/{id}/members/{}", bob.id)),
        (Method::POST, format!("/{id}/typing")),
        (Method::GET, format!("/{id}/retention")),
        (Method::GET, format!("/{id}/session")),
        (Method::POST, format!("/{id}/session")),
        (Method::POST, format!("/{id}/recovery")),
        (Method::POST, format!("/{id}/invite")),
        (Method::GET, format!("/{id}/invites")),
        (Method::DELETE, format!("/{id}/invites/{invite_id}")),
        (Method::GET, format!("/{id}/knocks")),
        (Method::POST, bob.path.clone()),
        (Method::GET, format!("/v1/chats/{id}")),
    ];
    let (members, knocks) = (ann.get("/members").await_status(200).await.json(), ann.waiting().await);
    for (method, path) in &calls {
        for secret in [&bob.ticket, &chat.key, &bob.id] {
            for accept in ["application/json", "text/event-stream"] {
                let body = json!({"text": "let me in", "role": "owner", "decision": "approve"});
                let call = app.call(method.clone(), path).json(&body).bearer(secret).header("accept", accept);
                let answer = call.await_status(401).await;
                assert!(!answer.text().contains("secret"), "{answer:?}");
            }
        }
    }
    let recovery = json!({"recovery_code": bob.ticket});
    app.post(format!("/{id}/recover")).json(&recovery).await_problem(403, "invalid_recovery").await;
    chat.join_with(&bob.ticket, "Cem").await_problem(403, "invalid_invite").await;
    assert_eq!(ann.texts().await, ["secret"]);
    assert_eq!(ann.get("/members").await_status(200).await.json(), members);
    assert_eq!(ann.waiting().await, knocks);
}

#[tokio::test]
async fn only_its_ticket_gives_access_to_a_knock() {
    let app = TestApp::new();
    let (chat, ann) = approval_chat(&app).await;
    let bob = chat.knock("Bob").await;
    let cem = chat.knock("Cem").await;
    let forged = "A".repeat(43);
    for method in [Method::GET, Method::DELETE] {
        let call = || app.call(method.clone(), &bob.path);
        let missing = call().await_status(401).await;
        assert_eq!(missing.header("www-authenticate"), Some("Bearer"));
        call().await_problem(401, "session_required").await;
        for wrong in [&cem.ticket, &forged, &ann.token, &chat.key, &bob.id, "nonsense", ""] {
            call().bearer(wrong).await_problem(401, "session_required").await;
            let stream = call().bearer(wrong).header("accept", "text/event-stream");
            stream.await_problem(401, "session_required").await;
        }
    }
    assert_eq!(ann.waiting().await, ["Bob", "Cem"]);

    let (elsewhere, _) = approval_chat(&app).await;
    for path in [
        format!("/{}/knocks/{}", chat.id, Uuid::from_u128(7)),
        format!("/{}/knocks/nonsense", chat.id),
        format!("/{}/knocks/{}", elsewhere.id, bob.id),
    ] {
        app.get(&path).bearer(&bob.ticket).await_problem(404, "not_found").await;
        app.delete(&path).bearer(&bob.ticket).await_problem(404, "not_found").await;
    }
    let unknown_chat = format!("/{}/knocks/{}", Uuid::from_u128(7), bob.id);
    app.get(unknown_chat).bearer(&bob.ticket).await_problem(404, "chat_not_found").await;
}

#[tokio::test]
async fn a_declined_guest_can_read_the_decision_for_15_minutes_and_gets_no_session() {
    let app = TestApp::new();
    let (chat, ann) = approval_chat(&app).await;
    let bob = chat.knock("Bob").await;
    app.clock.advance(JUST_BEFORE);
    assert_eq!(ann.decide(&bob, "decline").await_status(200).await.json()["status"], "declined");
    assert_eq!(ann.waiting().await, [""; 0]);
    assert_eq!(ann.usernames().await, ["Ann"]);
    app.clock.advance(JUST_BEFORE);
    assert_eq!(bob.state().await, json!({"status": "declined", "expires_at": "2027-01-15T08:29:59.999Z"}));
    app.clock.advance(MOMENT);
    bob.ask().await_problem(404, "not_found").await;
}

#[tokio::test]
async fn an_approved_guest_can_fetch_the_session_for_15_minutes() {
    let app = TestApp::new();
    let (chat, ann) = approval_chat(&app).await;
    let bob = chat.knock("Bob").await;
    ann.approves(&bob).await;
    app.clock.advance(JUST_BEFORE);
    let seat = bob.state().await["session"].clone();
    app.clock.advance(MOMENT);
    bob.ask().await_problem(404, "not_found").await;
    chat.member(&seat).says("in all the same").await;
}

#[tokio::test]
async fn a_withdrawn_knock_is_gone() {
    let app = TestApp::new();
    let (chat, ann) = approval_chat(&app).await;
    let bob = chat.knock("Bob").await;
    bob.withdraw().await_status(204).await;
    assert_eq!(ann.waiting().await, [""; 0]);
    bob.ask().await_problem(404, "not_found").await;
    bob.withdraw().await_problem(404, "not_found").await;
    ann.decide(&bob, "approve").await_problem(404, "not_found").await;
    assert_eq!(ann.usernames().await, ["Ann"]);
    let again = chat.knock("Bob").await;
    assert_ne!(again.id, bob.id);
}

#[tokio::test]
async fn an_unanswered_knock_expires_after_exactly_15_minutes() {
    let app = TestApp::new();
    let (chat, ann) = approval_chat(&app).await;
    let bob = chat.knock("Bob").await;
    app.clock.advance(JUST_BEFORE);
    assert_eq!(bob.status().await, "pending");
    assert_eq!(ann.waiting().await, ["Bob"]);
    app.clock.advance(MOMENT);
    bob.ask().await_problem(404, "not_found").await;
    bob.withdraw().await_problem(404, "not_found").await;
    assert_eq!(ann.waiting().await, [""; 0]);
    for decision in ["approve", "decline"] {
        ann.decide(&bob, decision).await_problem(404, "not_found").await;
    }
    assert_eq!(ann.usernames().await, ["Ann"]);
    chat.knock("Bob").await;
}

#[tokio::test]
async fn at_most_20_guests_wait_and_further_knocks_get_retry_after() {
    let app = TestApp::new();
    let (chat, ann) = approval_chat(&app).await;
    let first = || chat.join_as(&chat.key, "Guest 0", Uuid::from_u128(1)).await_status(202);
    let knocked = first().await.json();
    app.clock.advance(Duration::from_mins(1));
    for number in 1..20 {
        chat.knock_from(number, &format!("Guest {number}")).await;
    }
    let before =
        (ann.get("/knocks").await_status(200).await.json(), ann.get("/invites").await_status(200).await.json());
    let mut follower = app.follow(&ann).await;
    let problem = chat.join_with(&chat.key, "Bob").await_problem(429, "too_many_requests").await;
    assert_eq!(problem["retry_after"], 14 * 60);
    let answer = chat.join_with(&chat.key, "Bob").await_status(429).await;
    assert_eq!(answer.header("retry-after"), Some("840"));
    let after = (ann.get("/knocks").await_status(200).await.json(), ann.get("/invites").await_status(200).await.json());
    assert_eq!(after, before);
    assert_eq!(first().await.json(), knocked, "a waiting guest keeps the same knock");
    assert!(follower.next().now_or_never().is_none());
    app.clock.advance(Duration::from_mins(14));
    chat.knock("Bob").await;
    assert_eq!(ann.waiting().await.len(), 20);
}

#[tokio::test]
async fn deciding_or_withdrawing_a_knock_makes_room_for_another() {
    let app = TestApp::new();
    let (chat, ann) = approval_chat(&app).await;
    let mut guests = Vec::new();
    for number in 0..20 {
        guests.push(chat.knock_from(number, &format!("Guest {number}")).await);
    }
    chat.join_with(&chat.key, "Bob").await_problem(429, "too_many_requests").await;
    ann.declines(&guests[0]).await;
    chat.knock("Bob").await;
    chat.join_with(&chat.key, "Cem").await_problem(429, "too_many_requests").await;
    guests[1].withdraw().await_status(204).await;
    chat.knock("Cem").await;
}

#[tokio::test]
async fn an_address_can_knock_six_times_per_chat_and_repeats_do_not_count() {
    let app = TestApp::with(Options { trusted_proxies: &["127.0.0.1/32"], ..Options::default() });
    let (chat, ann) = approval_chat(&app).await;
    let (other, _) = approval_chat(&app).await;
    let knock = |chat: &Chat<'_>, number: u128, address: &str| {
        let username = format!("Guest {number}");
        let path = format!("/{}/join", chat.id);
        let body = json!({"key": chat.key, "username": username, "join_id": Uuid::from_u128(number)});
        app.post(path).json(&body).header("x-forwarded-for", address)
    };
    for number in 0..6 {
        knock(&chat, number, "192.0.2.1").await_status(202).await;
        knock(&chat, number, "192.0.2.1").await_status(202).await;
    }
    let refused = knock(&chat, 6, "192.0.2.1").await_status(429).await;
    assert_eq!(refused.header("retry-after"), Some("300"));
    assert_eq!(refused.json()["code"], "too_many_requests");
    assert_eq!(ann.waiting().await.len(), 6);
    knock(&chat, 5, "192.0.2.1").await_status(202).await;
    knock(&other, 6, "192.0.2.1").await_status(202).await;
    knock(&chat, 6, "192.0.2.2").await_status(202).await;
    app.clock.advance(Duration::from_mins(5));
    knock(&chat, 7, "192.0.2.1").await_status(202).await;
    knock(&chat, 8, "192.0.2.1").await_problem(429, "too_many_requests").await;
}

#[tokio::test]
async fn only_owners_decide_and_only_on_pending_knocks() {
    let app = TestApp::new();
    let (chat, ann) = approval_chat(&app).await;
    let bob = admit(&chat, &ann, "Bob").await;
    let cem = chat.knock("Cem").await;
    bob.get("/knocks").await_problem(403, "owner_only").await;
    for decision in ["approve", "decline"] {
        bob.decide(&cem, decision).await_problem(403, "owner_only").await;
        let call = app.post(&cem.path).json(&json!({"decision": decision}));
        call.await_problem(401, "session_required").await;
    }
    for unknown in [Uuid::from_u128(7).to_string(), bob.id.clone(), "nonsense".into()] {
        let call = ann.post(&format!("/knocks/{unknown}")).json(&json!({"decision": "approve"}));
        call.await_problem(404, "not_found").await;
    }
    assert_eq!(cem.status().await, "pending");
    ann.declines(&cem).await;
    for decision in ["approve", "decline"] {
        ann.decide(&cem, decision).await_problem(404, "not_found").await;
    }
    assert_eq!(cem.status().await, "declined");
    assert_eq!(ann.usernames().await, ["Ann", "Bob"]);
}

#[tokio::test]
async fn an_invalid_decision_is_refused() {
    let app = TestApp::new();
    let (chat, ann) = approval_chat(&app).await;
    let bob = chat.knock("Bob").await;
    let path = format!("/knocks/{}", bob.id);
    for body in [json!({}), json!({"decision": "maybe"}), json!({"decision": ""}), json!({"decision": true})] {
        let problem = ann.post(&path).json(&body).await_problem(422, "invalid_request").await;
        assert_eq!(problem["field"], "decision", "{body}");
    }
    ann.post(&path).json(&json!(["approve"])).await_problem(422, "invalid_request").await;
    for body in ["", "approve", "{"] {
        ann.post(&path).body(body).await_problem(400, "invalid_request").await;
    }
    assert_eq!(bob.status().await, "pending");
}

#[tokio::test]
async fn approving_a_knock_in_a_full_chat_is_refused_and_leaves_it_pending() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann", "admission": "approval", "capacity": 2})).await;
    let (bob, cem) = (chat.knock("Bob").await, chat.knock("Cem").await);
    ann.approves(&bob).await;
    ann.decide(&cem, "approve").await_problem(409, "chat_full").await;
    assert_eq!(cem.status().await, "pending");
    assert_eq!((ann.waiting().await, ann.usernames().await), (vec!["Cem".into()], vec!["Ann".into(), "Bob".into()]));
    chat.join_with(&chat.key, "Dan").await_problem(409, "chat_full").await;

    let bob = chat.member(&bob.state().await["session"]);
    bob.delete(&format!("/members/{}", bob.id)).await_status(204).await;
    ann.approves(&cem).await;
    assert_eq!(ann.usernames().await, ["Ann", "Cem"]);
}

#[tokio::test]
async fn members_and_waiting_guests_reserve_their_usernames() {
    let app = TestApp::new();
    let (chat, ann) = approval_chat(&app).await;
    let open = ann.post("/invite").json(&json!({"asks_first": false})).await_status(201).await.json();
    let open = open["key"].as_str().unwrap();
    let bob = chat.knock("Bob").await;
    // A guest with a link that needs no approval cannot take the name either.
    for (key, name) in [(&*chat.key, "Ann"), (&*chat.key, "BOB"), (open, "ann"), (open, "Bob")] {
        chat.join_with(key, name).await_problem(409, "username_taken").await;
    }
    assert_eq!(ann.waiting().await, ["Bob"]);
    ann.declines(&bob).await;
    chat.join_by(open, "Bob").await;
    chat.join_with(&chat.key, "bob").await_problem(409, "username_taken").await;
}

#[tokio::test]
async fn repeating_a_join_id_returns_the_same_knock_and_then_the_same_seat() {
    let app = TestApp::new();
    let (chat, ann) = approval_chat(&app).await;
    let mut follower = app.follow(&ann).await;
    let ask = || chat.join_as(&chat.key, "Bob", Uuid::from_u128(1));
    let knocked = ask().await_status(202).await.json();
    app.clock.advance(Duration::from_mins(1));
    assert_eq!(ask().await_status(202).await.json(), knocked);
    assert_eq!(chat.join_as(&chat.key, "Bobby", Uuid::from_u128(1)).await_status(202).await.json(), knocked);
    assert_eq!(ann.waiting().await, ["Bob"]);
    assert!(matches!(published(follower.next().await), Event::Knocked { .. }));
    assert!(follower.next().now_or_never().is_none(), "a repeated knock is published once");

    let bob = chat.guest(&knocked);
    ann.approves(&bob).await;
    let seat = ask().await_status(201).await.json();
    assert_eq!(seat, ask().await_status(201).await.json());
    assert_eq!(seat, bob.state().await["session"]);
    assert_eq!(seat["member"]["member_id"], bob.id);
    assert_eq!(ann.usernames().await, ["Ann", "Bob"]);
    let invites = ann.get("/invites").await_status(200).await.json();
    assert_eq!(invites["invites"][0]["uses"], 1);
    chat.member(&seat).says("hello").await;
}

#[tokio::test]
async fn a_declined_join_id_stays_declined_and_a_new_join_id_can_knock() {
    let app = TestApp::new();
    let (chat, ann) = approval_chat(&app).await;
    let ask = |join_id| chat.join_as(&chat.key, "Bob", Uuid::from_u128(join_id));
    let bob = chat.guest(&ask(1).await_status(202).await.json());
    ann.declines(&bob).await;
    let again = ask(1).await_status(202).await.json();
    assert_eq!((&again["status"], &again["ticket"]), (&json!("declined"), &json!(bob.ticket)));
    assert_eq!(ann.waiting().await, [""; 0]);
    let other = ask(2).await_status(202).await.json();
    assert_eq!(other["status"], "pending");
    assert_ne!((&other["knock_id"], &other["ticket"]), (&again["knock_id"], &again["ticket"]));
}

#[tokio::test]
async fn an_approved_session_can_be_fetched_again_until_it_is_renewed() {
    let app = TestApp::new();
    let (chat, ann) = approval_chat(&app).await;
    let guest = chat.knock("Bob").await;
    ann.approves(&guest).await;
    let first = guest.state().await;
    app.clock.advance(Duration::from_mins(10));
    assert_eq!(guest.state().await, first);

    let bob = chat.member(&first["session"]);
    let renewed = bob.post("/session").await_status(200).await.json();
    let state = guest.state().await;
    assert_eq!((&state["status"], state.get("session")), (&json!("approved"), None));
    let token = renewed["session_token"].as_str().unwrap();
    app.get(format!("/{}", chat.id)).bearer(token).await_status(200).await;
    bob.get("").await_problem(401, "session_expired").await;
}

#[tokio::test]
async fn withdrawing_an_approved_knock_frees_its_seat() {
    let app = TestApp::new();
    let (chat, ann) = approval_chat(&app).await;
    let bob = chat.knock("Bob").await;
    ann.approves(&bob).await;
    assert_eq!(ann.usernames().await, ["Ann", "Bob"]);
    bob.withdraw().await_status(204).await;
    assert_eq!(ann.usernames().await, ["Ann"]);
}

#[tokio::test]
async fn a_removed_guests_ticket_no_longer_works() {
    let app = TestApp::new();
    let (chat, ann) = approval_chat(&app).await;
    let guest = chat.knock("Bob").await;
    ann.approves(&guest).await;
    ann.delete(&format!("/members/{}", guest.id)).await_status(204).await;
    guest.ask().await_problem(404, "not_found").await;
}

#[tokio::test]
async fn waiting_guests_count_toward_an_invites_limit() {
    let app = TestApp::new();
    let (chat, ann) = approval_chat(&app).await;
    let invite = ann.post("/invite").json(&json!({"max_uses": 2})).await_status(201).await.json();
    assert_eq!(invite["asks_first"], true);
    let key = invite["key"].as_str().unwrap();
    let uses = async || ann.get("/invites").await_status(200).await.json()["invites"][1]["uses"].clone();
    let (bob, cem) = (chat.knock_by(key, "Bob").await, chat.knock_by(key, "Cem").await);
    assert_eq!(uses().await, 0);
    chat.join_with(key, "Dan").await_problem(403, "invalid_invite").await;
    ann.declines(&bob).await;
    let dan = chat.knock_by(key, "Dan").await;
    for guest in [&cem, &dan] {
        ann.approves(guest).await;
    }
    assert_eq!(uses().await, 2);
    chat.join_with(key, "Eve").await_problem(403, "invalid_invite").await;
}

#[tokio::test]
async fn a_knock_can_be_approved_after_its_invite_expires() {
    let app = TestApp::new();
    let (chat, ann) = approval_chat(&app).await;
    let invite = ann.post("/invite").json(&json!({"expires_in": 60})).await_status(201).await.json();
    let key = invite["key"].as_str().unwrap();
    let bob = chat.knock_by(key, "Bob").await;
    app.clock.advance(Duration::from_mins(1));
    chat.join_with(key, "Cem").await_problem(403, "invalid_invite").await;
    ann.approves(&bob).await;
    assert_eq!(ann.usernames().await, ["Ann", "Bob"]);
}

#[tokio::test]
async fn revoking_an_invite_declines_its_waiting_guests() {
    let app = TestApp::new();
    let (chat, ann) = approval_chat(&app).await;
    let other = ann.post("/invite").await_status(201).await.json();
    let (bob, cem) = (chat.knock("Bob").await, chat.knock_by(other["key"].as_str().unwrap(), "Cem").await);
    let mut follower = app.follow(&ann).await;
    let invite_id = chat.created["invite"]["invite_id"].as_str().unwrap();
    ann.delete(&format!("/invites/{invite_id}")).await_status(204).await;
    assert_eq!((bob.status().await, cem.status().await), ("declined".into(), "pending".into()));
    assert_eq!(ann.waiting().await, ["Cem"]);
    assert_eq!(live(follower.next().await), decided(&bob, KnockStatus::Declined));
    ann.decide(&bob, "approve").await_problem(404, "not_found").await;
}

fn knock_id(guest: &Guest<'_>) -> KnockId {
    guest.id.parse().unwrap()
}

fn decided(guest: &Guest<'_>, status: KnockStatus) -> LiveEvent {
    LiveEvent::KnockDecided { knock_id: knock_id(guest).as_uuid(), status }
}

fn ended(guest: &Guest<'_>, why: KnockEnd) -> LiveEvent {
    LiveEvent::KnockEnded { knock_id: knock_id(guest).as_uuid(), reason: why }
}

/// Expects that the follower receives this guest's knock.
async fn expect_knock(follower: &mut Follower, guest: &Guest<'_>, username: &str) {
    match published(follower.next().await) {
        Event::Knocked { knock: Knock { id, username: seen, status: KnockStatus::Pending, .. } } => {
            assert_eq!((id, seen.as_str()), (knock_id(guest), username));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn owners_receive_knock_events_and_guests_do_not() {
    let app = TestApp::new();
    let (chat, ann) = approval_chat(&app).await;
    let bob = admit(&chat, &ann, "Bob").await;
    let (mut ann_events, mut bob_events) = (app.follow(&ann).await, app.follow(&bob).await);
    let cem = chat.knock("Cem").await;
    expect_knock(&mut ann_events, &cem, "Cem").await;
    ann.approves(&cem).await;
    assert_eq!(live(ann_events.next().await), decided(&cem, KnockStatus::Approved));
    for follower in [&mut ann_events, &mut bob_events] {
        match published(follower.next().await) {
            Event::MemberJoined { member } => assert_eq!(member.id.to_string(), cem.id),
            other => panic!("{other:?}"),
        }
    }
    let (dan, eve) = (chat.knock("Dan").await, chat.knock("Eve").await);
    ann.declines(&dan).await;
    eve.withdraw().await_status(204).await;
    expect_knock(&mut ann_events, &dan, "Dan").await;
    expect_knock(&mut ann_events, &eve, "Eve").await;
    assert_eq!(live(ann_events.next().await), decided(&dan, KnockStatus::Declined));
    assert_eq!(live(ann_events.next().await), ended(&eve, KnockEnd::Withdrawn));
    assert!(bob_events.next().now_or_never().is_none());
    assert!(ann_events.next().now_or_never().is_none());
}

#[tokio::test]
async fn members_receive_knock_events_only_while_they_are_owners() {
    let app = TestApp::new();
    let (chat, ann) = approval_chat(&app).await;
    let bob = admit(&chat, &ann, "Bob").await;
    let (mut ann_events, mut bob_events) = (app.follow(&ann).await, app.follow(&bob).await);
    ann.set_role(&bob, "owner").await_status(200).await;
    let cem = chat.knock("Cem").await;
    ann.set_role(&ann, "guest").await_status(200).await;
    bob.declines(&cem).await;
    for follower in [&mut ann_events, &mut bob_events] {
        assert!(matches!(published(follower.next().await), Event::RoleChanged { .. }));
        expect_knock(follower, &cem, "Cem").await;
        assert!(matches!(published(follower.next().await), Event::RoleChanged { .. }));
    }
    assert_eq!(live(bob_events.next().await), decided(&cem, KnockStatus::Declined));
    assert!(ann_events.next().now_or_never().is_none());
}

type KnockWatcher = Watcher<(Knock, Option<watch_party::domain::Member>)>;

/// Watches a knock, and checks that it is pending at first.
async fn watch(app: &TestApp, chat: &Chat<'_>, guest: &Guest<'_>) -> KnockWatcher {
    let ticket = Ticket::parse(&guest.ticket).unwrap();
    let mut watcher =
        app.service.watch_knock(caller(), chat.id.parse().unwrap(), knock_id(guest), &ticket).await.unwrap();
    let (knock, member) = watcher.next().await.unwrap();
    assert_eq!((knock.status, member), (KnockStatus::Pending, None));
    watcher
}

#[tokio::test]
async fn a_waiting_guest_learns_the_decision_immediately() {
    let app = TestApp::new();
    let (chat, ann) = approval_chat(&app).await;
    let (bob, cem, dan) = (chat.knock("Bob").await, chat.knock("Cem").await, chat.knock("Dan").await);
    let (mut bob_events, mut cem_events) = (watch(&app, &chat, &bob).await, watch(&app, &chat, &cem).await);
    let mut dan_events = watch(&app, &chat, &dan).await;
    ann.says("not for them").await;
    ann.approves(&bob).await;
    ann.declines(&cem).await;
    dan.withdraw().await_status(204).await;
    let (knock, member) = bob_events.next().await.unwrap();
    assert_eq!((knock.status, member.unwrap().id.to_string()), (KnockStatus::Approved, bob.id));
    let (knock, member) = cem_events.next().await.unwrap();
    assert_eq!((knock.status, member), (KnockStatus::Declined, None));
    assert_eq!(dan_events.next().await, Err(WatchEnd::Refused(Refusal::NotFound("knock"))));
    assert!(cem_events.next().now_or_never().is_none());
}

#[tokio::test]
async fn a_waiting_guest_learns_that_the_chat_has_ended() {
    let app = TestApp::new();
    let (chat, ann) = approval_chat(&app).await;
    let bob = chat.knock("Bob").await;
    let mut bob_events = watch(&app, &chat, &bob).await;
    ann.delete("").await_status(204).await;
    assert_eq!(bob_events.next().await, Err(WatchEnd::Refused(Refusal::ChatNotFound)));
    bob.ask().await_problem(404, "chat_not_found").await;
}

#[tokio::test]
async fn the_sweep_expires_knocks_and_publishes_events() {
    let app = TestApp::new();
    let (chat, ann) = approval_chat(&app).await;
    let (bob, cem) = (chat.knock("Bob").await, chat.knock("Cem").await);
    ann.declines(&cem).await;
    let mut ann_events = app.follow(&ann).await;
    let mut bob_events = watch(&app, &chat, &bob).await;
    app.clock.advance(JUST_BEFORE);
    app.service.sweep().await.unwrap();
    assert!(ann_events.next().now_or_never().is_none());
    assert!(bob_events.next().now_or_never().is_none());
    app.clock.advance(MOMENT);
    app.service.sweep().await.unwrap();
    assert_eq!(live(ann_events.next().await), ended(&bob, KnockEnd::Expired));
    assert_eq!(live(ann_events.next().await), ended(&cem, KnockEnd::Expired));
    assert_eq!(bob_events.next().await, Err(WatchEnd::Refused(Refusal::NotFound("knock"))));
}

#[tokio::test]
async fn a_waiting_guest_learns_the_decision_after_twenty_others_were_declined() {
    let app = TestApp::new();
    let (chat, ann) = approval_chat(&app).await;
    let bob = chat.knock("Bob").await;
    let mut bob_events = watch(&app, &chat, &bob).await;
    for number in 0..20 {
        let guest = chat.knock_from(number, &format!("Guest {number}")).await;
        ann.declines(&guest).await;
    }
    assert_eq!(ann.decide(&bob, "approve").await_status(200).await.json()["status"], "approved");
    assert_eq!(bob_events.next().await.unwrap().0.status, KnockStatus::Approved);
    chat.member(&bob.state().await["session"]).says("at last").await;
}

#[tokio::test]
async fn a_stopping_server_sends_retry_to_knock_and_seat_streams_and_exits() {
    let mut site = Site::start().await;
    let chat = approval_chat_at(&site).await;
    let (bob, ticket) = knock_at(&site, &chat, "Bob").await;
    let mut bob_events = stream_of(&site, chat.chat_id, &bob, &ticket).await;
    let seats = format!("/{}/seats", chat.chat_id);
    let mut seats = Events::open(&site, &seats, &chat.invite.as_ref().unwrap().key.reveal(), None).await;
    assert_eq!(data(&mut seats, "seats").await, json!({"free": 5, "capacity": 6}));
    site.stop.take().unwrap().send(()).unwrap();
    for events in [&mut bob_events, &mut seats] {
        assert_eq!(events.next().await.unwrap(), "retry: 1000");
        assert_eq!(events.next().await, None);
    }
    drop((bob_events, seats));
    site.server.await.unwrap();
}

/// Creates a chat whose invites ask first, on a server with a real port.
async fn approval_chat_at(site: &Site) -> NewChat {
    let settings = Settings::new(Admission::Approval, None, None).unwrap();
    site.service.create_chat(caller(), Username::parse("Ann").unwrap(), None, settings).await.unwrap()
}

async fn knock_at(site: &Site, chat: &NewChat, username: &str) -> (Knock, Ticket) {
    let username = Username::parse(username).unwrap();
    match site
        .service
        .join(caller(), chat.chat_id, &chat.invite.as_ref().unwrap().key, username, JoinIdentity::Unknown)
        .await
        .unwrap()
    {
        JoinOutcome::Knocked { knock, ticket } => (knock, ticket),
        JoinOutcome::Seated(_) => panic!("the invite needs approval"),
    }
}

/// Opens the stream of a knock, and checks that it is pending at first.
async fn stream_of(site: &Site, chat_id: ChatId, knock: &Knock, ticket: &Ticket) -> Events {
    let mut events = Events::open(site, &format!("/{chat_id}/knocks/{}", knock.id), &ticket.reveal(), None).await;
    assert_eq!(events.next().await.unwrap(), "event: pending\ndata: {\"type\":\"pending\"}");
    events
}

/// Returns the data of the next event, which must have this name.
async fn data(events: &mut Events, name: &str) -> Value {
    let event = events.next().await.unwrap();
    let data = event.strip_prefix(&format!("event: {name}\ndata: "));
    serde_json::from_str(data.unwrap_or_else(|| panic!("{event}"))).unwrap()
}

#[tokio::test]
async fn server_sent_events_carry_knocks_to_the_owner_and_decisions_to_guests() {
    let site = Site::start().await;
    let chat = approval_chat_at(&site).await;
    let (id, ann) = (chat.chat_id, &chat.seat.token);
    let mut ann_events = Events::open(&site, &format!("/{id}"), &ann.reveal(), None).await;
    ann_events.next().await.unwrap();
    let (bob, bob_ticket) = knock_at(&site, &chat, "Bob").await;
    let event = data(&mut ann_events, "knocked").await;
    let bob_id = bob.id.to_string();
    assert_eq!(
        (&event["type"], &event["knock"]["knock_id"], &event["knock"]["username"], &event["knock"]["status"]),
        (&json!("knocked"), &json!(bob_id), &json!("Bob"), &json!("pending"))
    );
    let mut bob_events = stream_of(&site, id, &bob, &bob_ticket).await;
    site.service.decide_knock(id, ann, bob.id, Decision::Approve).await.unwrap();
    let decided = json!({"type": "knock_decided", "knock_id": bob_id, "status": "approved"});
    assert_eq!(data(&mut ann_events, "knock_decided").await, decided);
    assert_eq!(data(&mut ann_events, "member_joined").await["member"]["member_id"], bob_id);
    let approved = data(&mut bob_events, "approved").await;
    assert_eq!(bob_events.next().await, None);
    assert_eq!(approved["session"]["member"]["member_id"], bob_id);
    let bob_token = approved["session"]["session_token"].as_str().unwrap();
    let mut bob_events = Events::open(&site, &format!("/{id}"), bob_token, None).await;
    assert!(bob_events.next().await.unwrap().starts_with("event: opened"));

    let (cem, cem_ticket) = knock_at(&site, &chat, "Cem").await;
    let mut cem_events = stream_of(&site, id, &cem, &cem_ticket).await;
    site.service.decide_knock(id, ann, cem.id, Decision::Decline).await.unwrap();
    assert_eq!(data(&mut cem_events, "declined").await, json!({"type": "declined"}));
    assert_eq!(cem_events.next().await, None);
    let (dan, dan_ticket) = knock_at(&site, &chat, "Dan").await;
    let mut dan_events = stream_of(&site, id, &dan, &dan_ticket).await;
    site.service.withdraw_knock(id, dan.id, &dan_ticket).await.unwrap();
    assert_eq!(data(&mut dan_events, "ended").await, json!({"type": "ended"}));
    assert_eq!(dan_events.next().await, None);
    for name in ["knocked", "knock_decided", "knocked"] {
        data(&mut ann_events, name).await;
    }
    let withdrawn = json!({"type": "knock_ended", "knock_id": dan.id.to_string(), "reason": "withdrawn"});
    assert_eq!(data(&mut ann_events, "knock_ended").await, withdrawn);
    site.service.end_chat(id, ann).await.unwrap();
    data(&mut bob_events, "chat_ended").await;
}

#[tokio::test]
async fn a_waiting_guest_cannot_follow_the_chat_over_a_websocket() {
    let site = Site::start().await;
    let chat = approval_chat_at(&site).await;
    let (_, ticket) = knock_at(&site, &chat, "Bob").await;
    let path = format!("/{}/live", chat.chat_id);
    for secret in [ticket.reveal(), chat.invite.as_ref().unwrap().key.reveal()] {
        let (bearer, protocols) = (format!("Bearer {secret}"), format!("watch-party, bearer.{secret}"));
        for header in [("authorization", &*bearer), ("sec-websocket-protocol", &*protocols)] {
            match site.connect(&path, &[header]).await {
                Err(Error::Http(answer)) => assert_eq!(answer.status(), 401),
                other => panic!("{other:?}"),
            }
        }
    }
}
