//! Single parsers of a request, each inside a request that is otherwise valid.

use axum::http::Uri;
use axum::http::{HeaderValue, Method};
use form_urlencoded::byte_serialize;
use serde_json::json;
use uuid::Uuid;
use watch_party::config::is_plain_host;
use watch_party::domain::{InviteKey, MessageText, SessionToken};

use crate::inputs::Target;
use crate::site::{FuzzedSite, Sent};

fn is_header(value: &[u8]) -> bool {
    HeaderValue::from_bytes(value).is_ok()
}

fn escaped(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

#[test]
fn authorization_headers() {
    let site = FuzzedSite::new();
    let target =
        Target::new("authorization_headers", 150).words(["Bearer ", "bearer ", "Basic ", " ", "{session_token}"]);
    let examples = ["Bearer {session_token}", "{bob_token}", "bearer  {key}", "Bearer {ticket}"];
    target.words(["{bob_token}", ",", "=", "\t"]).examples(examples.map(|text| text.as_bytes().to_vec())).check(
        |value| {
            let value = site.filled(value);
            let path = format!("/{}/session", site.known("chat_id"));
            let Some(sent) = Sent::new(Method::GET, path).header("authorization", &value) else { return };
            let tokens = [site.known("session_token"), site.known("bob_token")];
            let Some(answer) = site.ask(&sent) else { return };
            let text = String::from_utf8_lossy(&value).trim().to_owned();
            let bare = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
            let is_token = tokens.iter().any(|token| bare.map_or(&*text, |(_, rest)| rest.trim()) == token);
            let is_token = is_token && value.is_ascii();
            assert_eq!(answer.status, if is_token { 200 } else { 401 }, "{answer:?} to {text:?}");
        },
    );
}

#[test]
fn cookies() {
    let site = FuzzedSite::new();
    let words =
        ["watch-party-session=", "{browser}", ";", "; ", "=", "\"", "a=b", ",", "%3D", "Path=/", "{session_token}"];
    let examples = ["watch-party-session={browser}", "a=b; watch-party-session={browser}; c=d"];
    let examples = examples.map(|text| text.as_bytes().to_vec());
    Target::new("cookies", 150).words(words).examples(examples).check(|value| {
        let value = site.filled(value);
        let Some(sent) = Sent::new(Method::GET, "/sessions/me").header("cookie", &value) else { return };
        let exact = format!("watch-party-session={}", site.known("browser"));
        let Some(answer) = site.ask(&sent) else { return };
        let text = String::from_utf8_lossy(&value).into_owned();
        if answer.status == 200 {
            assert!(text.contains(&exact[20..]), "a session without its token: {text:?}");
        } else {
            assert_eq!(answer.status, 401);
            assert_ne!(text, exact);
        }
    });
}

#[test]
fn cursors() {
    let site = FuzzedSite::new();
    let words = [
        "after",
        "=",
        "&",
        "after=",
        "0",
        "3",
        "-1",
        "+",
        "%30",
        "%",
        "18446744073709551615",
        "18446744073709551616",
        ";",
    ];
    Target::new("cursors", 150).words(words).examples([b"after=2&x=y".to_vec()]).check_text(|query| {
        let (id, token) = (site.known("chat_id"), site.known("session_token"));
        let ask = |id: &str| {
            let sent = Sent::new(Method::GET, format!("/{id}?{query}")).header("authorization", &token)?;
            site.ask(&sent)
        };
        // The site answers this address itself, and the other form of the same id through its router.
        let Some(direct) = ask(&id) else { return };
        let Some(routed) = ask(&id.replace('-', "")) else { return };
        if token == site.known("session_token") {
            assert_eq!((direct.status, &direct.text()), (routed.status, &routed.text()), "{query:?}");
        }
        match direct.status.as_u16() {
            200 => assert!(direct.json()["last_id"].is_u64()),
            status => assert_eq!((status, &direct.json()["field"]), (400, &json!("after")), "{direct:?}"),
        }
    });
}

#[test]
fn message_bodies() {
    let site = FuzzedSite::new();
    let words = ["Hi", "{", "}", "{\"text\": \"", "\"}", "&", "=", "text=", "%", "+", "👋", " ", "\n", "\\u0000", "王"];
    let target =
        Target::new("message_bodies", 150).words(words).examples([b"{\"text\": \"a\", \"client_id\": null}".to_vec()]);
    target.check_text(|text| {
        let (id, token) = (site.known("chat_id"), site.known("session_token"));
        let post = |kind: &'static str, body: String| {
            let sent = Sent::new(Method::POST, format!("/{id}")).body(kind, body).header("authorization", &token)?;
            let answer = site.ask(&sent)?;
            // The chats may have been replaced meanwhile.
            (token == site.known("session_token")).then_some(answer)
        };
        let kinds = [
            ("application/json", json!({ "text": text }).to_string()),
            ("application/x-www-form-urlencoded", format!("text={}", escaped(text))),
            ("text/plain", text.to_owned()),
        ];
        let answers: Vec<_> = kinds.into_iter().filter_map(|(kind, body)| post(kind, body)).collect();
        let expected = MessageText::parse(text).ok().map(|text| text.as_str().to_owned());
        // A body of another type that holds an object is that object.
        let is_object = text.trim_start().starts_with('{');
        for answer in answers.iter().take(if is_object { 1 } else { 3 }) {
            let status = if expected.is_some() { 201 } else { 422 };
            assert_eq!(answer.status, status, "{answer:?} to {text:?}");
            assert_eq!(answer.json()["text"].as_str(), expected.as_deref());
        }
    });
}

