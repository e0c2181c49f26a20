//! The forms that browsers post before the page is hydrated.

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::app::{Answer, BETWEEN_CHATS, Call, TestApp, resolve};

fn form<'a>(app: &'a TestApp, path: &str, fields: &[(&str, &str)]) -> Call<'a> {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    app.post(path).header("content-type", "application/x-www-form-urlencoded").body(body)
}

/// What the browser is told to do: the stored values by their keys, and the next page.
fn next(answer: &Answer) -> (Vec<(String, Value)>, String) {
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let text = answer.text();
    let json = text.split("id=\"next\">").nth(1).and_then(|rest| rest.split("</script>").next()).expect(&text);
    let next: Value = serde_json::from_str(json).unwrap();
    let changes = next["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| (change[0].as_str().unwrap().to_owned(), change[1].clone()));
    (changes.collect(), next["address"].as_str().unwrap().to_owned())
}

fn stored<'a>(changes: &'a [(String, Value)], key: &str) -> &'a Value {
    &changes.iter().find(|(stored, _)| stored == key).expect(key).1
}

#[tokio::test]
async fn a_posted_form_starts_a_chat_and_hands_its_owners_seat_to_the_browser() {
    let app = TestApp::new();
    let fields = [("username", "Ann"), ("name", "Movie </script> night"), ("admission", "link"), ("capacity", "3")];
    let answer = form(&app, "/?notice=left", &fields).await_status(200).await;
    let (changes, address) = next(&answer);
    let id = address.strip_prefix("/chat/").unwrap();
    assert_eq!(stored(&changes, "watch-party/username"), "Ann");
    let seat = stored(&changes, &format!("watch-party/chat/{id}"));
    assert_eq!((&seat["role"], &seat["name"]), (&"owner".into(), &"Movie </script> night".into()));
    let seats = app.get(format!("/{id}/members")).bearer(seat["token"].as_str().unwrap()).await_status(200).await;
    assert_eq!(seats.json()["capacity"], 3);
    // The document runs this one script, and loads only its icon.
    let policy = answer.header("content-security-policy").unwrap();
    let text = answer.text();
    let script = text.rsplit("<script>").next().and_then(|rest| rest.split("</script>").next()).unwrap();
    let hash = STANDARD.encode(Sha256::digest(script));
    assert!(
        policy.starts_with(&format!("default-src 'none'; script-src 'sha256-{hash}'; img-src 'self';")),
        "{policy}"
    );
}

#[tokio::test]
async fn a_posted_form_starts_every_kind_of_chat() {
    let app = TestApp::new();
    let open = form(&app, "/", &[("name", "Lobby"), ("admission", "open")]).await_status(200).await;
    let (changes, address) = next(&open);
    assert!(changes.is_empty() && address.starts_with("/chatrooms/"), "{address}");
    for (admission, page) in [("approval", "/chat/"), ("account", "/chat/")] {
        app.clock.advance(BETWEEN_CHATS);
        let fields = [("username", "Ann"), ("admission", admission), ("password", "correct horse")];
        let (_, address) = next(&form(&app, "/", &fields).await_status(200).await);
        assert!(address.starts_with(page), "{address}");
    }
}

#[tokio::test]
async fn a_refused_form_shows_the_problem_and_keeps_what_was_typed() {
    let app = TestApp::new();
    let fields = [
        ("username", "Ann"),
        ("name", "\"><b>bold"),
        ("admission", "account"),
        ("password", "short"),
        ("history", "0"),
        ("public_access", "on"),
    ];
    let answer = form(&app, "/", &fields).await_status(422).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let page = answer.text();
    assert!(page.contains("value=\"Ann\"") && page.contains("value=\"&quot;"), "{page}");
    assert!(!page.contains("<b>bold") && !page.contains("value=\"short\""));
    assert!(page.contains("aria-invalid=\"true\""));
    let number = form(&app, "/", &[("username", "Ann"), ("capacity", "six")]).await_status(422).await;
    assert!(number.text().contains("<details open"));
}

#[tokio::test]
async fn a_posted_form_redeems_a_link_once_for_each_join_id() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(serde_json::json!({"username": "Ann"})).await;
    let path = format!("/join/{}", chat.id);
    let join_id = uuid::Uuid::from_u128(7).to_string();
    let fields = [("username", "Bob"), ("key", &*chat.key), ("join_id", &*join_id)];
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let (changes, address) = next(&form(&app, &path, &fields).await_status(200).await);
        assert_eq!(address, format!("/chat/{}", chat.id));
        assert_eq!(stored(&changes, &format!("watch-party/knock/{}", chat.id)), &Value::Null);
        let seat = stored(&changes, &format!("watch-party/chat/{}", chat.id));
        assert_eq!(seat["key"], *chat.key);
        tokens.push(seat["token"].clone());
    }
    assert_eq!(tokens[0], tokens[1]);
    assert_eq!(ann.usernames().await, ["Ann", "Bob"]);
}

