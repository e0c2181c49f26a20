//! The pages as the server renders them, and the server functions behind their forms.

use axum::body::Body;
use axum::http::{HeaderValue, Request};
use serde_json::json;

use crate::app::{TestApp, resolve};

#[tokio::test]
async fn pages_are_rendered_on_the_server() {
    let app = TestApp::new();
    let id = "2eaf4767-9975-4773-b7c7-817e60ce2bfb";
    for (path, words) in [
        ("/", "Talk in private"),
        (&format!("/join/{id}"), "Join the chat"),
        (&format!("/chat/{id}"), "Opening the chat"),
    ] {
        let answer = app.get(path).header("accept", "text/html").await_status(200).await;
        assert!(answer.text().contains(words), "{path}");
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
    }
    let notice = app.get("/?notice=chat_full").header("accept", "text/html").await_status(200).await;
    assert!(notice.text().contains("That chat is full"));
    let nothing = app.get("/?notice=%3Cb%3E").header("accept", "text/html").await_status(200).await;
    assert!(!nothing.text().contains("class=\"notice\""));
}

#[tokio::test]
async fn the_content_security_policy_allows_only_the_pages_own_scripts() {
    let app = TestApp::new();
    let first = app.get("/").await_status(200).await;
    let policy = first.header("content-security-policy").unwrap();
    let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).unwrap();
    // Exactly these directives and sources: each further one could weaken the policy.
    let mut allowed: Vec<&str> = policy.split(';').map(str::trim).collect();
    allowed.sort_unstable();
    let scripts = format!("script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'");
    let expected = [
        "base-uri 'self'",
        "connect-src 'self'",
        "default-src 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "img-src 'self' data:",
        "manifest-src 'self'",
        &*scripts,
        "style-src 'self'",
    ];
    assert_eq!(allowed, expected);
    assert!(nonce.len() >= 16, "{nonce} is too short");
    let scripts = first.text().matches("<script").count();
    assert!(scripts > 0);
    assert_eq!(first.text().matches(&format!("nonce=\"{nonce}\"")).count(), scripts);
    let second = app.get("/").await_status(200).await;
    assert!(!second.header("content-security-policy").unwrap().contains(nonce));
}

#[tokio::test]
async fn the_start_page_stays_the_same_but_for_its_nonce() {
    let app = TestApp::new();
    let pages = [app.get("/").await_status(200).await, app.get("/").await_status(200).await];
    let [rendered, kept] = pages.each_ref().map(|page| {
        let policy = page.header("content-security-policy").unwrap();
        let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).unwrap();
        let names = ["content-type", "cache-control", "referrer-policy", "x-content-type-options", "x-frame-options"];
        let headers = names.map(|name| page.header(name).unwrap());
        (headers, policy.replace(nonce, ""), page.text().replace(nonce, ""))
    });
    assert_eq!(rendered, kept);
}

#[tokio::test]
async fn addresses_without_a_valid_chat_id_redirect_to_the_start_page() {
    let app = TestApp::new();
    for path in ["/chat/nonsense", "/join/nonsense", "/room/nonsense"] {
        // For any `Accept`: clients that run no script are redirected too.
        for accept in ["text/html", "*/*"] {
            let answer = app.get(path).header("accept", accept).await_status(303).await;
            assert_eq!(answer.header("location"), Some("../?notice=chat_not_found"));
        }
    }
    let missing = app.get("/no/such/page").header("accept", "text/html").await_status(404).await;
    assert!(missing.text().contains("There is nothing here"));
}

