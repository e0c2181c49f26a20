//! Seats: what takes one, who owns the chat, and how the native API sees them.

use std::time::Duration;

use axum::http::Method;
use futures_util::future::join_all;
use serde_json::json;

use super::{Seat, browser, conversation, room, room_with, text_of};
use crate::app::TestApp;

#[tokio::test]
async fn reading_takes_no_seat_and_the_first_message_takes_one() {
    let app = TestApp::new();
    let room = room_with(&app, json!({"name": "Two seats", "capacity": 2})).await;
    let (ann, bob) = (browser(&app, "Ann").await, browser(&app, "Bob").await);
    let seat = ann.enters(&room).await;
    for _ in 0..3 {
        assert!(bob.reads(&room).await.is_empty());
    }
    assert_eq!(room.usernames(&seat).await, ["Ann"]);
    bob.says(&room, "hello").await;
    bob.says(&room, "again").await;
    assert_eq!(room.usernames(&seat).await, ["Ann", "Bob"]);
    // Browsers without a seat can still read.
    let cem = browser(&app, "Cem").await;
    assert_eq!(cem.reads(&room).await, conversation(&[("Bob", "hello"), ("Bob", "again")]));
}

#[tokio::test]
async fn a_refused_message_takes_no_seat() {
    let app = TestApp::new();
    let room = room(&app).await;
    let (ann, bob) = (browser(&app, "Ann").await, browser(&app, "Bob").await);
    let seat = ann.enters(&room).await;
    bob.say(&room, " ").await_problem(422, "invalid_request").await;
    bob.post(format!("{}messages", room.path())).body("{").await_problem(400, "invalid_request").await;
    assert_eq!(room.usernames(&seat).await, ["Ann"]);
}

#[tokio::test]
async fn the_first_to_enter_becomes_owner_in_the_native_api_too() {
    let app = TestApp::new();
    let room = room(&app).await;
    let (ann, bob) = (browser(&app, "Ann").await, browser(&app, "Bob").await);
    let entered = ann.enter(&room).await_status(201).await.json();
    assert_eq!(entered["expires_at"], "2027-01-15T14:00:00Z");
    assert_eq!((&entered["member"]["username"], &entered["member"]["role"]), (&json!("Ann"), &json!("owner")));
    let ann = ann.enters(&room).await;
    bob.says(&room, "hello").await;
    let guest = bob.enters(&room).await;
    assert_eq!((ann.role.as_str(), guest.role.as_str()), ("owner", "guest"));

    let native = |method, path: &str, seat: &Seat| room.native(method, path, seat);
    let owners_calls =
        [(Method::POST, "/recovery".to_owned()), (Method::DELETE, format!("/members/{}", ann.member_id))];
    for (method, path) in owners_calls {
        native(method, &path, &guest).await_problem(403, "owner_only").await;
    }
    native(Method::DELETE, "", &guest).await_problem(403, "owner_only").await;
    native(Method::POST, "/recovery", &ann).await_status(200).await;
    let promote = native(Method::PATCH, &format!("/members/{}", guest.member_id), &ann);
    promote.json(&json!({"role": "owner"})).await_status(200).await;
    let step_down = native(Method::PATCH, &format!("/members/{}", ann.member_id), &ann);
    step_down.json(&json!({"role": "guest"})).await_status(200).await;
    assert_eq!(bob.enters(&room).await.role, "owner");
    native(Method::DELETE, &format!("/members/{}", ann.member_id), &guest).await_status(204).await;
    assert_eq!(room.usernames(&guest).await, ["Bob"]);
    native(Method::DELETE, "", &guest).await_status(204).await;
    bob.read(&room).await_problem(404, "chat_not_found").await;
}

#[tokio::test]
async fn the_first_to_post_becomes_owner_too() {
    let app = TestApp::new();
    let room = room(&app).await;
    let ann = browser(&app, "Ann").await;
    ann.says(&room, "first").await;
    assert_eq!(ann.enters(&room).await.role, "owner");
}

#[tokio::test]
async fn an_open_chat_has_no_invites() {
    let app = TestApp::new();
    let room = room(&app).await;
    let seat = browser(&app, "Ann").await.enters(&room).await;
    room.native(Method::POST, "/invite", &seat).await_problem(409, "wrong_admission").await;
}

#[tokio::test]
async fn entering_again_returns_the_same_seat_and_token() {
    let app = TestApp::new();
    let room = room(&app).await;
    let ann = browser(&app, "Ann").await;
    ann.says(&room, "a seat is taken").await;
    let first = ann.enters(&room).await;
    app.clock.advance(Duration::from_hours(1));
    assert_eq!(ann.enters(&room).await, first);
    ann.says(&room, "it stays so").await;
    assert_eq!(ann.enters(&room).await, first);
    assert_eq!(room.usernames(&first).await, ["Ann"]);
}

