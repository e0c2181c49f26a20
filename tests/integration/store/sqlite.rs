//! Guarantees of the SQLite store beyond the contract.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;
use watch_party::domain::{
    Admission, BrowserToken, Chat, ChatId, Command, InviteKey, MessageText, Randomness, RecoveryCode, SECRET_BYTES,
    SessionToken, Settings, Timestamp, Transition, Username,
};
use watch_party::service::{Caller, Entropy as _, NewChat, Service};
use watch_party::store::{ChatStore as _, CommitError, OpenError, SqliteOptions, SqliteStore, Stores};

use crate::app::{BETWEEN_CHATS, BETWEEN_POSTS, CountingEntropy, ManualClock, Options, TestApp, policy};
use crate::program::command;

/// The chat in `first_schema.sql`, and its owner's session token.
const FIRST_CHAT: &str = "00000000-0000-4000-afcd-1d7b39a820e2";
const FIRST_TOKEN: &str = "b6aGHZQVAtuoZ8MDgufNXIYXwR5qvLzxUUWV7s5PBe8";

fn path(folder: &TempDir) -> PathBuf {
    folder.path().join("chats.db")
}

pub fn open(folder: &TempDir) -> SqliteStore {
    open_at(&path(folder))
}

fn open_at(path: &Path) -> SqliteStore {
    SqliteStore::open(path, SqliteOptions::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(path: &Path) -> OpenError {
    SqliteStore::open(path, SqliteOptions::default()).map(drop).unwrap_err()
}

fn app(folder: &TempDir) -> TestApp {
    TestApp::with(Options { stores: Arc::new(open(folder)).into(), ..Options::default() })
}

/// Returns the name and all bytes of every file of the database.
fn bytes(folder: &TempDir) -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    files.map(|file| (file.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&file).unwrap())).collect()
}

/// Sweeps, and erases the deleted data.
async fn sweep_and_scrub(service: &Service) {
    service.sweep().await.unwrap();
    service.scrub().await.unwrap();
}

fn holds(bytes: &[u8], needle: &str) -> bool {
    // Searching for the first byte alone makes this fast.
    let needle = needle.as_bytes();
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == needle[0]) {
        rest = &rest[at..];
        if rest.starts_with(needle) {
            return true;
        }
        rest = &rest[1..];
    }
    false
}

/// Returns the names of the files that contain `needle`.
fn found(folder: &TempDir, needle: &str) -> Vec<String> {
    bytes(folder).into_iter().filter(|(_, bytes)| holds(bytes, needle)).map(|(name, _)| name).collect()
}

#[tokio::test]
async fn no_file_contains_deleted_data() {
    let folder = tempfile::tempdir().unwrap();
    let app = app(&folder);
    let (_, ann) = app.chat(json!({"username": "AnnMarker", "name": "NameMarker", "history": 3})).await;
    for text in ["TrimmedMarker", "two", "three", "KeptMarker"] {
        ann.says(text).await;
    }
    // A message that needs its own pages.
    ann.says(&format!("LongMarker{}", "x".repeat(1_900))).await;
    for text in ["KeptMarker", "six", "seven"] {
        ann.says(text).await;
    }
    let (removing, cleo) = app.chat(json!({"username": "Cleo"})).await;
    let removed = removing.join("RemovedMarker").await;
    cleo.delete(&format!("/members/{}", removed.id)).await_status(204).await;
    let invite = cleo.post("/invite").json(&json!({"label": "RevokedMarker"})).await_status(201).await.json();
    let revoked = format!("/invites/{}", invite["invite_id"].as_str().unwrap());
    cleo.delete(&revoked).await_status(204).await;
    let (_, dan) = app.chat(json!({"username": "EndedNameMarker", "name": "EndedChatMarker"})).await;
    dan.says("EndedTextMarker").await;
    dan.delete("").await_status(204).await;

    let deleted = [
        "TrimmedMarker",
        "LongMarker",
        "RemovedMarker",
        "RevokedMarker",
        "EndedNameMarker",
        "EndedChatMarker",
        "EndedTextMarker",
    ];
    for written in deleted {
        assert_ne!(found(&folder, written), [""; 0], "{written} was never written");
    }
    sweep_and_scrub(&app.service).await;
    for kept in ["KeptMarker", "AnnMarker", "NameMarker", "Cleo"] {
        assert_eq!(found(&folder, kept), ["chats.db"], "{kept}");
    }
    for gone in deleted {
        // Names are also stored in folded form.
        for gone in [gone.to_owned(), gone.to_lowercase()] {
            assert_eq!(found(&folder, &gone), [""; 0], "{gone}");
        }
    }
    // The sessions expire, and nobody returns within the grace period.
    app.clock.advance(Duration::from_hours(6));
    sweep_and_scrub(&app.service).await;
    for gone in ["Cleo", "cleo", "annmarker"] {
        assert_eq!(found(&folder, gone), [""; 0], "{gone}");
    }
    assert_eq!(found(&folder, "AnnMarker"), ["chats.db"], "the kept messages include their author's name");
    app.clock.advance(Duration::from_hours(24));
    sweep_and_scrub(&app.service).await;
    for gone in ["KeptMarker", "AnnMarker", "annmarker", "NameMarker", "Cleo", "cleo", "seven"] {
        assert_eq!(found(&folder, gone), [""; 0], "{gone}");
    }
}

