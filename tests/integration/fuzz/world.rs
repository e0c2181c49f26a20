//! The chats that receive the requests: what is known about them, and their invariants.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::{HeaderName, Method};
use serde_json::{Value, json};
use watch_party::domain::{Chat, ChatId, SessionToken, Ticket};
use watch_party::store::{ChatStore as _, MemoryStore};

use super::RandomRequest;
use super::document::Operation;
use super::draw::{self, Dice};
use crate::app::{Answer, TestApp};

/// The number of chats that receive requests at one time, and the number of values of one name kept for each chat.
const CHATS: usize = 5;
const VALUES: usize = 4;
/// The names that the dialects have for a chat's id.
const NAMES_OF_CHAT: [&str; 4] = ["chat_id", "roomid", "hash_key", "opaque"];
/// The names of fields that contain credentials.
const SECRETS: &[&str] = &["session_token", "token", "ticket", "key", "author_id", "client_id", "browser"];

/// Returns the names of the fields that contain credentials for this security scheme.
fn secrets_of(proof: &str) -> &'static [&'static str] {
    match proof {
        "session_token" => &["session_token", "token"],
        "ticket" => &["ticket"],
        "invite_key" => &["key"],
        "browser_session" | "browser_cookie" => &["browser"],
        _ => SECRETS,
    }
}

/// Known values of a chat by field name, newest last.
type Known = BTreeMap<String, Vec<String>>;

fn remember(known: &mut Known, name: &str, value: &str) {
    let values = known.entry(name.to_owned()).or_default();
    if !values.iter().any(|known| known == value) {
        values.push(value.to_owned());
        let extra = values.len().saturating_sub(VALUES);
        values.drain(..extra);
    }
}

/// What the server has acknowledged for a chat.
#[derive(Default)]
struct Acknowledged {
    messages: BTreeMap<u64, String>,
    /// The number of messages whose ids are unknown.
    unnumbered: u64,
    has_ended: bool,
}

pub struct World {
    store: Arc<MemoryStore>,
    /// Chats whose secrets are unknown, in their original state.
    untouched: Vec<Arc<Chat>>,
    chats: Vec<(ChatId, Known)>,
    /// Known values that belong to no chat.
    browser: Known,
    acknowledged: BTreeMap<ChatId, Acknowledged>,
    /// The number of added chats.
    added: u16,
}

impl World {
    pub async fn new(app: &TestApp, store: Arc<MemoryStore>) -> Self {
        let mut untouched = Vec::new();
        for admission in ["link", "approval"] {
            let (chat, ann) = app.chat(json!({"username": "Ann", "admission": admission})).await;
            ann.says("nobody else knows").await;
            if admission == "approval" {
                chat.knock("Bob").await;
            } else {
                chat.join("Bob").await;
            }
            untouched.push(store.load(chat.id.parse().unwrap()).await.unwrap().unwrap());
        }
        let mut world = Self {
            store,
            untouched,
            chats: Vec::new(),
            browser: Known::new(),
            acknowledged: BTreeMap::new(),
            added: 0,
        };
        for _ in 0..CHATS {
            world.add_chat(app).await;
        }
        world
    }

