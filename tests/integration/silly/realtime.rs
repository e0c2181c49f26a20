//! Real-time notifications, over a real port: a stream is open before anything happens, and delivers every event
//! without another request.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use watch_party::service::{OsEntropy, Service, SystemClock};
use watch_party::store::MemoryStore;

use super::{native_token, opaque, path, text_of};
use crate::app::policy;
use crate::live::{Events, Site};

/// Limits the wait, as a safety net only: no test waits for time to pass.
async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("the test should not time out")
}

/// Sends a request, and returns the body of the answer, which must have this status.
pub async fn post(url: &str, body: &Value, status: u16) -> Value {
    fetch(Client::new().post(url).json(body), status).await
}

pub async fn get(url: &str, status: u16) -> Value {
    fetch(Client::new().get(url), status).await
}

pub async fn fetch(request: reqwest::RequestBuilder, status: u16) -> Value {
    let answer = in_time(request.send()).await.unwrap();
    let (found, url) = (answer.status().as_u16(), answer.url().clone());
    let body = answer.text().await.unwrap();
    assert_eq!(found, status, "{url}: {body}");
    serde_json::from_str(&body).unwrap()
}

pub async fn listen(url: &str) -> Events {
    in_time(Events::of(Client::new().get(url))).await
}

/// Returns the next event's name and data, or `None` at the end.
pub async fn next_event(events: &mut Events) -> Option<(String, Value)> {
    in_time(async {
        loop {
            let event = events.next().await?;
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            // A comment without data only keeps the connection alive.
            if let (Some(name), Some(data)) = (field("event: "), field("data: ")) {
                return Some((name, serde_json::from_str(&data).unwrap()));
            }
        }
    })
    .await
}

/// Returns the data of the next event, which must have this name.
pub async fn expect_event(events: &mut Events, name: &str) -> Value {
    let (found, data) = next_event(events).await.expect("the stream should not have ended");
    assert_eq!(found, name, "{data}");
    data
}

fn texts(conversation: &Value) -> Vec<&str> {
    conversation["messages"].as_array().unwrap().iter().map(|message| message["message"].as_str().unwrap()).collect()
}

/// Adds the native token for `credential` to a request.
pub fn by(credential: &str, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
    request.bearer_auth(native_token(credential))
}

/// A chat on a real port, with a link whose guests need approval.
pub struct LiveChat {
    pub site: Site,
    pub chat_url: String,
    pub author_id: String,
    pub link_url: String,
    pub link_id: String,
}

impl LiveChat {
    pub async fn start() -> Self {
        Self::at(Site::start().await).await
    }

    async fn at(site: Site) -> Self {
        let created = post(&format!("http://{}/v1/chats", site.address), &json!({}), 201).await;
        let (chat_url, author_id) = (text_of(&created["chat_url"]), text_of(&created["author_id"]));
        let body = json!({"chat_url": chat_url, "author_id": author_id});
        let link = post(&format!("http://{}/v1/links", site.address), &body, 201).await;
        Self { site, chat_url, author_id, link_url: text_of(&link["link_url"]), link_id: text_of(&link["link_id"]) }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.site.address)
    }

    /// An address of the native API for this chat.
    pub fn native(&self, path: &str) -> String {
        self.url(&format!("/{}{path}", opaque(&self.chat_url)))
    }

    pub fn read_url(&self, author_id: &str) -> String {
        format!("{}?author_id={author_id}", self.chat_url)
    }

    pub async fn say(&self, author_id: &str, message: &str, status: u16) -> Value {
        post(&self.chat_url, &json!({"author_id": author_id, "message": message}), status).await
    }

    /// Asks as a new guest with the link, and returns the guest's `client_id`.
    pub async fn ask(&self) -> String {
        text_of(&get(&self.link_url, 202).await["client_id"])
    }

    pub fn exchange_url(&self, client_id: &str) -> String {
        format!("{}?client_id={client_id}", self.link_url)
    }

    pub async fn approve(&self, link_url: &str, client_id: Option<&str>) -> Value {
        let body = json!({
            "link_url": link_url, "author_id": self.author_id, "approval_status": true, "client_id": client_id,
        });
        post(&self.url("/v1/approval/"), &body, 200).await
    }

    async fn decline(&self, request_id: &str) {
        let request = Client::new().post(self.native(&format!("/knocks/{request_id}")));
        let request = by(&self.author_id, request).json(&json!({"decision": "decline"}));
        fetch(request, 200).await;
    }
}

