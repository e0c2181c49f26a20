//! Sharing, transferring and recovering ownership.

use std::time::Duration;

use axum::http::Method;
use futures_util::FutureExt as _;
use serde_json::{Value, json};
use uuid::Uuid;
use watch_party::domain::{Departure, Event, InviteKey, Refusal, Role};
use watch_party::service::{Caller, Ending, WatchEnd};
use watch_party::wire::LiveEvent;

use crate::app::{Call, Chat, Member, TestApp, live, published};
use crate::live::{Events, Site};

const LIFETIME: Duration = Duration::from_hours(6);
/// How long an exchanged secret returns the same new secret.
const RETRY: Duration = Duration::from_mins(5);
/// One moment less than [`RETRY`].
const JUST_BEFORE: Duration = Duration::from_millis(5 * 60 * 1_000 - 1);
const MOMENT: Duration = Duration::from_millis(1);

fn remove<'a>(by: &Member<'a>, target: &Member<'_>) -> Call<'a> {
    by.delete(&format!("/members/{}", target.id))
}

/// Returns each member's name, and whether they own the chat.
async fn owners(member: &Member<'_>) -> Vec<(String, bool)> {
    let list = member.get("/members").await_status(200).await.json();
    let members = list["members"].as_array().unwrap().iter();
    members.map(|member| (member["username"].as_str().unwrap().to_owned(), member["role"] == "owner")).collect()
}

fn expected_owners(owners: &[(&str, bool)]) -> Vec<(String, bool)> {
    owners.iter().map(|(name, is_owner)| ((*name).to_owned(), *is_owner)).collect()
}

fn role_changed(member: &Member<'_>, role: Role) -> LiveEvent {
    LiveEvent::RoleChanged { member_id: member.id.parse().unwrap(), role }
}

#[tokio::test]
async fn an_owner_can_promote_a_guest_to_owner() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let bob = chat.join("Bob").await;
    let mut bob_events = app.follow(&bob).await;
    bob.get("/invites").await_problem(403, "owner_only").await;
    let promoted = json!({"member_id": bob.id, "username": "Bob", "role": "owner", "since": "2027-01-15T08:00:00Z"});
    for _ in 0..2 {
        assert_eq!(ann.set_role(&bob, "owner").await_status(200).await.json(), promoted);
    }
    assert_eq!(live(bob_events.next().await), role_changed(&bob, Role::Owner));
    assert!(bob_events.next().now_or_never().is_none(), "the role change is published once");
    assert_eq!(owners(&ann).await, expected_owners(&[("Ann", true), ("Bob", true)]));
    bob.get("/invites").await_status(200).await;
    bob.post("/invite").await_status(201).await;
    let cem = chat.join("Cem").await;
    remove(&bob, &cem).await_status(204).await;
    bob.delete("").await_status(204).await;
    ann.get("").await_problem(404, "chat_not_found").await;
}

#[tokio::test]
async fn ownership_is_transferred_in_two_steps() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let bob = chat.join("Bob").await;
    let mut bob_events = app.follow(&bob).await;
    ann.set_role(&bob, "owner").await_status(200).await;
    let stepped_down = ann.set_role(&ann, "guest").await_status(200).await.json();
    assert_eq!((&stepped_down["member_id"], &stepped_down["role"]), (&json!(ann.id), &json!("guest")));
    assert_eq!(live(bob_events.next().await), role_changed(&bob, Role::Owner));
    assert_eq!(live(bob_events.next().await), role_changed(&ann, Role::Guest));
    assert_eq!(owners(&ann).await, expected_owners(&[("Ann", false), ("Bob", true)]));
    for path in ["/invite", "/recovery"] {
        ann.post(path).await_problem(403, "owner_only").await;
    }
    ann.delete("").await_problem(403, "owner_only").await;
    ann.set_role(&ann, "owner").await_problem(403, "owner_only").await;
    ann.says("a guest like others").await;
    remove(&bob, &ann).await_status(204).await;
}