/// Rows of many sizes in many chats are added and deleted, so that SQLite balances its trees all the time. The copies
/// that balancing leaves in the middle of pages must be erased too.
#[tokio::test]
async fn moving_rows_leaves_no_deleted_data_behind() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(open(&folder));
    let dice = CountingEntropy::default();
    let (service, clock) = node(store);
    let mut chats = Vec::new();
    for _ in 0..30 {
        clock.advance(BETWEEN_CHATS);
        chats.push(chat(&service, 12).await);
    }
    let mut posted_messages: Vec<(usize, u64, String)> = Vec::new();
    let mut last = [0; 30];
    for number in 0..3_000 {
        let mut drawn = [0; 2];
        dice.fill(&mut drawn);
        let [pick, size] = drawn;
        let at = usize::from(pick) % chats.len();
        let marker = format!("<{number:05}>");
        let text = format!("{marker}{}", "z".repeat(usize::from(size) * 3));
        let text = MessageText::parse(&text).unwrap();
        clock.advance(BETWEEN_POSTS);
        let posted = service.post(chats[at].chat_id, &chats[at].seat.token, text, None).await.unwrap();
        last[at] = posted.message.id;
        posted_messages.push((at, posted.message.id, marker));
        if number % 500 == 499 {
            service.scrub().await.unwrap();
            let kept = |at: usize, id: u64| id + 12 > last[at];
            assert_only_kept(&folder, posted_messages.iter().map(|(at, id, marker)| (marker.as_str(), kept(*at, *id))));
        }
    }
    for chat in &chats[..15] {
        service.end_chat(chat.chat_id, &chat.seat.token).await.unwrap();
    }
    service.scrub().await.unwrap();
    let kept = |at: usize, id: u64| at >= 15 && id + 12 > last[at];
    assert_only_kept(&folder, posted_messages.iter().map(|(at, id, marker)| (marker.as_str(), kept(*at, *id))));
    clock.advance(Duration::from_hours(48));
    sweep_and_scrub(&service).await;
    assert_only_kept(&folder, posted_messages.iter().map(|(_, _, marker)| (marker.as_str(), false)));
}

/// Markers look like `<12345>`.
fn assert_only_kept<'a>(folder: &TempDir, markers: impl Iterator<Item = (&'a str, bool)>) {
    let mut present = HashSet::new();
    for (_, bytes) in bytes(folder) {
        let is_marker =
            |window: &&[u8]| window[0] == b'<' && window[1..6].iter().all(u8::is_ascii_digit) && window[6] == b'>';
        let marks = bytes.windows(7).filter(is_marker);
        present.extend(marks.map(|mark| String::from_utf8_lossy(mark).into_owned()));
    }
    let expected: HashSet<String> = markers.filter(|(_, kept)| *kept).map(|(marker, _)| marker.to_owned()).collect();
    let (left, lost) = (present.difference(&expected).count(), expected.difference(&present).count());
    assert_eq!((left, lost), (0, 0), "deleted but still present, and kept but missing");
}

