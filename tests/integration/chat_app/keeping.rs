//! Sessions survive a restart of the server, and their tokens are never written.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use watch_party::domain::BrowserToken;
use watch_party::store::{SqliteOptions, SqliteStore};

use super::{Browser, browser, conversation, room};
use crate::app::{Options, TestApp};

fn app_at(path: &Path) -> TestApp {
    let store = Arc::new(SqliteStore::open(path, SqliteOptions::default()).unwrap());
    TestApp::with(Options { stores: store.into(), ..Options::default() })
}

/// Whether any file in `folder` contains the bytes.
fn holds(folder: &Path, bytes: &[u8]) -> bool {
    let files = std::fs::read_dir(folder).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap());
    files.into_iter().any(|file| file.windows(bytes.len()).any(|window| window == bytes))
}

#[tokio::test]
async fn a_session_and_its_seat_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chats.db");
    let (key, url, cookies, seat) = {
        let app = app_at(&path);
        let room = room(&app).await;
        let ann = browser(&app, "Ann").await;
        ann.says(&room, "before").await;
        let seat = ann.enters(&room).await;
        (room.key, room.url, ann.cookies, seat)
    };
    let app = app_at(&path);
    let room = super::Room { app: &app, key, url };
    let ann = Browser { app: &app, cookies };
    assert_eq!(ann.name().await, "Ann");
    ann.visit(room.page()).await_status(200).await;
    ann.says(&room, "after").await;
    assert_eq!(ann.enters(&room).await, seat);
    assert_eq!(ann.reads(&room).await, conversation(&[("Ann", "before"), ("Ann", "after")]));
    // The session still ends at its original expiry.
    app.clock.advance(Duration::from_hours(6));
    ann.get("/sessions/me").await_problem(401, "session_required").await;
}

#[tokio::test]
async fn an_ended_session_stays_ended_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chats.db");
    let token = {
        let app = app_at(&path);
        let mut ann = browser(&app, "Ann").await;
        let token = ann.token().to_owned();
        ann.log_out().await;
        token
    };
    let app = app_at(&path);
    app.get("/sessions/me").bearer(&token).await_problem(401, "session_required").await;
}

#[tokio::test]
async fn only_a_digest_of_the_token_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let app = app_at(&folder.path().join("chats.db"));
    let room = room(&app).await;
    let ann = browser(&app, "Ann").await;
    ann.says(&room, "hello").await;
    let seat = ann.enters(&room).await;
    let digest = *BrowserToken::parse(ann.token()).unwrap().digest().as_bytes();
    assert!(holds(folder.path(), &digest));
    for token in [ann.token(), &seat.token] {
        assert!(!holds(folder.path(), token.as_bytes()));
        assert!(!holds(folder.path(), &URL_SAFE_NO_PAD.decode(token).unwrap()));
    }
    // An expired session is erased after a sweep and a scrub.
    app.clock.advance(Duration::from_hours(6));
    app.service.sweep().await.unwrap();
    app.service.scrub().await.unwrap();
    assert!(!holds(folder.path(), &digest));
}
