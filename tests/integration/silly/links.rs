//! Links, and the requests made with them.

use std::time::Duration;

use axum::http::Method;
use serde_json::json;

use super::{Link, chat, opaque, path, text_of};
use crate::app::{Options, TestApp};

const UNKNOWN_ID: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";

#[tokio::test]
async fn a_link_is_the_owners_to_make() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let guest = text_of(&owned.open_link().await.exchange(&app).await_status(200).await.json()["client_id"]);
    owned.say_as(&guest, "I am in").await_status(201).await;
    let body = json!({"chat_url": owned.chat_url, "author_id": guest});
    app.post("/v1/links").json(&body).await_problem(403, "owner_only").await;
}

#[tokio::test]
async fn a_link_asks_first_unless_its_owner_says_otherwise() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    for approval in [json!({}), json!({"approval": null}), json!({"approval": true})] {
        let answer = owned.link_with(&approval).await.exchange(&app).await_status(202).await.json();
        assert_eq!((&answer["approval_status"], &answer["chat"]), (&json!(false), &json!(null)));
        assert_eq!(answer["request_sent_status"], true);
    }
    owned.open_link().await.exchange(&app).await_status(200).await;
}

#[tokio::test]
async fn only_urls_of_this_very_site_are_taken() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let link = owned.link().await;
    let id = owned.id();
    let wrong_chats = [
        format!("http://elsewhere.example/v1/chats/{id}"),
        format!("http://chat.test:81/v1/chats/{id}"),
        format!("http://chat.test.elsewhere.example/v1/chats/{id}"),
        format!("http://chat.test@elsewhere.example/v1/chats/{id}"),
        format!("http://elsewhere.example/?to=http://chat.test/v1/chats/{id}"),
        format!("http://chat.test/chat/{id}"),
        format!("/v1/chats/{id}"),
        id.to_owned(),
        link.url.clone(),
        String::new(),
        "http://".to_owned(),
        "not a URL at all".to_owned(),
    ];
    for url in &wrong_chats {
        let body = json!({"chat_url": url, "author_id": owned.author_id});
        let problem = app.post("/v1/links").json(&body).await_problem(422, "invalid_request").await;
        assert_eq!(problem["field"], "chat_url", "{url}: {problem}");
    }
    let guest = link.ask(&app).await;
    let opaque = opaque(&link.url);
    let wrong_links = [
        format!("http://elsewhere.example/v1/links/{opaque}"),
        format!("http://chat.test@elsewhere.example/v1/links/{opaque}"),
        format!("/v1/links/{opaque}"),
        opaque.to_owned(),
        owned.chat_url.clone(),
        "nonsense".to_owned(),
    ];
    for url in wrong_links {
        let link = Link { url, id: String::new() };
        for call in [owned.approve(&link, None), link.status(&app, &guest)] {
            let problem = call.await_problem(422, "invalid_request").await;
            assert_eq!(problem["field"], "link_url", "{}: {problem}", link.url);
        }
    }
    assert!(!link.is_approved(&app, &guest).await);
}

#[tokio::test]
async fn a_url_counts_however_its_host_and_scheme_are_written() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let chat_path = path(&owned.chat_url);
    for url in [
        format!("https://chat.test{chat_path}"),
        format!("http://CHAT.test{chat_path}"),
        format!(" {} ", owned.chat_url),
        format!("{}/", owned.chat_url),
        format!("{}?author_id=x", owned.chat_url),
        // The address with which the owner opens the chat in a browser.
        format!("{}#{}", owned.chat_url, owned.author_id),
    ] {
        let body = json!({"chat_url": url, "author_id": owned.author_id});
        app.post("/v1/links").json(&body).await_status(201).await;
    }
}

#[tokio::test]
async fn a_link_that_opens_nothing_is_refused() {
    let app = TestApp::new();
    let (owned, other) = (chat(&app).await, chat(&app).await);
    let (link, others) = (owned.link().await, other.link().await);
    let short = &link.key()[1..];
    for key in [others.key(), short, "", "nonsense"] {
        let unknown = Link { url: format!("http://chat.test/v1/links/{}.{key}", owned.id()), id: String::new() };
        unknown.exchange(&app).await_problem(403, "invalid_invite").await;
        owned.approve(&unknown, None).await_problem(403, "invalid_invite").await;
    }
    app.get("/v1/links/nonsense").await_problem(403, "invalid_invite").await;
    app.get(format!("/v1/links/{}", owned.id())).await_problem(403, "invalid_invite").await;
    let nowhere = Link { url: format!("http://chat.test/v1/links/{UNKNOWN_ID}.{}", link.key()), id: String::new() };
    nowhere.exchange(&app).await_problem(404, "chat_not_found").await;
    nowhere.status(&app, UNKNOWN_ID).await_problem(404, "chat_not_found").await;
    owned.approve(&nowhere, None).await_problem(404, "chat_not_found").await;
    assert!(owned.knocks().await.is_empty());
}