#[tokio::test]
async fn milestone_1_a_guest_joins_once_the_owner_has_approved() {
    // "`User1` (owner) already created a chat, a link and passed the link to `User2` (guest)."
    let site = Site::start().await;
    let created = post(&format!("http://{}/v1/chats", site.address), &json!({}), 201).await;
    let (chat_url, owner) = (text_of(&created["chat_url"]), text_of(&created["author_id"]));
    let body = json!({"chat_url": chat_url, "author_id": owner});
    let link_url = text_of(&post(&format!("http://{}/v1/links", site.address), &body, 201).await["link_url"]);
    let read_url = |by: &str| format!("{chat_url}?author_id={by}");
    let say = |by: &str, message: &str| json!({"author_id": by, "message": message});
    let approval_url = format!("http://{}/v1/approval/", site.address);

    // "Only the owner can post and read messages in this chat at this point."
    post(&chat_url, &say(&owner, "nobody but me"), 201).await;
    assert_eq!(texts(&get(&read_url(&owner), 200).await), ["nobody but me"]);
    let made_up = "8e03978e-40d5-43dd-bc93-6894a57f9324";
    post(&chat_url, &say(made_up, "and me"), 401).await;
    get(&read_url(made_up), 401).await;
    get(&chat_url, 401).await;

    // "Assume that both users are online and their UIs are open."
    let mut owner_events = listen(&read_url(&owner)).await;
    assert_eq!(expect_event(&mut owner_events, "message").await["message"], "nobody but me");

    // "When the guest tries to exchange their link URL for the chat URL": "The ENDPOINT returns
    // link URL (Pending Approval Status), Request_sent_Status, Approval_Status, chat, client_id."
    let response = get(&link_url, 202).await;
    let guest = text_of(&response["client_id"]);
    let pending = json!({
        "link_url": link_url, "request_sent_status": true, "approval_status": false, "chat": null, "client_id": guest,
    });
    assert_eq!(response, pending);
    let mut guest_events = listen(&format!("{link_url}?client_id={guest}")).await;
    assert_eq!(expect_event(&mut guest_events, "pending").await, pending);

    // "The owner receives a real-time notification of the request."
    let request = expect_event(&mut owner_events, "approval_request").await;
    assert_eq!(request["username"], "Guest");

    // "Only the owner can post and read", still; "Client/User2 can check status of approval."
    post(&chat_url, &say(&guest, "am I in?"), 401).await;
    get(&read_url(&guest), 401).await;
    let status_url = format!("{approval_url}?link_url={link_url}&client_id={guest}");
    assert_eq!(get(&status_url, 200).await, json!({"approval_status": false}));
    assert_eq!(get(&format!("{link_url}?client_id={guest}"), 202).await, pending);

    // "The owner may approve the join request": "Chat creator change link URL to approved (`True`)."
    let body = json!({"link_url": link_url, "author_id": owner, "approval_status": true});
    assert_eq!(post(&approval_url, &body, 200).await, json!({"approval_status": true}));

    // "Then the guest receives a real-time notification of approval."
    let approved = json!({
        "link_url": link_url, "request_sent_status": true, "approval_status": true, "chat": chat_url,
        "client_id": guest,
    });
    assert_eq!(expect_event(&mut guest_events, "approved").await, approved);
    assert_eq!(next_event(&mut guest_events).await, None, "the stream ends after the approval");
    assert_eq!(get(&status_url, 200).await, json!({"approval_status": true}));

    // "Guest link exchange now succeeds."
    assert_eq!(get(&format!("{link_url}?client_id={guest}"), 200).await, approved);

    // "Both the owner and the guest can post and read messages in this chat now."
    post(&chat_url, &say(&guest, "thank you"), 201).await;
    post(&chat_url, &say(&owner, "welcome"), 201).await;
    let all = ["nobody but me", "thank you", "welcome"];
    assert_eq!(texts(&get(&read_url(&owner), 200).await), all);
    assert_eq!(texts(&get(&read_url(&guest), 200).await), all);
    for expected in ["thank you", "welcome"] {
        assert_eq!(expect_event(&mut owner_events, "message").await["message"], expected);
    }
}

