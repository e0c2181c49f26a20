//! Limits on logins, and the seat that a login gives.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::{Answer, Options, TestApp};

const PASSWORD: &str = "correct horse";

/// A room whose members have passwords. Requests can come from any address.
struct Room {
    app: TestApp,
    id: String,
}

impl Room {
    async fn with(accounts: &[&str]) -> Self {
        let options = Options { rate_limit: true, trusted_proxies: &["127.0.0.0/8"], ..Options::default() };
        let app = TestApp::with(options);
        let created = app.post("/createroom").json(&json!({"alias": "Book club"})).await_status(200).await.json();
        let room = Self { app, id: created["roomid"].as_str().unwrap().to_owned() };
        for username in accounts {
            let account = json!({"username": username, "password": PASSWORD});
            let created = room.app.post(format!("/{}/register", room.id)).json(&account).await_status(200).await;
            assert_eq!(created.json()["succeeded"], true);
        }
        room
    }

    async fn log_in(&self, from: &str, username: &str, password: &str) -> Answer {
        let body = json!({"username": username, "password": password});
        self.app.post(format!("/{}/login", self.id)).json(&body).header("x-forwarded-for", from).answer().await
    }

    async fn can_log_in(&self, from: &str, username: &str) -> bool {
        self.log_in(from, username, PASSWORD).await.json()["succeeded"] == true
    }

    /// Tries a wrong password, and returns the `Retry-After` of the answer in seconds, if there is one.
    async fn guess(&self, from: &str, username: &str) -> Option<u64> {
        let answer = self.log_in(from, username, "a guess of it").await;
        answer.header("retry-after").map(|seconds| seconds.parse().unwrap())
    }

    /// Logs in as the page does, with the browser's `join_id`.
    async fn log_in_from_the_page(&self, username: &str, join_id: Uuid) -> Value {
        let form = format!("chat_id={}&username={username}&password=correct%20horse&join_id={join_id}", self.id);
        let call = self.app.post("/sf/log_in").header("content-type", "application/x-www-form-urlencoded");
        call.body(form).await_status(200).await.json()
    }
}

#[tokio::test]
async fn correct_passwords_are_rate_limited_too() {
    let room = Room::with(&["Ann"]).await;
    for _ in 0..30 {
        assert!(room.can_log_in("192.0.2.1", "Ann").await);
    }
    let refused = room.log_in("192.0.2.1", "Ann", PASSWORD).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, Some("2")));
    assert!(room.can_log_in("192.0.2.2", "Ann").await, "each address has its own quota");
    room.app.clock.advance(Duration::from_secs(2));
    assert!(room.can_log_in("192.0.2.1", "Ann").await);
}

#[tokio::test]
async fn a_correct_login_does_not_clear_failures_at_other_accounts() {
    let room = Room::with(&["Ann", "Mallory"]).await;
    let from = "192.0.2.1";
    let mut guesses = 0;
    // The guesser logs in to an account of their own between two guesses.
    for _ in 0..10 {
        if room.guess(from, "Ann").await.is_none() {
            guesses += 1;
        }
        room.log_in(from, "Mallory", PASSWORD).await;
    }
    assert_eq!(guesses, 5);
}

#[tokio::test]
async fn guesses_from_elsewhere_do_not_delay_a_holder_at_a_known_address() {
    let room = Room::with(&["Ann", "Bob"]).await;
    let holder = "203.0.113.5";
    assert!(room.can_log_in(holder, "Ann").await);
    // Guesses come from so many addresses that the account refuses unknown addresses.
    let mut addresses = (0..).map(|number| format!("198.51.100.{number}"));
    while room.guess(&addresses.next().unwrap(), "Ann").await.is_none() {}
    assert!(room.can_log_in(holder, "Ann").await, "Ann is not delayed at an address where she has logged in before");

    // From a new address, Ann waits as long as the account requires. Her refused attempts do not count against her
    // address: it can log in to another account at once.
    let new_address = "203.0.113.6";
    while room.guess(&addresses.next().unwrap(), "Ann").await.is_none() {}
    for _ in 0..20 {
        assert!(!room.can_log_in(new_address, "Ann").await);
    }
    assert!(room.can_log_in(new_address, "Bob").await);
    room.app.clock.advance(Duration::from_mins(1));
    assert!(room.can_log_in(new_address, "Ann").await);
}

#[tokio::test]
async fn two_accounts_in_one_browser_get_their_own_seats_even_if_an_answer_is_lost() {
    let room = Room::with(&["Ann", "Bob"]).await;
    let browser = Uuid::from_u128(7);
    let ann_login = room.log_in_from_the_page("Ann", browser).await;
    // The answer was lost, and someone else uses the same page.
    let bob_login = room.log_in_from_the_page("Bob", browser).await;
    assert_eq!((&ann_login["member"]["username"], &bob_login["member"]["username"]), (&json!("Ann"), &json!("Bob")));
    assert_ne!(ann_login["session_token"], bob_login["session_token"]);
    assert_eq!(room.log_in_from_the_page("Ann", browser).await, ann_login);
    assert_eq!(room.log_in_from_the_page("Bob", browser).await, bob_login);
}
