//! Browser sessions.

use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use serde_json::json;
use watch_party::config::Config;
use watch_party::domain::BrowserToken;
use watch_party::store::{BrowserSessionStore as _, MemoryStore};

use super::{Browser, COOKIE, FORM, browser, cookie, room, text_of};
use crate::app::{Call, Options, TestApp};

const LIFETIME: Duration = Duration::from_hours(6);

#[tokio::test]
async fn a_session_cookie_is_http_only_and_limited_to_its_folder() {
    let app = TestApp::new();
    let answer = Browser::new(&app).post("/sessions").json(&json!({"username": " Ann "})).await_status(201).await;
    let session = answer.json();
    assert_eq!(
        session,
        json!({"token": session["token"], "username": "Ann", "expires_at": "2027-01-15T14:00:00Z"}),
        "the name is trimmed"
    );
    assert_eq!(text_of(&session["token"]).len(), 43);
    let cookie = cookie(&answer);
    assert_eq!((cookie.name.as_str(), &cookie.value), (COOKIE, &text_of(&session["token"])));
    assert_eq!(cookie.attributes, ["HttpOnly", "Max-Age=21600", "SameSite=Lax"]);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn the_cookie_is_secure_where_the_site_is_reached_over_https() {
    let sites = [
        (None, false, None, false),
        (None, false, Some("https"), false),
        (None, true, Some("https"), true),
        (None, true, Some("http"), false),
        (Some("https://chat.test"), false, None, true),
        (Some("http://chat.test"), true, Some("https"), false),
    ];
    for (public_url, is_trusted, scheme, is_secure) in sites {
        let trusted_proxies: &[&str] = if is_trusted { &["127.0.0.1/32"] } else { &[] };
        let app = TestApp::with(Options { public_url, trusted_proxies, ..Options::default() });
        let mut browser = Browser::new(&app);
        let open = forwarded(browser.post("/sessions"), scheme).json(&json!({"username": "Ann"}));
        let answer = open.await_status(201).await;
        let is = |attributes: &[String]| attributes.contains(&"Secure".to_owned());
        assert_eq!(is(&cookie(&answer).attributes), is_secure, "{public_url:?} {trusted_proxies:?} {scheme:?}");
        browser.keep_cookies(&answer);
        // Only a cookie with the same attribute replaces it.
        let answer = forwarded(browser.delete("/sessions/me"), scheme).await_status(204).await;
        assert_eq!(is(&cookie(&answer).attributes), is_secure);
    }
}

fn forwarded<'a>(call: Call<'a>, scheme: Option<&str>) -> Call<'a> {
    scheme.into_iter().fold(call, |call, scheme| call.header("x-forwarded-proto", scheme))
}

#[tokio::test]
async fn the_public_urls_scheme_can_be_in_any_letter_case() {
    let arguments = ["watch-party", "--public-url", "HTTPS://chat.test"].map(Into::into);
    let config = Config::read("1", arguments, |_| None, None).unwrap();
    let app = TestApp::with(Options { public_url: config.public_url.map(|url| &*url.leak()), ..Options::default() });
    let answer = Browser::new(&app).post("/sessions").json(&json!({"username": "Ann"})).await_status(201).await;
    assert!(cookie(&answer).attributes.contains(&"Secure".to_owned()), "{answer:?}");
}

#[tokio::test]
async fn a_token_in_the_header_works_like_the_cookie() {
    let app = TestApp::new();
    let room = room(&app).await;
    let ann = browser(&app, "Ann").await;
    let token = ann.token();
    for credentials in [format!("Bearer {token}"), format!("bearer {token}"), token.to_owned()] {
        let call = |method, path: String| app.call(method, path).header("authorization", &credentials);
        let me = call(Method::GET, "/sessions/me".into()).await_status(200).await.json();
        assert_eq!(me, json!({"username": "Ann", "expires_at": "2027-01-15T14:00:00Z"}));
        let say = call(Method::POST, format!("{}messages", room.path())).json(&json!({"content": credentials}));
        assert_eq!(say.await_status(201).await.json()["username"], "Ann");
        call(Method::GET, room.path()).await_status(200).await;
        call(Method::POST, format!("{}enter", room.path())).await_status(201).await;
    }
    assert_eq!(ann.reads(&room).await.len(), 3);
    assert_eq!(room.usernames(&ann.enters(&room).await).await, ["Ann"], "every call used the same seat");
    // The header takes precedence over the cookie, even if its token is invalid.
    let bob = browser(&app, "Bob").await;
    let me = ann.get("/sessions/me").bearer(bob.token()).await_status(200).await.json();
    assert_eq!(me["username"], "Bob");
    ann.get("/sessions/me").bearer("nonsense").await_problem(401, "session_required").await;
    app.delete("/sessions/me").bearer(bob.token()).await_status(204).await;
    bob.get("/sessions/me").await_problem(401, "session_required").await;
}

