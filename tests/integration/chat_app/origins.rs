//! A page of another site can do nothing with its visitor's cookie.

use axum::http::Method;
use serde_json::json;

use super::{Browser, browser, conversation, room};
use crate::app::{Call, Options, TestApp};

const FOREIGN: [&str; 8] = [
    "http://evil.test",
    "https://evil.test",
    "null",
    "http://chat.test.evil.test",
    "http://evil-chat.test",
    "http://sub.chat.test",
    "http://chat.test:8080",
    "",
];

#[tokio::test]
async fn another_sites_page_cannot_act_with_the_visitors_cookie() {
    let app = TestApp::new();
    let room = room(&app).await;
    let mut ann = browser(&app, "Ann").await;
    let bob = browser(&app, "Bob").await;
    let seat = bob.enters(&room).await;
    let messages = format!("{}messages", room.path());
    let enter = format!("{}enter", room.path());
    let writes = [(Method::POST, messages.as_str()), (Method::POST, &enter), (Method::DELETE, "/sessions/me")];
    let body = json!({"content": "I was made to say this"});
    for (method, path) in &writes {
        for origin in FOREIGN {
            let call = ann.call_from(Some(origin), method.clone(), *path).json(&body);
            call.await_problem(403, "origin_not_allowed").await;
        }
        for from in ["cross-site", "same-site", "nonsense"] {
            let call = ann.call_from(None, method.clone(), *path).header("sec-fetch-site", from);
            call.json(&body).await_problem(403, "origin_not_allowed").await;
        }
        // A form of another site needs no script and no CORS permission.
        let call = ann.call_from(Some("https://evil.test"), method.clone(), *path);
        let call = call.header("content-type", "application/x-www-form-urlencoded").body("content=made+to+say+this");
        call.await_problem(403, "origin_not_allowed").await;
    }
    assert!(bob.reads(&room).await.is_empty());
    assert_eq!(room.usernames(&seat).await, ["Bob"], "no seat was taken");
    assert_eq!(ann.name().await, "Ann", "the session has not ended");

    // From the site's own pages, all of these calls work.
    ann.says(&room, "I say this").await;
    assert_eq!(bob.reads(&room).await, conversation(&[("Ann", "I say this")]));
    ann.log_out().await;
}

#[tokio::test]
async fn another_site_cannot_create_or_rename_a_browser_session() {
    let app = TestApp::new();
    let (nobody, ann) = (Browser::new(&app), browser(&app, "Ann").await);
    for browser in [&nobody, &ann] {
        let open = async |call: Call<'_>| {
            call.json(&json!({"username": "Eve"})).await_problem(403, "origin_not_allowed").await;
        };
        for origin in FOREIGN {
            open(browser.call_from(Some(origin), Method::POST, "/sessions")).await;
        }
        for from in ["cross-site", "same-site"] {
            open(browser.call_from(None, Method::POST, "/sessions").header("sec-fetch-site", from)).await;
        }
    }
    // A token does not help either.
    let call = app.post("/sessions").header("origin", "https://evil.test").bearer(ann.token());
    let answer = call.json(&json!({"username": "Eve"})).await_status(403).await;
    assert!(answer.header("set-cookie").is_none(), "{answer:?}");
    assert_eq!(ann.name().await, "Ann");
}

#[tokio::test]
async fn calls_with_a_bearer_token_are_accepted_from_any_origin() {
    let app = TestApp::new();
    let room = room(&app).await;
    let ann = browser(&app, "Ann").await;
    let call = |method, path: String| {
        app.call(method, path).header("origin", "https://elsewhere.test").header("sec-fetch-site", "cross-site")
    };
    let say = call(Method::POST, format!("{}messages", room.path())).bearer(ann.token());
    say.json(&json!({"content": "from a program"})).await_status(201).await;
    call(Method::POST, format!("{}enter", room.path())).bearer(ann.token()).await_status(201).await;
    call(Method::DELETE, "/sessions/me".into()).bearer(ann.token()).await_status(204).await;
}

#[tokio::test]
async fn the_sites_own_pages_are_recognized_at_every_address() {
    let own = [
        (None, "chat.test", Some("http://chat.test"), None),
        // A proxy may have terminated TLS.
        (None, "chat.test", Some("https://chat.test"), None),
        (None, "chat.test:80", Some("http://chat.test"), None),
        (None, "CHAT.test", Some("http://chat.test"), None),
        (None, "chat.test:3000", Some("http://chat.test:3000"), None),
        (None, "127.0.0.1:3000", Some("http://127.0.0.1:3000"), None),
        (None, "[::1]:3000", Some("http://[::1]:3000"), None),
        (Some("https://chat.example/some/path"), "inner:3000", Some("https://chat.example"), None),
        // Programs send no `Origin`, and neither does a browser when its user types an address.
        (None, "chat.test", None, None),
        (None, "chat.test", None, Some("none")),
        (None, "chat.test", None, Some("same-origin")),
    ];
    for (public_url, host, origin, from) in own {
        let app = TestApp::with(Options { public_url, ..Options::default() });
        let open = app.post("/sessions").header("host", host).json(&json!({"username": "Ann"}));
        let open = origin.into_iter().fold(open, |call, origin| call.header("origin", origin));
        let open = from.into_iter().fold(open, |call, from| call.header("sec-fetch-site", from));
        let answer = open.await_status(201).await;
        let mut ann = Browser::new(&app);
        ann.keep_cookies(&answer);
        let end = ann.call_from(origin, Method::DELETE, "/sessions/me").header("host", host);
        from.into_iter().fold(end, |call, from| call.header("sec-fetch-site", from)).await_status(204).await;
    }
    let app = TestApp::with(Options { public_url: Some("https://chat.example/some/path"), ..Options::default() });
    let open = app.post("/sessions").header("origin", "http://chat.test").json(&json!({"username": "Ann"}));
    open.await_problem(403, "origin_not_allowed").await;
}

#[tokio::test]
async fn reading_checks_no_origin_and_grants_no_cors_access() {
    let app = TestApp::new();
    let room = room(&app).await;
    let ann = browser(&app, "Ann").await;
    for path in ["/sessions/me".to_owned(), room.path()] {
        // Another site's page may send the request, but the browser does not let it read the answer.
        let answer = ann.call_from(Some("https://evil.test"), Method::GET, path).await_status(200).await;
        assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control-")), "{answer:?}");
    }
}