/// The store contains deleted data that is not erased yet, in its log and in the middle of pages.
#[tokio::test]
async fn a_backup_contains_no_deleted_data() {
    let (folder, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (service, clock) = node(Arc::new(open(&folder)));
    let dice = CountingEntropy::default();
    let mut chats = Vec::new();
    for _ in 0..8 {
        clock.advance(BETWEEN_CHATS);
        chats.push(chat(&service, 12).await);
    }
    let mut posted = Vec::new();
    for number in 0..800 {
        let (at, mut size) = (number % chats.len(), [0]);
        dice.fill(&mut size);
        let marker = format!("<{number:05}>");
        let text = MessageText::parse(&format!("{marker}{}", "z".repeat(usize::from(size[0]) * 3))).unwrap();
        clock.advance(BETWEEN_POSTS);
        service.post(chats[at].chat_id, &chats[at].seat.token, text, None).await.unwrap();
        posted.push((marker, at >= 2 && number >= 800 - 12 * chats.len()));
    }
    for ended in &chats[..2] {
        service.end_chat(ended.chat_id, &ended.seat.token).await.unwrap();
    }
    assert!(!found(&folder, "<00000>").is_empty(), "deleted data is still in the store's files");
    let mut backup = command(folder.path());
    backup.arg("--store=sqlite:chats.db").arg("backup").arg(copies.path().join("copy.db"));
    let output = backup.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_only_kept(&copies, posted.iter().map(|(marker, kept)| (marker.as_str(), *kept)));
}

/// A backup holds a snapshot while it copies.
#[tokio::test]
async fn a_reader_delays_only_the_scrub() {
    let folder = tempfile::tempdir().unwrap();
    let app = app(&folder);
    let (_, ann) = app.chat(json!({"username": "Ann", "history": 1})).await;
    let reader = Connection::open(path(&folder)).unwrap();
    reader.execute_batch("BEGIN; SELECT * FROM chat").unwrap();
    ann.says("DeletedMarker").await;
    ann.says("kept").await;
    let error = app.service.scrub().await.unwrap_err().to_string();
    assert!(error.contains("reading the database"), "{error}");
    ann.says("posted after the scrub failed").await;
    reader.execute_batch("COMMIT").unwrap();
    app.service.scrub().await.unwrap();
    assert_eq!(found(&folder, "DeletedMarker"), [""; 0]);
}

fn node(stores: impl Into<Stores>) -> (Service, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::default());
    (Service::new(stores, clock.clone(), Arc::new(CountingEntropy::default()), policy(true)), clock)
}

async fn chat(service: &Service, history: u32) -> NewChat {
    let caller = Caller::from(std::net::IpAddr::from([127, 0, 0, 1]));
    let settings = Settings::new(Admission::Link, None, Some(history)).unwrap();
    service.create_chat(caller, Username::parse("Ann").unwrap(), None, settings).await.unwrap()
}

#[tokio::test]
async fn everything_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let before = app(&folder);
    let (chat, ann) = before.chat(json!({"username": "Ann", "name": "Film night"})).await;
    let bob = chat.join("Bob").await;
    ann.says("hello").await;
    let once = json!({"text": "once", "client_id": "8e03978e-40d5-43dd-bc93-6894a57f9324"});
    let posted = bob.post("").json(&once).await_status(201).await.json();
    let messages = ann.reads(0).await;
    let invites = ann.get("/invites").await_status(200).await.json();
    let (id, ann, bob) = (chat.id.clone(), ann.token.clone(), bob.token.clone());
    drop(before);
    assert!(!folder.path().join("chats.db-wal").exists(), "a clean shutdown leaves no log");

    let after = app(&folder);
    let get = |path: &str, token: &str| after.get(format!("/{id}{path}")).bearer(token).await_status(200);
    assert_eq!(get("", &ann).await.json(), messages);
    assert_eq!(get("/invites", &ann).await.json(), invites);
    let members = get("/members", &bob).await.json();
    assert_eq!((&members["name"], &members["members"][1]["username"]), (&json!("Film night"), &json!("Bob")));
    // A message that was posted before the restart is not posted twice.
    let again = after.post(format!("/{id}")).bearer(&bob).json(&once).await_status(200).await.json();
    assert_eq!(again, posted);
    after.post(format!("/{id}")).bearer(&bob).json(&json!({"text": "more"})).await_status(201).await;
}