#[test]
fn idempotency_key_headers() {
    let site = FuzzedSite::new();
    let words = ["\"", " ", "order-66", "8e03978e-40d5-43dd-bc93-6894a57f9324", "\t", ",", "é"];
    Target::new("idempotency_key_headers", 150).words(words).check(|key| {
        let (id, token) = (site.known("chat_id"), site.known("session_token"));
        let post = || {
            let sent = Sent::new(Method::POST, format!("/{id}")).json(&json!({"text": "once"}));
            site.ask(&sent.header("authorization", &token)?.header("idempotency-key", key)?)
        };
        let Some(first) = post() else { return };
        let Some(second) = post() else { return };
        if token != site.known("session_token") {
            return;
        }
        let is_valid = key.len() <= 255
            && !key.trim_ascii().is_empty()
            && key.iter().all(|byte| (b' '..=b'~').contains(byte) || *byte == b'\t');
        if !is_valid {
            assert_eq!(first.json()["field"], "Idempotency-Key", "{key:?}");
            return;
        }
        assert!([200, 201].contains(&first.status.as_u16()) && second.status == 200, "{first:?} {second:?} to {key:?}");
        assert_eq!(first.json()["id"], second.json()["id"]);
    });
}

/// Checks that a page's request that uses its visitor's cookie is refused unless the page is of this host.
#[test]
fn origins() {
    let site = FuzzedSite::new();
    let words = [
        "http://",
        "https://",
        "chat.test",
        "CHAT.test",
        "evil.example",
        ":80",
        ":443",
        ":8080",
        "null",
        "@",
        "/",
        ".",
        "[::1]",
        "same-origin",
        "none",
        "cross-site",
    ];
    let examples =
        ["chat.test|https://chat.test", "chat.test:8080|http://chat.test:8080", "chat.test|http://evil.example"];
    let examples = examples.map(|text| text.as_bytes().to_vec());
    Target::new("origins", 150).words(words).words(["|"]).examples(examples).check(|input| {
        let at = input.iter().position(|byte| *byte == b'|').unwrap_or(0);
        let (host, origin) = (&input[..at], &input[(at + 1).min(input.len())..]);
        if !is_header(host) || !is_header(origin) {
            return;
        }
        let sent = Sent::new(Method::POST, "/sessions").json(&json!({"username": "Ann"}));
        let sent = sent.header("host", host).and_then(|sent| sent.header("origin", origin)).unwrap();
        let Some(answer) = site.ask(&sent) else { return };
        if answer.status == 403 {
            return;
        }
        assert_eq!(answer.status, 201, "{answer:?} to {sent:?}");
        // What a browser would have to say to be let in: the same host, but for a default port.
        let bare = |text: &str| {
            let text = text.to_ascii_lowercase();
            let text = text.strip_suffix(":80").or_else(|| text.strip_suffix(":443")).unwrap_or(&text).to_owned();
            text.trim_end_matches('/').to_owned()
        };
        let (host, origin) = (String::from_utf8_lossy(host), String::from_utf8_lossy(origin));
        let named = origin.split_once("://").map_or(&*origin, |(_, rest)| rest);
        let named = named.split(['/', '?', '#']).next().unwrap_or_default();
        let first = host.split(',').next().unwrap_or_default().trim();
        // Without a valid host, the site's own address counts, which no page of another site has either.
        let own = if is_plain_host(first) { first } else { "127.0.0.1:3000" };
        assert_eq!(bare(named), bare(own), "{origin:?} is let in at {host:?}");
    });
}

