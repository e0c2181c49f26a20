//! Links that the API returns and accepts.

use serde_json::json;

use super::{AddHeaders, PROXY, SITE, forwarded, forwarded_from, proxied, published, text_of, unchanged};
use crate::app::{BETWEEN_CHATS, Options, TestApp};
use crate::silly;

/// Requests every link that the API returns, sends them back, and returns them all.
async fn links_of(app: &TestApp, add: AddHeaders) -> Vec<String> {
    let created = add(app.post("/create")).await_status(201).await.json();
    let (id, token) = (text_of(&created["chat_id"]), text_of(&created["session_token"]));
    let invite = add(app.post(format!("/{id}/invite"))).bearer(&token).await_status(201).await.json();

    let silly = add(app.post("/v1/chats")).await_status(201).await.json();
    let (chat_url, author_id) = (text_of(&silly["chat_url"]), text_of(&silly["author_id"]));
    let body = json!({"chat_url": chat_url, "author_id": author_id});
    let link = add(app.post("/v1/links")).json(&body).await_status(201).await.json();
    let link_url = text_of(&link["link_url"]);
    let exchange = add(app.get(silly::path(&link_url))).await_status(202).await.json();
    assert_eq!(exchange["link_url"], link["link_url"]);
    let client_id = text_of(&exchange["client_id"]);
    let status = format!("/v1/approval/?link_url={link_url}&client_id={client_id}");
    let pending = add(app.get(&status)).await_status(200).await.json();
    assert_eq!(pending, json!({"approval_status": false}));
    let body = json!({"link_url": link_url, "author_id": author_id, "approval_status": true, "client_id": client_id});
    add(app.post("/v1/approval/")).json(&body).await_status(200).await;
    assert_eq!(add(app.get(&status)).await_status(200).await.json(), json!({"approval_status": true}));
    let path = format!("{}?client_id={client_id}", silly::path(&link_url));
    let exchange = add(app.get(path)).await_status(200).await.json();
    assert_eq!(exchange["chat"], silly["chat_url"]);

    let room = add(app.post("/chats")).json(&json!({"name": "A room"})).await_status(201).await.json();
    vec![
        text_of(&created["invite"]["magic_link"]),
        text_of(&invite["magic_link"]),
        chat_url,
        link_url,
        text_of(&exchange["chat"]),
        text_of(&room["url"]),
    ]
}

/// Asserts that each link has the right address on the site.
fn assert_links_start_at(site: &str, links: &[String]) {
    let paths = ["/join/", "/join/", "/v1/chats/", "/v1/links/", "/v1/chats/", "/chatrooms/"];
    for (link, path) in links.iter().zip(paths) {
        assert!(link.starts_with(&format!("{site}{path}")), "{link} does not start with {site}{path}");
    }
    assert_eq!(links.len(), paths.len());
}

#[tokio::test]
async fn every_link_starts_with_the_public_url() {
    assert_links_start_at(SITE, &links_of(&published(), unchanged).await);
    assert_links_start_at("http://chat.test", &links_of(&TestApp::new(), unchanged).await);
    // With a public URL, the headers of a request do not count, even from a trusted proxy.
    let app = TestApp::with(Options {
        public_url: Some("https://a.example"),
        trusted_proxies: &[PROXY],
        ..Options::default()
    });
    assert_links_start_at("https://a.example", &links_of(&app, forwarded).await);
}

#[tokio::test]
async fn every_link_starts_with_the_address_from_a_trusted_proxy() {
    assert_links_start_at(SITE, &links_of(&proxied(), forwarded).await);
    let url_under = |prefix: &'static str| {
        let app = proxied();
        async move {
            let created = forwarded_from(app.post("/chats"), prefix).json(&json!({"name": "A room"}));
            text_of(&created.await_status(201).await.json()["url"])
        }
    };
    for prefix in ["/some/path/", "/some/path, /other"] {
        assert!(url_under(prefix).await.starts_with("https://chat.example/some/path/chatrooms/"), "{prefix}");
    }
    for prefix in ["", "/"] {
        assert!(url_under(prefix).await.starts_with("https://chat.example/chatrooms/"), "{prefix}");
    }
}

