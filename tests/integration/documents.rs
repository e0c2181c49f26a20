//! The API's document contains all routed calls and no others. In the document of the five systems, each sentence
//! names existing tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use axum::http::Method;
use serde_json::{Value, json};
use watch_party::http::api_document;

use crate::app::TestApp;
use crate::architecture::sources;

/// The calls of the API, listed by hand, so that a call added or removed by mistake fails a test.
const CALLS: [&str; 51] = [
    "DELETE /sessions/me",
    "DELETE /{chat_id}",
    "DELETE /{chat_id}/invites/{invite_id}",
    "DELETE /{chat_id}/knocks/{knock_id}",
    "DELETE /{chat_id}/members/{member_id}",
    "DELETE /{chat_id}/session",
    "DELETE /{chat_id}/sessions/{session_id}",
    "GET /chats/{hash_key}/",
    "GET /connection",
    "GET /healthz",
    "GET /openapi.json",
    "GET /readyz",
    "GET /sessions/me",
    "GET /v1/approval/",
    "GET /v1/chats/{opaque}",
    "GET /v1/links/{opaque}",
    "GET /{chat_id}",
    "GET /{chat_id}/",
    "GET /{chat_id}/get_conversation",
    "GET /{chat_id}/invites",
    "GET /{chat_id}/knocks",
    "GET /{chat_id}/knocks/{knock_id}",
    "GET /{chat_id}/live",
    "GET /{chat_id}/members",
    "GET /{chat_id}/preview",
    "GET /{chat_id}/retention",
    "GET /{chat_id}/seats",
    "GET /{chat_id}/session",
    "GET /{chat_id}/sessions",
    "PATCH /{chat_id}/members/{member_id}",
    "POST /chats",
    "POST /chats/{hash_key}/enter",
    "POST /chats/{hash_key}/messages",
    "POST /create",
    "POST /createroom",
    "POST /sessions",
    "POST /v1/approval/",
    "POST /v1/chats",
    "POST /v1/chats/{opaque}",
    "POST /v1/links",
    "POST /{chat_id}",
    "POST /{chat_id}/invite",
    "POST /{chat_id}/join",
    "POST /{chat_id}/knocks/{knock_id}",
    "POST /{chat_id}/login",
    "POST /{chat_id}/message",
    "POST /{chat_id}/recover",
    "POST /{chat_id}/recovery",
    "POST /{chat_id}/register",
    "POST /{chat_id}/session",
    "POST /{chat_id}/typing",
];

/// Returns the documented calls. A call that is documented at both forms of its path counts once.
fn documented() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (path, calls) in api_document()["paths"].as_object().unwrap() {
        let calls = calls.as_object().unwrap().iter().filter(|(_, call)| call.get("x-same-as").is_none());
        found.extend(calls.map(|(method, _)| format!("{} {path}", method.to_uppercase())));
    }
    found
}

#[test]
fn the_document_lists_exactly_the_expected_calls() {
    let calls: BTreeSet<String> = CALLS.map(str::to_owned).into();
    assert_eq!(documented(), calls);
}

const ID: &str = "2eaf4767-9975-4773-b7c7-817e60ce2bfb";

/// Fills the parameters of a path in the document with an id.
pub fn filled(path: &str) -> String {
    let names = ["{chat_id}", "{member_id}", "{session_id}", "{invite_id}", "{knock_id}", "{opaque}", "{hash_key}"];
    names.iter().fold(path.to_owned(), |path, name| path.replace(name, ID))
}

/// Adds a slash at the end of `path`, or removes it if there is one.
pub fn other_form(path: &str) -> String {
    path.strip_suffix('/').map_or_else(|| format!("{path}/"), str::to_owned)
}

/// Returns the methods that an address supports, in its two forms together.
fn known_methods(documented: &BTreeSet<String>, path: &str) -> Vec<&'static str> {
    let is_known = |method: &str| {
        let method = if method == "HEAD" { "GET" } else { method };
        [path.to_owned(), other_form(path)].iter().any(|form| documented.contains(&format!("{method} {form}")))
    };
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].into_iter().filter(|method| is_known(method)).collect()
}

