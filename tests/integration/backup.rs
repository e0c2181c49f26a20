//! Copies of the store that are made while the program runs, and programs that start from them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::StatusCode;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Notify;
use watch_party::store::{BackupError, SqliteOptions, SqliteStore, back_up};

use crate::program::{Http, Program, command};

const CHATS: usize = 6;
const HISTORY: u64 = 1_000;
/// Acknowledged posts before the backup begins, and again after it.
const POSTS: usize = 200;

fn backup_command(folder: &Path, target: &Path) -> std::process::Command {
    let mut command = command(folder);
    command.arg("backup").arg(target);
    command
}

/// Copies the store in `folder`, and returns the program's line.
fn copy(folder: &Path, target: &Path) -> String {
    let output = backup_command(folder, target).output().unwrap();
    let line = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(line.lines().count(), 1, "{line}");
    line
}

/// Checks that the backup was refused in one line with `words`.
fn assert_refused(output: &Output, words: &str) {
    let line = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!((output.status.code(), &*output.stdout), (Some(2), &b""[..]), "{line}");
    assert!(line.starts_with("watch-party: backup: ") && line.lines().count() == 1, "{line}");
    assert!(line.contains(words), "'{words}' is not in: {line}");
}

/// Puts the copy in the place of the store of a new program.
fn restored(copy: &Path) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(copy, folder.path().join("watch-party.db")).unwrap();
    folder
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    entries.map(|name| name.to_string_lossy().into_owned()).collect()
}

struct Chat {
    path: String,
    token: String,
    key: String,
    /// The acknowledged messages by id.
    acknowledged: Mutex<BTreeMap<u64, String>>,
}

async fn create(http: &Http) -> Chat {
    let (status, created) = http.post("/create", "", &json!({"username": "Ann", "history": HISTORY})).await;
    assert_eq!(status, StatusCode::CREATED);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Chat {
        path: format!("/{}", text(&created["chat_id"])),
        token: text(&created["session_token"]),
        key: text(&created["invite"]["key"]),
        acknowledged: Mutex::default(),
    }
}

impl Chat {
    async fn post(&self, http: &Http, text: String) {
        let (status, message) = http.post(&self.path, &self.token, &json!({"text": text})).await;
        assert_eq!(status, StatusCode::CREATED, "{message}");
        self.acknowledged.lock().insert(message["id"].as_u64().unwrap(), text);
    }

