//! The dialect of Flask-Chat, as its document describes it, and its refusals.

use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};
use watch_party::domain::PasswordHash;
use watch_party::store::{SqliteOptions, SqliteStore};

use crate::app::{Answer, BETWEEN_POSTS, Call, Options, TestApp};

struct Room<'a> {
    app: &'a TestApp,
    id: String,
}

async fn room(app: &TestApp) -> Room<'_> {
    let created = app.post("/createroom").json(&json!({"alias": "Bob and Al's Example Chat Room"}));
    let id = created.await_status(200).await.json()["roomid"].as_str().unwrap().to_owned();
    Room { app, id }
}

impl<'a> Room<'a> {
    fn call(&self, action: &str, body: &Value) -> Call<'a> {
        self.app.post(format!("/{}/{action}", self.id)).json(body)
    }

    async fn register(&self, username: &str, password: &str) -> Value {
        self.call("register", &json!({"username": username, "password": password})).await_status(200).await.json()
    }

    async fn log_in(&self, username: &str, password: &str) -> Value {
        self.call("login", &json!({"username": username, "password": password})).await_status(200).await.json()
    }

    /// Registers and logs in.
    async fn member(&self, username: &str) -> String {
        assert_eq!(self.register(username, "correct horse").await, json!({"succeeded": true, "explanation": null}));
        self.log_in(username, "correct horse").await["token"].as_str().unwrap().to_owned()
    }

    async fn say(&self, username: &str, token: &str, message: &str) -> Value {
        let body = json!({"username": username, "token": token, "message": message});
        self.call("message", &body).await_status(200).await.json()
    }

    async fn conversation(&self) -> Vec<String> {
        let read = self.app.get(format!("/{}/get_conversation", self.id)).await_status(200).await.json();
        serde_json::from_value(read).unwrap()
    }
}

/// Checks that the outcome is a refusal in the dialect's format, and returns the explanation.
fn explanation(outcome: &Value) -> String {
    assert_eq!(outcome["succeeded"], false, "{outcome}");
    let explanation = outcome["explanation"].as_str().unwrap_or_else(|| panic!("{outcome}"));
    assert!(explanation.ends_with('.'), "{explanation}");
    explanation.to_owned()
}

#[tokio::test]
async fn the_documents_steps_lead_from_a_new_room_to_a_conversation() {
    let app = TestApp::new();
    // "The user enters the room-alias they'd like to have created": a room can always be created.
    let room = room(&app).await;
    assert!(room.conversation().await.is_empty());
    // "If the user doesn't have an account, then they must create one", then log in.
    assert_eq!(
        room.register("usernameA", "plaintext password here").await,
        json!({"succeeded": true, "explanation": null})
    );
    let login = room.log_in("usernameA", "plaintext password here").await;
    assert_eq!(login["succeeded"], true);
    let first = login["token"].as_str().unwrap().to_owned();
    let second = room.member("usernameB").await;
    // "sent with every message to verify that the user is logged in".
    let outcome = room.say("usernameA", &first, "what's going on?").await;
    assert_eq!(outcome, json!({"succeeded": true, "explanation": null}));
    app.clock.advance(Duration::from_secs(5));
    room.say("usernameB", &second, "Not much, things are good.").await;
    assert_eq!(
        room.conversation().await,
        ["27-01-15 08:00:00 <usernameA> what's going on?", "27-01-15 08:00:05 <usernameB> Not much, things are good."]
    );
    // "users exist on a per-room basis, not carrying over from one room to another".
    let other = self::room(&app).await;
    explanation(&other.log_in("usernameA", "plaintext password here").await);
    explanation(&other.say("usernameA", &first, "hello").await);
}

#[tokio::test]
async fn the_last_fifty_messages_are_kept() {
    let app = TestApp::new();
    let room = room(&app).await;
    let token = room.member("tom1").await;
    for number in 1..=53 {
        app.clock.advance(BETWEEN_POSTS);
        room.say("tom1", &token, &format!("message {number}")).await;
    }
    let lines = room.conversation().await;
    assert_eq!(lines.len(), 50);
    assert!(lines[0].ends_with("<tom1> message 4") && lines[49].ends_with("<tom1> message 53"), "{lines:?}");
}

