//! The log: its two forms, and what each line says.

use std::process::Command;

use serde_json::{Value, json};

use crate::program::{Program, command};

fn logging(folder: &std::path::Path, format: &str) -> Command {
    let mut command = command(folder);
    command.env("WATCH_PARTY_LOG", "trace").args(["--log-format", format]);
    command
}

/// Creates a chat, and returns the id of the request.
async fn create(program: &Program) -> String {
    let request = reqwest::Client::new().post(format!("{}/create", program.site)).json(&json!({}));
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 201);
    answer.headers()["x-request-id"].to_str().unwrap().to_owned()
}

#[cfg(unix)]
#[tokio::test]
async fn each_line_of_a_json_log_is_an_object_and_names_its_request() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::of(logging(folder.path(), "json"));
    let id = create(&program).await;
    let log = program.stop();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    for line in &lines {
        for field in ["timestamp", "level", "target", "message"] {
            assert!(line[field].is_string(), "{field}: {line}");
        }
    }
    let answered: Vec<&Value> = lines.iter().filter(|line| line["message"] == "answered").collect();
    assert!(matches!(&answered[..], [line] if line["request_id"] == id.as_str()), "{answered:?}");
    let expected = (&json!("POST"), &json!("/create"), &json!(201), &json!("DEBUG"));
    let line = answered[0];
    assert!(line["took_ms"].is_u64(), "{line}");
    assert_eq!((&line["method"], &line["route"], &line["status"], &line["level"]), expected);
}

#[cfg(unix)]
#[tokio::test]
async fn a_text_log_names_requests_and_contains_no_colours() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::of(logging(folder.path(), "text"));
    let id = create(&program).await;
    let log = program.stop();
    let answered: Vec<&str> = log.lines().filter(|line| line.contains("answered")).collect();
    let [line] = answered[..] else { panic!("{log}") };
    assert!(line.contains(&format!("request_id=\"{id}\"")) && line.contains("route=/create"), "{line}");
    assert!(!log.contains('\u{1b}'), "{log}");
}

#[cfg(unix)]
#[tokio::test]
async fn dependencies_log_no_details_at_any_filter() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::of(logging(folder.path(), "json"));
    create(&program).await;
    let socket = format!("{}/{}/live", program.site.replace("http:", "ws:"), uuid::Uuid::nil());
    assert!(tokio_tungstenite::connect_async(socket).await.is_err());
    for line in program.stop().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let is_own = line["target"].as_str().unwrap().starts_with("watch_party");
        assert!(is_own || ["INFO", "WARN", "ERROR"].contains(&line["level"].as_str().unwrap()), "{line}");
    }
}
