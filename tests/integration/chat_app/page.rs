//! The chatroom's page, and its redirect for visitors without a session.

use std::time::Duration;

use super::{Browser, COOKIE, NOWHERE, browser, room};
use crate::app::{TestApp, led};

#[tokio::test]
async fn who_has_no_session_is_led_to_where_one_is_given_and_can_come_back() {
    let app = TestApp::new();
    let room = room(&app).await;
    let expired = browser(&app, "Ann").await;
    app.clock.advance(Duration::from_hours(6));
    let mut ended = browser(&app, "Bob").await;
    let cookies = ended.cookies.clone();
    ended.log_out().await;
    ended.cookies = cookies;
    let mut forged = Browser::new(&app);
    forged.cookies.insert(COOKIE.into(), "A".repeat(43));
    let mut empty = Browser::new(&app);
    empty.cookies.insert(COOKIE.into(), String::new());
    let mut seat = Browser::new(&app);
    seat.cookies.insert(COOKIE.into(), browser(&app, "Cem").await.enters(&room).await.token);
    for browser in [Browser::new(&app), expired, ended, forged, empty, seat] {
        let answer = browser.visit(room.page()).await_status(303).await;
        let location = answer.header("location").unwrap();
        assert_eq!(location, format!("../../sessions/new?chatroom={}", room.key));
        assert_eq!(led(&room.page(), location), format!("/sessions/new?chatroom={}", room.key));
        assert!(answer.header("set-cookie").is_none());
    }
}

#[tokio::test]
async fn who_has_a_session_gets_the_page_and_takes_no_seat_by_that() {
    let app = TestApp::new();
    let room = room(&app).await;
    let (ann, bob) = (browser(&app, "Ann").await, browser(&app, "Bob").await);
    let seat = bob.enters(&room).await;
    let page = ann.visit(room.page()).await_status(200).await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.text().starts_with("<!DOCTYPE html>"), "{page:?}");
    assert!(page.header("content-security-policy").unwrap().contains("'nonce-"));
    assert!(!page.text().contains("There is nothing here"), "the page is the chatroom's");
    app.get(room.page()).bearer(ann.token()).await_status(200).await;
    assert_eq!(room.usernames(&seat).await, ["Bob"]);
}

#[tokio::test]
async fn what_cannot_be_a_chatroom_has_no_page() {
    let app = TestApp::new();
    let (ann, nobody) = (browser(&app, "Ann").await, Browser::new(&app));
    for key in ["nonsense", "1", "%00", "..%2Fcreate"] {
        for browser in [&ann, &nobody] {
            browser.get(format!("/chatrooms/{key}/")).await_problem(404, "chat_not_found").await;
        }
    }
    // Visitors without a session are not told whether the chat exists.
    nobody.visit(format!("/chatrooms/{NOWHERE}/")).await_status(303).await;
}

#[tokio::test]
async fn nobody_is_asked_for_a_name_where_there_is_no_chat() {
    let app = TestApp::new();
    let path = format!("/chatrooms/{NOWHERE}/");
    let answer = Browser::new(&app).visit(&path).await_status(303).await;
    assert_eq!(led(&path, answer.header("location").unwrap()), "/?notice=chat_not_found");
}

#[tokio::test]
async fn where_chatrooms_are_made_is_the_start_page_before_any_script_runs() {
    let app = TestApp::new();
    // "User goes to the create chatroom page".
    for (path, way) in [("/chatrooms/new", "../"), ("/chatrooms/new/", "../../")] {
        for accept in ["text/html", "*/*"] {
            let answer = app.get(path).header("accept", accept).await_status(303).await;
            assert_eq!(answer.header("location"), Some(way));
            assert_eq!(led(path, way), "/");
        }
    }
}

#[tokio::test]
async fn the_page_is_the_same_without_the_slash_at_the_end_of_its_address() {
    let app = TestApp::new();
    let room = room(&app).await;
    let path = room.page().trim_end_matches('/').to_owned();
    let answer = Browser::new(&app).visit(&path).await_status(303).await;
    assert_eq!(led(&path, answer.header("location").unwrap()), format!("/sessions/new?chatroom={}", room.key));
    browser(&app, "Ann").await.visit(&path).await_status(200).await;
    Browser::new(&app).get("/chatrooms/nonsense").await_problem(404, "chat_not_found").await;
}