#[tokio::test]
async fn forms_work_like_json_and_invalid_fields_are_named() {
    let app = TestApp::new();
    let form = |path: String, body: &str| {
        app.post(path).header("content-type", "application/x-www-form-urlencoded").body(body)
    };
    let created = form("/createroom".into(), "alias=A+room").await_status(200).await.json();
    let at = |action: &str| format!("/{}/{action}", created["roomid"].as_str().unwrap());
    let credentials = "username=Zo%C3%AB&password=correct+horse";
    assert_eq!(form(at("register"), credentials).await_status(200).await.json()["succeeded"], true);
    let login = form(at("login"), credentials).await_status(200).await.json();
    let body = format!("username=zo%C3%AB&token={}&message=h%C3%A9llo+%F0%9F%91%8B", login["token"].as_str().unwrap());
    assert_eq!(form(at("message"), &body).await_status(200).await.json()["succeeded"], true);
    let wrong = [
        ("register", "username=Bob", "password"),
        ("register", "password=correct+horse", "username"),
        ("register", "username=Bob&username=Eve&password=correct+horse", "username"),
        ("register", "", "username"),
        ("message", "username=Zo%C3%AB&message=hello", "token"),
    ];
    for (action, body, field) in wrong {
        let outcome = form(at(action), body).await_status(200).await.json();
        assert!(explanation(&outcome).contains(field), "{action} {body}: {outcome}");
    }
    let created = form("/createroom".into(), "alias=a&alias=b").await_problem(422, "invalid_request").await;
    assert_eq!(created["field"], "alias");
}

#[tokio::test]
async fn taken_names_and_invalid_credentials_are_refused_with_an_explanation() {
    let app = TestApp::new();
    let room = room(&app).await;
    room.member("Ann").await;
    for name in ["Ann", "aNN", "Ａｎｎ", "an\u{200b}n"] {
        assert!(explanation(&room.register(name, "correct horse").await).contains("already has that name"));
    }
    let long = "x".repeat(1_025);
    for (password, reason) in
        [("short", "8 characters"), ("", "8 characters"), (&long, "1024 bytes"), ("nul\0nul\0nul", "control")]
    {
        let outcome = room.register("Bob", password).await;
        assert!(explanation(&outcome).contains(reason), "{outcome}");
    }
    for name in ["", "a\nb", &"x".repeat(33)] {
        explanation(&room.register(name, "correct horse").await);
    }
    for body in ["{", "[]", "null", "{\"username\": 5, \"password\": \"correct horse\"}"] {
        let answer = app.post(format!("/{}/register", room.id)).body(body).await_status(200).await;
        explanation(&answer.json());
    }
    explanation(&room.log_in("Bob", "correct horse").await);
}

#[tokio::test]
async fn unknown_usernames_and_wrong_passwords_get_the_same_explanation() {
    let app = TestApp::new();
    let room = room(&app).await;
    room.member("Ann").await;
    let wrong = [("Ann", "incorrect horse"), ("Bob", "correct horse"), ("Ann", ""), ("\u{7}", "correct horse")];
    for (username, password) in wrong {
        let login = room.log_in(username, password).await;
        assert_eq!(
            login,
            json!({"succeeded": false, "token": null, "explanation": "The username or the password is wrong."})
        );
    }
}

#[tokio::test]
async fn a_token_is_random_and_works_only_with_its_own_username() {
    let app = TestApp::new();
    let room = room(&app).await;
    let (ann, bob) = (room.member("Ann").await, room.member("Bob").await);
    assert_ne!(ann, bob, "equal passwords give different tokens");
    assert!(explanation(&room.say("Bob", &ann, "I am Bob").await).contains("not logged in"));
    for token in ["", "nonsense", &"A".repeat(43)] {
        assert!(explanation(&room.say("Ann", token, "hello").await).contains("not logged in"));
    }
    assert!(explanation(&room.say("Ann", &ann, " ").await).contains("empty"));
    // Logging in again from elsewhere returns a different token.
    let again = room.log_in("Ann", "correct horse").await["token"].as_str().unwrap().to_owned();
    assert_ne!(again, ann);
    room.say("Ann", &again, "from the second").await;
    app.clock.advance(Duration::from_hours(6));
    explanation(&room.say("Ann", &again, "too late").await);
    assert_eq!(room.conversation().await.len(), 1);
    // The account exists as long as the room.
    assert_eq!(room.log_in("Ann", "correct horse").await["succeeded"], true);
}

