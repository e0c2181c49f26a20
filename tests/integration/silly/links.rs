//! Links, and the requests made with them.

use std::time::Duration;

use axum::http::Method;
use serde_json::json;

use super::{Link, chat, opaque, path, text_of};
use crate::app::{Options, TestApp};

const UNKNOWN_ID: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";

#[tokio::test]
async fn a_guest_cannot_create_a_link() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let guest = text_of(&owned.open_link().await.exchange(&app).await_status(200).await.json()["client_id"]);
    owned.say_as(&guest, "I am in").await_status(201).await;
    let body = json!({"chat_url": owned.chat_url, "author_id": guest});
    app.post("/v1/links").json(&body).await_problem(403, "owner_only").await;
}

#[tokio::test]
async fn a_link_requires_approval_unless_its_owner_disables_it() {
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
async fn only_urls_of_this_site_are_accepted() {
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
async fn a_chat_url_is_accepted_in_every_equivalent_spelling() {
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
async fn an_invalid_link_is_refused() {
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
    let unknown_chat =
        Link { url: format!("http://chat.test/v1/links/{UNKNOWN_ID}.{}", link.key()), id: String::new() };
    unknown_chat.exchange(&app).await_problem(404, "chat_not_found").await;
    unknown_chat.status(&app, UNKNOWN_ID).await_problem(404, "chat_not_found").await;
    owned.approve(&unknown_chat, None).await_problem(404, "chat_not_found").await;
    assert!(owned.knocks().await.is_empty());
}

#[tokio::test]
async fn asking_again_with_the_same_client_id_creates_no_second_request() {
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
async fn asking_without_a_client_id_creates_another_guest() {
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
async fn an_unknown_client_id_creates_a_new_request_with_a_new_client_id() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let link = owned.link().await;
    let pending = link.exchange_as(&app, UNKNOWN_ID).await_status(202).await.json();
    assert_ne!(pending["client_id"], UNKNOWN_ID, "the server chooses credentials, never the caller");
    assert_eq!(owned.knocks().await.len(), 1);
    // A link's `client_id` is not valid for another link.
    let guest = text_of(&pending["client_id"]);
    let elsewhere = owned.link().await.exchange_as(&app, &guest).await_status(202).await.json();
    assert_ne!(elsewhere["client_id"], json!(guest));
    assert_eq!(owned.knocks().await.len(), 2);
}

#[tokio::test]
async fn a_client_id_that_is_not_a_uuid_is_refused() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let link = owned.link().await;
    let problem = link.exchange_as(&app, "nonsense").await_problem(422, "invalid_request").await;
    assert_eq!(problem["field"], "client_id");
    assert!(owned.knocks().await.is_empty());
}

#[tokio::test]
async fn link_previews_create_no_request() {
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
async fn a_browser_is_redirected_from_a_link_to_the_join_page_without_a_request() {
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
async fn a_declined_guest_sees_the_decision_and_stays_out() {
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
    let event = link.exchange_as(&app, &guest).header("accept", "text/event-stream").await_status(200).await.text();
    assert!(event.starts_with("event: declined\ndata: {"), "{event}");
    for client_id in [None, Some(&*guest), Some(&*request_id)] {
        owned.approve(&link, client_id).await_problem(409, "nothing_to_approve").await;
    }
    assert!(owned.knocks().await.is_empty(), "asking again with the same client_id creates no request");
}

#[tokio::test]
async fn revoking_a_link_blocks_new_guests_and_declines_waiting_guests() {
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
async fn an_unanswered_request_expires_and_can_be_made_again() {
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
async fn a_removed_guest_must_ask_again() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let link = owned.link().await;
    let guest = link.ask(&app).await;
    owned.approves(&link, None).await;
    let message = owned.say_as(&guest, "hello").await_status(201).await.json();
    let remove = owned.native(app.delete(format!("/{}/members/{}", owned.id(), text_of(&message["author"]))));
    remove.await_status(204).await;
    assert_eq!(owned.say_as(&guest, "again").answer().await.status, 401);
    assert_eq!(owned.read_as(&guest).answer().await.status, 401);
    let again = link.exchange_as(&app, &guest).await_status(202).await.json();
    assert_ne!(again["client_id"], json!(guest));
    assert_eq!(owned.knocks().await.len(), 1);
}

#[tokio::test]
async fn at_most_twenty_guests_wait_at_once() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let link = owned.link().await;
    for address in 0..20 {
        link.exchange(&app).at_address(address).await_status(202).await;
    }
    let answer = link.exchange(&app).await_status(429).await;
    assert_eq!((&answer.json()["code"], answer.header("retry-after")), (&json!("too_many_requests"), Some("900")));
    owned.approves(&link, None).await;
    link.exchange(&app).await_status(202).await;
}

#[tokio::test]
async fn a_full_chat_refuses_new_guests() {
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
async fn rate_limits_let_in_guests_from_many_addresses() {
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
async fn requests_from_one_address_are_rate_limited() {
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
    assert!(refused.is_some(), "the refusal has a Retry-After");
    // A guest with a request can still ask for its status.
    link.exchange_as(&app, &guest).await_status(202).await;
}