#[tokio::test]
async fn owners_can_promote_guests_and_demote_only_themselves() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let (bob, cem) = (chat.join("Bob").await, chat.join("Cem").await);
    for (target, role) in [(&bob, "owner"), (&bob, "guest"), (&cem, "owner"), (&ann, "guest")] {
        bob.set_role(target, role).await_problem(403, "owner_only").await;
    }
    let path = format!("/{}/members/{}", chat.id, bob.id);
    let unauthenticated = app.call(Method::PATCH, path).json(&json!({"role": "owner"}));
    unauthenticated.await_problem(401, "session_required").await;
    assert_eq!(ann.set_role(&ann, "guest").await_problem(422, "invalid_request").await["field"], "role");

    ann.set_role(&bob, "owner").await_status(200).await;
    for (by, target) in [(&ann, &bob), (&bob, &ann)] {
        assert_eq!(by.set_role(target, "guest").await_problem(422, "invalid_request").await["field"], "role");
        assert_eq!(remove(by, target).await_problem(422, "invalid_request").await["field"], "member");
    }
    ann.set_role(&cem, "guest").await_status(200).await;
    assert_eq!(owners(&ann).await, expected_owners(&[("Ann", true), ("Bob", true), ("Cem", false)]));

    remove(&ann, &cem).await_status(204).await;
    ann.set_role(&cem, "owner").await_problem(404, "not_found").await;
    for unknown in [Uuid::from_u128(7).to_string(), "nobody".into()] {
        let call = ann.call(Method::PATCH, &format!("/members/{unknown}")).json(&json!({"role": "owner"}));
        call.await_problem(404, "not_found").await;
    }
}

#[tokio::test]
async fn an_invalid_role_is_refused() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let bob = chat.join("Bob").await;
    let path = format!("/members/{}", bob.id);
    for body in [json!({}), json!({"role": "king"}), json!({"role": null})] {
        let problem = ann.call(Method::PATCH, &path).json(&body).await_problem(422, "invalid_request").await;
        assert_eq!(problem["field"], "role");
    }
    ann.call(Method::PATCH, &path).body("owner").await_problem(400, "invalid_request").await;
    assert_eq!(owners(&ann).await, expected_owners(&[("Ann", true), ("Bob", false)]));
}

#[tokio::test]
async fn the_longest_seated_guest_becomes_owner_when_the_last_owner_leaves() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let (bob, cem) = (chat.join("Bob").await, chat.join("Cem").await);
    let mut cem_events = app.follow(&cem).await;
    remove(&ann, &ann).await_status(204).await;
    let left = LiveEvent::MemberLeft { member_id: ann.id.parse().unwrap(), reason: Departure::Left };
    assert_eq!(live(cem_events.next().await), left);
    assert_eq!(live(cem_events.next().await), role_changed(&bob, Role::Owner));
    assert_eq!(owners(&cem).await, expected_owners(&[("Bob", true), ("Cem", false)]));
    bob.post("/invite").await_status(201).await;
    cem.post("/invite").await_problem(403, "owner_only").await;
}

#[tokio::test]
async fn no_guest_is_promoted_while_another_owner_remains() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let (bob, cem) = (chat.join("Bob").await, chat.join("Cem").await);
    ann.set_role(&cem, "owner").await_status(200).await;
    remove(&ann, &ann).await_status(204).await;
    assert_eq!(owners(&bob).await, expected_owners(&[("Bob", false), ("Cem", true)]));
}

#[tokio::test]
async fn the_longest_seated_guest_becomes_owner_when_the_last_owners_session_expires() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann", "admission": "approval"})).await;
    let open = ann.post("/invite").json(&json!({"asks_first": false})).await_status(201).await.json();
    let open = open["key"].as_str().unwrap();
    app.clock.advance(Duration::from_hours(1));
    let (bob, cem) = (chat.join_by(open, "Bob").await, chat.join_by(open, "Cem").await);
    let mut cem_events = app.follow(&cem).await;
    app.clock.advance(Duration::from_millis(5 * 3_600_000 - 1));
    let dan = chat.knock("Dan").await;
    bob.get("/knocks").await_problem(403, "owner_only").await;
    app.clock.advance(MOMENT);
    assert_eq!(owners(&cem).await, expected_owners(&[("Bob", true), ("Cem", false)]));
    assert_eq!(bob.get("/session").await_status(200).await.json()["member"]["role"], "owner");
    assert_eq!(bob.waiting().await, ["Dan"]);
    assert!(cem_events.next().now_or_never().is_none());

    app.service.sweep().await.unwrap();
    let left = LiveEvent::MemberLeft { member_id: ann.id.parse().unwrap(), reason: Departure::Expired };
    assert_eq!(live(cem_events.next().await), left);
    assert_eq!(live(cem_events.next().await), role_changed(&bob, Role::Owner));
    bob.approves(&dan).await;
    assert_eq!(owners(&cem).await, expected_owners(&[("Bob", true), ("Cem", false), ("Dan", false)]));
}

