//! One account in several browsers, which share one seat and have a session each.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;
use watch_party::domain::{ChatId, Departure, Event, SessionToken};
use watch_party::service::{Ending, Update};

use crate::app::{Answer, Call, Options, TestApp, caller, published};

const PASSWORD: &str = "correct horse";
const LIFETIME: Duration = Duration::from_hours(6);

/// A room with one account in it.
struct Room {
    app: TestApp,
    id: String,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a string")).to_owned()
}

impl Room {
    async fn new() -> Self {
        // Many logins come from one address.
        Self::with(TestApp::with(Options { rate_limit: false, ..Options::default() })).await
    }

    async fn with(app: TestApp) -> Self {
        let created = app.post("/createroom").json(&json!({"alias": "Book club"})).await_status(200).await.json();
        let room = Self { app, id: text(&created["roomid"]) };
        let account = json!({"username": "Ann", "password": PASSWORD});
        let created = room.app.post(format!("/{}/register", room.id)).json(&account).await_status(200).await.json();
        assert_eq!(created["succeeded"], true);
        room
    }

    fn chat_id(&self) -> ChatId {
        self.id.parse().unwrap()
    }

    /// Logs in as the page in browser `number` does.
    async fn browser(&self, number: u128) -> Answer {
        self.log_in(number, "").await
    }

    async fn log_in(&self, number: u128, more: &str) -> Answer {
        let join_id = Uuid::from_u128(number);
        let form = format!("chat_id={}&username=Ann&password=correct%20horse&join_id={join_id}{more}", self.id);
        let call = self.app.post("/sf/log_in").header("content-type", "application/x-www-form-urlencoded");
        call.body(form).answer().await
    }

    /// Logs in and returns the session token.
    async fn token(&self, number: u128) -> String {
        text(&self.browser(number).await.json()["session_token"])
    }

    fn sessions(&self, token: &str) -> Call<'_> {
        self.app.get(format!("/{}/sessions", self.id)).bearer(token)
    }

    async fn list(&self, token: &str) -> Vec<Value> {
        self.sessions(token).await_status(200).await.json()["sessions"].as_array().unwrap().clone()
    }

    fn end(&self, token: &str, session_id: &Value) -> Call<'_> {
        self.app.delete(format!("/{}/sessions/{}", self.id, session_id.as_str().unwrap())).bearer(token)
    }

    fn read(&self, token: &str) -> Call<'_> {
        self.app.get(format!("/{}/members", self.id)).bearer(token)
    }

    async fn members(&self, token: &str) -> usize {
        self.read(token).await_status(200).await.json()["members"].as_array().unwrap().len()
    }
}

#[tokio::test]
async fn a_second_login_leaves_the_first_browser_logged_in() {
    let room = Room::new().await;
    // "The `token` […] is sent with every message to verify that the user is logged in": each browser has its own.
    let (first, second) = (room.token(1).await, room.token(2).await);
    assert_ne!(first, second);
    for token in [&first, &second] {
        assert_eq!(room.members(token).await, 1, "both browsers share one seat");
        let say = room.app.post(format!("/{}", room.id)).bearer(token).json(&json!({"text": "hello"}));
        assert_eq!(say.await_status(201).await.json()["username"], "Ann");
    }
    // The same browser gets the same session again.
    assert_eq!(room.token(1).await, first);
    assert_eq!(room.list(&first).await.len(), 2);
}

#[tokio::test]
async fn a_member_can_list_and_end_their_own_sessions() {
    let room = Room::new().await;
    let first = room.token(1).await;
    room.app.clock.advance(Duration::from_mins(1));
    let second = room.token(2).await;
    let list = room.list(&second).await;
    let (ids, started): (BTreeSet<String>, Vec<&Value>) =
        list.iter().map(|session| (text(&session["session_id"]), &session["started_at"])).unzip();
    assert_eq!(ids.len(), 2);
    assert_eq!(started, [&json!("2027-01-15T08:00:00Z"), &json!("2027-01-15T08:01:00Z")]);
    assert_eq!(list.iter().map(|session| session["current"] == true).collect::<Vec<_>>(), [false, true]);
    // A session's id does not authenticate anyone.
    room.read(list[0]["session_id"].as_str().unwrap()).await_problem(401, "session_required").await;

    room.end(&second, &list[0]["session_id"]).await_status(204).await;
    room.read(&first).await_problem(401, "session_expired").await;
    assert_eq!(room.list(&second).await.len(), 1);
    room.end(&second, &list[0]["session_id"]).await_problem(404, "not_found").await;
    room.end(&second, &json!("nonsense")).await_problem(404, "not_found").await;
    room.end(&first, &list[1]["session_id"]).await_problem(401, "session_expired").await;
    // When the last session ends, the seat is free.
    room.app.delete(format!("/{}/session", room.id)).bearer(&second).await_status(204).await;
    room.read(&second).await_problem(401, "session_expired").await;
    let third = room.token(1).await;
    assert_ne!(third, first);
    assert_eq!(room.members(&third).await, 1);
}