#[tokio::test]
async fn the_owner_receives_each_request_once_and_guests_receive_none() {
    let chat = LiveChat::start().await;
    let seated = chat.ask().await;
    chat.approve(&chat.link_url, Some(&seated)).await;
    let mut owner_events = listen(&chat.read_url(&chat.author_id)).await;
    let mut guest_events = listen(&chat.read_url(&seated)).await;
    let first = chat.ask().await;
    let request = expect_event(&mut owner_events, "approval_request").await;
    assert_eq!((&request["username"], &request["link_id"]), (&json!("Guest 2"), &json!(chat.link_id)));
    // The same guest asks again, and opens a stream. Then another guest asks.
    get(&chat.exchange_url(&first), 202).await;
    let _listening = listen(&chat.exchange_url(&first)).await;
    chat.ask().await;
    let other = expect_event(&mut owner_events, "approval_request").await;
    assert_eq!(other["username"], "Guest 3");
    assert_ne!(other["request_id"], request["request_id"]);
    chat.approve(&chat.link_url, Some(&text_of(&other["request_id"]))).await;
    chat.say(&chat.author_id, "so much for that", 201).await;
    for events in [&mut owner_events, &mut guest_events] {
        assert_eq!(expect_event(events, "message").await["message"], "so much for that");
    }
}

#[tokio::test]
async fn a_returning_owner_receives_the_pending_requests() {
    let chat = LiveChat::start().await;
    chat.say(&chat.author_id, "one", 201).await;
    let (first, second) = (chat.ask().await, chat.ask().await);
    chat.approve(&chat.link_url, Some(&first)).await;
    let mut owner_events = listen(&chat.read_url(&chat.author_id)).await;
    assert_eq!(expect_event(&mut owner_events, "approval_request").await["username"], "Guest 2");
    assert_eq!(expect_event(&mut owner_events, "message").await["message"], "one");
    // The credential can also be in a header.
    let request = Client::new().get(&chat.chat_url).bearer_auth(&chat.author_id);
    let mut by_header = in_time(Events::of(request)).await;
    assert_eq!(expect_event(&mut by_header, "approval_request").await["username"], "Guest 2");
    chat.approve(&chat.link_url, Some(&second)).await;
    let mut owner_events = listen(&chat.read_url(&chat.author_id)).await;
    assert_eq!(expect_event(&mut owner_events, "message").await["message"], "one");
}

#[tokio::test]
async fn listening_to_a_link_creates_a_request() {
    let chat = LiveChat::start().await;
    let mut owner_events = listen(&chat.read_url(&chat.author_id)).await;
    let mut guest_events = listen(&chat.link_url).await;
    let guest = text_of(&expect_event(&mut guest_events, "pending").await["client_id"]);
    let request = expect_event(&mut owner_events, "approval_request").await;
    chat.approve(&chat.link_url, Some(&text_of(&request["request_id"]))).await;
    let approved = expect_event(&mut guest_events, "approved").await;
    assert_eq!((&approved["client_id"], &approved["chat"]), (&json!(guest), &json!(chat.chat_url)));
    // A stream that opens after the approval reports it too.
    let mut again = listen(&chat.exchange_url(&guest)).await;
    assert_eq!(expect_event(&mut again, "approved").await, approved);
    assert_eq!(next_event(&mut again).await, None);
}