#[tokio::test]
async fn forwarded_headers_from_untrusted_callers_are_ignored() {
    let untrusting: [&[&str]; 2] = [&[], &["10.0.0.0/8"]];
    for trusted_proxies in untrusting {
        let app = TestApp::with(Options { trusted_proxies, ..Options::default() });
        assert_links_start_at("http://chat.test", &links_of(&app, forwarded).await);
    }
}

#[tokio::test]
async fn a_forwarded_prefix_that_is_not_a_folder_is_ignored() {
    let app = proxied();
    let nonsense = [
        "//evil.example",
        "//evil.example/",
        "/\\evil.example",
        "/a/../b",
        "/..",
        "/.",
        "/a//b",
        "javascript:",
        "javascript:alert(1)",
        "https://evil.example",
        "chat",
        "@evil.example",
        ".evil.example",
        ":8080",
        "/a b",
        "/a?b=c",
        "/a#b",
        "/%2e%2e/",
        "/a\"onload=\"",
        "/<script>",
    ];
    for prefix in nonsense {
        app.clock.advance(2 * BETWEEN_CHATS);
        let created = forwarded_from(app.post("/create"), prefix).await_status(201).await.json();
        let link = text_of(&created["invite"]["magic_link"]);
        assert!(link.starts_with("https://chat.example/join/"), "{prefix}: {link}");
        let room = forwarded_from(app.post("/chats"), prefix).json(&json!({"name": "A room"}));
        let url = text_of(&room.await_status(201).await.json()["url"]);
        assert!(url.starts_with("https://chat.example/chatrooms/"), "{prefix}: {url}");
        let session = forwarded_from(app.post("/sessions"), prefix).json(&json!({"username": "Ann"}));
        let token = text_of(&session.await_status(201).await.json()["token"]);
        let ended = forwarded_from(app.delete("/sessions/me"), prefix).bearer(&token).await_status(204).await;
        assert!(ended.header("set-cookie").unwrap().contains("Path=/;"), "{prefix}: {ended:?}");
    }
}

#[tokio::test]
async fn ending_a_session_clears_the_cookie_of_the_sites_folder() {
    for (app, add) in [(published(), unchanged as AddHeaders), (proxied(), forwarded)] {
        let opened = add(app.post("/sessions")).json(&json!({"username": "Ann"})).await_status(201).await;
        // A cookie without a path applies to the folder of its address, which is the site's folder.
        assert!(!opened.header("set-cookie").unwrap().contains("Path"), "{opened:?}");
        let token = text_of(&opened.json()["token"]);
        let ended = add(app.delete("/sessions/me")).bearer(&token).await_status(204).await;
        let attributes: Vec<&str> = ended.header("set-cookie").unwrap().split("; ").collect();
        assert!(attributes.contains(&"Path=/some/path") && attributes.contains(&"Secure"), "{ended:?}");
    }
}

#[tokio::test]
async fn a_url_of_another_host_or_kind_is_refused() {
    let app = published();
    let created = app.post("/v1/chats").await_status(201).await.json();
    let (chat_url, author_id) = (text_of(&created["chat_url"]), text_of(&created["author_id"]));
    let link = |chat_url: &str| app.post("/v1/links").json(&json!({"chat_url": chat_url, "author_id": author_id}));
    link(&chat_url).await_status(201).await;
    for wrong in [
        chat_url.replace("chat.example", "evil.example"),
        chat_url.replace("chat.example", "chat.example.evil.example"),
        chat_url.replace("/v1/chats/", "/v1/links/"),
        chat_url.replace("https://chat.example", ""),
        "javascript:alert(1)".into(),
    ] {
        let problem = link(&wrong).await_problem(422, "invalid_request").await;
        assert_eq!(problem["field"], "chat_url", "{wrong}");
    }
}

#[tokio::test]
async fn an_invalid_forwarded_host_is_ignored() {
    let app = proxied();
    for host in ["", "evil.example/..", "someone@evil.example", "evil.example\\x"] {
        let created = app.post("/create").header("x-forwarded-host", host).await_status(201).await.json();
        let link = text_of(&created["invite"]["magic_link"]);
        assert!(link.starts_with("http://chat.test/join/"), "{host}: {link}");
    }
}