#[tokio::test]
async fn registering_takes_no_seat_and_logging_in_does() {
    let app = TestApp::new();
    let request = json!({"username": "Ann", "admission": "account", "capacity": 2});
    let created = app.post("/create").json(&request).await_status(201).await.json();
    assert_eq!(created["invite"], Value::Null);
    let room = Room { app: &app, id: created["chat_id"].as_str().unwrap().to_owned() };
    let ann = created["session_token"].as_str().unwrap();
    for name in ["Bob", "Cem"] {
        assert_eq!(room.register(name, "correct horse").await["succeeded"], true);
    }
    assert_eq!(
        app.get(format!("/{}/members", room.id)).bearer(ann).await_status(200).await.json()["members"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(room.log_in("Bob", "correct horse").await["succeeded"], true);
    assert!(explanation(&room.log_in("Cem", "correct horse").await).contains("full"));
    assert!(explanation(&room.register("ANN", "correct horse").await).contains("already has that name"));
    // This room was not created as readable by its address.
    app.get(format!("/{}/get_conversation", room.id)).await_problem(401, "session_required").await;
}

#[tokio::test]
async fn chats_with_another_admission_and_unknown_rooms_are_refused() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    let room = Room { app: &app, id: chat.id.clone() };
    assert!(explanation(&room.register("Bob", "correct horse").await).contains("does not allow joining that way"));
    assert!(explanation(&room.log_in("Bob", "correct horse").await).contains("does not allow joining that way"));
    app.get(format!("/{}/get_conversation", chat.id)).await_problem(401, "session_required").await;
    // A member can post through any dialect.
    assert_eq!(room.say("Ann", &ann.token, "hello").await["succeeded"], true);
    let unknown = Room { app: &app, id: "2eaf4767-9975-4773-b7c7-817e60ce2bfb".into() };
    for outcome in [unknown.register("Bob", "correct horse").await, unknown.log_in("Bob", "correct horse").await] {
        assert!(explanation(&outcome).contains("no such chat"));
    }
    app.get(format!("/{}/get_conversation", unknown.id)).await_problem(404, "chat_not_found").await;
    app.get("/nonsense/get_conversation").await_problem(404, "chat_not_found").await;
    let invited = self::room(&app).await;
    let owner = invited.member("Ann").await;
    app.post(format!("/{}/invite", invited.id)).bearer(&owner).await_problem(409, "wrong_admission").await;
}

#[tokio::test]
async fn password_guessing_is_slowed_without_locking_out_the_account_holder() {
    let app = TestApp::with(Options { trusted_proxies: &["127.0.0.0/8"], ..Options::default() });
    let room = room(&app).await;
    let log_in = |from: &str, password: &str| {
        let body = json!({"username": "Ann", "password": password});
        room.call("login", &body).header("x-forwarded-for", from).answer()
    };
    room.member("Ann").await;
    for _ in 0..5 {
        assert_eq!(log_in("192.0.2.1", "a guess of it").await.status, 200);
    }
    let refused: Answer = log_in("192.0.2.1", "a guess of it").await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, Some("1")));
    explanation(&refused.json());
    // The same from many addresses, for an hour: the account's wait grows to at most a minute.
    let mut waited = Duration::ZERO;
    let mut guesses = 0;
    while waited < Duration::from_hours(1) {
        let answer = log_in(&format!("198.51.{}.{}", guesses / 250, guesses % 250), "a guess of it").await;
        match answer.header("retry-after") {
            None => guesses += 1,
            Some(seconds) => {
                let wait = Duration::from_secs(seconds.parse().unwrap());
                assert!(wait <= Duration::from_mins(1), "{wait:?}");
                app.clock.advance(wait);
                waited += wait;
            }
        }
    }
    assert!(guesses < 75, "{guesses} guesses in an hour");
    app.clock.advance(Duration::from_mins(1));
    let login = log_in("203.0.113.5", "correct horse").await.json();
    assert_eq!(login["succeeded"], true, "{login}");
}