#[tokio::test]
async fn a_successor_can_act_as_owner_before_any_sweep() {
    let app = TestApp::new();
    let (chat, _) = app.chat(json!({"username": "Ann"})).await;
    app.clock.advance(Duration::from_hours(1));
    let (bob, cem) = (chat.join("Bob").await, chat.join("Cem").await);
    let mut cem_events = app.follow(&cem).await;
    app.clock.advance(Duration::from_hours(5));
    cem.post("/invite").await_problem(403, "owner_only").await;
    bob.post("/invite").await_status(201).await;
    assert!(matches!(published(cem_events.next().await), Event::MemberLeft { why: Departure::Expired, .. }));
    assert_eq!(live(cem_events.next().await), role_changed(&bob, Role::Owner));
}

#[tokio::test]
async fn the_first_guest_to_join_an_empty_chat_becomes_owner() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    remove(&ann, &ann).await_status(204).await;
    let bob = chat.join("Bob").await;
    assert_eq!(owners(&bob).await, expected_owners(&[("Bob", true)]));
    bob.post("/invite").await_status(201).await;
}

fn recover<'a>(app: &'a TestApp, chat: &Chat<'_>, code: &Value, username: &str) -> Call<'a> {
    app.post(format!("/{}/recover", chat.id)).json(&json!({"recovery_code": code, "username": username}))
}

#[tokio::test]
async fn an_owner_can_recover_after_the_session_expires() {
    for is_swept in [false, true] {
        let app = TestApp::new();
        let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
        let code = &chat.created["recovery_code"];
        app.clock.advance(Duration::from_hours(3));
        let bob = chat.join("Bob").await;
        app.clock.advance(Duration::from_hours(4));
        ann.get("").await_problem(401, "session_expired").await;
        if is_swept {
            app.service.sweep().await.unwrap();
        }
        let recovered = recover(&app, &chat, code, "Ann again").await_status(200).await.json();
        let member =
            json!({"member_id": ann.id, "username": "Ann again", "role": "owner", "since": "2027-01-15T15:00:00Z"});
        assert_eq!((&recovered["member"], &recovered["expires_at"]), (&member, &json!("2027-01-15T21:00:00Z")));
        assert_ne!(recovered["recovery_code"], *code);
        let ann = chat.member(&recovered);
        ann.post("/invite").await_status(201).await;
        assert_eq!(owners(&bob).await, expected_owners(&[("Bob", true), ("Ann again", true)]));
    }
}

#[tokio::test]
async fn an_owner_can_recover_a_chat_that_everyone_has_left() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    ann.says("kept").await;
    app.clock.advance(LIFETIME);
    app.service.sweep().await.unwrap();
    app.clock.advance(Duration::from_hours(23));
    let body = json!({"recovery_code": chat.created["recovery_code"]});
    let recovered = app.post(format!("/{}/recover", chat.id)).json(&body).await_status(200).await.json();
    let ann = chat.member(&recovered);
    assert_eq!((owners(&ann).await, ann.texts().await), (expected_owners(&[("Owner", true)]), vec!["kept".to_owned()]));
}

