//! What the server says that it sees of a request.

use serde_json::json;

use crate::app::{Options, TestApp};

#[tokio::test]
async fn without_proxies_the_client_is_the_peer_and_forwarded_headers_are_ignored() {
    let app = TestApp::new();
    let call = app.get("/connection").header("x-forwarded-for", "203.0.113.7").header("x-forwarded-proto", "https");
    let answer = call.at_address(7).await_status(200).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let expected = json!({
        "client_address": "198.18.0.7",
        "is_forwarded": false,
        "site_url": "http://chat.test",
        "ignored_headers": ["x-forwarded-for", "x-forwarded-proto"],
    });
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn a_trusted_proxy_names_the_client_and_the_site() {
    let app = TestApp::with(Options { trusted_proxies: &["127.0.0.1/32"], ..Options::default() });
    let direct = app.get("/connection").await_status(200).await.json();
    assert_eq!((&direct["client_address"], &direct["is_forwarded"]), (&json!("127.0.0.1"), &json!(false)));
    let call = app.get("/connection").header("x-forwarded-for", "192.0.2.1, 203.0.113.7");
    let call = call.header("x-forwarded-proto", "https").header("x-forwarded-prefix", "/talk");
    let expected = json!({
        "client_address": "203.0.113.7",
        "is_forwarded": true,
        "site_url": "https://chat.test/talk",
        "ignored_headers": [],
    });
    assert_eq!(call.await_status(200).await.json(), expected);
}