#[tokio::test]
async fn accounts_survive_a_restart_and_passwords_are_not_stored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chats.db");
    let store = || Arc::new(SqliteStore::open(&path, SqliteOptions::default()).unwrap());
    let id = {
        let app = TestApp::with(Options { stores: store().into(), ..Options::default() });
        let room = room(&app).await;
        room.member("Ann").await;
        room.id
    };
    let app = TestApp::with(Options { stores: store().into(), ..Options::default() });
    let room = Room { app: &app, id };
    assert_eq!(room.log_in("Ann", "correct horse").await["succeeded"], true);
    explanation(&room.log_in("Ann", "another horse").await);
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(13).any(|window| window == b"correct horse"));
    }
}

#[test]
fn a_password_hash_is_hidden_in_debug_output() {
    let hash = PasswordHash::from_stored("$argon2id$secret");
    assert!(!format!("{hash:?}").contains("secret"));
}

#[tokio::test]
async fn an_accounts_username_cannot_be_taken_through_recovery() {
    let app = TestApp::new();
    let request = json!({"username": "Ann", "admission": "account"});
    let created = app.post("/create").json(&request).await_status(201).await.json();
    let room = Room { app: &app, id: created["chat_id"].as_str().unwrap().to_owned() };
    room.member("Bob").await;
    app.clock.advance(Duration::from_hours(7));
    // The owner recovers the seat, but cannot do so as Bob, because Bob's password would then open the owner's seat.
    let recover = |username: &str| {
        let body = json!({"recovery_code": created["recovery_code"], "username": username});
        app.post(format!("/{}/recover", room.id)).json(&body)
    };
    recover("Bob").await_problem(409, "username_taken").await;
    let recovered = recover("Ann").await_status(200).await.json();
    let bob = room.log_in("Bob", "correct horse").await["token"].as_str().unwrap().to_owned();
    room.say("Bob", &bob, "hello").await;
    let token = recovered["session_token"].as_str().unwrap();
    // A member with an account who was made an owner recovers that account.
    let members = app.get(format!("/{}/members", room.id)).bearer(token).await_status(200).await.json();
    let bob_id = members["members"][1]["member_id"].as_str().unwrap();
    let owner = json!({"role": "owner"});
    app.call(Method::PATCH, format!("/{}/members/{bob_id}", room.id))
        .bearer(token)
        .json(&owner)
        .await_status(200)
        .await;
    let code = app.post(format!("/{}/recovery", room.id)).bearer(&bob).await_status(200).await.json();
    app.clock.advance(Duration::from_hours(7));
    let body = json!({"recovery_code": code["recovery_code"], "username": "Bob"});
    let recovered = app.post(format!("/{}/recover", room.id)).json(&body).await_status(200).await.json();
    assert_eq!(recovered["member"]["member_id"], bob_id);
    let again = room.log_in("Bob", "correct horse").await;
    let seat = app.get(format!("/{}/session", room.id)).bearer(again["token"].as_str().unwrap());
    let seat = seat.await_status(200).await.json();
    assert_eq!((&seat["member"]["member_id"], &seat["member"]["role"]), (&json!(bob_id), &json!("owner")));
}

#[tokio::test]
async fn the_rooms_address_redirects_to_the_page_with_the_login_form() {
    let app = TestApp::new();
    let room = room(&app).await;
    let page = app.get(format!("/{}/", room.id)).header("accept", "text/html").await_status(303).await;
    assert_eq!(page.header("location"), Some(&*format!("../room/{}", room.id)));
    let page = app.get(format!("/room/{}", room.id)).header("accept", "text/html").await_status(200).await;
    assert!(page.text().contains("Members log in with a password"));
    app.get("/nonsense/").await_problem(404, "chat_not_found").await;
}

