//! A session has one username in all chatrooms, so a name change applies in all of them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use watch_party::domain::{ChatId, Event, SessionToken};
use watch_party::service::Update;
use watch_party::store::{SqliteOptions, SqliteStore};

use super::{browser, conversation, room, room_with, text_of};
use crate::app::{Options, TestApp, caller, published};

#[tokio::test]
async fn a_new_username_applies_in_every_chatroom_the_browser_has_entered() {
    let app = TestApp::new();
    // "A user has a single username for that session, which is used between chatrooms".
    let (first, second, other) = (room(&app).await, room(&app).await, room(&app).await);
    let (mut ann, bob) = (browser(&app, "Ann").await, browser(&app, "Bob").await);
    ann.says(&first, "as Ann").await;
    ann.enters(&second).await;
    let bob_seats = [bob.enters(&first).await, bob.enters(&second).await, bob.enters(&other).await];
    let chat_id: ChatId = first.key.parse().unwrap();
    let token = SessionToken::parse(&bob_seats[0].token).unwrap();
    let mut bob_events = app.service.follow(caller(), chat_id, &token, 1).await.unwrap();
    assert!(matches!(bob_events.next().await, Ok(Update::Opened { .. })));

    ann.log_in("Anna").await;
    let Event::MemberRenamed { username, .. } = published(bob_events.next().await) else {
        panic!("Bob received no event for the new name")
    };
    assert_eq!(username.as_str(), "Anna");
    assert_eq!(first.usernames(&bob_seats[0]).await, ["Anna", "Bob"]);
    assert_eq!(second.usernames(&bob_seats[1]).await, ["Anna", "Bob"]);
    assert_eq!(other.usernames(&bob_seats[2]).await, ["Bob"]);
    ann.says(&first, "as Anna").await;
    assert_eq!(
        bob.reads(&first).await,
        conversation(&[("Ann", "as Ann"), ("Anna", "as Anna")]),
        "earlier messages keep the old name"
    );
    // The old name is free.
    browser(&app, "Ann").await.enters(&first).await;
}

#[tokio::test]
async fn a_username_taken_in_one_chatroom_changes_in_none() {
    let app = TestApp::new();
    let (first, second) =
        (room_with(&app, json!({"name": "Lab"})).await, room_with(&app, json!({"name": "Club"})).await);
    let (ann, bob) = (browser(&app, "Ann").await, browser(&app, "Bob").await);
    let seat = ann.enters(&first).await;
    ann.enters(&second).await;
    bob.enters(&second).await;
    let problem = ann.post("/sessions").json(&json!({"username": "BOB"})).await_problem(409, "username_taken").await;
    assert!(problem["detail"].as_str().unwrap().contains("“Club”"), "{problem}");
    assert_eq!(ann.name().await, "Ann");
    assert_eq!(first.usernames(&seat).await, ["Ann"], "the name is unchanged in the first chatroom too");
    // The same letters in another case count as your own name.
    ann.post("/sessions").json(&json!({"username": "ANN"})).await_status(201).await;
    assert_eq!(first.usernames(&seat).await, ["ANN"]);
}

#[tokio::test]
async fn two_browsers_that_choose_a_name_concurrently_do_not_both_get_it() {
    let app = Arc::new(TestApp::with(Options { rate_limit: false, ..Options::default() }));
    let shared = room(&app).await;
    let (ann, bob) = (browser(&app, "Ann").await, browser(&app, "Bob").await);
    let (anns_own, bobs_own) = (room(&app).await, room(&app).await);
    let seat = ann.enters(&shared).await;
    bob.enters(&shared).await;
    let (ann_seat, bob_seat) = (ann.enters(&anns_own).await, bob.enters(&bobs_own).await);
    let choose = json!({"username": "Cleo"});
    let (anns_answer, bobs_answer) = (ann.post("/sessions").json(&choose), bob.post("/sessions").json(&choose));
    let (first, second) = tokio::join!(anns_answer.answer(), bobs_answer.answer());
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    let names = shared.usernames(&seat).await;
    assert_eq!(names.iter().filter(|name| *name == "Cleo").count(), 1, "{names:?}");
    // The browser that got the name has it in every chatroom, and the other keeps its old name in every chatroom.
    assert_eq!(anns_own.usernames(&ann_seat).await, [ann.name().await]);
    assert_eq!(bobs_own.usernames(&bob_seat).await, [bob.name().await]);
    assert_eq!(names, [ann.name().await, bob.name().await]);
}

#[tokio::test]
async fn left_and_ended_chatrooms_do_not_block_a_rename() {
    let app = TestApp::new();
    let (left, ended, stays) = (room(&app).await, room(&app).await, room(&app).await);
    let mut ann = browser(&app, "Ann").await;
    let seats = [ann.enters(&left).await, ann.enters(&ended).await, ann.enters(&stays).await];
    let leave = format!("/members/{}", seats[0].member_id);
    left.native(axum::http::Method::DELETE, &leave, &seats[0]).await_status(204).await;
    ended.native(axum::http::Method::DELETE, "", &seats[1]).await_status(204).await;
    browser(&app, "Anna").await.enters(&left).await;
    ann.log_in("Anna").await;
    assert_eq!(stays.usernames(&seats[2]).await, ["Anna"]);
}

#[tokio::test]
async fn entered_chatrooms_survive_a_restart_and_are_stored_masked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chats.db");
    let open = || {
        let store = Arc::new(SqliteStore::open(&path, SqliteOptions::default()).unwrap());
        TestApp::with(Options { stores: store.into(), ..Options::default() })
    };
    let (key, token, seat) = {
        let app = open();
        let room = room(&app).await;
        let ann = browser(&app, "Ann").await;
        (room.key.clone(), ann.token().to_owned(), ann.enters(&room).await)
    };
    let app = open();
    app.post("/sessions").bearer(&token).json(&json!({"username": "Anna"})).await_status(201).await;
    let members = app.get(format!("/{key}/members")).bearer(&seat.token).await_status(200).await.json();
    assert_eq!(text_of(&members["members"][0]["username"]), "Anna");
    drop(app);
    let database = rusqlite::Connection::open(&path).unwrap();
    let masked: Vec<u8> = database.query_row("SELECT masked_chat FROM entered_chat", [], |row| row.get(0)).unwrap();
    assert_ne!(masked, key.parse::<uuid::Uuid>().unwrap().as_bytes());
    drop(database);
    // The list of entered chats is deleted with the session.
    let app = open();
    app.clock.advance(Duration::from_hours(6));
    app.service.sweep().await.unwrap();
    drop(app);
    let database = rusqlite::Connection::open(&path).unwrap();
    let kept: i64 = database.query_row("SELECT count(*) FROM entered_chat", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 0);
}

#[tokio::test]
async fn a_removed_guest_stays_removed_under_another_name() {
    let app = TestApp::new();
    let room = room(&app).await;
    let (ann, mut bob) = (browser(&app, "Ann").await, browser(&app, "Bob").await);
    let (ann_seat, bob_seat) = (ann.enters(&room).await, bob.enters(&room).await);
    let remove = format!("/members/{}", bob_seat.member_id);
    room.native(axum::http::Method::DELETE, &remove, &ann_seat).await_status(204).await;
    bob.log_in("Robert").await;
    bob.enter(&room).await_problem(403, "removed").await;
    bob.say(&room, "it is me").await_problem(403, "removed").await;
    // A new session, as in a private window, counts as another browser.
    bob.log_out().await;
    bob.log_in("Robert").await;
    bob.enters(&room).await;
}
