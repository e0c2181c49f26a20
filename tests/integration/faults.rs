//! External failures: another program locks the file, the file is damaged, the disk is full.

use std::fs;
use std::process::Command;

use reqwest::{Method, StatusCode};
use rusqlite::Connection;
use serde_json::json;

use crate::program::{Http, Program, command, refused_start};

#[test]
fn a_database_in_use_stops_startup_with_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path());
    let (code, log) = refused_start(command(folder.path()));
    assert_eq!(code, Some(2), "{log}");
    assert!(log.starts_with("watch-party: WATCH_PARTY_STORE: ") && log.lines().count() == 1, "{log}");
    assert!(log.contains("watch-party.db: the file is in use by another program"), "{log}");
    // The lock ends with the program, even if it was killed.
    program.kill();
    drop(Program::start(folder.path()));
}

#[test]
fn a_database_locked_by_another_program_stops_startup_with_the_same_line() {
    let folder = tempfile::tempdir().unwrap();
    drop(Program::start(folder.path()));
    let other = Connection::open(folder.path().join("watch-party.db")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let (code, log) = refused_start(command(folder.path()));
    assert_eq!(code, Some(2), "{log}");
    assert!(log.contains("the file is in use by another program") && log.lines().count() == 1, "{log}");
}

#[test]
fn a_damaged_database_stops_startup_and_is_left_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("watch-party.db");
    let damaged = b"this was a database once".repeat(1_000);
    fs::write(&file, &damaged).unwrap();
    let (code, log) = refused_start(command(folder.path()));
    assert_eq!(code, Some(2), "{log}");
    assert!(log.contains("watch-party.db") && log.contains("not touched") && log.lines().count() == 1, "{log}");
    assert!(fs::read(&file).unwrap() == damaged);
}

/// Starts the program so that it survives when the limit refuses a write, as it does when a disk is full.
#[cfg(target_os = "linux")]
fn start_immune(folder: &std::path::Path) -> Program {
    let bare = command(folder);
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(bare.get_program()).args(bare.get_args());
    shell.current_dir(folder).env_clear();
    Program::of(shell)
}

/// Limits the size of the files that the program may write from now on.
#[cfg(target_os = "linux")]
fn limit(program: &Program, bytes: &str) {
    let limit = format!("--fsize={bytes}:");
    assert!(Command::new("prlimit").args(["--pid", &program.id().to_string(), &limit]).status().unwrap().success());
}

/// No byte can be written to any file, as with a full disk or an exhausted quota.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_refuses_writes_serves_reads_and_recovers_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let program = start_immune(folder.path());
    let http = program.caller();
    let (_, created) = http.post("/create", "", &json!({"username": "Ann"})).await;
    let path = format!("/{}", created["chat_id"].as_str().unwrap());
    let token = created["session_token"].as_str().unwrap();
    let (status, _) = http.post(&path, token, &json!({"text": "before"})).await;
    assert_eq!(status, StatusCode::CREATED);
    let (_, other) = http.post("/create", "", &json!({"username": "Bob"})).await;

    let refused = json!({"text": "refused", "client_id": "8e03978e-40d5-43dd-bc93-6894a57f9324"});
    let assert_writes_are_refused = async |http: &Http| {
        for (address, token, body) in
            [(&*path, token, &refused), ("/create", "", &json!({})), (&*path, token, &refused)]
        {
            let (status, retry_after, problem) = http.ask(Method::POST, address, token, Some(body)).await.unwrap();
            assert_eq!(
                (status, &problem["code"]),
                (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable")),
                "{problem}"
            );
            assert_eq!(retry_after.as_deref(), Some("2"));
        }
        let (status, read) = http.get(&path, created["session_token"].as_str().unwrap()).await;
        assert_eq!((status, &read["last_id"]), (StatusCode::OK, &json!(1)), "reading still works");
    };
    limit(&program, "0");
    assert_writes_are_refused(&http).await;
    // The chat is read from the disk, because the program that had it in memory was killed.
    program.kill();
    let program = start_immune(folder.path());
    let http = program.caller();
    limit(&program, "0");
    assert_writes_are_refused(&http).await;
    // Another chat that was not in memory is read after writes have failed.
    let other_path = format!("/{}", other["chat_id"].as_str().unwrap());
    let (status, _) = http.get(&other_path, other["session_token"].as_str().unwrap()).await;
    assert_eq!(status, StatusCode::OK);

    limit(&program, "unlimited");
    let (status, message) = http.post(&path, token, &refused).await;
    assert_eq!((status, &message["id"]), (StatusCode::CREATED, &json!(2)));
    program.kill();
    let program = Program::start(folder.path());
    let (_, read) = program.caller().get(&path, token).await;
    let texts: Vec<_> = read["messages"].as_array().unwrap().iter().map(|message| &message["text"]).collect();
    assert_eq!(texts, ["before", "refused"]);
}