    /// Replaces the oldest chat by a new one that has a member or a waiting guest, because random requests end and
    /// empty chats.
    pub async fn add_chat(&mut self, app: &TestApp) {
        self.added += 1;
        let kind = self.added % 5;
        let post =
            async |path: &str, body: Value| app.post(path).json(&body).at_address(self.added).answer().await.json();
        let username = json!({"username": "Ann", "password": "correct horse"});
        let mut answers = match kind {
            0 => vec![post("/v1/chats", json!({})).await],
            1 => vec![post("/createroom", json!({"alias": "A room"})).await, username.clone()],
            2 => vec![post("/chats", json!({"name": "A chatroom", "history": 5})).await],
            3 => vec![post("/create", json!({"admission": "approval", "history": 5})).await],
            _ => vec![post("/create", json!({"history": 5})).await],
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let created = answers[0].clone();
        match kind {
            0 => {
                let link = json!({"chat_url": created["chat_url"], "author_id": created["author_id"]});
                answers.push(post("/v1/links", link).await);
                let path = text(&answers[1]["link_url"]).replace("http://chat.test", "");
                answers.push(app.get(path).at_address(self.added).answer().await.json());
            }
            1 => {
                post(&format!("/{}/register", text(&created["roomid"])), username.clone()).await;
                answers.push(post(&format!("/{}/login", text(&created["roomid"])), username).await);
            }
            2 => {
                let session = post("/sessions", json!({"username": "Ann"})).await;
                remember(&mut self.browser, "browser", &text(&session["token"]));
            }
            _ => {
                let join = json!({"key": created["invite"]["key"], "username": "Bob"});
                answers.push(post(&format!("/{}/join", text(&created["chat_id"])), join).await);
            }
        }
        if self.chats.len() == CHATS {
            self.chats.remove(0);
        }
        self.note_chat(&Value::Array(answers));
    }

    /// Picks one of the chats.
    pub fn pick(&self, dice: &Dice) -> usize {
        dice.number(self.chats.len())
    }

    /// Picks one of the chats with the most known values that the call needs.
    pub fn pick_for(&self, operation: &Operation, dice: &Dice) -> usize {
        let proofs = operation.proofs.iter().flat_map(|proof| secrets_of(proof)).copied();
        let names = operation.in_path.iter().chain(&operation.query).chain(operation.fields.keys());
        let needed: Vec<&str> = names.map(String::as_str).chain(proofs).collect();
        let knows = |chat: &usize| needed.iter().filter(|name| self.chats[*chat].1.contains_key(**name)).count();
        let most = (0..self.chats.len()).map(|chat| knows(&chat)).max();
        let best: Vec<usize> = (0..self.chats.len()).filter(|chat| Some(knows(chat)) == most).collect();
        if dice.should_err(2) { self.pick(dice) } else { *dice.pick(&best) }
    }

    fn known(&self, name: &str, chat: usize, dice: &Dice) -> Option<String> {
        let chat = if dice.should_err(8) { self.pick(dice) } else { chat };
        let values = self.chats[chat].1.get(name).or_else(|| self.browser.get(name))?;
        Some(dice.pick(values).clone())
    }

    /// Draws the value of `name` in a path.
    pub fn id(&self, name: &str, chat: usize, dice: &Dice) -> String {
        // Credentials of one chat must not work in another.
        if NAMES_OF_CHAT.contains(&name) && dice.one_in(6) {
            return dice.pick(&self.untouched).id().to_string();
        }
        let known = self.known(name, chat, dice).filter(|_| !dice.should_err(4));
        known.unwrap_or_else(|| if dice.one_in(2) { draw::text(dice) } else { self.any(chat, dice) })
    }

    /// Draws the value of `name` in a query.
    pub fn text(&self, name: &str, chat: usize, dice: &Dice) -> String {
        let known = self.known(name, chat, dice).filter(|_| !dice.should_err(3));
        known.unwrap_or_else(|| if dice.one_in(2) { dice.number(40).to_string() } else { draw::text(dice) })
    }

    /// Draws the value of `name` in a body.
    pub fn value(&self, name: &str, schema: &Value, chat: usize, dice: &Dice) -> Value {
        if dice.should_err(8) {
            return if dice.one_in(2) { draw::json(dice) } else { json!(self.any(chat, dice)) };
        }
        let drawn = draw::of_schema(schema, dice);
        let is_text = drawn.is_string() || schema.is_null();
        let is_known = NAMES_OF_CHAT.contains(&name) || SECRETS.contains(&name) || !dice.one_in(3);
        self.known(name, chat, dice).filter(|_| is_text && is_known).map_or(drawn, Value::String)
    }

    /// Picks any known value of the chat.
    fn any(&self, chat: usize, dice: &Dice) -> String {
        let all: Vec<&String> = self.chats[chat].1.values().flatten().collect();
        (*dice.pick(&all)).clone()
    }

    /// Draws a header with credentials.
    pub fn credentials(&self, proofs: &[String], chat: usize, dice: &Dice) -> Option<(HeaderName, Vec<u8>)> {
        let proof = if proofs.is_empty() { "" } else { dice.pick(proofs) };
        let names = if dice.should_err(2) { SECRETS } else { secrets_of(proof) };
        let known = |name: &&str| self.chats[chat].1.get(*name).or_else(|| self.browser.get(*name));
        let secrets: Vec<&String> = names.iter().filter_map(known).flatten().collect();
        let secret = if secrets.is_empty() { draw::text(dice) } else { (*dice.pick(&secrets)).clone() };
        if dice.should_err(4) {
            return match dice.number(3) {
                0 => None,
                1 => Some((AUTHORIZATION, draw::bytes(dice, 60))),
                _ => Some((AUTHORIZATION, format!("Basic {secret}").into_bytes())),
            };
        }
        if proof == "browser_cookie" {
            return Some((COOKIE, format!("a=b; watch-party-session={secret}").into_bytes()));
        }
        Some((AUTHORIZATION, format!("Bearer {secret}").into_bytes()))
    }

    /// Records a request and its answer, and returns whether the request succeeded.
    pub fn learn(&mut self, sent: &RandomRequest, answer: &Answer) -> bool {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        if answer.status.as_u16() >= 400 || body["succeeded"] == false {
            return false;
        }
        self.learn_from(sent, answer, &body);
        true
    }

    fn learn_from(&mut self, sent: &RandomRequest, answer: &Answer, body: &Value) {
        if !answer.status.is_success() {
            return;
        }
        let (address, _) = sent.path.split_once('?').unwrap_or((&sent.path, ""));
        if address == "/sessions" {
            // A browser's token belongs to all chats.
            if let Some(token) = body["token"].as_str() {
                remember(&mut self.browser, "browser", token);
            }
            return;
        }
        let segments: Vec<_> = form_urlencoded::parse(address.replace('/', "&").as_bytes()).into_owned().collect();
        let in_body = NAMES_OF_CHAT.iter().filter_map(|name| sent.filled.get(*name));
        let named = segments.iter().map(|(segment, _)| segment).chain(in_body).find_map(|id| parse(id));
        let Some(id) = named else { return self.note_chat(body) };
        // A page may belong to no chat.
        let Some(acknowledged) = self.acknowledged.get_mut(&id) else { return };
        if sent.method == Method::DELETE && segments.len() == 1 {
            acknowledged.has_ended = true;
        } else if sent.method == Method::POST && address.ends_with("/message") {
            acknowledged.unnumbered += 1;
        }
        let words = ["text", "message", "content"].iter().find_map(|name| body[*name].as_str());
        if let (Some(number), Some(words)) = (body["id"].as_u64(), words) {
            let before = acknowledged.messages.insert(number, words.to_owned());
            assert!(before.is_none_or(|before| before == words), "message {number} has changed: {body}");
        }
        if let Some((_, known)) = self.chats.iter_mut().find(|(of, _)| *of == id) {
            note(known, body);
            for (name, value) in sent.filled.iter().filter(|(name, _)| !NAMES_OF_CHAT.contains(&name.as_str())) {
                remember(known, name, value);
            }
        }
    }

    /// Remembers a created chat, if there is room for it.
    fn note_chat(&mut self, created: &Value) {
        let mut known = Known::new();
        note(&mut known, created);
        let ids = NAMES_OF_CHAT.iter().filter_map(|name| known.get(*name)).flatten();
        let Some(id) = ids.into_iter().find_map(|id| parse(id)) else { return };
        for name in NAMES_OF_CHAT {
            remember(&mut known, name, &id.to_string());
        }
        self.acknowledged.entry(id).or_default();
        if let Some((_, before)) = self.chats.iter_mut().find(|(of, _)| *of == id) {
            return note(before, created);
        }
        let ended = self.chats.iter().position(|(of, _)| self.acknowledged[of].has_ended);
        match ended {
            Some(at) => self.chats[at] = (id, known),
            None if self.chats.len() < CHATS => self.chats.push((id, known)),
            None => {}
        }
    }

    /// Checks that everything acknowledged is stored, and nothing else, and that the untouched chats are unchanged.
    pub async fn check(&self) {
        for chat in &self.untouched {
            assert_eq!(self.store.load(chat.id()).await.unwrap().as_ref(), Some(chat));
        }
        for (id, acknowledged) in &self.acknowledged {
            let kept = self.store.load(*id).await.unwrap();
            assert_eq!(kept.is_none(), acknowledged.has_ended, "{id} is lost, or still stored although it has ended");
            let Some(chat) = kept else { continue };
            let all = acknowledged.messages.len() as u64 + acknowledged.unnumbered;
            assert_eq!(chat.last_id(), all, "messages of {id}");
            for message in chat.messages() {
                let words = acknowledged.messages.get(&message.id);
                assert!(words.is_none_or(|words| words == message.text.as_str()), "{message:?} is not {words:?}");
            }
            let history = chat.settings().unwrap().history as usize;
            assert_eq!(chat.messages().len(), history.min(usize::try_from(all).unwrap()), "kept messages of {id}");
        }
    }

    /// Returns the number of acknowledged messages.
    pub fn message_count(&self) -> usize {
        self.acknowledged.values().map(|chat| chat.messages.len()).sum()
    }
}

fn parse(id: &str) -> Option<ChatId> {
    id.split('.').next()?.parse().ok()
}

/// Remembers every text in `answer` by the name of its field, and the last segment of each URL.
fn note(known: &mut Known, answer: &Value) {
    match answer {
        Value::Array(items) => items.iter().for_each(|item| note(known, item)),
        Value::Object(fields) => {
            for (name, value) in fields {
                note(known, value);
                let Some(text) = value.as_str() else { continue };
                remember(known, name, text);
                if let (true, Ok(id)) = (["author_id", "client_id"].contains(&name.as_str()), text.parse()) {
                    // The equivalent credentials of the native API.
                    remember(known, "session_token", &SessionToken::from_uuid(id).reveal());
                    remember(known, "ticket", &Ticket::from_uuid(id).reveal());
                }
                if text.starts_with("http") {
                    remember(known, "opaque", text.rsplit('/').next().unwrap_or_default());
                }
            }
        }
        _ => {}
    }
}
