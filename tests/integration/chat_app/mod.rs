//! Chat App's dialect: the steps of its document, and every refusal.

mod chats;
mod keeping;
mod limits;
mod origins;
mod page;
mod renaming;
mod seats;
mod secrecy;
mod sessions;
mod steps;

use std::collections::BTreeMap;

use axum::http::Method;
use serde_json::{Value, json};

use crate::app::{Answer, Call, TestApp};

pub const COOKIE: &str = "watch-party-session";
/// The origin of the site's own pages.
pub const SITE: &str = "http://chat.test";
pub const FORM: &str = "application/x-www-form-urlencoded";
/// The id of no chat.
pub const UNKNOWN_CHAT: &str = "2eaf4767-9975-4773-b7c7-817e60ce2bfb";

/// A chatroom, as described by the answer that created it.
pub struct Room<'a> {
    app: &'a TestApp,
    pub key: String,
    pub url: String,
}

pub async fn room(app: &TestApp) -> Room<'_> {
    room_with(app, json!({"name": "Movie night"})).await
}

pub async fn room_with(app: &TestApp, request: Value) -> Room<'_> {
    let created = app.post("/chats").json(&request).await_status(201).await.json();
    Room { app, key: text_of(&created["hash_key"]), url: text_of(&created["url"]) }
}

impl<'a> Room<'a> {
    /// The path from which the chat's messages are read.
    pub fn path(&self) -> String {
        format!("/chats/{}/", self.key)
    }

    pub fn page(&self) -> String {
        format!("/chatrooms/{}/", self.key)
    }

    /// A call of the native API with the seat's token.
    pub fn native(&self, method: Method, path: &str, seat: &Seat) -> Call<'a> {
        self.app.call(method, format!("/{}{path}", self.key)).bearer(&seat.token)
    }

    /// Returns the usernames of the members, as `seat` sees them.
    pub async fn usernames(&self, seat: &Seat) -> Vec<String> {
        let list = self.native(Method::GET, "/members", seat).await_status(200).await.json();
        list["members"].as_array().unwrap().iter().map(|member| text_of(&member["username"])).collect()
    }
}

/// A seat in a room, for the native API.
#[derive(Debug, PartialEq, Eq)]
pub struct Seat {
    pub token: String,
    pub member_id: String,
    pub role: String,
}

/// A browser. It keeps the cookies that it receives, and sends the origin of the requesting page. All its tabs share
/// the cookies; another browser or a private window does not have them.
pub struct Browser<'a> {
    app: &'a TestApp,
    pub cookies: BTreeMap<String, String>,
}

/// Opens a browser and logs in as `username`.
pub async fn browser<'a>(app: &'a TestApp, username: &str) -> Browser<'a> {
    let mut browser = Browser::new(app);
    browser.log_in(username).await;
    browser
}

impl<'a> Browser<'a> {
    pub fn new(app: &'a TestApp) -> Self {
        Self { app, cookies: BTreeMap::new() }
    }

    /// A call as a page of the site makes it.
    pub fn call(&self, method: Method, path: impl Into<String>) -> Call<'a> {
        let origin = Some(SITE).filter(|_| !method.is_safe());
        self.call_from(origin, method, path).header("sec-fetch-site", "same-origin")
    }

    /// A call as a page of any site makes it, with the cookies that the browser would send.
    pub fn call_from(&self, origin: Option<&str>, method: Method, path: impl Into<String>) -> Call<'a> {
        let mut call = self.app.call(method, path);
        if !self.cookies.is_empty() {
            let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            call = call.header("cookie", &pairs.join("; "));
        }
        match origin {
            Some(origin) => call.header("origin", origin),
            None => call,
        }
    }

    pub fn get(&self, path: impl Into<String>) -> Call<'a> {
        self.call(Method::GET, path)
    }

    pub fn post(&self, path: impl Into<String>) -> Call<'a> {
        self.call(Method::POST, path)
    }

    pub fn delete(&self, path: impl Into<String>) -> Call<'a> {
        self.call(Method::DELETE, path)
    }

    /// Opens an address in the browser.
    pub fn visit(&self, path: impl Into<String>) -> Call<'a> {
        self.get(path).header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
    }

    /// Stores and deletes cookies as the answer says.
    pub fn keep_cookies(&mut self, answer: &Answer) {
        for cookie in cookies(answer) {
            if cookie.attributes.iter().any(|attribute| attribute == "Max-Age=0") {
                self.cookies.remove(&cookie.name);
            } else {
                self.cookies.insert(cookie.name, cookie.value);
            }
        }
    }

    pub async fn log_in(&mut self, username: &str) -> Value {
        let answer = self.post("/sessions").json(&json!({"username": username})).await_status(201).await;
        self.keep_cookies(&answer);
        answer.json()
    }

    pub async fn log_out(&mut self) {
        let answer = self.delete("/sessions/me").await_status(204).await;
        self.keep_cookies(&answer);
    }

    /// The session token in the cookie.
    pub fn token(&self) -> &str {
        &self.cookies[COOKIE]
    }

    /// Returns the username of the browser session.
    pub async fn name(&self) -> String {
        text_of(&self.get("/sessions/me").await_status(200).await.json()["username"])
    }

    pub fn read(&self, room: &Room<'_>) -> Call<'a> {
        self.get(room.path())
    }

    pub fn say(&self, room: &Room<'_>, content: &str) -> Call<'a> {
        self.post(format!("{}messages", room.path())).json(&json!({"content": content}))
    }

    pub fn enter(&self, room: &Room<'_>) -> Call<'a> {
        self.post(format!("{}enter", room.path()))
    }

    pub async fn says(&self, room: &Room<'_>, content: &str) -> Value {
        self.say(room, content).await_status(201).await.json()
    }

    /// Returns the author and the text of each message in the room.
    pub async fn reads(&self, room: &Room<'_>) -> Vec<(String, String)> {
        let read = self.read(room).await_status(200).await.json();
        let messages = read["messages"].as_array().unwrap().iter();
        messages.map(|message| (text_of(&message["username"]), text_of(&message["content"]))).collect()
    }

    pub async fn enters(&self, room: &Room<'_>) -> Seat {
        let entered = self.enter(room).await_status(201).await.json();
        Seat {
            token: text_of(&entered["session_token"]),
            member_id: text_of(&entered["member"]["member_id"]),
            role: text_of(&entered["member"]["role"]),
        }
    }
}

/// A parsed `Set-Cookie` header.
#[derive(Debug)]
pub struct SetCookie {
    pub name: String,
    pub value: String,
    /// In alphabetical order.
    pub attributes: Vec<String>,
}

pub fn cookies(answer: &Answer) -> Vec<SetCookie> {
    let headers = answer.headers.get_all("set-cookie").iter();
    headers
        .map(|header| {
            let mut parts = header.to_str().unwrap().split(';').map(str::trim);
            let (name, value) = parts.next().unwrap().split_once('=').unwrap();
            let mut attributes: Vec<String> = parts.map(str::to_owned).collect();
            attributes.sort();
            SetCookie { name: name.to_owned(), value: value.to_owned(), attributes }
        })
        .collect()
}

/// Returns the only cookie of the answer.
pub fn cookie(answer: &Answer) -> SetCookie {
    let mut cookies = cookies(answer);
    assert_eq!(cookies.len(), 1, "{answer:?}");
    cookies.remove(0)
}

pub fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a string")).to_owned()
}

/// Converts pairs of author and text to owned strings.
pub fn conversation(lines: &[(&str, &str)]) -> Vec<(String, String)> {
    lines.iter().map(|(username, content)| ((*username).to_owned(), (*content).to_owned())).collect()
}