#[tokio::test]
async fn recovery_replaces_the_code_and_can_be_retried_for_five_minutes() {
    let app = TestApp::new();
    let (chat, _) = app.chat(json!({"username": "Ann"})).await;
    let first = &chat.created["recovery_code"];
    app.clock.advance(LIFETIME);
    let recovered = recover(&app, &chat, first, "Ann").await_status(200).await.json();
    app.clock.advance(JUST_BEFORE);
    assert_eq!(recover(&app, &chat, first, "Ann").await_status(200).await.json(), recovered);
    assert_eq!(recover(&app, &chat, first, "Anna").await_status(200).await.json(), recovered);
    app.clock.advance(MOMENT);
    recover(&app, &chat, first, "Ann").await_problem(403, "invalid_recovery").await;
    chat.member(&recovered).says("all the while").await;

    app.clock.advance(LIFETIME);
    recover(&app, &chat, first, "Ann").await_problem(403, "invalid_recovery").await;
    let again = recover(&app, &chat, &recovered["recovery_code"], "Ann").await_status(200).await.json();
    assert_eq!(again["member"]["member_id"], recovered["member"]["member_id"]);
    assert_ne!(again["session_token"], recovered["session_token"]);
    assert_ne!(again["recovery_code"], recovered["recovery_code"]);
    chat.member(&again).says("back").await;
}

#[tokio::test]
async fn a_recovery_code_used_during_a_live_session_renews_the_seat() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann", "capacity": 2})).await;
    let bob = chat.join("Bob").await;
    let members = bob.get("/members").await_status(200).await.json();
    app.clock.advance(Duration::from_secs(30));
    let recovered = recover(&app, &chat, &chat.created["recovery_code"], "Bob").await_status(200).await.json();
    assert_eq!((&recovered["member"]["member_id"], &recovered["member"]["username"]), (&json!(ann.id), &json!("Ann")));
    assert_eq!(recovered["expires_at"], "2027-01-15T14:00:30Z");
    ann.get("").await_problem(401, "session_expired").await;
    assert_eq!(bob.get("/members").await_status(200).await.json(), members);
    let ann = chat.member(&recovered);
    ann.post("/invite").await_status(201).await;
    let code = json!(chat.created["recovery_code"]);
    app.clock.advance(RETRY);
    recover(&app, &chat, &code, "Ann").await_problem(403, "invalid_recovery").await;
    recover(&app, &chat, &recovered["recovery_code"], "Ann").await_status(200).await;
}

#[tokio::test]
async fn requesting_a_new_recovery_code_invalidates_the_previous_code() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let bob = chat.join("Bob").await;
    bob.post("/recovery").await_problem(403, "owner_only").await;
    app.post(format!("/{}/recovery", chat.id)).await_problem(401, "session_required").await;
    let mut codes = vec![chat.created["recovery_code"].clone()];
    for _ in 0..2 {
        codes.push(ann.post("/recovery").await_status(200).await.json()["recovery_code"].clone());
    }
    app.clock.advance(LIFETIME);
    for code in &codes[..2] {
        recover(&app, &chat, code, "Ann").await_problem(403, "invalid_recovery").await;
    }
    let recovered = recover(&app, &chat, &codes[2], "Ann").await_status(200).await.json();
    assert_eq!(recovered["member"]["member_id"], ann.id);
}

#[tokio::test]
async fn a_recovery_cannot_be_retried_after_its_new_code_is_replaced() {
    let app = TestApp::new();
    let (chat, _) = app.chat(json!({"username": "Ann"})).await;
    let first = &chat.created["recovery_code"];
    let ann = chat.member(&recover(&app, &chat, first, "Ann").await_status(200).await.json());
    ann.post("/recovery").await_status(200).await;
    recover(&app, &chat, first, "Ann").await_problem(403, "invalid_recovery").await;
}

#[tokio::test]
async fn a_recovery_cannot_be_retried_after_the_owner_steps_down() {
    let app = TestApp::new();
    let (chat, _) = app.chat(json!({"username": "Ann"})).await;
    let bob = chat.join("Bob").await;
    let first = &chat.created["recovery_code"];
    let ann = chat.member(&recover(&app, &chat, first, "Ann").await_status(200).await.json());
    ann.set_role(&bob, "owner").await_status(200).await;
    ann.set_role(&ann, "guest").await_status(200).await;
    recover(&app, &chat, first, "Ann").await_problem(403, "invalid_recovery").await;
}

