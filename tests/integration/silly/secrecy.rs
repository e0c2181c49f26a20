//! `author_id`, `client_id` and a link's key are credentials: only their holder sees them.

use reqwest::Client;
use serde_json::json;

use super::realtime::{LiveChat, by, get, listen, next_event, post};
use super::{native_token, opaque, text_of};
use crate::live::Events;

/// Everything that one side receives, verbatim.
#[derive(Default)]
struct Seen(Vec<(String, String)>);

impl Seen {
    async fn get(&mut self, what: &str, request: reqwest::RequestBuilder) {
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{what}: {answer:?}");
        let headers = format!("{:?}", answer.headers());
        self.0.push((what.to_owned(), headers + &answer.text().await.unwrap()));
    }

    /// Receives every event up to the message with the text `last`.
    async fn receive_until(&mut self, what: &str, events: &mut Events, last: &str) {
        loop {
            let (name, data) = next_event(events).await.expect("the stream should not have ended");
            let is_last = data.to_string().contains(&format!("\"{last}\""));
            self.0.push((format!("{what}: {name}"), data.to_string()));
            if is_last {
                return;
            }
        }
    }

    fn has(&self, what: &str) -> bool {
        self.0.iter().any(|(seen, _)| seen == what)
    }

    fn assert_without(&self, secret: &str) {
        for (what, seen) in &self.0 {
            assert!(!seen.to_ascii_lowercase().contains(&secret.to_ascii_lowercase()), "{what} shows {secret}: {seen}");
        }
    }

    /// Asserts that neither the credential, in any spelling, nor its native token was seen.
    fn assert_without_credential(&self, credential: &str) {
        self.assert_without(credential);
        self.assert_without(&credential.replace('-', ""));
        self.assert_without(&native_token(credential));
    }
}

#[tokio::test]
async fn credentials_are_shown_only_to_their_holders() {
    let chat = LiveChat::start().await;
    let native = |path: &str, credential: &str| by(credential, Client::new().get(chat.native(path)));
    let native_stream = async |credential: &str| Events::of(native("", credential)).await;
    let (mut owner, mut guest, mut other) = (Seen::default(), Seen::default(), Seen::default());
    let mut owner_stream = listen(&chat.read_url(&chat.author_id)).await;
    let mut owner_native_stream = native_stream(&chat.author_id).await;

    // Two guests ask, each with their own link.
    let body = json!({"chat_url": chat.chat_url, "author_id": chat.author_id});
    let created = post(&chat.url("/v1/links"), &body, 201).await;
    let other_link = text_of(&created["link_url"]);
    let guest_id = chat.ask().await;
    let pending = get(&other_link, 202).await;
    let other_id = text_of(&pending["client_id"]);
    other.0.push(("exchange".into(), pending.to_string()));
    owner.get("waiting", native("/knocks", &chat.author_id)).await;

    // Both are approved, and everyone posts.
    let mut guest_waiting_stream = listen(&chat.exchange_url(&guest_id)).await;
    let approve = |link_url: &str, client_id: Option<&str>| {
        let body = json!({
            "link_url": link_url, "author_id": chat.author_id, "approval_status": true, "client_id": client_id,
        });
        Client::new().post(chat.url("/v1/approval/")).json(&body)
    };
    owner.get("approval", approve(&chat.link_url, None)).await;
    owner.get("approval again", approve(&chat.link_url, Some(&guest_id))).await;
    owner.get("other approval", approve(&other_link, None)).await;
    while let Some((name, data)) = next_event(&mut guest_waiting_stream).await {
        guest.0.push((format!("waiting: {name}"), data.to_string()));
    }
    let mut guest_stream = listen(&chat.read_url(&guest_id)).await;
    let mut guest_native_stream = native_stream(&guest_id).await;
    for (author_id, seen) in [(&chat.author_id, &mut owner), (&guest_id, &mut guest), (&other_id, &mut other)] {
        let request = Client::new().post(&chat.chat_url).json(&json!({"author_id": author_id, "message": "hello"}));
        seen.get("said", request).await;
    }
    chat.say(&chat.author_id, "the last", 201).await;

    // Everyone reads everything that they can see.
    owner.receive_until("stream", &mut owner_stream, "the last").await;
    owner.receive_until("native stream", &mut owner_native_stream, "the last").await;
    guest.receive_until("stream", &mut guest_stream, "the last").await;
    guest.receive_until("native stream", &mut guest_native_stream, "the last").await;
    let everyone = [(&chat.author_id, &mut owner), (&guest_id, &mut guest), (&other_id, &mut other)];
    for (credential, seen) in everyone {
        seen.get("messages", Client::new().get(chat.read_url(credential))).await;
        seen.get("native messages", native("", credential)).await;
        seen.get("members", native("/members", credential)).await;
        seen.get("own seat", native("/session", credential)).await;
    }
    owner.get("invites", native("/invites", &chat.author_id)).await;
    for expected in ["stream: approval_request", "stream: message", "native stream: knocked", "invites", "members"] {
        assert!(owner.has(expected), "{expected}: {:?}", owner.0);
    }
    assert!(guest.has("waiting: approved") && guest.has("stream: message"), "{:?}", guest.0);

    owner.assert_without_credential(&guest_id);
    owner.assert_without_credential(&other_id);
    guest.assert_without_credential(&chat.author_id);
    guest.assert_without_credential(&other_id);
    other.assert_without_credential(&chat.author_id);
    other.assert_without_credential(&guest_id);
    // Only the creator of a link and a guest who uses it see its key.
    let key = |link_url: &str| opaque(link_url).split_once('.').unwrap().1.to_owned();
    for link_url in [&chat.link_url, &other_link] {
        owner.assert_without(&key(link_url));
    }
    guest.assert_without(&key(&other_link));
    other.assert_without(&key(&chat.link_url));
    // The chat does not show members their own credentials either, because they could be copied from there.
    let in_chat = |seen: &Seen| Seen(seen.0.iter().filter(|(what, _)| !is_exchange(what)).cloned().collect());
    in_chat(&owner).assert_without(&chat.author_id);
    in_chat(&guest).assert_without(&guest_id);
    in_chat(&guest).assert_without(&key(&chat.link_url));
}

fn is_exchange(what: &str) -> bool {
    what == "exchange" || what.starts_with("waiting")
}