#[tokio::test]
async fn members_cannot_list_or_end_each_others_sessions() {
    let room = Room::new().await;
    let ann = room.token(1).await;
    let ids: Vec<Value> = room.list(&ann).await.iter().map(|session| session["session_id"].clone()).collect();
    let account = json!({"username": "Bob", "password": PASSWORD});
    room.app.post(format!("/{}/register", room.id)).json(&account).await_status(200).await;
    let login = room.app.post(format!("/{}/login", room.id)).json(&account).await_status(200).await.json();
    let bob = text(&login["token"]);
    assert_eq!(room.list(&bob).await.len(), 1);
    room.end(&bob, &ids[0]).await_problem(404, "not_found").await;
    room.end("nonsense", &ids[0]).await_problem(401, "session_required").await;
    room.app.get(format!("/{}/sessions", room.id)).await_problem(401, "session_required").await;
    assert_eq!(room.list(&ann).await.len(), 1);
}

#[tokio::test]
async fn an_eleventh_session_is_refused_or_replaces_the_oldest() {
    let room = Room::new().await;
    let mut tokens = Vec::new();
    for number in 1..=10 {
        tokens.push(room.token(number).await);
        room.app.clock.advance(Duration::from_secs(1));
    }
    let refused = room.browser(11).await;
    assert_eq!(refused.status, 409);
    let problem = refused.json();
    assert_eq!(problem["code"], "too_many_sessions");
    assert!(problem["detail"].as_str().unwrap().contains("10 browsers"), "{problem}");
    for token in &tokens {
        room.read(token).await_status(200).await;
    }
    // A caller can ask to end the session that started first.
    let eleventh = room.log_in(11, "&ends_oldest=true").await;
    assert_eq!(eleventh.status, 200);
    room.read(&tokens[0]).await_problem(401, "session_expired").await;
    assert_eq!(room.list(&tokens[1]).await.len(), 10);
    // According to Flask-Chat's document, a correct password always logs in; the answer says which login this ended.
    let login = json!({"username": "Ann", "password": PASSWORD});
    let login = room.app.post(format!("/{}/login", room.id)).json(&login).await_status(200).await.json();
    assert_eq!(login["succeeded"], true);
    assert!(login["explanation"].as_str().unwrap().contains("10 times"), "{login}");
    room.read(&tokens[1]).await_problem(401, "session_expired").await;
    room.read(&text(&login["token"])).await_status(200).await;
}

#[tokio::test]
async fn each_session_expires_separately_and_the_seat_ends_with_the_last() {
    let room = Room::new().await;
    let first = room.token(1).await;
    room.app.clock.advance(Duration::from_hours(1));
    let second = room.token(2).await;
    // Renewing a session does not renew the others, and keeps its start time.
    let renew = room.app.post(format!("/{}/session", room.id)).bearer(&second);
    let renewed = text(&renew.await_status(200).await.json()["session_token"]);
    assert_eq!(room.list(&first).await[1]["started_at"], "2027-01-15T09:00:00Z");
    room.app.clock.advance(LIFETIME.checked_sub(Duration::from_hours(1)).unwrap());
    room.read(&first).await_problem(401, "session_expired").await;
    assert_eq!(room.members(&renewed).await, 1);
    assert_eq!(room.list(&renewed).await.len(), 1);
    room.app.service.sweep().await.unwrap();
    room.read(&first).await_problem(401, "session_expired").await;
    assert_eq!(room.members(&renewed).await, 1);
    room.app.clock.advance(Duration::from_hours(1));
    room.read(&renewed).await_problem(401, "session_expired").await;
}