#[tokio::test]
async fn whoever_asks_again_with_their_client_id_makes_no_second_request() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let link = owned.link().await;
    let first = link.exchange(&app).await_status(202).await.json();
    let guest = text_of(&first["client_id"]);
    for _ in 0..3 {
        assert_eq!(link.exchange_as(&app, &guest).await_status(202).await.json(), first);
        assert_eq!(link.exchange(&app).bearer(&guest).await_status(202).await.json(), first);
    }
    let knocks = owned.knocks().await;
    assert_eq!(knocks.len(), 1, "{knocks:?}");
    assert_eq!((&knocks[0]["username"], &knocks[0]["invite_id"]), (&json!("Guest"), &json!(link.id)));
}

#[tokio::test]
async fn whoever_asks_without_a_client_id_is_another_guest() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let link = owned.link().await;
    let guests = [link.ask(&app).await, link.ask(&app).await, link.ask(&app).await];
    assert!(guests[0] != guests[1] && guests[1] != guests[2] && guests[0] != guests[2]);
    let names: Vec<String> = owned.knocks().await.iter().map(|knock| text_of(&knock["username"])).collect();
    assert_eq!(names, ["Guest", "Guest 2", "Guest 3"]);
    owned.approves(&link, Some(&guests[1])).await;
    let approved = [false, true, false];
    for (guest, expected) in guests.iter().zip(approved) {
        assert_eq!(link.is_approved(&app, guest).await, expected);
    }
}

#[tokio::test]
async fn a_client_id_that_nobody_has_asks_anew_and_gets_another() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let link = owned.link().await;
    let asked = link.exchange_as(&app, UNKNOWN_ID).await_status(202).await.json();
    assert_ne!(asked["client_id"], UNKNOWN_ID, "credentials are drawn here, never chosen");
    assert_eq!(owned.knocks().await.len(), 1);
    // A link's `client_id` is not valid for another link.
    let guest = text_of(&asked["client_id"]);
    let elsewhere = owned.link().await.exchange_as(&app, &guest).await_status(202).await.json();
    assert_ne!(elsewhere["client_id"], json!(guest));
    assert_eq!(owned.knocks().await.len(), 2);
}

#[tokio::test]
async fn a_client_id_that_is_no_uuid_is_refused() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let link = owned.link().await;
    let problem = link.exchange_as(&app, "nonsense").await_problem(422, "invalid_request").await;
    assert_eq!(problem["field"], "client_id");
    assert!(owned.knocks().await.is_empty());
}

#[tokio::test]
async fn what_only_previews_a_link_asks_nobody() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    for link in [owned.link().await, owned.open_link().await] {
        for agent in [
            "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
            "Twitterbot/1.0",
            "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
            "WhatsApp/2.23.20.0 A",
            "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
            "TelegramBot (like TwitterBot)",
            "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)",
        ] {
            let answer = link.exchange(&app).header("user-agent", agent).await_status(204).await;
            assert!(answer.body.is_empty());
            link.exchange(&app).header("user-agent", agent).header("accept", "*/*").await_status(204).await;
            let events = link.exchange(&app).header("user-agent", agent).header("accept", "text/event-stream");
            events.await_status(204).await;
        }
        for (name, value) in [("purpose", "prefetch"), ("sec-purpose", "prefetch;prerender"), ("x-moz", "prefetch")] {
            link.exchange(&app).header(name, value).await_status(204).await;
        }
        app.call(Method::HEAD, path(&link.url)).await_status(204).await;
    }
    assert!(owned.knocks().await.is_empty());
    let members = owned.native(app.get(format!("/{}/members", owned.id()))).await_status(200).await.json();
    assert_eq!(members["members"].as_array().unwrap().len(), 1, "{members}");
    // Clients that people use do create a request.
    owned.link().await.exchange(&app).header("user-agent", "curl/8.5.0").await_status(202).await;
}

#[tokio::test]
async fn a_browser_is_sent_from_the_link_to_where_people_join_and_asks_nobody_yet() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let link = owned.link().await;
    let browser = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    for agent in [browser, "Twitterbot/1.0"] {
        let call = link.exchange(&app).header("accept", "text/html,*/*;q=0.8").header("user-agent", agent);
        let answer = call.await_status(303).await;
        assert_eq!(answer.header("location"), Some(&*format!("../../join/{}#{}", owned.id(), link.key())));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    }
    assert!(owned.knocks().await.is_empty());
}

#[tokio::test]
async fn a_guest_who_is_declined_is_told_so_and_stays_out() {
    let app = TestApp::new();
    // "The owner can't decline the guest": not through this dialect, but through the native API and on the page.
    let owned = chat(&app).await;
    let link = owned.link().await;
    let guest = link.ask(&app).await;
    let request_id = text_of(&owned.knocks().await[0]["knock_id"]);
    owned.declines(&request_id).await;
    let problem = link.exchange_as(&app, &guest).await_problem(403, "invalid_invite").await;
    assert!(problem["detail"].as_str().unwrap().contains("declined"), "{problem}");
    assert!(!link.is_approved(&app, &guest).await);
    owned.say_as(&guest, "but why?").await_problem(401, "session_required").await;
    let told = link.exchange_as(&app, &guest).header("accept", "text/event-stream").await_status(200).await.text();
    assert!(told.starts_with("event: declined\ndata: {"), "{told}");
    for client_id in [None, Some(&*guest), Some(&*request_id)] {
        owned.approve(&link, client_id).await_problem(409, "nothing_to_approve").await;
    }
    assert!(owned.knocks().await.is_empty(), "asking again with the same client_id asks nobody");
}