#[tokio::test]
async fn the_pages_forms_behave_like_the_api_calls() {
    let app = TestApp::new();
    let room = room(&app).await;
    let form = |function: &str, fields: &str| {
        let body = format!("chat_id={}&{fields}", room.id);
        app.post(format!("/sf/{function}")).header("content-type", "application/x-www-form-urlencoded").body(body)
    };
    let credentials = "username=Ann&password=correct+horse";
    form("register", credentials).await_status(200).await;
    assert_eq!(form("register", credentials).await_status(409).await.json()["code"], "username_taken");
    assert_eq!(form("register", "username=Bob&password=short").await_status(422).await.json()["field"], "password");
    let log_in = |number: u128| {
        let join_id = uuid::Uuid::from_u128(number);
        form("log_in", &format!("{credentials}&join_id={join_id}"))
    };
    let first = log_in(1).await_status(200).await.json();
    assert_eq!(log_in(1).await_status(200).await.json(), first, "the same browser keeps its session");
    let other = log_in(2).await_status(200).await.json();
    assert_eq!(other["member"]["member_id"], first["member"]["member_id"], "another browser shares the seat");
    assert_ne!(other["session_token"], first["session_token"]);
    let join_id = uuid::Uuid::from_u128(1);
    let wrong = form("log_in", &format!("username=Ann&password=incorrect&join_id={join_id}"));
    assert_eq!(wrong.await_status(401).await.json()["code"], "wrong_password");
}

#[tokio::test]
async fn get_requests_to_the_calls_get_405() {
    let app = TestApp::new();
    let room = room(&app).await;
    for action in ["register", "login", "message"] {
        app.call(Method::GET, format!("/{}/{action}", room.id)).await_problem(405, "method_not_allowed").await;
    }
}

#[tokio::test]
async fn a_multiline_message_cannot_imitate_another_persons_line() {
    let app = TestApp::new();
    let room = room(&app).await;
    let token = room.member("Sam").await;
    let words = "a\n26-11-21 11:41:03 <Tom> b\r\nc\u{2028}d";
    let body = json!({"username": "Sam", "token": token, "message": words});
    assert_eq!(room.call("message", &body).await_status(200).await.json()["succeeded"], true);
    let lines = room.conversation().await;
    assert!(lines[0].ends_with(" <Sam> a 26-11-21 11:41:03 <Tom> b  c d"), "{lines:?}");
    assert!(!lines[0].contains(['\n', '\r', '\u{2028}']), "{lines:?}");
}

#[tokio::test]
async fn an_unsupported_content_type_is_refused_with_the_supported_ones() {
    let app = TestApp::new();
    let form = app.post("/createroom").header("content-type", "multipart/form-data; boundary=x").body("--x\r\n");
    let problem = form.await_problem(400, "invalid_request").await;
    assert!(problem["detail"].as_str().unwrap().contains("application/x-www-form-urlencoded"), "{problem}");
}

#[tokio::test]
async fn a_room_can_always_be_created() {
    let app = TestApp::new();
    // "There is no \"success\" or \"failure\" clause when creating a room. […] A room can always be created."
    let long = "王".repeat(100);
    let cut = "王".repeat(64);
    let aliases = [
        (json!({"alias": "Bob and Al's Example Chat Room"}), Some("Bob and Al's Example Chat Room")),
        (json!({"alias": "  two\nlines \u{202e}"}), Some("two lines")),
        (json!({"alias": long}), Some(&*cut)),
        // If nothing of the alias is visible, the server chooses one.
        (json!({"alias": ""}), None),
        (json!({"alias": "\u{200b}"}), None),
        (json!({"alias": null}), None),
        (json!({}), None),
    ];
    for (body, alias) in aliases {
        let created = app.post("/createroom").json(&body).await_status(200).await.json();
        let given = created["alias"].as_str().unwrap();
        assert!(alias.map_or(given.starts_with("Room "), |alias| given == alias), "{body}: {created}");
        let preview =
            app.get(format!("/{}/preview", created["roomid"].as_str().unwrap())).await_status(200).await.json();
        assert_eq!(preview, json!({"name": given, "admission": "account", "public_access": "read"}));
        app.clock.advance(crate::app::BETWEEN_CHATS);
    }
    app.post("/createroom").await_status(200).await;
    let problem = app.post("/createroom").json(&json!({"alias": 7})).await_problem(422, "invalid_request").await;
    assert_eq!(problem["field"], "alias");
}