#[tokio::test]
async fn logging_out_a_browser_ends_its_stream_and_no_other() {
    let room = Room::new().await;
    let (first, second) = (room.token(1).await, room.token(2).await);
    let service = &room.app.service;
    let token = |text: &str| SessionToken::parse(text).unwrap();
    let mut first_follower = service.follow(caller(), room.chat_id(), &token(&first), 0).await.unwrap();
    let mut second_follower = service.follow(caller(), room.chat_id(), &token(&second), 0).await.unwrap();
    for follower in [&mut first_follower, &mut second_follower] {
        assert!(matches!(follower.next().await, Ok(Update::Opened { .. })));
    }
    let ids = room.list(&second).await;
    room.end(&second, &ids[0]["session_id"]).await_status(204).await;
    assert_eq!(first_follower.next().await, Err(Ending::SessionEnded(Departure::Left)));
    room.app.post(format!("/{}", room.id)).bearer(&second).json(&json!({"text": "on"})).await_status(201).await;
    assert!(matches!(published(second_follower.next().await), Event::MessagePosted { .. }));
}

#[tokio::test]
async fn an_owner_who_logs_out_another_browser_invalidates_the_recovery_code() {
    let app = TestApp::with(Options { rate_limit: false, ..Options::default() });
    let request = json!({"username": "Ann", "admission": "account", "password": PASSWORD});
    let created = app.post("/create").json(&request).await_status(201).await.json();
    let room = Room { app, id: text(&created["chat_id"]) };
    let first = text(&created["session_token"]);
    let second = room.token(2).await;
    let list = room.list(&second).await;
    room.end(&second, &list[0]["session_id"]).await_status(204).await;
    room.read(&first).await_problem(401, "session_expired").await;
    let body = json!({"recovery_code": created["recovery_code"]});
    let recover = room.app.post(format!("/{}/recover", room.id)).json(&body);
    recover.await_problem(403, "invalid_recovery").await;
    // The owner is still an owner, and gets a new recovery code.
    let seat = room.app.get(format!("/{}/session", room.id)).bearer(&second).await_status(200).await.json();
    assert_eq!(seat["member"]["role"], "owner");
    let code = room.app.post(format!("/{}/recovery", room.id)).bearer(&second).await_status(200).await.json();
    // Logging out yourself does not invalidate the recovery code.
    room.token(3).await;
    room.app.delete(format!("/{}/session", room.id)).bearer(&second).await_status(204).await;
    room.app.post(format!("/{}/recover", room.id)).json(&code).await_status(200).await;
}

#[tokio::test]
async fn recovery_ends_only_the_oldest_of_an_owners_ten_sessions() {
    let app = TestApp::with(Options { rate_limit: false, ..Options::default() });
    let request = json!({"username": "Ann", "admission": "account", "password": PASSWORD});
    let created = app.post("/create").json(&request).await_status(201).await.json();
    let room = Room { app, id: text(&created["chat_id"]) };
    let mut tokens = vec![text(&created["session_token"])];
    for number in 2..=10 {
        room.app.clock.advance(Duration::from_secs(1));
        tokens.push(room.token(number).await);
    }
    let body = json!({"recovery_code": created["recovery_code"]});
    let recovered = room.app.post(format!("/{}/recover", room.id)).json(&body).await_status(200).await.json();
    assert_eq!(recovered["member"]["role"], "owner");
    // The number of sessions does not prevent recovery: the oldest session ends.
    room.read(&tokens[0]).await_problem(401, "session_expired").await;
    for token in &tokens[1..] {
        room.read(token).await_status(200).await;
    }
    room.read(&text(&recovered["session_token"])).await_status(200).await;
}

#[tokio::test]
async fn a_room_creators_password_reserves_their_username() {
    let app = TestApp::new();
    let request = json!({"username": "Ann", "admission": "account", "password": PASSWORD});
    let created = app.post("/create").json(&request).await_status(201).await.json();
    let room = Room { app, id: text(&created["chat_id"]) };
    room.app.clock.advance(Duration::from_hours(7));
    let account = json!({"username": "ann", "password": "another password"});
    let taken = room.app.post(format!("/{}/register", room.id)).json(&account).await_status(200).await.json();
    assert_eq!(taken["succeeded"], false);
    let login = room.browser(1).await.json();
    assert_eq!(login["member"]["member_id"], created["member"]["member_id"]);
    // A password is only accepted for this kind of chat, and must follow the rules.
    let wrong = [json!({"password": PASSWORD}), json!({"admission": "open", "password": PASSWORD})];
    for body in wrong.into_iter().chain([json!({"admission": "account", "password": "short"})]) {
        let problem = room.app.post("/create").json(&body).await_problem(422, "invalid_request").await;
        assert_eq!(problem["field"], "password", "{body}");
    }
}

