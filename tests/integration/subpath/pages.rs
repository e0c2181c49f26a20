//! Addresses in redirects and pages.

use serde_json::{Value, json};

use super::{FOLDER, sites, text_of};
use crate::app::{TestApp, resolve};

const ID: &str = "2eaf4767-9975-4773-b7c7-817e60ce2bfb";

#[tokio::test]
async fn every_redirect_leads_to_its_page_in_any_folder() {
    for (app, add) in sites() {
        let invite = app.post("/create").await_status(201).await.json()["invite"].clone();
        let (link, key) = (text_of(&invite["magic_link"]), text_of(&invite["key"]));
        let id = link.rsplit('/').next().unwrap().split('#').next().unwrap();
        let redirects = [
            (format!("/{id}"), 303, format!("/chat/{id}")),
            (format!("/{id}?after=5"), 303, format!("/chat/{id}")),
            (format!("/{id}/"), 303, format!("/room/{id}")),
            ("/nonsense".into(), 303, "/?notice=chat_not_found".into()),
            (format!("/v1/chats/{id}"), 303, format!("/chat/{id}")),
            ("/v1/chats/nonsense".into(), 303, "/?notice=chat_not_found".into()),
            (format!("/v1/links/{id}.{key}"), 303, format!("/join/{id}#{key}")),
            (format!("/chatrooms/{id}/"), 303, format!("/sessions/new?chatroom={id}")),
            (format!("/chatrooms/{id}"), 303, format!("/sessions/new?chatroom={id}")),
            ("/chatrooms/new".into(), 303, "/".into()),
            ("/chatrooms/new/".into(), 303, "/".into()),
            ("/chatrooms/nonsense".into(), 303, "/?notice=chat_not_found".into()),
            (format!("/v1/chats/{id}/"), 303, format!("/chat/{id}")),
            ("/chat/nonsense/".into(), 303, "/?notice=chat_not_found".into()),
            ("/chat/nonsense".into(), 303, "/?notice=chat_not_found".into()),
            ("/join/nonsense".into(), 303, "/?notice=chat_not_found".into()),
            ("/room/nonsense".into(), 303, "/?notice=chat_not_found".into()),
        ];
        for (path, status, target) in redirects {
            let answer = add(app.get(&path)).header("accept", "text/html").await_status(status).await;
            let location = answer.header("location").unwrap();
            let from = path.split('?').next().unwrap();
            assert_eq!(resolve(from, location), target, "{path} -> {location}");
            assert_eq!(
                resolve(&format!("{FOLDER}{from}"), location),
                format!("{FOLDER}{target}"),
                "{path} -> {location}"
            );
        }
    }
}

#[tokio::test]
async fn a_form_sent_without_script_redirects_back_into_the_site() {
    let app = TestApp::new();
    for (body, status) in [("username=Ann", 302), ("username=+", 422)] {
        let form = app.post("/sf/create_chat").header("content-type", "application/x-www-form-urlencoded");
        let answer = form.header("accept", "text/html").body(body).await_status(status).await;
        assert_eq!(resolve("/some/path/sf/create_chat", answer.header("location").unwrap()), "/some/path/");
    }
}

/// Returns the addresses in a page that start at the root of the host, where another site may be.
fn rooted(html: &str) -> Vec<String> {
    let attributes = ["href", "src", "srcset", "action", "formaction", "poster", "data", "content"];
    let quotes = ["=\"", "='", "="];
    let attributes = attributes.iter().flat_map(|name| quotes.map(|quote| format!(" {name}{quote}/")));
    let scripts =
        ["import(\"/", "import('/", "import(`/", "from \"/", "from '/", "fetch(\"/", "url(/", "url(\"/", "url('/"];
    let patterns: Vec<String> = attributes.chain(scripts.iter().map(|&pattern| pattern.to_owned())).collect();
    let starts = patterns.iter().flat_map(|pattern| html.match_indices(pattern.as_str()));
    starts.map(|(at, pattern)| html[at..].chars().take(pattern.len() + 40).collect()).collect()
}

#[test]
fn root_relative_addresses_are_detected_in_every_spelling() {
    for html in ["<a href=\"/x\">", "<a href='/x'>", "<img src=/x>", "import(\"/x\")", "@import url(/x)"] {
        assert_eq!(rooted(html).len(), 1, "{html}");
    }
    for html in ["<a href=\"./x\">", "<a href=\"x/y\">", "import(\"./x\")", "a / b"] {
        assert!(rooted(html).is_empty(), "{html}");
    }
}

fn attribute<'a>(html: &'a str, tag: &str, name: &str) -> Option<&'a str> {
    let tag = &html[html.find(&format!("<{tag} "))?..];
    let tag = &tag[..tag.find('>')?];
    let value = &tag[tag.find(&format!("{name}=\""))? + name.len() + 2..];
    value.split('"').next()
}

#[tokio::test]
async fn every_page_has_a_relative_base_and_no_root_relative_addresses() {
    let pages = [
        "/".to_owned(),
        "/?notice=chat_full".into(),
        format!("/chat/{ID}"),
        format!("/join/{ID}"),
        format!("/room/{ID}"),
        format!("/chatrooms/{ID}/"),
        format!("/chatrooms/{ID}"),
        format!("/chat/{ID}/"),
        format!("/join/{ID}/"),
        "/nothing/there/at/all".into(),
        "/nothing/there/at/all/".into(),
    ];
    let mut wrong = Vec::new();
    for (app, add) in sites() {
        let session = app.post("/sessions").json(&json!({"username": "Ann"})).await_status(201).await.json();
        let cookie = format!("watch-party-session={}", text_of(&session["token"]));
        for path in &pages {
            let status = if path.starts_with("/nothing") { 404 } else { 200 };
            let page = add(app.get(path)).header("accept", "text/html").header("cookie", &cookie);
            let html = page.await_status(status).await.text();
            let base = attribute(&html, "base", "href").unwrap_or_else(|| panic!("{path} has no base: {html}"));
            let from = path.split('?').next().unwrap();
            assert_eq!(resolve(from, base), "/", "{path}");
            assert_eq!(resolve(&format!("{FOLDER}{from}"), base), format!("{FOLDER}/"), "{path}");
            // The base address must come before anything that is loaded relative to it.
            let first = ["<link", "<script", "<img"].iter().filter_map(|tag| html.find(tag)).min();
            assert!(first.is_none_or(|first| html.find("<base").unwrap() < first), "{path}: {html}");
            wrong.extend(rooted(&html).into_iter().map(|address| format!("{path}: {address}")));
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn the_docs_and_the_manifest_contain_no_root_relative_addresses() {
    for (app, add) in sites() {
        let docs = add(app.get("/docs")).header("accept", "text/html").await_status(200).await.text();
        assert!(rooted(&docs).is_empty(), "{:#?}", rooted(&docs));
        assert_eq!(resolve("/some/path/docs", attribute(&docs, "a", "href").unwrap()), "/some/path/");
        let document = add(app.get("/openapi.json")).await_status(200).await.json();
        let servers = document["servers"].as_array().cloned().unwrap_or_default();
        assert_eq!(servers.len(), 1);
        assert!(servers.iter().all(|server| !text_of(&server["url"]).starts_with('/')), "{servers:?}");
        let manifest = add(app.get("/assets/manifest.webmanifest")).await_status(200).await.json();
        let icon = &manifest["icons"][0]["src"];
        let at = |address: &Value| resolve("/some/path/assets/manifest.webmanifest", address.as_str().unwrap());
        assert_eq!((at(&manifest["start_url"]), at(icon)), ("/some/path/".into(), "/some/path/assets/icon.svg".into()));
    }
}
