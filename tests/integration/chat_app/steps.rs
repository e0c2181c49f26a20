//! The steps of the document, word for word.

use std::sync::Arc;

use serde_json::{Value, json};
use watch_party::store::{SqliteOptions, SqliteStore};

use super::{Browser, COOKIE, SITE, browser, conversation, cookie, room, text_of};
use crate::app::{Options, TestApp, resolve};

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn the_documents_steps_lead_from_a_new_chatroom_to_a_chat_between_two_browsers() {
    let app = TestApp::new();
    let mut mine = Browser::new(&app);

    // "Create a chatroom": "Fills in the chatroom name and hits submit".
    let created = mine.post("/chats").json(&json!({"name": "Week 4 Lab"})).await_status(201).await.json();
    assert_eq!(keys(&created), ["hash_key", "name", "url"]);
    assert_eq!(created["name"], "Week 4 Lab");
    let hash_key = text_of(&created["hash_key"]);
    let chatroom = format!("/chatrooms/{hash_key}/");

    // "User is directed to the chatroom page. IF the user is not currently in a session: Redirect them
    // to the session create (login) form".
    let page = mine.visit(&chatroom).await_status(303).await;
    let form = resolve(&chatroom, page.header("location").unwrap());
    assert_eq!(form, format!("/sessions/new?chatroom={hash_key}"));

    // "User gives a username and submits. User is given a token that's stored in cookies."
    let answer = mine.post("/sessions").json(&json!({"username": "Ada"})).await_status(201).await;
    let session = answer.json();
    assert_eq!(keys(&session), ["expires_at", "token", "username"]);
    let given = cookie(&answer);
    assert_eq!((given.name.as_str(), &given.value), (COOKIE, &text_of(&session["token"])));
    mine.keep_cookies(&answer);

    // "User is redirected to the chatroom page."
    let page = mine.visit(&chatroom).await_status(200).await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));

    // "Validate that you can start a session".
    assert_eq!(mine.name().await, "Ada");

    // "User is on the chatroom page, gets initial messages, and can send messages".
    let chat = format!("/chats/{hash_key}/");
    let read = mine.get(&chat).await_status(200).await.json();
    assert_eq!(read, json!({"name": "Week 4 Lab", "hash_key": hash_key, "messages": [], "last_id": 0, "missed": 0}));

    // "Send some messages as yourself in this session".
    let say = async |browser: &Browser<'_>, content: &str| {
        let call = browser.post(format!("{chat}messages")).json(&json!({"content": content}));
        call.await_status(201).await.json()
    };
    let first = say(&mine, "is this thing on?").await;
    let expected = json!({
        "id": 1, "timestamp": "2027-01-15T08:00:00Z", "username": "Ada", "content": "is this thing on?",
    });
    assert_eq!(first, expected);
    say(&mine, "it is").await;

    // "Open the same webpage in a different tab or window (but same browser) and check if you are
    // still logged in as the same person".
    let tab = &mine;
    tab.visit(&chatroom).await_status(200).await;
    assert_eq!(tab.name().await, "Ada");
    say(tab, "from another tab").await;

    // "Get the share link at the bottom of the page and copy it".
    let share_link = text_of(&created["url"]);
    assert_eq!(share_link, format!("{SITE}{chatroom}"));

    // "Open up a new window with an incognito tab or separate browser. Paste the share link from
    // earlier and log in as someone else".
    let mut incognito = Browser::new(&app);
    let pasted = share_link.strip_prefix(SITE).unwrap();
    let page = incognito.visit(pasted).await_status(303).await;
    assert_eq!(resolve(pasted, page.header("location").unwrap()), form);
    incognito.log_in("Grace").await;
    incognito.visit(pasted).await_status(200).await;
    assert_eq!(incognito.name().await, "Grace");

    // "Send messages and verify that you can talk between different windows".
    say(&incognito, "hello from outside").await;
    say(&mine, "welcome").await;
    let (here, there) = (mine.get(&chat).await_status(200).await, incognito.get(&chat).await_status(200).await);
    assert_eq!(here.body, there.body, "both browsers see the same messages");
    let messages = here.json()["messages"].as_array().unwrap().clone();
    let lines: Vec<(String, String)> =
        messages.iter().map(|message| (text_of(&message["username"]), text_of(&message["content"]))).collect();
    let expected = [
        ("Ada", "is this thing on?"),
        ("Ada", "it is"),
        ("Ada", "from another tab"),
        ("Grace", "hello from outside"),
        ("Ada", "welcome"),
    ];
    assert_eq!(lines, conversation(&expected));
    assert_eq!(messages.iter().map(|message| message["id"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn the_documents_models_are_tables_with_the_documents_columns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chats.db");
    {
        let store = Arc::new(SqliteStore::open(&path, SqliteOptions::default()).unwrap());
        let app = TestApp::with(Options { stores: store.into(), ..Options::default() });
        let room = room(&app).await;
        browser(&app, "Ada").await.says(&room, "is this thing on?").await;
    }
    let database = rusqlite::Connection::open(&path).unwrap();
    let models = [
        // "`id`: The primary key", "`chat_id`: The foreign key used to identify which chat this message belongs
        // to", "`timestamp`", "`username`", "`content`".
        ("message", vec!["id", "chat_id", "timestamp", "username", "content"]),
        // "`name`: The name for this specific chat", "`hash_key`: A randomly generated sequence of characters".
        ("chat", vec!["id", "name", "hash_key"]),
        // "`token`: A randomly generated sequence of characters that can be used to ID a session", "`username`".
        ("browser_session", vec!["id", "token", "username"]),
    ];
    for (table, columns) in models {
        let rows: i64 = database
            .query_row(&format!("SELECT count(*) FROM (SELECT {} FROM {table})", columns.join(", ")), [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(rows, 1, "{table}");
    }
    // "It has a many-to-one relationship to `Chat`": "set with the `chat_id` foreign key".
    let parent: String = database
        .query_row(r#"SELECT "table" FROM pragma_foreign_key_list('message') WHERE "from" = 'chat_id'"#, [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(parent, "chat");
}
