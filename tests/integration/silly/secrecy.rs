//! `author_id`, `client_id` and a link's key are credentials: only their holder sees them.

use reqwest::Client;
use serde_json::json;

use super::realtime::{Open, by, get, listen, post, told};
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
    async fn hear(&mut self, what: &str, events: &mut Events, last: &str) {
        loop {
            let (name, data) = told(events).await.expect("it has not ended");
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
async fn credentials_are_shown_to_their_holders_alone() {
    let open = Open::start().await;
    let native = |path: &str, credential: &str| by(credential, Client::new().get(open.native(path)));
    let native_stream = async |credential: &str| Events::of(native("", credential)).await;
    let (mut owner, mut guest, mut other) = (Seen::default(), Seen::default(), Seen::default());
    let mut owner_hears = listen(&open.read_url(&open.author_id)).await;
    let mut owner_hears_natively = native_stream(&open.author_id).await;

    // Two guests ask, each with their own link.
    let body = json!({"chat_url": open.chat_url, "author_id": open.author_id});
    let made = post(&open.url("/v1/links"), &body, 201).await;
    let other_link = text_of(&made["link_url"]);
    let guest_id = open.ask().await;
    let asked = get(&other_link, 202).await;
    let other_id = text_of(&asked["client_id"]);
    other.0.push(("exchange".into(), asked.to_string()));
    owner.get("waiting", native("/knocks", &open.author_id)).await;

    // Both are approved, and everyone posts.
    let mut guest_waits = listen(&open.exchange_url(&guest_id)).await;
    let approve = |link_url: &str, client_id: Option<&str>| {
        let body = json!({
            "link_url": link_url, "author_id": open.author_id, "approval_status": true, "client_id": client_id,
        });
        Client::new().post(open.url("/v1/approval/")).json(&body)
    };
    owner.get("approval", approve(&open.link_url, None)).await;
    owner.get("approval again", approve(&open.link_url, Some(&guest_id))).await;
    owner.get("other approval", approve(&other_link, None)).await;
    while let Some((name, data)) = told(&mut guest_waits).await {
        guest.0.push((format!("waiting: {name}"), data.to_string()));
    }
    let mut guest_hears = listen(&open.read_url(&guest_id)).await;
    let mut guest_hears_natively = native_stream(&guest_id).await;
    for (author_id, seen) in [(&open.author_id, &mut owner), (&guest_id, &mut guest), (&other_id, &mut other)] {
        let request = Client::new().post(&open.chat_url).json(&json!({"author_id": author_id, "message": "hello"}));
        seen.get("said", request).await;
    }
    open.say(&open.author_id, "the last", 201).await;

    // Everyone reads everything that they can see.
    owner.hear("stream", &mut owner_hears, "the last").await;
    owner.hear("native stream", &mut owner_hears_natively, "the last").await;
    guest.hear("stream", &mut guest_hears, "the last").await;
    guest.hear("native stream", &mut guest_hears_natively, "the last").await;
    let everyone = [(&open.author_id, &mut owner), (&guest_id, &mut guest), (&other_id, &mut other)];
    for (credential, seen) in everyone {
        seen.get("messages", Client::new().get(open.read_url(credential))).await;
        seen.get("native messages", native("", credential)).await;
        seen.get("members", native("/members", credential)).await;
        seen.get("own seat", native("/session", credential)).await;
    }
    owner.get("invites", native("/invites", &open.author_id)).await;
    for expected in ["stream: approval_request", "stream: message", "native stream: knocked", "invites", "members"] {
        assert!(owner.has(expected), "{expected}: {:?}", owner.0);
    }
    assert!(guest.has("waiting: approved") && guest.has("stream: message"), "{:?}", guest.0);

    owner.assert_without_credential(&guest_id);
    owner.assert_without_credential(&other_id);
    guest.assert_without_credential(&open.author_id);
    guest.assert_without_credential(&other_id);
    other.assert_without_credential(&open.author_id);
    other.assert_without_credential(&guest_id);
    // Only the creator of a link and a guest who uses it see its key.
    let key = |link_url: &str| opaque(link_url).split_once('.').unwrap().1.to_owned();
    for link_url in [&open.link_url, &other_link] {
        owner.assert_without(&key(link_url));
    }
    guest.assert_without(&key(&other_link));
    other.assert_without(&key(&open.link_url));
    // The chat does not show members their own credentials either, because they could be copied from there.
    let in_chat = |seen: &Seen| Seen(seen.0.iter().filter(|(what, _)| !is_exchange(what)).cloned().collect());
    in_chat(&owner).assert_without(&open.author_id);
    in_chat(&guest).assert_without(&guest_id);
    in_chat(&guest).assert_without(&key(&open.link_url));
}

fn is_exchange(what: &str) -> bool {
    what == "exchange" || what.starts_with("waiting")
}