#[tokio::test]
async fn calls_without_a_valid_session_get_session_required() {
    let app = TestApp::new();
    let room = room(&app).await;
    let ann = browser(&app, "Ann").await;
    let seat = ann.enters(&room).await;
    let (chat, owner) = app.chat(json!({"username": "Ann"})).await;
    let token = ann.token();
    let wrong = [
        String::new(),
        token[..42].to_owned(),
        format!("{token}A"),
        "A".repeat(43),
        "nonsense".into(),
        "%00".into(),
        // Valid credentials for other purposes.
        seat.token.clone(),
        owner.token.clone(),
        chat.key.clone(),
    ];
    let calls = [
        (Method::GET, "/sessions/me".to_owned()),
        (Method::DELETE, "/sessions/me".into()),
        (Method::GET, room.path()),
        (Method::POST, format!("{}messages", room.path())),
        (Method::POST, format!("{}enter", room.path())),
    ];
    for (method, path) in &calls {
        let call = |cookie: Option<(&str, &str)>| {
            let mut browser = Browser::new(&app);
            browser.cookies.extend(cookie.map(|(name, value)| (name.to_owned(), value.to_owned())));
            browser.call(method.clone(), path).json(&json!({"content": "hello"}))
        };
        let answer = call(None).await_status(401).await;
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        for wrong in &wrong {
            call(Some((COOKIE, wrong))).await_problem(401, "session_required").await;
            call(None).bearer(wrong).await_problem(401, "session_required").await;
        }
        // A cookie with another name does not count.
        call(Some(("session", token))).await_problem(401, "session_required").await;
    }
    // A browser's token does not authenticate a seat.
    app.get(format!("/{}", room.key)).bearer(token).await_problem(401, "session_required").await;
    assert!(ann.reads(&room).await.is_empty());
    assert_eq!(room.usernames(&seat).await, ["Ann"]);
}

#[tokio::test]
async fn the_session_cookie_is_found_among_others() {
    let app = TestApp::new();
    let mut ann = browser(&app, "Ann").await;
    ann.cookies.insert("a".into(), "1".into());
    ann.cookies.insert("z".into(), "\"quoted\"".into());
    assert_eq!(ann.name().await, "Ann");
}

#[tokio::test]
async fn the_first_of_two_cookies_with_the_same_name_is_used() {
    let app = TestApp::new();
    let ann = browser(&app, "Ann").await;
    // Another installation of this site is in a parent folder on the same host. Browsers send the cookie with the
    // longer path first (RFC 6265, section 5.4).
    let both = format!("{COOKIE}={}; {COOKIE}={}", ann.token(), "A".repeat(43));
    let call = app.get("/sessions/me").header("cookie", &both);
    assert_eq!(call.await_status(200).await.json()["username"], "Ann");
}

#[tokio::test]
async fn a_session_expires_after_six_hours_and_a_sweep_deletes_it() {
    let store = Arc::new(MemoryStore::default());
    let app = TestApp::with(Options { stores: store.clone().into(), ..Options::default() });
    let room = room(&app).await;
    let ann = browser(&app, "Ann").await;
    let kept = async || {
        store.load_browser_session(BrowserToken::parse(ann.token()).unwrap().digest()).await.unwrap().is_some()
    };
    app.clock.advance(LIFETIME.checked_sub(Duration::from_millis(1)).unwrap());
    assert_eq!(ann.name().await, "Ann");
    app.service.sweep().await.unwrap();
    assert!(kept().await);
    app.clock.advance(Duration::from_millis(1));
    for call in [ann.get("/sessions/me"), ann.delete("/sessions/me"), ann.read(&room), ann.enter(&room)] {
        call.await_problem(401, "session_required").await;
    }
    ann.say(&room, "too late").await_problem(401, "session_required").await;
    assert!(kept().await, "the session is stored until a sweep");
    app.service.sweep().await.unwrap();
    assert!(!kept().await);
    ann.get("/sessions/me").await_problem(401, "session_required").await;
}

#[tokio::test]
async fn ending_a_session_invalidates_it_and_clears_the_cookie() {
    let app = TestApp::new();
    let room = room(&app).await;
    let mut ann = browser(&app, "Ann").await;
    let seat = ann.enters(&room).await;
    let token = ann.token().to_owned();
    let answer = ann.delete("/sessions/me").await_status(204).await;
    assert!(answer.body.is_empty());
    let cookie = cookie(&answer);
    assert_eq!((cookie.name.as_str(), cookie.value.as_str()), (COOKIE, ""));
    // The cookie names its folder, because the folder of this call's address is a different one.
    assert_eq!(cookie.attributes, ["HttpOnly", "Max-Age=0", "Path=/", "SameSite=Lax"]);
    app.get("/sessions/me").bearer(&token).await_problem(401, "session_required").await;
    ann.delete("/sessions/me").await_problem(401, "session_required").await;
    ann.say(&room, "still here?").await_problem(401, "session_required").await;
    ann.keep_cookies(&answer);
    assert!(ann.cookies.is_empty());
    // The seat stays taken until its member leaves.
    assert_eq!(room.usernames(&seat).await, ["Ann"]);
}