#[tokio::test]
async fn a_revoked_link_opens_nothing_and_declines_who_waits_by_it() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let link = owned.link().await;
    let (seated, waiting) = (link.ask(&app).await, link.ask(&app).await);
    owned.approves(&link, Some(&seated)).await;
    let revoke = owned.native(app.delete(format!("/{}/invites/{}", owned.id(), link.id)));
    revoke.await_status(204).await;
    link.exchange(&app).await_problem(403, "invalid_invite").await;
    link.exchange_as(&app, &waiting).await_problem(403, "invalid_invite").await;
    owned.say_as(&seated, "still here").await_status(201).await;
    assert_eq!(link.exchange_as(&app, &seated).await_status(200).await.json()["chat"], owned.chat_url);
    owned.approve(&link, None).await_problem(403, "invalid_invite").await;
}

#[tokio::test]
async fn a_request_that_nobody_answers_is_given_up_and_may_be_made_anew() {
    let app = TestApp::new();
    // "They may leave the request pending forever. If the request is left pending, we'll trust that the guest
    // gives up eventually": here the request expires after 15 minutes.
    let owned = chat(&app).await;
    let link = owned.link().await;
    let guest = link.ask(&app).await;
    app.clock.advance(Duration::from_millis(15 * 60 * 1_000 - 1));
    assert_eq!(link.exchange_as(&app, &guest).await_status(202).await.json()["client_id"], guest);
    app.clock.advance(Duration::from_millis(1));
    owned.approve(&link, None).await_problem(409, "nothing_to_approve").await;
    owned.approve(&link, Some(&guest)).await_problem(409, "nothing_to_approve").await;
    link.status(&app, &guest).await_problem(404, "not_found").await;
    let again = link.exchange_as(&app, &guest).await_status(202).await.json();
    assert_ne!(again["client_id"], json!(guest));
    owned.approves(&link, None).await;
    assert!(link.is_approved(&app, &text_of(&again["client_id"])).await);
}

#[tokio::test]
async fn a_guest_who_is_removed_must_ask_again() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let link = owned.link().await;
    let guest = link.ask(&app).await;
    owned.approves(&link, None).await;
    let said = owned.say_as(&guest, "hello").await_status(201).await.json();
    let remove = owned.native(app.delete(format!("/{}/members/{}", owned.id(), text_of(&said["author"]))));
    remove.await_status(204).await;
    assert_eq!(owned.say_as(&guest, "again").answer().await.status, 401);
    assert_eq!(owned.read_as(&guest).answer().await.status, 401);
    let again = link.exchange_as(&app, &guest).await_status(202).await.json();
    assert_ne!(again["client_id"], json!(guest));
    assert_eq!(owned.knocks().await.len(), 1);
}

#[tokio::test]
async fn at_most_twenty_wait_at_once() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let link = owned.link().await;
    for place in 0..20 {
        link.exchange(&app).at_place(place).await_status(202).await;
    }
    let answer = link.exchange(&app).await_status(429).await;
    assert_eq!((&answer.json()["code"], answer.header("retry-after")), (&json!("too_many_requests"), Some("900")));
    owned.approves(&link, None).await;
    link.exchange(&app).await_status(202).await;
}

#[tokio::test]
async fn a_full_chat_takes_nobody_more() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let (asking, open) = (owned.link().await, owned.open_link().await);
    let waiting = asking.ask(&app).await;
    for _ in 1..50 {
        open.exchange(&app).await_status(200).await;
    }
    open.exchange(&app).await_problem(409, "chat_full").await;
    asking.exchange(&app).await_problem(409, "chat_full").await;
    owned.approve(&asking, None).await_problem(409, "chat_full").await;
    assert!(!asking.is_approved(&app, &waiting).await);
}

#[tokio::test]
async fn guests_from_many_places_are_all_let_in_under_the_limits() {
    let app = TestApp::with(Options { trusted_proxies: &["127.0.0.1/32"], ..Options::default() });
    let owned = chat(&app).await;
    let link = owned.link().await;
    for number in 1..=10 {
        let call = link.exchange(&app).header("x-forwarded-for", &format!("203.0.113.{number}"));
        let guest = text_of(&call.await_status(202).await.json()["client_id"]);
        owned.approves(&link, Some(&guest)).await;
    }
}

#[tokio::test]
async fn one_place_asks_only_so_often_under_the_limits() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let link = owned.link().await;
    let guest = link.ask(&app).await;
    let mut refused = None;
    for _ in 0..20 {
        let answer = link.exchange(&app).answer().await;
        if answer.status == 429 {
            refused = answer.header("retry-after").map(str::to_owned);
            break;
        }
    }
    assert!(refused.is_some(), "and it is said when to come back");
    // A guest with a request can still ask for its status.
    link.exchange_as(&app, &guest).await_status(202).await;
}