#[tokio::test]
async fn only_the_approved_guest_receives_the_approval() {
    let chat = LiveChat::start().await;
    let (first, second) = (chat.ask().await, chat.ask().await);
    let mut first_events = listen(&chat.exchange_url(&first)).await;
    let mut second_events = listen(&chat.exchange_url(&second)).await;
    for events in [&mut first_events, &mut second_events] {
        expect_event(events, "pending").await;
    }
    chat.approve(&chat.link_url, Some(&second)).await;
    expect_event(&mut second_events, "approved").await;
    chat.approve(&chat.link_url, Some(&first)).await;
    assert_eq!(expect_event(&mut first_events, "approved").await["client_id"], json!(first));
}

#[tokio::test]
async fn a_declined_guest_is_notified_immediately() {
    let chat = LiveChat::start().await;
    let mut owner_events = listen(&chat.read_url(&chat.author_id)).await;
    let guest = chat.ask().await;
    let mut guest_events = listen(&chat.exchange_url(&guest)).await;
    expect_event(&mut guest_events, "pending").await;
    let request = expect_event(&mut owner_events, "approval_request").await;
    chat.decline(&text_of(&request["request_id"])).await;
    let declined = expect_event(&mut guest_events, "declined").await;
    assert_eq!((&declined["approval_status"], &declined["chat"]), (&json!(false), &json!(null)));
    assert_eq!(next_event(&mut guest_events).await, None);
    assert_eq!(get(&chat.exchange_url(&guest), 403).await["code"], "invalid_invite");
}

#[tokio::test]
async fn ending_a_chat_ends_its_streams() {
    let chat = LiveChat::start().await;
    let mut owner_events = listen(&chat.read_url(&chat.author_id)).await;
    let guest = chat.ask().await;
    expect_event(&mut owner_events, "approval_request").await;
    let mut guest_events = listen(&chat.exchange_url(&guest)).await;
    expect_event(&mut guest_events, "pending").await;
    let request = by(&chat.author_id, Client::new().delete(chat.native("")));
    assert_eq!(in_time(request.send()).await.unwrap().status(), 204);
    let ended = expect_event(&mut guest_events, "ended").await;
    assert_eq!((&ended["approval_status"], &ended["chat"]), (&json!(false), &json!(null)));
    assert_eq!(next_event(&mut guest_events).await, None);
    assert_eq!(next_event(&mut owner_events).await, None);
}

#[tokio::test]
async fn an_owner_receives_a_request_made_on_another_node() {
    let store = Arc::new(MemoryStore::default());
    let node = || Service::new(store.clone(), Arc::new(SystemClock), Arc::new(OsEntropy), policy(true));
    let chat = LiveChat::at(Site::of(node()).await).await;
    let other = Site::of(node()).await;
    let mut owner_events = listen(&chat.read_url(&chat.author_id)).await;
    get(&format!("http://{}{}", other.address, path(&chat.link_url)), 202).await;
    // The nodes share no events. A node sees the other's changes when it writes.
    chat.say(&chat.author_id, "is anybody there?", 201).await;
    let knocks = by(&chat.author_id, Client::new().get(chat.native("/knocks")));
    assert_eq!(fetch(knocks, 200).await["knocks"].as_array().unwrap().len(), 1, "the node has loaded the request");
    let mut names = Vec::new();
    for _ in 0..2 {
        names.push(next_event(&mut owner_events).await.unwrap().0);
    }
    names.sort();
    assert_eq!(names, ["approval_request", "message"]);
}

#[tokio::test]
async fn a_promoted_guest_receives_the_pending_requests() {
    let chat = LiveChat::start().await;
    let first = chat.ask().await;
    chat.approve(&chat.link_url, None).await;
    let mut first_events = listen(&chat.read_url(&first)).await;
    let member_id = text_of(&chat.say(&first, "hello", 201).await["author"]);
    expect_event(&mut first_events, "message").await;
    chat.ask().await;
    let promote = Client::new().patch(chat.native(&format!("/members/{member_id}")));
    fetch(by(&chat.author_id, promote).json(&json!({"role": "owner"})), 200).await;
    chat.say(&chat.author_id, "you decide", 201).await;
    assert_eq!(expect_event(&mut first_events, "approval_request").await["username"], "Guest 2");
}