#[tokio::test]
async fn many_stored_chats_take_disk_space_but_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (service, clock) = node(Arc::new(open(&folder)));
    for _ in 0..300 {
        clock.advance(BETWEEN_CHATS);
        chat(&service, 30).await;
    }
    clock.advance(Duration::from_mins(11));
    service.sweep().await.unwrap();
    assert_eq!(service.active_chats(), 0);
    // All sessions expire at once. Sweeping leaves no chat active in memory.
    clock.advance(Duration::from_hours(6));
    service.sweep().await.unwrap();
    assert_eq!(service.active_chats(), 0);
    clock.advance(Duration::from_hours(24));
    service.sweep().await.unwrap();
    drop(service);
    let left: i64 = Connection::open(path(&folder)).unwrap().query_row(COUNT_ROWS, [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}

const COUNT_ROWS: &str = "SELECT (SELECT count(*) FROM chat) + (SELECT count(*) FROM session)
    + (SELECT count(*) FROM ended_session) + (SELECT count(*) FROM invite) + (SELECT count(*) FROM message)
    + (SELECT count(*) FROM receipt) + (SELECT count(*) FROM knock) + (SELECT count(*) FROM recovery)
    + (SELECT count(*) FROM account) + (SELECT count(*) FROM removed)";

/// The schema's own constraints: even direct SQL cannot write states that no rule allows.
#[tokio::test]
async fn table_constraints_reject_invalid_states() {
    let folder = tempfile::tempdir().unwrap();
    let app = app(&folder);
    app.chat(json!({"username": "Ann"})).await;
    drop(app);
    let database = Connection::open(path(&folder)).unwrap();
    database.execute_batch("PRAGMA foreign_keys = ON").unwrap();
    let wrong = [
        // Two members with one name, one token for two sessions, a session without a member, and a member, a message
        // and a receipt without a chat.
        "INSERT INTO member SELECT NULL, chat_id, randomblob(16), 'aNN', 'ann', role, 0, NULL, NULL FROM member",
        "INSERT INTO session SELECT NULL, chat_id, member_id, token, 0, 0, NULL, NULL FROM session",
        "INSERT INTO session SELECT NULL, chat_id, randomblob(16), randomblob(32), 0, 0, NULL, NULL FROM session",
        "INSERT INTO member SELECT NULL, 99, randomblob(16), 'Bob', 'bob', role, 0, NULL, NULL FROM member",
        "INSERT INTO message VALUES (99, 1, 1, 0, randomblob(16), 'Ann', 'hello', NULL)",
        "INSERT INTO receipt VALUES (1, 1, randomblob(16), randomblob(16), 0)",
        // A token in plain text, an invalid id, an invite with too many uses, a chat that keeps no messages.
        "UPDATE session SET token = 'secret'",
        "UPDATE chat SET hash_key = x'00'",
        "UPDATE invite SET max_uses = 1, uses = 2",
        "UPDATE chat SET history = 0",
    ];
    for statement in wrong {
        let error = database.execute(statement, []).unwrap_err();
        assert!(error.to_string().contains("constraint") || error.to_string().contains("cannot store"), "{error}");
    }
}

/// The schema in which each member had one session.
const SINGLE_SESSIONS: [&str; 5] = [
    include_str!("../../../src/store/sqlite/migrations/0001_chats.sql"),
    include_str!("../../../src/store/sqlite/migrations/0002_entry.sql"),
    include_str!("../../../src/store/sqlite/migrations/0003_accounts.sql"),
    include_str!("../../../src/store/sqlite/migrations/0004_browser_sessions.sql"),
    include_str!("../../../src/store/sqlite/migrations/0005_removed.sql"),
];

#[tokio::test]
async fn a_database_with_single_sessions_is_migrated_with_all_its_data() {
    let folder = tempfile::tempdir().unwrap();
    let secret = |number: u8| SessionToken::from_random_bytes([number; 32]);
    let digest = |number: u8| *secret(number).digest().as_bytes();
    let chat_id = Uuid::from_u128(0x8e03_978e_40d5_43dd_bc93_6894_a57f_9324);
    let client_id = Uuid::from_u128(0x8e03_978e_40d5_43dd_bc93_0000_0000_0001);
    {
        let old = Connection::open(path(&folder)).unwrap();
        SINGLE_SESSIONS.iter().for_each(|migration| old.execute_batch(migration).unwrap());
        old.pragma_update(None, "user_version", 5).unwrap();
        let room = "INSERT INTO chat VALUES (1, ?1, 'Book club', 9, 'account', 50, 50, 21600000, 0, 1)";
        old.execute(room, [chat_id.as_bytes()]).unwrap();
        let member = "INSERT INTO session VALUES (?1, 1, ?2, ?3, ?4, lower(?4), ?5, 1800000000000, 1800020000000,
             NULL, ?6, ?7, ?7)";
        for (number, name, role) in [(1_u8, "Ann", "owner"), (2, "Bob", "guest")] {
            old.execute(member, (number, [number; 16], digest(number), name, role, [9_u8; 32], [number; 32])).unwrap();
        }
        let ended = "INSERT INTO ended_session VALUES (1, ?1, ?2)";
        old.execute(ended, (3, digest(3))).unwrap();
        let account = "INSERT INTO account VALUES (1, 1, ?1, 'Ann', 'ann', '$argon2id$of Ann')";
        old.execute(account, [[1_u8; 16]]).unwrap();
        let message = "INSERT INTO message VALUES (1, 1, 8, 1800000000000, ?1, 'Bob', 'hello', ?2)";
        old.execute(message, ([2_u8; 16], client_id.as_bytes())).unwrap();
        let receipt = "INSERT INTO receipt VALUES (1, 1, ?1, ?2, 1800000000000)";
        old.execute(receipt, ([2_u8; 16], client_id.as_bytes())).unwrap();
        let browser = "INSERT INTO browser_session VALUES (1, ?1, 'Cleo', 1800020000000)";
        old.execute(browser, [BrowserToken::from_random_bytes([5; 32]).digest().as_bytes()]).unwrap();
    }
    let app = app(&folder);
    let call = |path: &str, number: u8| app.get(format!("/{chat_id}{path}")).bearer(&secret(number).reveal());
    let members = call("/members", 1).await_status(200).await.json();
    let names: Vec<_> = members["members"].as_array().unwrap().iter().map(|member| &member["username"]).collect();
    assert_eq!(names, ["Ann", "Bob"]);
    assert_eq!(members["name"], "Book club");
    let sessions = call("/sessions", 2).await_status(200).await.json();
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(sessions["sessions"][0]["started_at"], "2027-01-15T08:00:00Z");
    call("/members", 3).await_problem(401, "session_expired").await;
    // The room is still readable by its address, and a message that was sent before is not posted twice.
    let read = app.get(format!("/{chat_id}/get_conversation")).await_status(200).await.json();
    assert_eq!(read.as_array().unwrap().len(), 1);
    let again = app.post(format!("/{chat_id}")).bearer(&secret(2).reveal());
    let again = again.json(&json!({"text": "hello", "client_id": client_id})).await_status(200).await.json();
    assert_eq!(again["id"], 1);
    let renew = app.post(format!("/{chat_id}/session")).bearer(&secret(1).reveal());
    renew.await_status(200).await;
    call("/members", 1).await_problem(401, "session_expired").await;
    let cleo = BrowserToken::from_random_bytes([5; 32]).reveal();
    assert_eq!(app.get("/sessions/me").bearer(&cleo).await_status(200).await.json()["username"], "Cleo");
    app.clock.advance(Duration::from_hours(31));
    sweep_and_scrub(&app.service).await;
    app.get(format!("/{chat_id}/get_conversation")).await_problem(404, "chat_not_found").await;
}