#[tokio::test]
async fn posting_requires_a_login_and_reading_does_not() {
    let app = TestApp::new();
    // "To send a message in a room, a user must first log-in." To get the conversation, "Data: None, is a GET
    // request".
    let room = room(&app).await;
    let token = room.member("Tom").await;
    room.say("Tom", &token, "first").await;
    let read = |after: u64| app.get(format!("/{}?after={after}", room.id)).await_status(200);
    let all = read(0).await.json();
    assert_eq!((&all["messages"][0]["text"], &all["last_id"]), (&json!("first"), &json!(1)));
    room.say("Tom", &token, "second").await;
    assert_eq!(read(1).await.json()["messages"].as_array().unwrap().len(), 1);
    // A wrong token is refused, and only members can open a stream.
    app.get(format!("/{}", room.id)).bearer("nonsense").await_problem(401, "session_required").await;
    let stream = app.get(format!("/{}", room.id)).header("accept", "text/event-stream");
    stream.await_problem(401, "session_required").await;
    app.post(format!("/{}", room.id)).json(&json!({"text": "hi"})).await_problem(401, "session_required").await;
    app.get(format!("/{}/members", room.id)).await_problem(401, "session_required").await;
}

#[tokio::test]
async fn a_rooms_creator_chooses_whether_it_is_publicly_readable() {
    let app = TestApp::new();
    // "Gets the last 50 messages of the conversation in that room."
    for (access, reads) in [("none", false), ("read", true)] {
        let request = json!({"username": "Ann", "name": "Club", "admission": "account", "public_access": access});
        let created = app.post("/create").json(&request).await_status(201).await.json();
        let id = created["chat_id"].as_str().unwrap();
        let status = app.get(format!("/{id}/get_conversation")).answer().await.status;
        assert_eq!(status.as_u16(), if reads { 200 } else { 401 }, "{access}");
        // The preview shows the name in both cases.
        let preview = app.get(format!("/{id}/preview")).await_status(200).await.json();
        assert_eq!(preview, json!({"name": "Club", "admission": "account", "public_access": access}));
        let token = created["session_token"].as_str().unwrap();
        let members = app.get(format!("/{id}/members")).bearer(token).await_status(200).await.json();
        assert_eq!(
            (&members["history"], &members["capacity"]),
            (&json!(50), &json!(200)),
            "as in a room from `createroom`"
        );
    }
    // The address alone reveals nothing about a chat that people join by magic link.
    let (chat, _) = app.chat(json!({"username": "Ann", "name": "Secret"})).await;
    app.get(format!("/{}/preview", chat.id)).await_problem(401, "session_required").await;
    app.get("/2eaf4767-9975-4773-b7c7-817e60ce2bfb/preview").await_problem(404, "chat_not_found").await;
}

#[tokio::test]
async fn a_rooms_alias_is_set_at_creation_and_cannot_change() {
    let app = TestApp::new();
    let create = || app.post("/createroom").json(&json!({"alias": "Room A"})).await_status(200);
    // "The server only responds with a `roomid`, not the url where that room can be found at."
    let created = create().await.json();
    assert_eq!(created.as_object().unwrap().keys().collect::<Vec<_>>(), ["alias", "roomid"]);
    // "Since the actual `roomid` is randomly generated to be (nearly) unique, and rooms do not interfere with
    // one another".
    assert_ne!(create().await.json()["roomid"], created["roomid"]);
    // "The `roomalias` […] cannot be changed once the room is created."
    let id = created["roomid"].as_str().unwrap();
    for method in [Method::PUT, Method::PATCH] {
        let change = app.call(method, format!("/{id}")).json(&json!({"alias": "Room B"}));
        change.await_problem(405, "method_not_allowed").await;
    }
    assert_eq!(app.get(format!("/{id}/preview")).await_status(200).await.json()["name"], "Room A");
}

#[tokio::test]
async fn escaped_message_contents_are_kept_as_sent() {
    let app = TestApp::new();
    let room = room(&app).await;
    let token = room.member("Tom").await;
    // "message": "escaped message contents".
    let contents = ["&lt;b&gt;bold&lt;/b&gt;", "<b>bold</b>", "\\u00e9 %C3%A9 + \"quoted\""];
    for message in contents {
        assert_eq!(room.say("Tom", &token, message).await, json!({"succeeded": true, "explanation": null}));
    }
    let lines = room.conversation().await;
    let texts: Vec<&str> = lines.iter().map(|line| line.split_once("<Tom> ").unwrap().1).collect();
    assert_eq!(texts, contents);
}