#[tokio::test]
async fn many_concurrent_tabs_share_one_seat() {
    let app = TestApp::new();
    let (entered, spoken) = (room(&app).await, room(&app).await);
    let ann = browser(&app, "Ann").await;
    let seats = join_all((0..8).map(|_| ann.enters(&entered))).await;
    assert!(seats.iter().all(|seat| *seat == seats[0]), "{seats:?}");
    join_all((0..8).map(|_| ann.says(&spoken, "hello"))).await;
    assert_eq!(ann.reads(&spoken).await.len(), 8);
    assert_eq!(spoken.usernames(&ann.enters(&spoken).await).await, ["Ann"]);
}

#[tokio::test]
async fn a_browser_uses_one_username_and_separate_seats_in_its_chatrooms() {
    let app = TestApp::new();
    let (first, second) = (room(&app).await, room(&app).await);
    let ann = browser(&app, "Ann").await;
    let (here, there) = (ann.enters(&first).await, ann.enters(&second).await);
    assert_ne!(here.member_id, there.member_id);
    assert_ne!(here.token, there.token);
    ann.says(&first, "here").await;
    ann.says(&second, "there").await;
    assert_eq!(ann.reads(&first).await, conversation(&[("Ann", "here")]));
    assert_eq!(ann.reads(&second).await, conversation(&[("Ann", "there")]));
    // A seat in one chat gives none in the other.
    second.native(Method::GET, "", &here).await_problem(401, "session_required").await;
}

#[tokio::test]
async fn a_username_is_taken_regardless_of_case_width_and_invisible_characters() {
    let app = TestApp::new();
    let room = room(&app).await;
    let ann = browser(&app, "Ann").await;
    let seat = ann.enters(&room).await;
    for name in ["Ann", "ANN", "ＡＮＮ", "an\u{200b}n", "ａnN"] {
        let other = browser(&app, name).await;
        other.enter(&room).await_problem(409, "username_taken").await;
        other.say(&room, "I am Ann").await_problem(409, "username_taken").await;
        other.read(&room).await_status(200).await;
    }
    assert_eq!(room.usernames(&seat).await, ["Ann"]);
    assert!(ann.reads(&room).await.is_empty());
    // Another name is accepted, and once Ann has left, her name is free.
    let mut other = browser(&app, "Anna").await;
    other.says(&room, "hello").await;
    room.native(Method::DELETE, &format!("/members/{}", seat.member_id), &seat).await_status(204).await;
    other.log_in("ＡＮＮ").await;
    other.says(&room, "hello again").await;
    assert_eq!(other.reads(&room).await, conversation(&[("Anna", "hello"), ("ＡＮＮ", "hello again")]));
}

#[tokio::test]
async fn a_full_chat_lets_nobody_in_until_a_seat_is_free() {
    let app = TestApp::new();
    let room = room_with(&app, json!({"name": "Two seats", "capacity": 2})).await;
    let (ann, bob, cem) = (browser(&app, "Ann").await, browser(&app, "Bob").await, browser(&app, "Cem").await);
    let seat = ann.enters(&room).await;
    bob.says(&room, "hello").await;
    cem.enter(&room).await_problem(409, "chat_full").await;
    cem.say(&room, "hello").await_problem(409, "chat_full").await;
    // Members do not need to enter again.
    bob.says(&room, "still here").await;
    assert_eq!(ann.enters(&room).await, seat);
    assert_eq!(cem.reads(&room).await.len(), 2);
    let bob_seat = bob.enters(&room).await;
    room.native(Method::DELETE, &format!("/members/{}", bob_seat.member_id), &bob_seat).await_status(204).await;
    cem.says(&room, "at last").await;
    bob.say(&room, "and now I wait").await_problem(409, "chat_full").await;
}

#[tokio::test]
async fn entering_after_leaving_gives_a_new_seat() {
    let app = TestApp::new();
    let room = room(&app).await;
    let ann = browser(&app, "Ann").await;
    let first = ann.enters(&room).await;
    room.native(Method::DELETE, &format!("/members/{}", first.member_id), &first).await_status(204).await;
    let second = ann.enters(&room).await;
    assert_ne!(second.member_id, first.member_id);
    assert_ne!(second.token, first.token);
    room.native(Method::GET, "", &first).await_status(401).await;
    assert_eq!(room.usernames(&second).await, ["Ann"]);
}