/// Checks that whatever a proxy forwards, the site's links are plain addresses that the site takes back.
#[test]
fn forwarded_headers() {
    let site = FuzzedSite::new();
    let words = [
        "chat.example",
        "https",
        "HTTPS",
        "gopher",
        "/some/path",
        "//",
        "..",
        "\"",
        "<x-fuzz>",
        "@",
        ":8443",
        ",",
        " ",
        "[::1]",
        "?",
        "#",
        "javascript:",
        "192.0.2.1",
        "2001:db8::1",
        "::ffff:10.0.0.1",
    ];
    let examples = ["https|chat.example|/some/path|192.0.2.1, 127.0.0.1", "http|a:1, b:2|/|unknown"];
    let examples = examples.map(|text| text.as_bytes().to_vec());
    Target::new("forwarded_headers", 150).words(words).words(["|"]).examples(examples).check(|input| {
        let mut parts = input.split(|byte| *byte == b'|');
        let names = ["x-forwarded-proto", "x-forwarded-host", "x-forwarded-prefix", "x-forwarded-for", "host"];
        let forwarded: Option<Vec<_>> =
            names.into_iter().map(|name| Some((name, parts.next()?))).take_while(Option::is_some).collect();
        let with =
            |sent: Sent| forwarded.iter().flatten().try_fold(sent, |sent, (name, value)| sent.header(name, value));
        let Some(sent) = with(Sent::new(Method::POST, "/v1/chats")) else { return };
        let Some(created) = site.ask(&sent) else { return };
        assert_eq!(created.status, 201, "{created:?}");
        let created = created.json();
        let url = created["chat_url"].as_str().unwrap();
        let parsed: Uri = url.parse().unwrap_or_else(|error| panic!("{error}: {url}"));
        assert!(["http", "https"].contains(&parsed.scheme_str().unwrap_or_default()), "{url}");
        assert!(!url.contains(|c: char| !c.is_ascii_graphic() || "\"'<>@\\?#".contains(c)), "{url}");
        assert!(url.rsplit('/').next().is_some_and(|id| Uuid::parse_str(id).is_ok()), "{url}");
        let link = json!({"chat_url": url, "author_id": created["author_id"]});
        let link = site.ask(&with(Sent::new(Method::POST, "/v1/links").json(&link)).unwrap()).unwrap();
        assert_eq!(link.status, 201, "the site does not take back {url}: {link:?}");
    });
}

