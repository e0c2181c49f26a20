//! Silly Chat's dialect: the two milestones of its document, and every refusal.

mod approval;
mod chats;
mod crossing;
mod links;
mod realtime;
mod secrecy;
mod without_approval;

use serde_json::{Value, json};
use uuid::Uuid;
use watch_party::domain::SessionToken;

use crate::app::{Answer, Call, TestApp};

/// A chat with its owner's credential.
pub struct OwnedChat<'a> {
    app: &'a TestApp,
    pub chat_url: String,
    pub author_id: String,
}

/// A link to a chat.
pub struct Link {
    pub url: String,
    pub id: String,
}

pub fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a string")).to_owned()
}

/// Returns the path of a URL that the server returned.
pub fn path(url: &str) -> String {
    let at = url.find("/v1/").unwrap_or_else(|| panic!("{url} is not a URL of this dialect"));
    url[at..].to_owned()
}

/// Returns the last segment of a URL.
pub fn opaque(url: &str) -> &str {
    url.rsplit('/').next().unwrap()
}

/// Returns the native session token for an `author_id` or an approved `client_id`.
pub fn native_token(credential: &str) -> String {
    SessionToken::from_uuid(credential.parse::<Uuid>().unwrap()).reveal()
}

/// Creates a chat.
pub async fn chat(app: &TestApp) -> OwnedChat<'_> {
    let created = app.post("/v1/chats").await_status(201).await.json();
    OwnedChat { app, chat_url: text_of(&created["chat_url"]), author_id: text_of(&created["author_id"]) }
}

impl<'a> OwnedChat<'a> {
    pub fn id(&self) -> &str {
        opaque(&self.chat_url)
    }

    pub fn say_as(&self, author_id: &str, message: &str) -> Call<'a> {
        self.app.post(path(&self.chat_url)).json(&json!({"author_id": author_id, "message": message}))
    }

    pub fn read_as(&self, author_id: &str) -> Call<'a> {
        self.app.get(format!("{}?author_id={author_id}", path(&self.chat_url)))
    }

    /// Returns the texts that the owner reads.
    pub async fn texts(&self) -> Vec<String> {
        texts(&self.read_as(&self.author_id).await_status(200).await)
    }

    /// Creates a link whose guests need approval.
    pub async fn link(&self) -> Link {
        self.link_with(&json!({})).await
    }

    /// Creates a link whose guests join at once.
    pub async fn open_link(&self) -> Link {
        self.link_with(&json!({"approval": false})).await
    }

    async fn link_with(&self, more: &Value) -> Link {
        let mut body = json!({"chat_url": self.chat_url, "author_id": self.author_id});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let link = self.app.post("/v1/links").json(&body).await_status(201).await.json();
        Link { url: text_of(&link["link_url"]), id: text_of(&link["link_id"]) }
    }

    pub fn approve(&self, link: &Link, client_id: Option<&str>) -> Call<'a> {
        self.approve_as(&self.author_id, link, client_id)
    }

    pub fn approve_as(&self, author_id: &str, link: &Link, client_id: Option<&str>) -> Call<'a> {
        let body = json!({
            "link_url": link.url, "author_id": author_id, "approval_status": true, "client_id": client_id,
        });
        self.app.post("/v1/approval/").json(&body)
    }

    pub async fn approves(&self, link: &Link, client_id: Option<&str>) {
        let answer = self.approve(link, client_id).await_status(200).await;
        assert_eq!(answer.json(), json!({"approval_status": true}));
    }

    /// A call of the native API, as the owner.
    pub fn native(&self, call: Call<'a>) -> Call<'a> {
        call.bearer(&native_token(&self.author_id))
    }

    /// Returns the waiting guests, as the native API lists them.
    pub async fn knocks(&self) -> Vec<Value> {
        let call = self.native(self.app.get(format!("/{}/knocks", self.id())));
        call.await_status(200).await.json()["knocks"].as_array().unwrap().clone()
    }

    pub async fn declines(&self, request_id: &str) {
        let call = self.native(self.app.post(format!("/{}/knocks/{request_id}", self.id())));
        call.json(&json!({"decision": "decline"})).await_status(200).await;
    }
}

impl Link {
    pub fn key(&self) -> &str {
        self.url.rsplit('.').next().unwrap()
    }

    pub fn exchange<'a>(&self, app: &'a TestApp) -> Call<'a> {
        app.get(path(&self.url))
    }

    pub fn exchange_as<'a>(&self, app: &'a TestApp, client_id: &str) -> Call<'a> {
        app.get(format!("{}?client_id={client_id}", path(&self.url)))
    }

    pub fn status<'a>(&self, app: &'a TestApp, client_id: &str) -> Call<'a> {
        app.get(format!("/v1/approval/?link_url={}&client_id={client_id}", self.url))
    }

    pub async fn is_approved(&self, app: &TestApp, client_id: &str) -> bool {
        let answer = self.status(app, client_id).await_status(200).await.json();
        assert_eq!(answer.as_object().unwrap().len(), 1, "{answer}");
        answer["approval_status"].as_bool().unwrap()
    }

    /// Asks as a new guest with the link, and returns the guest's `client_id`.
    pub async fn ask(&self, app: &TestApp) -> String {
        text_of(&self.exchange(app).await_status(202).await.json()["client_id"])
    }
}

/// Returns the texts of a conversation.
pub fn texts(conversation: &Answer) -> Vec<String> {
    let conversation = conversation.json();
    conversation["messages"].as_array().unwrap().iter().map(|message| text_of(&message["message"])).collect()
}