#[tokio::test]
async fn an_unrenewed_seat_ends_with_the_browser_session_and_frees_its_name() {
    let app = TestApp::new();
    let room = room(&app).await;
    let mut ann = browser(&app, "Ann").await;
    app.clock.advance(Duration::from_hours(5));
    let seat = ann.enters(&room).await;
    app.clock.advance(Duration::from_hours(1));
    ann.say(&room, "who am I?").await_problem(401, "session_required").await;
    room.native(Method::GET, "", &seat).await_problem(401, "session_expired").await;
    ann.log_in("Ann").await;
    assert_ne!(ann.enters(&room).await.member_id, seat.member_id);
}

#[tokio::test]
async fn a_renewed_seat_outlives_its_browser_session() {
    let app = TestApp::new();
    let room = room(&app).await;
    let ann = browser(&app, "Ann").await;
    app.clock.advance(Duration::from_hours(5));
    let seat = ann.enters(&room).await;
    let renewed = room.native(Method::POST, "/session", &seat).await_status(200).await.json();
    let seat = Seat { token: text_of(&renewed["session_token"]), ..without_token(&seat) };
    app.clock.advance(Duration::from_hours(2));
    room.native(Method::POST, "", &seat).json(&json!({"text": "Ann"})).await_status(201).await;
    app.clock.advance(Duration::from_hours(4));
    room.native(Method::GET, "", &seat).await_problem(401, "session_expired").await;
}

#[tokio::test]
async fn a_natively_renewed_session_survives_posts_by_the_chats_address() {
    let app = TestApp::new();
    let room = room(&app).await;
    let ann = browser(&app, "Ann").await;
    let seat = ann.enters(&room).await;
    let renewed = room.native(Method::POST, "/session", &seat).await_status(200).await.json();
    let renewed = Seat { token: text_of(&renewed["session_token"]), ..without_token(&seat) };
    ann.says(&room, "by the address").await;
    ann.read(&room).await_status(200).await;
    let own = room.native(Method::GET, "/session", &renewed).await_status(200).await.json();
    assert_eq!(own["member"]["member_id"], seat.member_id);
    room.native(Method::POST, "", &renewed).json(&json!({"text": "by the seat"})).await_status(201).await;
    assert_eq!(ann.reads(&room).await, conversation(&[("Ann", "by the address"), ("Ann", "by the seat")]));
    assert_eq!(room.usernames(&renewed).await, ["Ann"]);
    // Entering takes the seat back with a new token.
    let again = ann.enters(&room).await;
    assert_eq!(again.member_id, seat.member_id);
    assert_ne!(again.token, renewed.token);
    room.native(Method::GET, "", &renewed).await_problem(401, "session_expired").await;
    room.native(Method::GET, "", &again).await_status(200).await;
    assert_eq!(ann.enters(&room).await, again);
}

/// Returns a copy of the seat without its token.
fn without_token(seat: &Seat) -> Seat {
    Seat { token: String::new(), member_id: seat.member_id.clone(), role: seat.role.clone() }
}

#[tokio::test]
async fn the_native_api_returns_the_same_messages() {
    let app = TestApp::new();
    let room = room(&app).await;
    let (ann, bob) = (browser(&app, "Ann").await, browser(&app, "Bob").await);
    let (ann_seat, bob_seat) = (ann.enters(&room).await, bob.enters(&room).await);
    ann.says(&room, "by the address").await;
    app.clock.advance(Duration::from_secs(5));
    room.native(Method::POST, "", &bob_seat).json(&json!({"text": "by the seat"})).await_status(201).await;
    let natively = room.native(Method::GET, "", &ann_seat).await_status(200).await.json();
    let here = ann.read(&room).await_status(200).await.json();
    let (natively, here) = (natively["messages"].as_array().unwrap(), here["messages"].as_array().unwrap());
    assert_eq!((natively.len(), here.len()), (2, 2));
    for (native, here) in natively.iter().zip(here) {
        assert_eq!(
            here,
            &json!({
                "id": native["id"], "timestamp": native["sent_at"],
                "username": native["username"], "content": native["text"],
            })
        );
    }
    assert_eq!(
        (&natively[0]["member_id"], &natively[1]["member_id"]),
        (&json!(ann_seat.member_id), &json!(bob_seat.member_id))
    );
    assert_eq!(here[1]["timestamp"], "2027-01-15T08:00:05Z");
    // The native API returns only newer messages.
    let new = room.native(Method::GET, "?after=1", &ann_seat).await_status(200).await.json();
    assert_eq!(new["messages"][0]["text"], "by the seat");
    assert_eq!(new["last_id"], 2);
}