    /// Checks that the program has all of `acknowledged`, and that people can go on in the chat.
    async fn assert_continues(&self, http: &Http, acknowledged: &BTreeMap<u64, String>) {
        let (status, read) = http.get(&self.path, &self.token).await;
        assert_eq!(status, StatusCode::OK, "the session is accepted: {read}");
        let messages = read["messages"].as_array().unwrap().iter();
        let kept: BTreeMap<u64, &str> =
            messages.map(|message| (message["id"].as_u64().unwrap(), message["text"].as_str().unwrap())).collect();
        let last = read["last_id"].as_u64().unwrap();
        let oldest = last.saturating_sub(HISTORY) + 1;
        assert!(kept.keys().copied().eq(oldest..=last), "the kept messages have no gap");
        assert!(acknowledged.last_key_value().is_none_or(|(id, _)| *id <= last), "the newest message is missing");
        for (id, text) in acknowledged.range(oldest..) {
            assert_eq!(kept.get(id), Some(&text.as_str()), "message {id}");
        }
        let (status, posted) = http.post(&self.path, &self.token, &json!({"text": "after the restore"})).await;
        assert_eq!((status, posted["id"].as_u64()), (StatusCode::CREATED, Some(last + 1)));
        let join = json!({"key": self.key, "username": "Bob"});
        let (status, seat) = http.post(&format!("{}/join", self.path), "", &join).await;
        assert_eq!(status, StatusCode::CREATED, "{seat}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_contains_everything_acknowledged_before_it() {
    let (folder, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let program = Program::start_without_limits(folder.path());
    let http = program.caller();
    let mut chats = Vec::new();
    for _ in 0..CHATS {
        chats.push(Arc::new(create(&http).await));
    }
    let (is_over, reached) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
    let mut writers = tokio::task::JoinSet::new();
    for (number, chat) in chats.iter().enumerate() {
        let (http, chat, is_over, reached) = (http.clone(), chat.clone(), is_over.clone(), reached.clone());
        writers.spawn(async move {
            for post in 1_usize.. {
                chat.post(&http, format!("message {post} of chat {number}")).await;
                if post % (POSTS / CHATS) == 0 {
                    reached.notify_one();
                }
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
            }
        });
    }
    for _ in 0..CHATS {
        reached.notified().await;
    }
    let before: Vec<_> = chats.iter().map(|chat| chat.acknowledged.lock().clone()).collect();
    let target = copies.path().join("copy.db");
    let copying = {
        let (folder, target) = (folder.path().to_owned(), target.clone());
        tokio::task::spawn_blocking(move || copy(&folder, &target))
    };
    let line = copying.await.unwrap();
    assert!(line.starts_with(&format!("copied {CHATS} chats (")), "{line}");
    reached.notified().await;
    is_over.store(true, Ordering::SeqCst);
    // Each post was acknowledged, also those during the backup.
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    program.kill();
    assert_eq!(names(copies.path()), ["copy.db"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
    }

    let folder = restored(&target);
    let program = Program::start(folder.path());
    for (chat, acknowledged) in chats.iter().zip(&before) {
        assert!(!acknowledged.is_empty());
        chat.assert_continues(&program.caller(), acknowledged).await;
    }
}

#[tokio::test]
async fn a_store_is_copied_after_the_program_was_killed_or_stopped() {
    let (folder, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let program = Program::start(folder.path());
    let chat = create(&program.caller()).await;
    chat.post(&program.caller(), "only in the log".into()).await;
    let acknowledged = chat.acknowledged.lock().clone();
    program.kill();
    let bytes = || ["watch-party.db", "watch-party.db-wal"].map(|name| fs::read(folder.path().join(name)).unwrap());
    let before = bytes();
    assert!(!before[1].is_empty(), "the killed program left its log");
    let killed = copies.path().join("killed.db");
    assert!(copy(folder.path(), &killed).starts_with("copied 1 chat ("));
    assert!(bytes() == before, "a backup changes neither the database nor its log");

    drop(SqliteStore::open(&folder.path().join("watch-party.db"), SqliteOptions::default()).unwrap());
    let stopped = copies.path().join("stopped.db");
    copy(folder.path(), &stopped);
    for copy in [killed, stopped] {
        let folder = restored(&copy);
        let program = Program::start(folder.path());
        chat.assert_continues(&program.caller(), &acknowledged).await;
    }
    // The copied store still starts.
    let program = Program::start(folder.path());
    chat.assert_continues(&program.caller(), &acknowledged).await;
}

/// Creates a store in `folder`, and returns its bytes.
fn small_store(folder: &Path) -> Vec<u8> {
    let file = folder.join("watch-party.db");
    drop(SqliteStore::open(&file, SqliteOptions::default()).unwrap());
    fs::read(file).unwrap()
}

#[test]
fn a_backup_that_cannot_be_made_is_refused_in_one_line_and_leaves_no_file() {
    let (folder, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let whole = small_store(folder.path());
    let write = |name: &str, content: &[u8]| fs::write(folder.path().join(name), content).unwrap();
    let changed = |at: usize, bytes: &[u8]| {
        let mut file = whole.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    write("empty.db", b"");
    write("text.db", &b"no database at all, but a text of some length".repeat(200));
    write("foreign.db", &changed(68, &[0; 4])); // the application id
    write("newer.db", &changed(60, &77_u32.to_be_bytes())); // the user version
    write("damaged.db", &changed(whole.len() / 4096 / 2 * 4096, &[0xaa; 512]));
    let refuse = |store: &str, target: &Path, words: &str| {
        let output = backup_command(folder.path(), target).arg("--store").arg(store).output().unwrap();
        assert_refused(&output, words);
    };
    let target = copies.path().join("copy.db");
    for (store, words) in [
        ("memory", "only a SQLite store is a file"),
        ("sqlite:none.db", "none.db: there is no such database"),
        ("sqlite:no/folder/chats.db", "no/folder/chats.db: there is no such database"),
        ("sqlite:empty.db", "empty.db: the database is empty"),
        ("sqlite:text.db", "text.db: the file is not a SQLite database"),
        ("sqlite:foreign.db", "foreign.db: the file is another program's database"),
        ("sqlite:newer.db", "newer.db: the database has version 77, from a newer program"),
        ("sqlite:damaged.db", "damaged.db: the database is damaged"),
    ] {
        refuse(store, &target, words);
    }
    refuse("sqlite:watch-party.db", &copies.path().join("none/copy.db"), "none: there is no such folder");
    refuse("sqlite:watch-party.db", &folder.path().join("text.db/copy.db"), "cannot be written");
    assert_eq!(names(copies.path()), [""; 0]);

    fs::write(&target, "precious").unwrap();
    refuse("sqlite:watch-party.db", &target, "copy.db: the file exists already");
    assert_eq!((fs::read(&target).unwrap(), names(copies.path()).len()), (b"precious".to_vec(), 1));
    let store = folder.path().join("watch-party.db");
    refuse("sqlite:watch-party.db", &store, "watch-party.db: the file exists already");
    assert!(fs::read(&store).unwrap() == whole);
}

/// No more bytes can be written to the copy, as with a full disk or an exhausted quota.
#[cfg(target_os = "linux")]
#[test]
fn a_copy_that_does_not_fit_is_removed() {
    let (folder, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    small_store(folder.path());
    let bare = backup_command(folder.path(), &copies.path().join("copy.db"));
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 128; exec \"$0\" \"$@\""]).arg(bare.get_program()).args(bare.get_args());
    let output = shell.current_dir(folder.path()).env_clear().output().unwrap();
    assert_refused(&output, "copy.db: the copy cannot be written");
    assert_eq!(names(copies.path()), [""; 0]);
}

/// Creates a store that takes a while to copy.
fn large_store(folder: &Path) -> PathBuf {
    small_store(folder);
    let file = folder.join("watch-party.db");
    let database = Connection::open(&file).unwrap();
    database
        .execute_batch(
            "BEGIN;
             INSERT INTO chat (id, hash_key, revision, admission, capacity, history, session_lifetime, vacant_since)
                 VALUES (1, randomblob(16), 1, 'link', 6, 30, 1, 0);
             WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 40000)
                 INSERT INTO message SELECT 1, n, n, 0, randomblob(16), 'Ann', hex(randomblob(500)), NULL FROM number;
             COMMIT;
             PRAGMA wal_checkpoint(TRUNCATE)",
        )
        .unwrap();
    file
}

/// Starts backups until one is seen half-way, and returns it.
fn half_done(folder: &Path, target: &Path) -> Child {
    let copies = target.parent().unwrap();
    for _ in 0..100 {
        let mut backup = backup_command(folder, target);
        let mut child = backup.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        while child.try_wait().unwrap().is_none() {
            let is_growing = |name: &String| {
                name.ends_with(".partial") && fs::metadata(copies.join(name)).is_ok_and(|file| file.len() > 1_000_000)
            };
            if names(copies).iter().any(is_growing) {
                return child;
            }
            std::thread::yield_now();
        }
        fs::remove_file(target).unwrap();
    }
    panic!("each backup ended before it was seen half-way");
}

#[test]
fn a_backup_that_is_killed_leaves_no_file_that_looks_complete() {
    let (folder, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    large_store(folder.path());
    let target = copies.path().join("copy.db");
    loop {
        let mut child = half_done(folder.path(), &target);
        child.kill().unwrap();
        child.wait().unwrap();
        if !target.exists() {
            break;
        }
        // It ended just before it was killed.
        fs::remove_file(&target).unwrap();
    }
    let left = names(copies.path());
    assert!(left.iter().all(|name| name.starts_with(".watch-party-") && name.contains(".partial")), "{left:?}");
    // The next backup succeeds.
    copy(folder.path(), &target);
    let messages = Connection::open(&target).unwrap().query_row("SELECT count(*) FROM message", [], |row| row.get(0));
    assert_eq!(messages, Ok(40_000));
}

#[cfg(unix)]
#[test]
fn a_backup_that_is_told_to_stop_removes_its_file() {
    let (folder, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    large_store(folder.path());
    let target = copies.path().join("copy.db");
    loop {
        let child = half_done(folder.path(), &target);
        let id = child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        if !target.exists() {
            assert_refused(&output, "copy.db: the copy was interrupted");
            break;
        }
        fs::remove_file(&target).unwrap();
    }
    assert_eq!(names(copies.path()), [""; 0]);
}

#[test]
fn a_backup_that_takes_too_long_ends_and_leaves_no_file() {
    let (folder, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (database, target) = (large_store(folder.path()), copies.path().join("copy.db"));
    let error = back_up(&database, &target, Duration::ZERO, || false).unwrap_err();
    assert!(matches!(error, BackupError::TooSlow { .. }) && error.to_string().contains("0 seconds"), "{error}");
    let error = back_up(&database, &target, Duration::from_hours(1), || true).unwrap_err();
    assert!(matches!(error, BackupError::Cancelled(_)), "{error}");
    assert_eq!(names(copies.path()), [""; 0]);
}