#[tokio::test]
async fn a_database_of_the_first_schema_is_migrated_to_the_newest() {
    let folder = tempfile::tempdir().unwrap();
    Connection::open(path(&folder)).unwrap().execute_batch(include_str!("first_schema.sql")).unwrap();
    let app = app(&folder);
    let (id, ann) = (FIRST_CHAT, FIRST_TOKEN);
    let read = app.get(format!("/{id}")).bearer(ann).await_status(200).await.json();
    let texts: Vec<_> = read["messages"].as_array().unwrap().iter().map(|message| message["text"].clone()).collect();
    assert_eq!(texts, ["second", "third 王", "from Bob"]);
    assert_eq!((&read["last_id"], &read["missed"]), (&json!(4), &json!(1)));
    let members = app.get(format!("/{id}/members")).bearer(ann).await_status(200).await.json();
    assert_eq!((&members["name"], members["members"].as_array().unwrap().len()), (&json!("Film night"), 2));
    app.post(format!("/{id}")).bearer(ann).json(&json!({"text": "on we go"})).await_status(201).await;
    let invites = app.get(format!("/{id}/invites")).bearer(ann).await_status(200).await.json();
    assert_eq!(invites["invites"][0]["uses"], 1);
    drop(app);
    // After the migration, its schema equals that of a new database.
    let new = tempfile::tempdir().unwrap();
    drop(open(&new));
    assert_eq!(schema(&folder), schema(&new));
}