#[tokio::test]
async fn each_owner_recovers_with_their_own_code() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let bob = chat.join("Bob").await;
    ann.set_role(&bob, "owner").await_status(200).await;
    let code = bob.post("/recovery").await_status(200).await.json()["recovery_code"].clone();
    app.clock.advance(LIFETIME);
    for (code, target) in [(&code, &bob), (&chat.created["recovery_code"], &ann)] {
        let recovered =
            recover(&app, &chat, code, &format!("{} again", target.id)[..32]).await_status(200).await.json();
        assert_eq!(
            (&recovered["member"]["member_id"], &recovered["member"]["role"]),
            (&json!(target.id), &json!("owner"))
        );
    }
}

#[tokio::test]
async fn recovery_needs_a_free_seat_and_a_free_username() {
    let app = TestApp::new();
    let (chat, _) = app.chat(json!({"username": "Ann", "capacity": 2})).await;
    let code = &chat.created["recovery_code"];
    app.clock.advance(LIFETIME);
    let (bob, cem) = (chat.join("Bob").await, chat.join("Ann").await);
    recover(&app, &chat, code, "Ann").await_problem(409, "chat_full").await;
    remove(&bob, &bob).await_status(204).await;
    recover(&app, &chat, code, "ANN").await_problem(409, "username_taken").await;
    let ann = chat.member(&recover(&app, &chat, code, "Ann the first").await_status(200).await.json());
    assert_eq!(ann.usernames().await, ["Ann", "Ann the first"]);
    cem.says("welcome back").await;
}

#[tokio::test]
async fn an_invalid_recovery_code_is_refused() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let (other, _) = app.chat(json!({})).await;
    for wrong in
        [&"A".repeat(43), &ann.token, &chat.key, "", "nonsense", other.created["recovery_code"].as_str().unwrap()]
    {
        recover(&app, &chat, &json!(wrong), "Ann").await_problem(403, "invalid_recovery").await;
    }
    let path = format!("/{}/recover", chat.id);
    let problem = app.post(&path).json(&json!({"username": "Ann"})).await_problem(422, "invalid_request").await;
    assert_eq!(problem["field"], "recovery_code");
    let problem = recover(&app, &chat, &chat.created["recovery_code"], "a\nb").await_problem(422, "invalid_request");
    assert_eq!(problem.await["field"], "username");
    app.post(&path).body("{").await_problem(400, "invalid_request").await;
    let unknown_chat = app.post(format!("/{}/recover", Uuid::from_u128(7)));
    let unknown_chat = unknown_chat.json(&json!({"recovery_code": chat.created["recovery_code"]}));
    unknown_chat.await_problem(404, "chat_not_found").await;
    ann.says("untouched").await;
}

#[tokio::test]
async fn guessing_recovery_codes_is_rate_limited() {
    let app = TestApp::new();
    let (chat, _) = app.chat(json!({"username": "Ann"})).await;
    for _ in 0..60 {
        recover(&app, &chat, &json!("A".repeat(43)), "Ann").await_problem(403, "invalid_recovery").await;
    }
    let call = recover(&app, &chat, &chat.created["recovery_code"], "Ann");
    call.await_problem(429, "too_many_requests").await;
}

#[tokio::test]
async fn leaving_invalidates_an_owners_recovery_code() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    chat.join("Bob").await;
    remove(&ann, &ann).await_status(204).await;
    recover(&app, &chat, &chat.created["recovery_code"], "Ann").await_problem(403, "invalid_recovery").await;
}

#[tokio::test]
async fn stepping_down_invalidates_an_owners_recovery_code() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let bob = chat.join("Bob").await;
    ann.set_role(&bob, "owner").await_status(200).await;
    ann.set_role(&ann, "guest").await_status(200).await;
    let code = &chat.created["recovery_code"];
    recover(&app, &chat, code, "Ann").await_problem(403, "invalid_recovery").await;
    ann.says("still in").await;
    app.clock.advance(LIFETIME);
    recover(&app, &chat, code, "Ann").await_problem(403, "invalid_recovery").await;
}