#[tokio::test]
async fn an_owners_account_keeps_its_role_and_name_across_logins() {
    let app = TestApp::with(Options { rate_limit: false, ..Options::default() });
    let request = json!({"username": "Ann", "admission": "account", "password": PASSWORD});
    let created = app.post("/create").json(&request).await_status(201).await.json();
    let room = Room { app, id: text(&created["chat_id"]) };
    let account = json!({"username": "Bob", "password": PASSWORD});
    room.app.post(format!("/{}/register", room.id)).json(&account).await_status(200).await;
    let bob = room.app.post(format!("/{}/login", room.id)).json(&account).await_status(200).await.json();
    let role = async |token: &str| {
        let seat = room.app.get(format!("/{}/session", room.id)).bearer(token).await_status(200).await.json();
        (text(&seat["member"]["username"]), text(&seat["member"]["role"]))
    };
    // Logging out does not give up ownership for good: while the owner is away, another member is owner too.
    let ann = text(&created["session_token"]);
    room.app.delete(format!("/{}/session", room.id)).bearer(&ann).await_status(204).await;
    assert_eq!(role(&text(&bob["token"])).await, ("Bob".into(), "owner".into()));
    let ann = room.token(1).await;
    assert_eq!(role(&ann).await, ("Ann".into(), "owner".into()));
    // Recovery restores the account's name, whatever name the caller gives.
    let code = room.app.post(format!("/{}/recovery", room.id)).bearer(&ann).await_status(200).await.json();
    room.app.clock.advance(LIFETIME);
    let body = json!({"recovery_code": code["recovery_code"], "username": "Owner"});
    let recovered = room.app.post(format!("/{}/recover", room.id)).json(&body).await_status(200).await.json();
    assert_eq!(recovered["member"]["username"], "Ann");
    // A member who steps down does not become owner again by logging in.
    let members = format!("/{}/members", room.id);
    let bob = room.app.post(format!("/{}/login", room.id)).json(&account).await_status(200).await.json();
    assert_eq!(role(&text(&bob["token"])).await, ("Bob".into(), "owner".into()));
    let own = format!("{members}/{}", text(&recovered["member"]["member_id"]));
    let step_down = room.app.call(axum::http::Method::PATCH, own).bearer(&text(&recovered["session_token"]));
    step_down.json(&json!({"role": "guest"})).await_status(200).await;
    assert_eq!(role(&room.token(2).await).await, ("Ann".into(), "guest".into()));
}

#[tokio::test]
async fn a_room_has_a_seat_for_each_of_two_hundred_accounts() {
    // "To send a message in a room, a user must first log-in. If the user doesn't have an account, then they must
    // create one": the document sets no limit on users.
    let app = TestApp::with(Options { rate_limit: false, ..Options::default() });
    let room = Arc::new(Room::with(app).await);
    let mut logging_in = JoinSet::new();
    for number in 2..=200 {
        let room = room.clone();
        logging_in.spawn(async move {
            let account = json!({"username": format!("Member {number}"), "password": PASSWORD});
            for action in ["register", "login"] {
                loop {
                    let answer = room.app.post(format!("/{}/{action}", room.id)).json(&account).answer().await;
                    // More passwords arrive at once than may wait to be hashed.
                    if answer.status != 503 {
                        assert_eq!(answer.json()["succeeded"], true, "{answer:?}");
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            }
        });
    }
    while let Some(done) = logging_in.join_next().await {
        done.unwrap();
    }
    let ann = room.token(1).await;
    assert_eq!(room.members(&ann).await, 200);
    let account = json!({"username": "One too many", "password": PASSWORD});
    let refused = room.app.post(format!("/{}/register", room.id)).json(&account).await_status(200).await.json();
    assert_eq!(refused["succeeded"], false);
    assert!(refused["explanation"].as_str().unwrap().contains("200 accounts"), "{refused}");
}