fn schema(folder: &TempDir) -> Vec<String> {
    let database = Connection::open(path(folder)).unwrap();
    let mut found = database.prepare("SELECT coalesce(sql, name) FROM sqlite_schema ORDER BY name").unwrap();
    let statements = found.query_map([], |row| row.get::<_, String>(0)).unwrap();
    statements.map(|statement| statement.unwrap()).collect()
}

#[test]
fn a_file_held_by_another_connection_is_reported_as_in_use() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(&folder));
    let other = Connection::open(path(&folder)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(matches!(refused(&path(&folder)), OpenError::InUse(_)));
    other.execute_batch("COMMIT").unwrap();
    let store = open(&folder);
    assert!(matches!(refused(&path(&folder)), OpenError::InUse(_)), "the file is open in another store");
    drop(store);
    open(&folder);
}

type IsRight = fn(&OpenError) -> bool;

#[test]
fn an_unusable_file_is_named_and_left_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.db");
    drop(open_at(&whole));
    let whole = fs::read(whole).unwrap();
    let foreign = {
        let path = folder.path().join("other.db");
        let other = Connection::open(&path).unwrap();
        other.execute_batch("CREATE TABLE recipe (name TEXT)").unwrap();
        drop(other);
        fs::read(path).unwrap()
    };
    let newer = {
        let mut bytes = whole.clone();
        bytes[60..64].copy_from_slice(&77_u32.to_be_bytes()); // the user version
        bytes
    };
    let damaged_page = {
        let mut bytes = whole.clone();
        let page = bytes.len() / 4096 / 2 * 4096;
        bytes[page..page + 512].fill(0xaa);
        bytes
    };
    // SQLite's message quotes this name, which then has a line break.
    let damaged_name = {
        let mut bytes = whole.clone();
        let name = b"ended_session_chat_id";
        let at = bytes.windows(name.len()).position(|part| part == name).unwrap();
        bytes[at] = b'\n';
        bytes
    };
    let half = whole[..whole.len() / 2].to_vec();
    let cases: [(&str, Vec<u8>, IsRight); 6] = [
        ("garbage", b"no database at all, but a text of some length".repeat(200), |error| {
            matches!(error, OpenError::NotADatabase(_))
        }),
        ("another's", foreign, |error| matches!(error, OpenError::NotOurs(_))),
        ("newer", newer, |error| matches!(error, OpenError::Newer { found: 77, .. })),
        ("damaged", damaged_page, |error| matches!(error, OpenError::Damaged { .. })),
        ("damaged name", damaged_name, |error| matches!(error, OpenError::Damaged { .. })),
        ("half", half, |error| matches!(error, OpenError::Damaged { .. })),
    ];
    for (name, content, is_right) in cases {
        let path = folder.path().join(format!("{name}.db"));
        fs::write(&path, &content).unwrap();
        let error = refused(&path);
        assert!(is_right(&error), "{name}: {error:?}");
        let line = error.to_string();
        assert!(line.contains(&*path.to_string_lossy()) && !line.contains('\n'), "{line}");
        assert!(fs::read(&path).unwrap() == content, "{name} was modified");
        let exists_beside = |end: &str| folder.path().join(format!("{name}.db-{end}")).exists();
        let is_ours = matches!(error, OpenError::Newer { .. } | OpenError::Damaged { .. });
        assert!(
            is_ours || !["lock", "wal", "shm"].into_iter().any(exists_beside),
            "extra files were left next to {name}"
        );
    }
    let missing_folder = refused(&folder.path().join("no/such/folder/chats.db"));
    assert!(missing_folder.to_string().contains("no/such/folder"), "{missing_folder}");
}