#[tokio::test]
async fn a_member_can_view_their_own_seat() {
    let app = TestApp::new();
    let (chat, _) = app.chat(json!({"username": "Ann"})).await;
    app.clock.advance(Duration::from_hours(1));
    let bob = chat.join("Bob").await;
    app.clock.advance(Duration::from_hours(1));
    let seat = json!({
        "expires_at": "2027-01-15T15:00:00Z",
        "member": {"member_id": bob.id, "username": "Bob", "role": "guest", "since": "2027-01-15T09:00:00Z"},
    });
    for _ in 0..2 {
        assert_eq!(bob.get("/session").await_status(200).await.json(), seat);
    }
    app.get(format!("/{}/session", chat.id)).await_problem(401, "session_required").await;
    app.clock.advance(Duration::from_hours(5));
    bob.get("/session").await_problem(401, "session_expired").await;
}

#[tokio::test]
async fn a_renewal_can_be_retried_for_five_minutes() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let renewed = ann.post("/session").await_status(200).await.json();
    app.clock.advance(JUST_BEFORE);
    assert_eq!(ann.post("/session").await_status(200).await.json(), renewed);
    ann.get("/session").await_problem(401, "session_expired").await;
    ann.say("by the old token").await_problem(401, "session_expired").await;
    app.clock.advance(MOMENT);
    ann.post("/session").await_problem(401, "session_expired").await;

    let token = renewed["session_token"].as_str().unwrap();
    let renew = |token: &str| app.post(format!("/{}/session", chat.id)).bearer(token);
    let second = renew(token).await_status(200).await.json();
    assert_ne!(second["session_token"], renewed["session_token"]);
    assert_eq!(renew(token).await_status(200).await.json(), second);
    renew(second["session_token"].as_str().unwrap()).await_status(200).await;
    renew(token).await_problem(401, "session_expired").await;
}

#[tokio::test]
async fn a_renewal_cannot_be_retried_after_the_member_is_removed() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let bob = chat.join("Bob").await;
    bob.post("/session").await_status(200).await;
    remove(&ann, &bob).await_status(204).await;
    bob.post("/session").await_problem(401, "session_expired").await;
}

fn seats<'a>(app: &'a TestApp, chat: &Chat<'_>) -> Call<'a> {
    app.get(format!("/{}/seats", chat.id))
}

#[tokio::test]
async fn only_a_valid_invite_key_shows_the_free_seats() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann", "capacity": 2, "admission": "approval"})).await;
    let free = async || seats(&app, &chat).bearer(&chat.key).await_status(200).await.json();
    assert_eq!(free().await, json!({"free": 1, "capacity": 2}));
    let bob = chat.knock("Bob").await;
    assert_eq!(free().await, json!({"free": 1, "capacity": 2}), "a waiting guest takes no seat");
    ann.approves(&bob).await;
    assert_eq!(free().await, json!({"free": 0, "capacity": 2}));
    for accept in ["application/json", "text/event-stream"] {
        let call = || seats(&app, &chat).header("accept", accept);
        call().await_problem(403, "invalid_invite").await;
        for wrong in [&"A".repeat(43), &ann.token, &bob.ticket, "nonsense"] {
            call().bearer(wrong).await_problem(403, "invalid_invite").await;
        }
        let unknown_chat = app.get(format!("/{}/seats", Uuid::from_u128(7))).header("accept", accept);
        unknown_chat.bearer(&chat.key).await_problem(404, "chat_not_found").await;
    }
    let invite_id = chat.created["invite"]["invite_id"].as_str().unwrap();
    ann.delete(&format!("/invites/{invite_id}")).await_status(204).await;
    seats(&app, &chat).bearer(&chat.key).await_problem(403, "invalid_invite").await;
}