#[tokio::test]
async fn renaming_keeps_the_session() {
    let app = TestApp::new();
    let mut browser = browser(&app, "Ann").await;
    let token = browser.token().to_owned();
    // A refused name changes nothing.
    browser.post("/sessions").json(&json!({"username": " "})).await_problem(422, "invalid_request").await;
    assert_eq!(browser.name().await, "Ann");
    app.clock.advance(Duration::from_hours(1));
    let renamed = browser.log_in("Bob").await;
    assert_eq!(renamed, json!({"token": token, "username": "Bob", "expires_at": "2027-01-15T14:00:00Z"}));
    assert_eq!(browser.name().await, "Bob");
    // The same with the header.
    let third = app.post("/sessions").bearer(&token).json(&json!({"username": "Cem"})).await_status(201).await.json();
    assert_eq!((&third["token"], browser.name().await.as_str()), (&json!(token), "Cem"));
    // To get another session, a browser ends this one first. An invalid cookie does not prevent a new session.
    browser.log_out().await;
    browser.cookies.insert(COOKIE.into(), token.clone());
    browser.log_in("Ann").await;
    assert_ne!(browser.token(), token);
    app.get("/sessions/me").bearer(&token).await_problem(401, "session_required").await;
}

#[tokio::test]
async fn two_browsers_can_share_a_name_unless_they_share_a_chatroom() {
    let app = TestApp::new();
    let (here, there) = (browser(&app, "Ann").await, browser(&app, "Ann").await);
    assert_ne!(here.token(), there.token());
    let (first, second) = (room(&app).await, room(&app).await);
    here.says(&first, "hello").await;
    there.says(&second, "hello").await;
    here.say(&second, "hello").await_problem(409, "username_taken").await;
}

#[tokio::test]
async fn an_invalid_username_is_refused_by_field_name() {
    let app = TestApp::new();
    let anyone = Browser::new(&app);
    let open = |body: &str| anyone.post("/sessions").header("content-type", "application/json").body(body);
    for body in ["", "{", "username=Ann", "\u{feff}{}"] {
        open(body).await_problem(400, "invalid_request").await;
    }
    for body in ["[]", "null", "\"Ann\""] {
        open(body).await_problem(422, "invalid_request").await;
    }
    let long = "x".repeat(33);
    let names = [json!(""), json!(" "), json!("a\nb"), json!("\u{200b}"), json!(long), json!(5), json!(null)];
    for name in names {
        let problem = open(&json!({"username": name}).to_string()).await_problem(422, "invalid_request").await;
        assert_eq!(problem["field"], "username", "{name}");
    }
    assert_eq!(open("{}").await_problem(422, "invalid_request").await["field"], "username");
    let form = |body: &str| anyone.post("/sessions").header("content-type", FORM).body(body);
    for body in ["", "name=Ann", "username=", "username=Ann&username=Bob"] {
        let problem = form(body).await_problem(422, "invalid_request").await;
        assert_eq!(problem["field"], "username", "{body}");
    }
    let answer = form("username=Zo%C3%AB+%F0%9F%91%8B").await_status(201).await;
    assert_eq!(answer.json()["username"], "Zoë 👋");
    open(&" ".repeat(64 * 1024 + 1)).await_problem(413, "payload_too_large").await;
}

#[tokio::test]
async fn logging_in_again_with_the_same_name_keeps_the_session_and_seat() {
    let app = TestApp::new();
    let room = room(&app).await;
    let mut ann = browser(&app, "Ann").await;
    let (token, seat) = (ann.cookies[COOKIE].clone(), ann.enters(&room).await);
    // The answer was lost, or another tab sends the request.
    ann.log_in("ＡＮＮ").await;
    assert_eq!(ann.cookies[COOKIE], token);
    assert_eq!(ann.enters(&room).await, seat);
    assert_eq!(ann.name().await, "ＡＮＮ", "the last spelling is kept");
}

#[tokio::test]
async fn the_cookie_is_secure_for_a_page_with_an_https_origin() {
    let app = TestApp::new();
    let body = json!({"username": "Ann"});
    for (origin, is_secure) in [("https://chat.test", true), ("http://chat.test", false)] {
        let answer = app.post("/sessions").header("origin", origin).json(&body).await_status(201).await;
        assert_eq!(answer.header("set-cookie").unwrap().contains("; Secure"), is_secure, "{origin}");
    }
}