#[tokio::test]
async fn documented_calls_are_routed_and_other_methods_get_405_with_the_allowed_ones() {
    let app = TestApp::new();
    let documented = documented();
    let paths: BTreeSet<&str> =
        documented.iter().filter_map(|call| call.split_once(' ')).map(|(_, path)| path).collect();
    for path in paths {
        let known = known_methods(&documented, path);
        for address in [filled(path), other_form(&filled(path))] {
            for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS] {
                let answer = app.call(method.clone(), &address).answer().await;
                assert_eq!(answer.status == 405, !known.contains(&method.as_str()), "{method} {address}: {answer:?}");
                assert_ne!(answer.status, 500, "{method} {address}");
                if answer.status == 405 {
                    assert_eq!(answer.header("allow"), Some(&*known.join(",")), "{method} {address}");
                    let problem = answer.json();
                    assert_eq!(problem["code"], "method_not_allowed");
                    let detail = problem["detail"].as_str().unwrap();
                    let named: Vec<&str> = detail.split([' ', ',', '.']).collect();
                    assert!(known.iter().all(|method| named.contains(method)), "{method} {address}: {detail}");
                }
            }
        }
    }
}

#[tokio::test]
async fn every_call_answers_the_same_with_and_without_a_trailing_slash() {
    let documented = documented();
    for call in &documented {
        let (method, path) = call.split_once(' ').unwrap();
        // Two calls that differ only in the slash are separate calls.
        if documented.contains(&format!("{method} {}", other_form(path))) {
            continue;
        }
        let mut answers = Vec::new();
        for address in [filled(path), other_form(&filled(path))] {
            // A new app for each address, so that both draw the same secrets.
            let app = TestApp::new();
            let body = json!({"alias": "x", "name": "x", "username": "Ann", "password": "correct horse"});
            let answer = app.call(method.parse().unwrap(), address).json(&body).answer().await;
            answers.push((answer.status, answer.header("content-type").map(str::to_owned), answer.text()));
        }
        assert_eq!(answers[0], answers[1], "{call}");
    }
}

#[tokio::test]
async fn every_json_body_can_be_a_form_with_the_same_fields() {
    let document = api_document();
    let calls = document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values());
    let bodies: Vec<&Value> = calls.filter_map(|call| call.pointer("/requestBody/content")).collect();
    assert!(bodies.len() > 10, "{}", bodies.len());
    let fields = |schema: &Value| -> BTreeSet<String> {
        let fields = schema["properties"].as_object();
        fields.unwrap_or_else(|| panic!("{schema}")).keys().cloned().collect()
    };
    for body in bodies {
        let reference = body["application/json"]["schema"]["$ref"].as_str().unwrap();
        let json = document.pointer(reference.strip_prefix('#').unwrap()).unwrap();
        let form = &body["application/x-www-form-urlencoded"]["schema"];
        assert_eq!(fields(form), fields(json), "{reference}");
        assert_eq!(form["required"], json["required"], "{reference}");
    }
}

/// Every call is added to the router through the macro that documents it; these few routes are not calls.
#[test]
fn only_pages_and_files_are_routed_outside_the_document() {
    let mut routed = Vec::new();
    for (path, text) in sources().into_iter().filter(|(path, _)| path.starts_with("http")) {
        let count: usize =
            [".route(", ".route_service(", ".nest"].map(|pattern| text.matches(pattern).count()).iter().sum();
        if count > 0 {
            routed.push((path.to_string_lossy().into_owned(), count));
        }
    }
    routed.sort();
    // The readable document; the files on the disk; the two forms; the chatrooms' page, and the page to create them; the
    // start page.
    let expected = [
        ("http/docs.rs", 1),
        ("http/files.rs", 3),
        ("http/pages/forms.rs", 2),
        ("http/pages/mod.rs", 2),
        ("http/pages/start.rs", 1),
    ];
    assert_eq!(routed, expected.map(|(file, count)| (file.to_owned(), count)));
}

#[tokio::test]
async fn the_document_is_openapi_3_1_and_describes_refusals_as_problems() {
    let app = TestApp::new();
    let document = app.get("/openapi.json").await_status(200).await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut problems = 0;
    let mut names = BTreeSet::new();
    for methods in document["paths"].as_object().unwrap().values() {
        for call in methods.as_object().unwrap().values() {
            assert!(call["summary"].is_string() && call["tags"].is_array(), "{call}");
            assert!(
                names.insert(call["operationId"].as_str().unwrap().to_owned()),
                "two calls with the same name: {call}"
            );
            for (status, response) in call["responses"].as_object().unwrap() {
                // Flask-Chat refuses in its own format.
                let schema = response["content"]["application/json"]["schema"]["$ref"].as_str();
                let has_own_format =
                    schema.is_some_and(|schema| schema.ends_with("Outcome") || schema.ends_with("Login"));
                let is_problem = status.as_str() >= "400" && !has_own_format;
                problems += u32::from(is_problem);
                let content = response["content"].get("application/problem+json");
                assert_eq!(content.is_some(), is_problem, "{status}: {response}");
                if is_problem {
                    assert_eq!(content.unwrap()["schema"]["$ref"], "#/components/schemas/Problem");
                }
            }
        }
    }
    assert!(problems > 20);
}