#[tokio::test]
async fn a_seat_watcher_sees_changes_immediately() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann", "capacity": 2})).await;
    let bob = chat.join("Bob").await;
    chat.join_with(&chat.key, "Cem").await_problem(409, "chat_full").await;
    let key = InviteKey::parse(&chat.key).unwrap();
    let caller = Caller::from(std::net::IpAddr::from([127, 0, 0, 1]));
    let mut seats = app.service.watch_seats(caller, chat.id.parse().unwrap(), &key).await.unwrap();
    assert_eq!(seats.next().await, Ok((0, 2)));
    bob.says("not a seat").await;
    assert!(seats.next().now_or_never().is_none());
    remove(&bob, &bob).await_status(204).await;
    assert_eq!(seats.next().await, Ok((1, 2)));
    chat.join("Cem").await;
    assert_eq!(seats.next().await, Ok((0, 2)));
    app.clock.advance(Duration::from_hours(1));
    ann.post("/session").await_status(200).await;
    app.clock.advance(Duration::from_hours(5));
    app.service.sweep().await.unwrap();
    assert_eq!(seats.next().await, Ok((1, 2)), "an expired seat is free too");
}

#[tokio::test]
async fn watching_seats_ends_when_the_invite_is_revoked_or_the_chat_ends() {
    let app = TestApp::new();
    for is_revoked in [true, false] {
        let (chat, ann) = app.chat(json!({"username": "Ann", "capacity": 1})).await;
        let key = InviteKey::parse(&chat.key).unwrap();
        let caller = Caller::from(std::net::IpAddr::from([127, 0, 0, 1]));
        let mut seats = app.service.watch_seats(caller, chat.id.parse().unwrap(), &key).await.unwrap();
        assert_eq!(seats.next().await, Ok((0, 1)));
        let (path, refusal) = if is_revoked {
            let invite_id = chat.created["invite"]["invite_id"].as_str().unwrap();
            (format!("/invites/{invite_id}"), Refusal::InvalidInvite)
        } else {
            (String::new(), Refusal::ChatNotFound)
        };
        ann.delete(&path).await_status(204).await;
        assert_eq!(seats.next().await, Err(WatchEnd::Refused(refusal)));
    }
}

#[tokio::test]
async fn server_sent_events_report_free_seats() {
    let site = Site::start().await;
    let client = reqwest::Client::new();
    let url = |path: &str| format!("http://{}{path}", site.address);
    let created = client.post(url("/create")).json(&json!({"capacity": 1})).send().await.unwrap();
    let created: Value = created.json().await.unwrap();
    let id = created["chat_id"].as_str().unwrap();
    let token = created["session_token"].as_str().unwrap();
    let key = created["invite"]["key"].as_str().unwrap();
    let mut events = Events::open(&site, &format!("/{id}/seats"), key, None).await;
    assert_eq!(events.next().await.unwrap(), "event: seats\ndata: {\"free\":0,\"capacity\":1}");
    let own = url(&format!("/{id}/members/{}", created["member"]["member_id"].as_str().unwrap()));
    client.delete(own).bearer_auth(token).send().await.unwrap().error_for_status().unwrap();
    assert_eq!(events.next().await.unwrap(), "event: seats\ndata: {\"free\":1,\"capacity\":1}");
    let body = json!({"key": key, "username": "Bob"});
    client.post(url(&format!("/{id}/join"))).json(&body).send().await.unwrap().error_for_status().unwrap();
    assert_eq!(events.next().await.unwrap(), "event: seats\ndata: {\"free\":0,\"capacity\":1}");
}

#[tokio::test]
async fn recovering_a_seat_ends_its_previous_streams() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let mut old_stream = app.follow(&ann).await;
    let renewed = ann.post("/session").await_status(200).await.json();
    let bob = chat.join("Bob").await;
    assert!(matches!(published(old_stream.next().await), Event::MemberJoined { .. }), "the stream survives a renewal");
    let code = json!({"recovery_code": chat.created["recovery_code"]});
    app.post(format!("/{}/recover", chat.id)).json(&code).await_status(200).await;
    bob.says("a message after the recovery").await;
    assert_eq!(old_stream.next().await, Err(Ending::TakenBack));
    let token = renewed["session_token"].as_str().unwrap();
    app.get(format!("/{}", chat.id)).bearer(token).await_problem(401, "session_expired").await;
}
