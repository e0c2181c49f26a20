//! The database's files: damaged ones, other programs' ones, and rows that this program did not write.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use watch_party::store::{SqliteOptions, SqliteStore};

use crate::app::{Options, TestApp};
use crate::inputs::{Target, panics};

/// Separates the bytes of the database from those of its log.
const LOG: &[u8] = b"--wal--";

/// A database with chats of each kind, and the tokens of its members.
struct Kept {
    folder: TempDir,
    /// Each with the owner's token.
    chats: Vec<(String, String)>,
}

impl Kept {
    fn make(runtime: &Runtime) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let chats = runtime.block_on(async {
            let app = open(&folder.path().join("kept.db")).unwrap();
            let mut chats = Vec::new();
            for admission in ["link", "approval"] {
                let (chat, ann) = app.chat(json!({"username": "Ann", "admission": admission})).await;
                for text in ["one", "two", "three"] {
                    ann.say(text).header("idempotency-key", text).await_status(201).await;
                }
                if admission == "link" {
                    ann.delete(&format!("/members/{}", chat.join("Bob").await.id)).await_status(204).await;
                    chat.join("Cem").await;
                } else {
                    chat.knock("Bob").await;
                }
                chats.push((chat.id.clone(), ann.token.clone()));
            }
            app.post("/createroom").await_status(200).await;
            app.post("/sessions").json(&json!({"username": "Ann"})).await_status(201).await;
            chats
        });
        Self { folder, chats }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("kept.db")
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(self.path()).unwrap()
    }
}

fn open(path: &Path) -> Result<TestApp, String> {
    let store = SqliteStore::open(path, SqliteOptions::default()).map_err(|error| error.to_string())?;
    Ok(TestApp::with(Options { stores: store.into(), rate_limit: false, ..Options::default() }))
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Asks for everything of the chats. A request may be refused or find the store unavailable, but nothing panics.
async fn check_answers(app: &TestApp, chats: &[(String, String)]) {
    for (chat, token) in chats {
        for path in ["", "?after=2", "/members", "/invites", "/knocks", "/retention", "/session", "/sessions"] {
            let answer = app.get(format!("/{chat}{path}")).bearer(token).answer().await;
            assert_ne!(answer.status, 500, "{path}: {answer:?}");
        }
        let post = app.post(format!("/{chat}")).bearer(token).body("{\"text\": \"four\"}").answer().await;
        assert_ne!(post.status, 500, "{post:?}");
        let leave = app.delete(format!("/{chat}/session")).bearer(token).answer().await;
        assert_ne!(leave.status, 500, "{leave:?}");
    }
    app.clock.advance(std::time::Duration::from_hours(48));
    drop(app.service.sweep().await);
}

#[test]
fn database_files() {
    let runtime = runtime();
    let kept = Kept::make(&runtime);
    let (whole, page) = (kept.bytes(), 4_096);
    let examples = [
        whole.clone(),
        [&whole, LOG, &[0; 100]].concat(),
        whole[..page].to_vec(),
        whole[..100].to_vec(),
        b"SQLite format 3\0".to_vec(),
        Vec::new(),
    ];
    let target = Target::new("database_files", 8).words(["SQLite format 3\0", "\0", "\u{1}\u{1}", "ÿ"]).words([LOG]);
    target.examples(examples).check(|input| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chats.db");
        let at = input.windows(LOG.len()).position(|part| part == LOG);
        let (database, log) = at.map_or((input, None), |at| (&input[..at], Some(&input[at + LOG.len()..])));
        fs::write(&path, database).unwrap();
        if let Some(log) = log {
            fs::write(folder.path().join("chats.db-wal"), log).unwrap();
        }
        let before = panics();
        match open(&path) {
            Ok(app) => runtime.block_on(check_answers(&app, &kept.chats)),
            Err(line) => {
                assert!(!line.is_empty() && !line.contains('\n'), "{line:?}");
                let is_untouched = fs::read(&path).unwrap() == database;
                assert!(is_untouched || !line.contains("not touched"), "{line}");
            }
        }
        assert_eq!(panics(), before, "a thread of the store panicked");
    });
}

/// Rows with other values than this program writes, as a damaged disk or another program leaves them. The input is the
/// name of a table, that of a column, and an SQL expression, one a line.
#[test]
fn stored_rows() {
    let runtime = runtime();
    let kept = Kept::make(&runtime);
    let connection = Connection::open(kept.path()).unwrap();
    let mut query = connection
        .prepare("SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table'")
        .unwrap();
    let columns = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let columns: Vec<(String, String)> = columns.map(Result::unwrap).collect();
    let values =
        ["NULL", "-1", "0", "9223372036854775807", "-9223372036854775808", "1.5", "'x'", "''", "x'00'", "zeroblob(16)"];
    let values = values.into_iter().chain(["zeroblob(32)", "'owner'", "'Ann'", "hex(randomblob(20))"]);
    let examples: Vec<_> = columns
        .iter()
        .flat_map(|(table, column)| values.clone().map(move |value| format!("{table}\n{column}\n{value}").into_bytes()))
        .collect();
    drop(query);
    drop(connection);
    Target::new("stored_rows", 8).words(values).words(["\n", "-", "9"]).examples(examples).check_text(|input| {
        let mut lines = input.splitn(3, '\n');
        let (Some(table), Some(column), Some(value)) = (lines.next(), lines.next(), lines.next()) else { return };
        let is_column = columns.iter().any(|(of, name)| of == table && name == column);
        if !is_column || value.contains(';') {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chats.db");
        fs::copy(kept.path(), &path).unwrap();
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF").unwrap();
        if connection.execute(&format!("UPDATE \"{table}\" SET \"{column}\" = {value}"), []).is_err() {
            return;
        }
        drop(connection);
        let before = panics();
        if let Ok(app) = open(&path) {
            runtime.block_on(check_answers(&app, &kept.chats));
        }
        assert_eq!(panics(), before, "a thread of the store panicked");
    });
}