#[cfg(unix)]
#[test]
fn only_their_owner_can_read_and_write_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let _store = open(&folder);
    for name in ["chats.db", "chats.db-wal", "chats.db-shm", "chats.db-lock"] {
        let mode = fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_database_with_auto_vacuum_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(&folder));
    let database = Connection::open(path(&folder)).unwrap();
    database.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = FULL; VACUUM").unwrap();
    drop(database);
    let line = refused(&path(&folder)).to_string();
    assert!(line.contains("auto_vacuum = NONE") && !line.contains('\n'), "{line}");
    Connection::open(path(&folder)).unwrap().execute_batch("PRAGMA auto_vacuum = NONE; VACUUM").unwrap();
    open(&folder);
}

/// A power cut may leave the log's new length on the disk, but not its last bytes.
#[tokio::test]
async fn zeros_at_the_end_of_the_log_do_not_stop_the_scrub() {
    use std::io::Write as _;

    let folder = tempfile::tempdir().unwrap();
    let (service, _) = node(Arc::new(open(&folder)));
    let new = chat(&service, 30).await;
    let text = MessageText::parse("EndedMarker").unwrap();
    service.post(new.chat_id, &new.seat.token, text, None).await.unwrap();
    service.end_chat(new.chat_id, &new.seat.token).await.unwrap();
    let log = folder.path().join("chats.db-wal");
    assert!(holds(&fs::read(&log).unwrap(), "EndedMarker"));
    fs::OpenOptions::new().append(true).open(&log).unwrap().write_all(&[0; 2 * 4120]).unwrap();
    service.scrub().await.unwrap();
    assert_eq!(fs::metadata(&log).unwrap().len(), 0);
    assert_eq!(found(&folder, "EndedMarker"), [""; 0]);
}

/// One of many commits in a transaction violates a constraint of the tables.
#[tokio::test]
async fn a_commit_that_violates_a_constraint_does_not_fail_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let create = |id: u8, secret: u8| {
        let fresh = Randomness {
            id: [id; 16],
            session: SessionToken::from_random_bytes([secret; 32]).digest(),
            invite: InviteKey::from_random_bytes([secret; 32]).digest(),
            recovery: RecoveryCode::from_random_bytes([id; 32]).digest(),
            ..Randomness::NONE
        };
        let settings = Settings::new(Admission::Link, None, None).unwrap();
        let create =
            Command::Create { name: None, settings, username: Some(Username::parse("Ann").unwrap()), password: None };
        let chat = Chat::new(ChatId::from_random_bytes([id; 16]));
        chat.transition(chat.decide(&create, Timestamp::EPOCH, fresh).unwrap())
    };
    // The last commit has the same secret as the first.
    let changes: Vec<Transition> = (1..=60).map(|id| create(id, if id == 60 { 1 } else { id })).collect();
    let answers = join_all(changes.iter().map(|change| store.commit(change))).await;
    let (last, others) = answers.split_last().unwrap();
    assert!(others.iter().all(Result::is_ok), "{answers:?}");
    assert!(matches!(last, Err(CommitError::Unavailable(_))), "{last:?}");
    store.commit(&create(61, 61)).await.unwrap();
    for (change, number) in changes.iter().zip(1..) {
        assert_eq!(store.load(change.after.id()).await.unwrap().is_some(), number != 60);
    }
}