#[tokio::test]
async fn pages_work_with_and_without_a_trailing_slash() {
    let app = TestApp::new();
    let id = "2eaf4767-9975-4773-b7c7-817e60ce2bfb";
    let pages = [format!("/join/{id}"), format!("/chat/{id}"), format!("/room/{id}"), "/sessions/new".into()];
    for path in pages.into_iter().chain(["/docs".to_owned()]) {
        for (address, base) in [(path.clone(), resolve(&path, "./")), (format!("{path}/"), format!("{path}/"))] {
            let page = app.get(&address).header("accept", "text/html").await_status(200).await.text();
            let reference = page.split("<base href=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
            assert_eq!(resolve(&address, reference), "/", "{address} from {base}");
        }
    }
}

#[tokio::test]
async fn only_the_sites_public_files_are_served() {
    let app = TestApp::new();
    let icon = app.get("/assets/icon.svg").await_status(200).await;
    assert_eq!(icon.header("content-type"), Some("image/svg+xml"));
    app.get("/robots.txt").await_status(200).await;
    for path in ["/assets/nothing.svg", "/assets/../Cargo.toml", "/assets/%2e%2e/Cargo.toml", "/pkg/../../Cargo.toml"] {
        let answer = app.get(path).answer().await;
        assert_eq!(answer.status, 404, "{path}");
    }
}

#[tokio::test]
async fn server_functions_do_what_the_api_does() {
    let app = TestApp::new();
    let form = |path: &str, body: String| {
        app.post(format!("/sf/{path}")).header("content-type", "application/x-www-form-urlencoded").body(body)
    };
    let started = form("create_chat", "username=Ann&name=Movie%20night".into()).await_status(200).await.json();
    let id = started["chat_id"].as_str().unwrap();
    let key = started["key"].as_str().unwrap();
    let client = uuid::Uuid::from_u128(4);
    let seen =
        form("preview_invite", format!("chat_id={id}&key={key}&join_id={client}")).await_status(200).await.json();
    assert_eq!(seen, json!({"name": "Movie night", "asks_first": false}));
    let joined = form("join_chat", format!("chat_id={id}&key={key}&username=Bob&join_id={client}"))
        .await_status(200)
        .await
        .json();
    let token = joined["session_token"].as_str().unwrap();
    let client_id = uuid::Uuid::from_u128(5);
    let post = || {
        form(
            "post_message",
            format!("chat_id={id}&session_token={token}&text=hello%20%F0%9F%91%8B&client_id={client_id}"),
        )
    };
    let message = post().await_status(200).await.json();
    assert_eq!((&message["text"], &message["username"]), (&json!("hello 👋"), &json!("Bob")));
    assert_eq!(post().await_status(200).await.json(), message);
    let read = app.get(format!("/{id}")).bearer(token).await_status(200).await.json();
    assert_eq!(read["last_id"], 1);
}

#[tokio::test]
async fn server_functions_refuse_with_the_status_and_body_of_the_api() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let (id, key) = (&chat.id, &chat.key);
    let unknown = "2eaf4767-9975-4773-b7c7-817e60ce2bfb";
    let client = uuid::Uuid::from_u128(5);
    let wrong = [
        ("create_chat", "username=%20".to_owned(), 422, "invalid_request"),
        ("create_chat", "name=x".into(), 422, "invalid_request"),
        ("preview_invite", format!("chat_id={unknown}&key={key}&join_id={client}"), 404, "chat_not_found"),
        ("preview_invite", format!("chat_id={id}&key=x&join_id={client}"), 403, "invalid_invite"),
        ("preview_invite", format!("chat_id=x&key={key}&join_id={client}"), 422, "invalid_request"),
        ("join_chat", format!("chat_id={id}&key=x&username=Bob&join_id={client}"), 403, "invalid_invite"),
        ("join_chat", format!("chat_id={id}&key={key}&username=ANN&join_id={client}"), 409, "username_taken"),
        ("post_message", format!("chat_id={id}&session_token=x&text=a&client_id={client}"), 401, "session_required"),
        (
            "post_message",
            format!("chat_id={id}&session_token={}&text=%20&client_id={client}", ann.token),
            422,
            "invalid_request",
        ),
    ];
    for (function, body, status, code) in wrong {
        let call =
            app.post(format!("/sf/{function}")).header("content-type", "application/x-www-form-urlencoded").body(body);
        let answer = call.await_status(status).await;
        let problem = answer.json();
        assert_eq!((&problem["code"], &problem["status"]), (&json!(code), &json!(status)), "{function}: {problem}");
    }
    assert_eq!(ann.usernames().await, ["Ann"]);
    assert_eq!(ann.reads(0).await["last_id"], 0);
}

#[tokio::test]
async fn previewing_an_invite_neither_spends_it_nor_takes_a_seat() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"capacity": 2})).await;
    let invite = ann.post("/invite").json(&json!({"max_uses": 1})).await_status(201).await.json();
    let join_id = uuid::Uuid::from_u128(6);
    let body = format!("chat_id={}&key={}&join_id={join_id}", chat.id, invite["key"].as_str().unwrap());
    let preview = || {
        app.post("/sf/preview_invite").header("content-type", "application/x-www-form-urlencoded").body(body.clone())
    };
    for _ in 0..3 {
        preview().await_status(200).await;
        app.get(format!("/join/{}", chat.id)).header("accept", "text/html").await_status(200).await;
    }
    assert_eq!(ann.get("/invites").await_status(200).await.json()["invites"][1]["uses"], 0);
    chat.join("Bob").await;
    assert_eq!(preview().await_status(409).await.json()["code"], "chat_full");
}

#[tokio::test]
async fn a_member_can_reopen_an_invite_that_is_used_up_in_a_full_chat() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"capacity": 2})).await;
    let invite = ann.post("/invite").json(&json!({"max_uses": 1})).await_status(201).await.json();
    let (id, key, join_id) = (&chat.id, invite["key"].as_str().unwrap(), uuid::Uuid::from_u128(6));
    let form = |path: &str, body: String| {
        app.post(format!("/sf/{path}")).header("content-type", "application/x-www-form-urlencoded").body(body)
    };
    let join = || form("join_chat", format!("chat_id={id}&key={key}&username=Bob&join_id={join_id}"));
    let joined = join().await_status(200).await.json();
    // The answer was lost, and the page reloads.
    form("preview_invite", format!("chat_id={id}&key={key}&join_id={join_id}")).await_status(200).await;
    assert_eq!(join().await_status(200).await.json(), joined);
    let stranger = uuid::Uuid::from_u128(7);
    form("preview_invite", format!("chat_id={id}&key={key}&join_id={stranger}")).await_status(403).await;
}

#[tokio::test]
async fn a_page_is_shown_whatever_the_host_header_says() {
    let app = TestApp::new();
    for host in ["", ":", "x:99999", "[zz]", "1.2.3.4.5", "'x", "xn--\u{7f}", "a b", "%"] {
        let Ok(host) = host.parse::<HeaderValue>() else { continue };
        for scheme in ["https", "file", "", "a b", "https, http"] {
            for path in ["/", "/chat/8e03978e-40d5-43dd-bc93-6894a57f9324", "/no/such/page"] {
                let request = Request::get(path).header("host", &host).header("x-forwarded-proto", scheme);
                let answer = app.send(request.header("accept", "text/html").body(Body::empty()).unwrap()).await;
                let expected = if path == "/no/such/page" { 404 } else { 200 };
                assert_eq!(answer.status, expected, "{path} at {host:?} over {scheme:?}");
            }
        }
    }
}