#[tokio::test]
async fn a_posted_form_knocks_at_a_chat_whose_owner_approves_guests() {
    let app = TestApp::new();
    let (chat, _) = app.chat(serde_json::json!({"admission": "approval"})).await;
    let fields = [("username", "Bob"), ("key", &*chat.key), ("join_id", "")];
    let (changes, address) = next(&form(&app, &format!("/join/{}", chat.id), &fields).await_status(200).await);
    assert_eq!(address, format!("/join/{}#{}", chat.id, chat.key));
    let knock = stored(&changes, &format!("watch-party/knock/{}", chat.id));
    assert_eq!((&knock["status"], &knock["key"]), (&"pending".into(), &(*chat.key).into()));
}

#[tokio::test]
async fn a_guest_who_cannot_join_is_told_why() {
    let app = TestApp::new();
    let (chat, _) = app.chat(serde_json::json!({"username": "Ann", "capacity": 2})).await;
    let path = format!("/join/{}", chat.id);
    let post = |path: &str, username: &str, key: &str| form(&app, path, &[("username", username), ("key", key)]);
    let taken = post(&path, "Ann", &chat.key).await_status(409).await.text();
    assert!(taken.contains("aria-invalid=\"true\"") && taken.contains("value=\"Ann\""));
    assert!(!taken.contains(&*chat.key), "the page needs no key: it is in the address");
    post(&path, "", &chat.key).await_status(422).await;
    let (_, address) = next(&post(&path, "Bob", "").await_status(200).await);
    assert_eq!(address, "/?notice=invite_needed");
    chat.join("Bob").await;
    let (changes, address) = next(&post(&path, "Eve", &chat.key).await_status(200).await);
    assert!(changes.is_empty());
    assert_eq!(address, format!("/?notice=chat_full#{}/{}", chat.id, chat.key));
    let wrong = "A".repeat(43);
    let (_, address) = next(&post(&path, "Eve", &wrong).await_status(200).await);
    assert_eq!(address, "/?notice=invalid_invite");
    let (_, address) = next(&post(&format!("{path}?notice=removed"), "Eve", &wrong).await_status(200).await);
    assert_eq!(address, "/?notice=removed");
    let nowhere = format!("/join/{}", uuid::Uuid::nil());
    let (_, address) = next(&post(&nowhere, "Eve", &wrong).await_status(200).await);
    assert_eq!(address, "/?notice=chat_not_found");
}

#[tokio::test]
async fn forms_of_other_sites_and_methods_that_no_form_uses_are_refused() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(serde_json::json!({"username": "Ann"})).await;
    for (path, fields) in [
        ("/".to_owned(), vec![("username", "Eve")]),
        (format!("/join/{}", chat.id), vec![("username", "Eve"), ("key", &*chat.key)]),
    ] {
        for (header, value) in
            [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("origin", "null")]
        {
            let foreign = form(&app, &path, &fields).header(header, value).await_status(403).await;
            assert_eq!(foreign.json()["code"], "origin_not_allowed", "{header}: {value}");
        }
        let put = app.call(Method::PUT, &path).await_status(405).await;
        assert_eq!(put.header("allow"), Some("GET,HEAD,POST"));
    }
    assert_eq!(ann.usernames().await, ["Ann"]);
    app.post("/join/nonsense").await_status(404).await;
}

#[tokio::test]
async fn a_form_is_accepted_from_its_own_page_at_any_address_of_the_host() {
    let app = TestApp::new();
    let (chat, _) = app.chat(serde_json::json!({"username": "Ann"})).await;
    for path in ["/".to_owned(), format!("/join/{}", chat.id), format!("/join/{}/", chat.id)] {
        // Otherwise browsers would send `Origin: null` with the page's forms.
        let page = app.get(&path).header("accept", "text/html").await_status(200).await;
        assert_eq!(page.header("referrer-policy"), Some("same-origin"), "{path}");
        app.clock.advance(BETWEEN_CHATS);
        let fields = [("username", "Bob"), ("key", &*chat.key), ("join_id", "2eaf4767-9975-4773-b7c7-817e60ce2bfb")];
        // A page that came without TLS from another host than this one sends no `Sec-Fetch-Site`.
        let answer = form(&app, &path, &fields).header("origin", "http://chat.test").await_status(200).await;
        let base = answer.text().split("<base href=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        assert_eq!(resolve(&path, &base), "/", "{path}");
    }
}

#[tokio::test]
async fn a_form_with_an_unknown_choice_is_refused() {
    let app = TestApp::new();
    let answer = form(&app, "/", &[("username", "Ann"), ("admission", "secret")]).await_status(422).await;
    assert!(answer.text().contains("Choose who can join."));
}

#[tokio::test]
async fn a_form_that_is_posted_too_often_says_how_long_to_wait() {
    let app = TestApp::new();
    let fields = [("username", "Ann"), ("name", "Movie night")];
    let answer = loop {
        let answer = form(&app, "/", &fields).answer().await;
        if answer.status != 200 {
            break answer;
        }
    };
    assert_eq!(answer.status, 429);
    assert!(answer.header("retry-after").is_some());
    assert!(answer.text().contains("Too many requests") && answer.text().contains("value=\"Movie night\""));
}
