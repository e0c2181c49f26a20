//! The chatroom's page, and its redirect for visitors without a session.

use std::time::Duration;

use super::{Browser, COOKIE, UNKNOWN_CHAT, browser, room};
use crate::app::{TestApp, resolve};

#[tokio::test]
async fn a_visitor_without_a_session_is_redirected_to_the_session_form() {
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
        assert_eq!(resolve(&room.page(), location), format!("/sessions/new?chatroom={}", room.key));
        assert!(answer.header("set-cookie").is_none());
    }
}

#[tokio::test]
async fn a_visitor_with_a_session_gets_the_page_without_taking_a_seat() {
    let app = TestApp::new();
    let room = room(&app).await;
    let (ann, bob) = (browser(&app, "Ann").await, browser(&app, "Bob").await);
    let seat = bob.enters(&room).await;
    let page = ann.visit(room.page()).await_status(200).await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.text().starts_with("<!DOCTYPE html>"), "{page:?}");
    assert!(page.header("content-security-policy").unwrap().contains("'nonce-"));
    assert!(!page.text().contains("There is nothing here"), "the page is not the error page");
    app.get(room.page()).bearer(ann.token()).await_status(200).await;
    assert_eq!(room.usernames(&seat).await, ["Bob"]);
}

#[tokio::test]
async fn an_invalid_chatroom_key_has_no_page() {
    let app = TestApp::new();
    let (ann, nobody) = (browser(&app, "Ann").await, Browser::new(&app));
    for key in ["nonsense", "1", "%00", "..%2Fcreate"] {
        for browser in [&ann, &nobody] {
            browser.get(format!("/chatrooms/{key}/")).await_problem(404, "chat_not_found").await;
        }
    }
    // Visitors without a session are not told whether the chat exists.
    nobody.visit(format!("/chatrooms/{UNKNOWN_CHAT}/")).await_status(303).await;
}

#[tokio::test]
async fn a_missing_chat_asks_nobody_for_a_name() {
    let app = TestApp::new();
    let path = format!("/chatrooms/{UNKNOWN_CHAT}/");
    let answer = Browser::new(&app).visit(&path).await_status(303).await;
    assert_eq!(resolve(&path, answer.header("location").unwrap()), "/?notice=chat_not_found");
}

#[tokio::test]
async fn chatrooms_new_redirects_to_the_start_page() {
    let app = TestApp::new();
    // "User goes to the create chatroom page".
    for (path, location) in [("/chatrooms/new", "../"), ("/chatrooms/new/", "../../")] {
        for accept in ["text/html", "*/*"] {
            let answer = app.get(path).header("accept", accept).await_status(303).await;
            assert_eq!(answer.header("location"), Some(location));
            assert_eq!(resolve(path, location), "/");
        }
    }
}

#[tokio::test]
async fn the_page_works_without_a_trailing_slash() {
    let app = TestApp::new();
    let room = room(&app).await;
    let path = room.page().trim_end_matches('/').to_owned();
    let answer = Browser::new(&app).visit(&path).await_status(303).await;
    assert_eq!(resolve(&path, answer.header("location").unwrap()), format!("/sessions/new?chatroom={}", room.key));
    browser(&app, "Ann").await.visit(&path).await_status(200).await;
    Browser::new(&app).get("/chatrooms/nonsense").await_problem(404, "chat_not_found").await;
}
