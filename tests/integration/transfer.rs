//! Chats move between stores: from SQLite to Redis and back, with every detail, also after an interruption.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use serde_json::json;
use watch_party::domain::{BrowserSession, BrowserToken, Salt, SealedChatId, Timestamp, Username};
use watch_party::store::{Stores, TransferError, Watcher, export, import};

use crate::app::ManualClock;
use crate::domain::{World, admission, step};
use crate::program::{Program, command};
use crate::redis::server::RedisServer;
use crate::store::{redis, sqlite};
use watch_party::service::Clock as _;

/// Stops the transfer after so many chats, or never.
struct StopAfter(AtomicUsize);

impl StopAfter {
    fn never() -> Self {
        Self(AtomicUsize::new(usize::MAX))
    }
}

impl Watcher for StopAfter {
    fn is_cancelled(&self) -> bool {
        self.0.fetch_sub(1, Ordering::SeqCst) == 1
    }

    fn moved(&self, _: usize, _: usize) {}
}

/// Fills the store with chats that have gone through random commands, and with browser sessions.
async fn fill(stores: &Stores, chats: u64) {
    let mut runner = TestRunner::deterministic();
    let steps = proptest::collection::vec(step(), 20..80);
    for number in 1..=chats {
        let admission = admission().new_tree(&mut runner).unwrap().current();
        let mut world = World::new(number, admission, 6, 5);
        stores.chats.commit(world.change.as_ref().unwrap()).await.unwrap();
        for step in steps.new_tree(&mut runner).unwrap().current() {
            world.take(&step);
            if let Some(change) = &world.change {
                stores.chats.commit(change).await.unwrap();
            }
        }
    }
    for number in 1..=5 {
        let token = BrowserToken::from_random_bytes([number; 32]);
        let expires_at = ManualClock::default().now().after(Duration::from_hours(1));
        let username = Username::parse("Ann 王").unwrap();
        let session = BrowserSession { token: token.digest(), username, expires_at };
        stores.browser_sessions.save_browser_session(&session).await.unwrap();
        let chat = watch_party::domain::ChatId::from_random_bytes([number; 16]);
        let sealed = SealedChatId::seal(chat, &token, Salt([number; 32]));
        stores.browser_sessions.add_entered_chat(token.digest(), &sealed).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chats_move_from_sqlite_to_redis_and_back_unchanged() {
    let (folder, back) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = RedisServer::start();
    let first: Stores = sqlite::open(&folder).into();
    fill(&first, 80).await;
    let (to, from) = (folder.path().join("to"), folder.path().join("from"));
    let never = StopAfter::never();
    let exported = export(&first, &to, &never).await.unwrap();
    assert!(exported.chats > 40 && exported.browser_sessions == 5, "{exported}");

    let second: Stores = redis::open(&server.url()).await.into();
    assert_eq!(import(&second, &to, &never).await.unwrap(), exported);
    let mut again = import(&second, &to, &never).await.unwrap();
    assert_eq!(again.before, exported.chats + 5, "everything was there");
    again.before = 0;
    assert_eq!(again, exported);

    let exported_back = export(&second, &from, &never).await.unwrap();
    assert_eq!(exported_back, exported);
    let third: Stores = sqlite::open(&back).into();
    assert_eq!(import(&third, &from, &never).await.unwrap(), exported);
    for id in first.chats.all_chats().await.unwrap() {
        let (one, other) = (first.chats.load(id).await.unwrap(), third.chats.load(id).await.unwrap());
        assert!(one.is_some() && one == other);
    }
    assert_eq!(third.chats.all_chats().await.unwrap().len(), exported.chats);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_export_and_import_continue_where_they_were() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first: Stores = sqlite::open(&folder).into();
    fill(&first, 60).await;
    let file = folder.path().join("chats");
    let stopped = export(&first, &file, &StopAfter(AtomicUsize::new(20))).await.unwrap_err();
    assert!(matches!(stopped, TransferError::Interrupted { done: 20, .. }), "{stopped}");
    assert!(!file.exists(), "an incomplete file has another name");
    // One of the chats changes meanwhile, and one ends.
    let ids = first.chats.all_chats().await.unwrap();
    let chat = first.chats.load(ids[3]).await.unwrap().unwrap();
    let now = Timestamp::from_millis(1_800_000_000_000);
    let resume = watch_party::domain::Command::ResumeAfterLoss;
    let changed = chat.transition(chat.decide(&resume, now, watch_party::domain::Randomness::NONE).unwrap());
    first.chats.commit(&changed).await.unwrap();
    // An interruption in the middle of a line.
    let part = folder.path().join("chats.part");
    let text = fs::read(&part).unwrap();
    fs::write(&part, &text[..text.len() - 7]).unwrap();
    let exported = export(&first, &file, &StopAfter::never()).await.unwrap();
    assert_eq!((exported.chats, exported.before), (ids.len(), 18), "all but the changed and the torn one");
    assert!(!part.exists());

    let second: Stores = sqlite::open(&other).into();
    let stopped = import(&second, &file, &StopAfter(AtomicUsize::new(20))).await.unwrap_err();
    assert!(matches!(stopped, TransferError::Interrupted { done: 20, .. }), "{stopped}");
    let imported = import(&second, &file, &StopAfter::never()).await.unwrap();
    assert!(imported.before >= 20 && imported.digest == exported.digest, "{imported}");
    assert_eq!(second.chats.load(ids[3]).await.unwrap(), Some(changed.after));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_file_or_another_chat_is_refused_and_nothing_is_overwritten() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first: Stores = sqlite::open(&folder).into();
    fill(&first, 10).await;
    let file = folder.path().join("chats");
    let never = StopAfter::never();
    export(&first, &file, &never).await.unwrap();
    assert!(matches!(export(&first, &file, &never).await, Err(TransferError::TargetExists(_))));
    let second: Stores = sqlite::open(&other).into();
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let refused = async |content: String| {
        let wrong = folder.path().join("wrong");
        fs::write(&wrong, content).unwrap();
        let error = import(&second, &wrong, &never).await.unwrap_err();
        assert!(!error.to_string().contains('\n'), "{error}");
        assert_eq!(second.chats.count_chats().await.unwrap(), 0);
        error
    };
    let without_end = lines[..lines.len() - 1].join("\n");
    assert!(matches!(refused(without_end).await, TransferError::Incomplete(_)));
    let without_one = [&lines[..2], &lines[3..]].concat().join("\n");
    assert!(matches!(refused(without_one).await, TransferError::NotAnExport { .. }));
    for wrong in ["", "{}", "hello", "{\"export\":{\"form\":2}}\n"] {
        let error = refused(wrong.to_owned()).await;
        assert!(matches!(error, TransferError::NotAnExport { .. } | TransferError::Incomplete(_)), "{error}");
    }
    import(&second, &file, &never).await.unwrap();
    // The store's chat has gone on since: the older one does not replace it.
    let id = second.chats.all_chats().await.unwrap()[0];
    let chat = second.chats.load(id).await.unwrap().unwrap();
    let now = Timestamp::from_millis(1_800_000_000_000);
    let resume = watch_party::domain::Command::ResumeAfterLoss;
    let changed = chat.transition(chat.decide(&resume, now, watch_party::domain::Randomness::NONE).unwrap());
    second.chats.commit(&changed).await.unwrap();
    let error = import(&second, &file, &never).await.unwrap_err();
    assert!(matches!(error, TransferError::OtherChat(other) if other == id), "{error}");
    assert_eq!(second.chats.load(id).await.unwrap(), Some(changed.after));
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    command(folder).args(arguments).output().unwrap()
}

#[tokio::test]
async fn people_go_on_talking_after_their_chat_has_moved_to_another_store() {
    let folder = tempfile::tempdir().unwrap();
    let server = RedisServer::start();
    let program = Program::start(folder.path());
    let http = program.caller();
    let (_, created) = http.post("/create", "", &json!({"username": "Ann"})).await;
    let path = format!("/{}", created["chat_id"].as_str().unwrap());
    let token = created["session_token"].as_str().unwrap();
    http.post(&path, token, &json!({"text": "before"})).await;
    let refused = run(folder.path(), &["export", "chats"]);
    let line = String::from_utf8(refused.stderr).unwrap();
    assert!(line.contains("the file is in use by another program") && line.lines().count() == 1, "{line}");
    drop(program);

    let exported = run(folder.path(), &["export", "chats"]);
    let told = String::from_utf8(exported.stdout).unwrap();
    assert!(told.starts_with("exported 1 chats and 0 browser sessions"), "{told}");
    let imported = run(folder.path(), &["import", "chats", "--store", &server.url()]);
    let answer = String::from_utf8(imported.stdout).unwrap();
    assert_eq!(answer.replace("imported", "exported"), told);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(folder.path().join("chats")).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let mut moved = command(folder.path());
    moved.args(["--store", &server.url()]);
    let program = Program::of(moved);
    let http = program.caller();
    http.post(&path, token, &json!({"text": "after"})).await;
    let (_, read) = http.get(&path, token).await;
    let texts: Vec<_> = read["messages"].as_array().unwrap().iter().map(|message| &message["text"]).collect();
    assert_eq!(texts, ["before", "after"]);
}

#[test]
fn a_store_that_cannot_be_moved_is_refused_with_one_line() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, expected) in [
        (&["export", "chats", "--store", "memory"][..], "a store in memory ends with the program"),
        (&["export", "chats"], "there is no such database"),
        (&["import", "nowhere"], "nowhere: No such file"),
    ] {
        let output = run(folder.path(), arguments);
        let line = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(line.starts_with("watch-party: ") && line.contains(expected) && line.lines().count() == 1, "{line}");
    }
}