#[tokio::test]
async fn every_reference_in_the_document_resolves() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                    found.push(reference.to_owned());
                }
                fields.values().for_each(|field| references(field, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document = api_document();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        let target = document.pointer(reference.strip_prefix('#').unwrap());
        assert!(target.is_some(), "{reference}");
    }
}

#[tokio::test]
async fn the_readable_page_lists_every_call_and_loads_nothing_external() {
    let app = TestApp::new();
    let answer = app.get("/docs").await_status(200).await;
    let page = answer.text();
    for call in documented() {
        assert!(page.contains(&format!("<code>{call}</code>")), "{call}");
    }
    let loads = ["src=\"http", "href=\"http", "src=\"//", "href=\"//", "<script"];
    assert!(loads.iter().all(|pattern| !page.contains(pattern)), "{page}");
    assert!(answer.header("content-security-policy").unwrap().contains("default-src 'none'"));
}

/// Returns the files under `folder` whose names end with `ending`, except those that npm installed.
fn files_under(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("node_modules") {
            found.extend(files_under(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found
}

/// Returns the names of this binary's tests, such as `flask::a_room_can_always_be_created`.
fn rust_tests() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration");
    let mut tests = BTreeSet::new();
    for path in files_under(&folder, ".rs") {
        let module = path.strip_prefix(&folder).unwrap().with_extension("");
        let module = module.to_string_lossy().replace(['/', '\\'], "::");
        let module = module.strip_suffix("::mod").unwrap_or(&module);
        let mut is_test = false;
        for line in fs::read_to_string(&path).unwrap().lines().map(str::trim) {
            let signature = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn "));
            if let Some(name) = signature.and_then(|signature| signature.split('(').next()) {
                if is_test {
                    tests.insert(format!("{module}::{name}"));
                }
                is_test = false;
            }
            is_test |= line == "#[test]" || line.starts_with("#[tokio::test");
        }
    }
    tests
}

/// The tests in browsers, as `talk.spec.ts: one click copies the magic link`.
fn browser_tests() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("end2end");
    let mut tests = BTreeSet::new();
    for path in files_under(&folder, ".spec.ts") {
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        let titles = text.lines().filter_map(|line| line.trim().strip_prefix("test(\"")?.split_once("\", "));
        tests.extend(titles.map(|(title, _)| format!("{file}: {title}")));
    }
    tests
}

/// Returns the parts of `text` between backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn is_rust_test(name: &str) -> bool {
    let is_word = |word: &str| word.starts_with(|c: char| c.is_ascii_lowercase()) && !word.contains(['.', ' ', '/']);
    name.contains("::") && name.split("::").all(is_word)
}

#[test]
fn every_test_that_the_security_page_names_exists() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("SECURITY.md");
    let page = fs::read_to_string(page).unwrap();
    let (in_rust, in_browsers) = (rust_tests(), browser_tests());
    let names: Vec<&str> = quoted(&page).filter(|name| is_rust_test(name) || name.contains(".spec.ts: ")).collect();
    for name in &names {
        assert!(in_rust.contains(*name) || in_browsers.contains(*name), "no such test: `{name}`");
    }
    assert!(names.len() > 30, "{names:?}");
}

#[test]
fn every_sentence_about_the_five_systems_names_existing_tests() {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/systems.md");
    let document = fs::read_to_string(document).unwrap();
    let (in_rust, in_browsers) = (rust_tests(), browser_tests());
    assert!(in_rust.contains("documents::every_sentence_about_the_five_systems_names_existing_tests"));
    let mut sentences = 0;
    let mut is_in_table = false;
    for line in document.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
        let is_row = line.starts_with('|');
        is_in_table = is_row && (is_in_table || cells.last().is_some_and(|last| last.trim() == "shown by"));
        let tests = quoted(line).filter(|name| is_rust_test(name) || name.contains(".spec.ts: "));
        let mut named = 0;
        for test in tests {
            assert!(in_rust.contains(test) || in_browsers.contains(test), "no such test: `{test}`");
            named += 1;
        }
        let is_sentence = is_in_table && cells.last().is_some_and(|last| !["shown by", "---"].contains(&last.trim()));
        assert!(!is_sentence || (cells.len() == 3 && named > 0), "no test shows: {line}");
        sentences += u32::from(is_sentence);
    }
    assert!(sentences > 100, "{sentences}");
}
