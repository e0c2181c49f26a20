//! The program does what its API document says. The examples of the readable page run as they are. Schemathesis sends
//! requests made from the document, and checks that valid requests are accepted, invalid ones refused, and that every
//! answer is documented.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::app::{Options, TestApp};
use crate::live::Site;

/// Calls that would end the session that the other calls need, or that are no plain HTTP request.
const EXCLUDED: &str = "end_chat|end_chat_with_slash|end_own_session|renew_session|follow_chat";

/// Runs Schemathesis with `arguments` against `site`, where the chat `chat_id` exists.
async fn check(site: &Site, chat_id: &str, arguments: &[&str]) {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let program = std::env::var_os("SCHEMATHESIS").unwrap_or_else(|| "schemathesis".into());
    let mut command = Command::new(program);
    command.arg("--config-file").arg(tests.join("schemathesis.toml")).arg("run");
    command.arg(format!("http://{}/openapi.json", site.address)).args(["--continue-on-failure", "--no-color"]);
    // It keeps files where it runs.
    let folder = tempfile::tempdir().unwrap();
    command.args(arguments).env("CHAT_ID", chat_id).current_dir(folder.path());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(report.contains(" passed"), "{report}");
}

#[tokio::test]
#[ignore = "needs Schemathesis, which `make conformance` installs"]
async fn every_call_conforms_to_the_document_for_anonymous_callers() {
    let app = TestApp::with(Options { rate_limit: false, ..Options::default() });
    let room = app.post("/createroom").json(&json!({"alias": "Film night"})).await_status(200).await.json();
    let site = Site::of(app.service.clone()).await;
    check(&site, room["roomid"].as_str().unwrap(), &[]).await;
}

#[tokio::test]
#[ignore = "needs Schemathesis, which `make conformance` installs"]
async fn every_call_of_a_chat_conforms_to_the_document_for_its_owner() {
    let app = TestApp::with(Options { rate_limit: false, ..Options::default() });
    let (chat, ann) = app.chat(json!({"username": "Ann", "capacity": 50})).await;
    let site = Site::of(app.service.clone()).await;
    let authorization = format!("Authorization: Bearer {}", ann.token);
    let calls = ["--include-path-regex", r"^/\{chat_id\}", "--exclude-operation-id-regex", EXCLUDED];
    check(&site, &chat.id, &[&calls[..], &["--header", &authorization]].concat()).await;
}

/// Returns the texts of the page's elements `<pre class="setup">` and `<pre class="example">`, in order, each with
/// whether it is an example.
fn commands(page: &str) -> Vec<(bool, String)> {
    let blocks = page.split("<pre ").skip(1).map(|block| {
        let (attributes, rest) = block.split_once('>').unwrap();
        let code = rest.split_once("<code>").unwrap().1.split_once("</code>").unwrap().0;
        let code = code.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        (attributes.contains("example"), code)
    });
    blocks.collect()
}

/// Runs `script` in a shell, and returns what it prints.
async fn run(script: String) -> String {
    let output = tokio::task::spawn_blocking(move || Command::new("sh").args(["-euc", &script]).output());
    let output = output.await.unwrap().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn every_example_on_the_readable_page_runs() {
    let app = TestApp::with(Options { rate_limit: false, ..Options::default() });
    let site = Site::of(app.service.clone()).await;
    let page = run(format!("curl -s http://{}/docs", site.address)).await;
    let commands = commands(&page);
    let mut setups = commands.iter().filter(|(is_example, _)| !is_example).map(|(_, setup)| setup);
    let first = setups.next().unwrap();
    let (mut setup, mut count, mut failed) = ("", 0, Vec::new());
    for (is_example, command) in &commands {
        if !is_example {
            setup = command;
            continue;
        }
        // A WebSocket stays open until curl ends.
        let curl = r#"curl -s --max-time 2 -w "\n%{http_code}""#;
        let answer = run(format!("{first}\n{setup}\n{}", command.replacen("curl", curl, 1))).await;
        let (body, status) = answer.rsplit_once('\n').unwrap_or_default();
        let is_refused = body.contains("\"succeeded\":false"); // by Flask-Chat, with status 200
        if is_refused || !["200", "201", "202", "204", "303", "101"].contains(&status) {
            failed.push(format!("{status}: {command}\n{body}"));
        }
        count += 1;
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(count >= 50, "{count}");
}