/// Checks that Silly Chat's URLs are taken only if they are of this site.
#[test]
fn chat_urls() {
    let site = FuzzedSite::new();
    let words = [
        "http://",
        "https://",
        "chat.test",
        "evil.example",
        "/v1/chats/",
        "/v1/links/",
        "{opaque}",
        "{link}",
        "{chat_id}",
        "?",
        "#",
        "/",
        "@",
        ":80",
        " ",
        "..",
    ];
    let examples =
        ["{chat_url}", "{link_url}", "http://chat.test/v1/chats/{opaque}?a#b", "http://evil.example/v1/chats/{opaque}"];
    let examples = examples.map(|text| text.as_bytes().to_vec());
    Target::new("chat_urls", 150).words(words).examples(examples).check_text(|url| {
        let url = String::from_utf8(site.filled(url.as_bytes())).unwrap();
        let (id, author) = (site.known("opaque"), site.known("author_id"));
        let body = json!({"chat_url": url, "author_id": author});
        let Some(answer) = site.ask(&Sent::new(Method::POST, "/v1/links").json(&body)) else { return };
        if answer.status != 201 {
            assert!([401, 403, 404, 409, 413, 422].contains(&answer.status.as_u16()), "{answer:?}");
            return;
        }
        let url = url.trim().to_ascii_lowercase();
        assert!(url.contains(&id) || url.contains(&id.replace('-', "")), "{url}");
        let host = url.split_once("://").map_or(&*url, |(_, rest)| rest).split('/').next().unwrap_or_default();
        assert!(["chat.test", "chat.test:80", "chat.test:443"].contains(&host), "{url}");
    });
}

/// Checks that each address answers the same with a slash at its end and without one.
#[test]
fn paths() {
    let site = FuzzedSite::new();
    let words = [
        "/",
        "//",
        "/{chat_id}",
        "/{roomid}",
        "/{hash_key}",
        "/{opaque}",
        "/{link}",
        "/members",
        "/knocks",
        "/seats",
        "/preview",
        "/session",
        "/sessions",
        "/chats",
        "/v1",
        "/links",
        "/sf",
        "/join",
        "/chat",
        "/room",
        "/chatrooms",
        "/new",
        "/me",
        "/pkg",
        "/assets",
        "/icon.svg",
        "/docs",
        "/openapi.json",
        "/healthz",
        "/readyz",
        "/robots.txt",
        "/get_conversation",
        "/..",
        "/%2e%2e",
        "/.",
        "%2f",
        "%00",
        "%ff",
        "%",
        ";",
        "\\",
        "?a=b",
    ];
    Target::new("paths", 150).words(words).examples([b"/{chat_id}/members".to_vec()]).check(|path| {
        let Ok(path) = String::from_utf8(site.filled(path)) else { return };
        let plain = path.trim_end_matches('/');
        let ids = [site.known("chat_id"), site.known("roomid"), site.known("hash_key"), site.known("opaque")];
        let ask = |path: &str| site.ask(&Sent::new(Method::GET, path));
        let Some(first) = ask(plain) else { return };
        let Some(second) = ask(&format!("{plain}/")) else { return };
        // A chat's own address is two calls, and a file has no other address.
        let segments: Vec<&str> = plain.split('/').collect();
        let is_own =
            segments.len() < 3 || segments[1] == "chats" || ["pkg", "assets", "robots.txt"].contains(&segments[1]);
        if is_own || plain.contains(['?', '#']) || !ids.contains(&site.known("chat_id")) {
            return;
        }
        assert_eq!(first.status, second.status, "{plain}: {first:?} and {second:?}");
    });
}

/// Checks that a key in a form joins exactly when it is the invite's.
#[test]
fn invite_keys() {
    let site = FuzzedSite::new();
    let examples = [b"{key}".to_vec(), b"{approval_key}".to_vec()];
    Target::new("invite_keys", 150).words(["{key}", "{ticket}", "=", "-", "A", " "]).examples(examples).check_text(
        |key| {
            let key = String::from_utf8(site.filled(key.as_bytes())).unwrap();
            let (id, own) = (site.known("chat_id"), site.known("key"));
            let sent = Sent::new(Method::GET, format!("/{id}/seats"));
            let Some(sent) = sent.header("authorization", format!("Bearer {key}")) else { return };
            let Some(answer) = site.ask(&sent) else { return };
            let is_own = key.is_ascii() && InviteKey::parse(&key).is_some_and(|key| key.reveal() == own);
            assert_eq!(answer.status, if is_own { 200 } else { 403 }, "{answer:?} to {key:?}");
            assert!(SessionToken::parse(&key).is_none_or(|token| token.reveal() == key.trim()));
        },
    );
}
