//! Writers and readers of every kind, who repeat until they succeed.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use parking_lot::Mutex;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use uuid::Uuid;

use crate::program::Http;

/// Enough to keep all messages of a chat, so that a reader who was away for long misses none.
pub const HISTORY: usize = 1_000;

/// One chat of the test, and the messages that were acknowledged in it.
pub struct Room {
    pub id: String,
    /// The tokens with which the members write.
    pub tokens: Vec<String>,
    /// The tokens with which the same members read: from their other session, if they have two.
    pub reading_tokens: Vec<String>,
    pub acknowledged: Mutex<HashSet<(u64, String)>>,
}

/// How a reader follows a chat.
#[derive(Clone, Copy, Debug)]
pub enum Transport {
    Poll,
    Events,
    WebSocket,
}

/// Posts messages, and sends each again with the same client id until it is acknowledged.
pub async fn write(client: Client, site: String, room: Arc<Room>, seat: usize, posts: usize) {
    for number in 0..posts {
        let text = format!("{seat}: {number}");
        let body = json!({"text": text, "client_id": Uuid::new_v4()});
        loop {
            let post = client.post(format!("{site}/{}", room.id)).bearer_auth(&room.tokens[seat]).json(&body);
            let Ok(answer) = post.send().await else { continue };
            let status = answer.status();
            let Ok(message) = answer.json::<Value>().await else { continue };
            if [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS].contains(&status) {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
            assert!(status.is_success(), "{status} {message}");
            assert!(room.acknowledged.lock().insert((message["id"].as_u64().unwrap(), text)));
            break;
        }
    }
}

/// A reader, and the messages it has seen, in the order of receipt.
pub struct Reader {
    pub room: Arc<Room>,
    pub token: String,
    pub seen: Vec<(u64, String)>,
    pub expected: usize,
    /// How many messages the reader was told that it missed.
    pub missed: u64,
    /// Whether it was told that others may have been lost.
    pub may_lack: bool,
}

impl Reader {
    fn cursor(&self) -> u64 {
        self.seen.last().map_or(0, |(id, _)| *id)
    }

    fn take(&mut self, message: &Value) {
        self.seen.push((message["id"].as_u64().unwrap(), message["text"].as_str().unwrap().to_owned()));
    }

    fn has_all(&self) -> bool {
        self.seen.len() >= self.expected
    }

    /// Reads until all messages are seen, and continues at the cursor after each failure.
    pub async fn read(mut self, client: Client, address: String, transport: Transport) -> Self {
        while !self.has_all() {
            // An empty or truncated answer is a failure like any other.
            let _ = match transport {
                Transport::Poll => self.poll(&client, &address).await,
                Transport::Events => self.follow_events(&client, &address).await,
                Transport::WebSocket => self.follow_socket(&address).await,
            };
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self
    }

    async fn poll(&mut self, client: &Client, address: &str) -> Option<()> {
        let path = format!("http://{address}/{}?after={}", self.room.id, self.cursor());
        let answer = client.get(path).bearer_auth(&self.token).send().await.ok()?;
        let read: Value = answer.error_for_status().ok()?.json().await.ok()?;
        self.missed += read["missed"].as_u64()?;
        self.may_lack |= read["incomplete"] == true;
        read["messages"].as_array()?.iter().for_each(|message| self.take(message));
        Some(())
    }

    async fn follow_events(&mut self, client: &Client, address: &str) -> Option<()> {
        let request = client.get(format!("http://{address}/{}", self.room.id)).bearer_auth(&self.token);
        let request = request.header("accept", "text/event-stream").header("last-event-id", self.cursor());
        let mut answer = request.send().await.ok()?.error_for_status().ok()?;
        let mut read = Vec::new();
        while !self.has_all() {
            read.extend_from_slice(&answer.chunk().await.ok()??);
            while let Some(end) = read.windows(2).position(|pair| pair == b"\n\n") {
                let event: Vec<u8> = read.drain(..end + 2).collect();
                let event = String::from_utf8(event).unwrap();
                let data = event.lines().find_map(|line| line.strip_prefix("data: "));
                self.receive(data.unwrap_or("null"));
            }
        }
        Some(())
    }

    async fn follow_socket(&mut self, address: &str) -> Option<()> {
        let path = format!("ws://{address}/{}/live?after={}", self.room.id, self.cursor());
        let mut request = path.into_client_request().unwrap();
        let protocols = format!("watch-party, bearer.{}", self.token);
        request.headers_mut().insert("sec-websocket-protocol", protocols.parse().unwrap());
        let (mut socket, _) = connect_async(request).await.ok()?;
        while !self.has_all() {
            if let Message::Text(text) = socket.next().await?.ok()? {
                self.receive(&text);
            }
        }
        Some(())
    }

    fn receive(&mut self, event: &str) {
        let event: Value = serde_json::from_str(event).unwrap();
        match event["type"].as_str() {
            Some("message") => self.take(&event["message"]),
            Some("opened") => {
                self.missed += event["missed"].as_u64().unwrap();
                self.may_lack |= event["incomplete"] == true;
            }
            _ => {}
        }
    }
}

pub async fn room_by_links(http: &Http) -> Room {
    let (_, created) = http.post("/create", "", &json!({"history": HISTORY})).await;
    let id = created["chat_id"].as_str().unwrap().to_owned();
    let mut tokens = vec![created["session_token"].as_str().unwrap().to_owned()];
    for guest in ["Bob", "Cleo"] {
        let body = json!({"key": created["invite"]["key"], "username": guest});
        let (_, joined) = http.post(&format!("/{id}/join"), "", &body).await;
        tokens.push(joined["session_token"].as_str().unwrap().to_owned());
    }
    Room { id, reading_tokens: tokens.clone(), tokens, acknowledged: Mutex::default() }
}

/// Creates a chat whose members are each logged in from two browsers.
pub async fn room_of_accounts(http: &Http) -> Room {
    let (_, created) = http.post("/create", "", &json!({"admission": "account", "history": HISTORY})).await;
    let id = created["chat_id"].as_str().unwrap().to_owned();
    let (mut tokens, mut reading_tokens) = (Vec::new(), Vec::new());
    for username in ["Ann", "Bob", "Cleo"] {
        let account = json!({"username": username, "password": "correct horse"});
        let (_, registered) = http.post(&format!("/{id}/register"), "", &account).await;
        assert_eq!(registered["succeeded"], true);
        for tokens in [&mut tokens, &mut reading_tokens] {
            let (_, login) = http.post(&format!("/{id}/login"), "", &account).await;
            tokens.push(login["token"].as_str().unwrap().to_owned());
        }
    }
    Room { id, tokens, reading_tokens, acknowledged: Mutex::default() }
}