#[tokio::test]
async fn knocks_and_recovery_codes_survive_unloading_from_memory() {
    let folder = TempDir::new().unwrap();
    let app = app(&folder);
    let unload = async || {
        app.clock.advance(Duration::from_mins(11));
        app.service.sweep().await.unwrap();
        assert_eq!(app.service.active_chats(), 0);
    };
    let (chat, ann) = app.chat(json!({"username": "Ann", "admission": "approval"})).await;
    let join = || chat.join_as(&chat.key, "Bob", Uuid::from_u128(1));
    let knocked = join().await_status(202).await.json();
    let (bob, cem) = (chat.guest(&knocked), chat.knock("Cem").await);
    unload().await;
    assert_eq!(join().await_status(202).await.json(), knocked);
    assert_eq!((bob.status().await, ann.waiting().await), ("pending".into(), vec!["Bob".into(), "Cem".into()]));
    ann.approves(&bob).await;
    ann.declines(&cem).await;
    let seat = bob.state().await["session"].clone();
    unload().await;
    assert_eq!((&bob.state().await["session"], cem.status().await), (&seat, "declined".into()));
    assert_eq!(join().await_status(201).await.json(), seat);
    ann.set_role(&chat.member(&seat), "owner").await_status(200).await;
    let renewed = ann.post("/session").await_status(200).await.json();
    app.clock.advance(Duration::from_hours(6));
    unload().await;

    let recover = |code: &Value| {
        app.post(format!("/{}/recover", chat.id)).json(&json!({"recovery_code": code, "username": "Ann"}))
    };
    app.get(format!("/{}", chat.id))
        .bearer(renewed["session_token"].as_str().unwrap())
        .await_problem(401, "session_expired")
        .await;
    let first = recover(&chat.created["recovery_code"]).await_status(200).await.json();
    assert_eq!((&first["member"]["member_id"], &first["member"]["role"]), (&json!(ann.id), &json!("owner")));
    app.clock.advance(Duration::from_hours(6));
    unload().await;
    let second = recover(&first["recovery_code"]).await_status(200).await.json();
    assert_eq!(recover(&first["recovery_code"]).await_status(200).await.json(), second);
    assert_eq!(chat.member(&second).usernames().await, ["Ann"]);
}

#[tokio::test]
async fn the_files_contain_no_secret_as_text_or_as_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("chats.db"), SqliteOptions::default()).unwrap();
    let app = TestApp::with(Options { stores: store.into(), ..Options::default() });
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let bob = chat.join("Bob").await;
    let renewed = bob.post("/session").await_status(200).await.json();
    let (asking, _) = app.chat(json!({"username": "Ann", "admission": "approval"})).await;
    let guest = asking.knock("Bob").await;
    let browser = app.post("/sessions").json(&json!({"username": "Ann"})).await_status(201).await.json();
    let secrets = [
        ann.token.clone(),
        bob.token.clone(),
        text(&renewed["session_token"]),
        chat.key.clone(),
        text(&chat.created["recovery_code"]),
        guest.ticket.clone(),
        text(&browser["token"]),
    ];
    app.service.scrub().await.unwrap();
    let files: Vec<Vec<u8>> =
        std::fs::read_dir(folder.path()).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
    let contains = |part: &[u8]| files.iter().any(|file| file.windows(part.len()).any(|window| window == part));
    assert!(contains(b"Bob"), "the files were searched");
    for secret in secrets {
        let mut bytes = [0; SECRET_BYTES];
        URL_SAFE_NO_PAD.decode_slice(&secret, &mut bytes).unwrap();
        assert!(!contains(secret.as_bytes()) && !contains(&bytes));
        // What is stored instead.
        let digest = SessionToken::from_random_bytes(bytes).digest();
        assert!(contains(digest.as_bytes()) || secret == bob.token, "its digest is not stored either");
    }
}
