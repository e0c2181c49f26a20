//! The names of keys and channels. What belongs to one chat has the chat's id in braces, so that a Cluster keeps it on
//! one shard.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::{BrowserDigest, ChatId};

/// How many parts each index has, so that a Cluster spreads it over its shards.
pub(super) const PARTS: u8 = 64;

/// Makes the names.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// The chat without its messages and receipts, a hash.
    pub(super) fn chat(&self, id: ChatId) -> String {
        format!("{}:{{{id}}}:chat", self.prefix)
    }

    /// A list, oldest first.
    pub(super) fn messages(&self, id: ChatId) -> String {
        format!("{}:{{{id}}}:messages", self.prefix)
    }

    /// A list, oldest first.
    pub(super) fn receipts(&self, id: ChatId) -> String {
        format!("{}:{{{id}}}:receipts", self.prefix)
    }

    pub(super) fn channel(&self, id: ChatId) -> String {
        format!("{}:{{{id}}}:events", self.prefix)
    }

    /// The chat whose channel this is.
    pub(super) fn chat_of_channel(&self, channel: &str) -> Option<ChatId> {
        let id = channel.strip_prefix(&*self.prefix)?.strip_prefix(":{")?.strip_suffix("}:events")?;
        id.parse().ok()
    }

    /// The ids of chats, sorted by when they are due.
    pub(super) fn due(&self, part: u8) -> String {
        format!("{}:{{{part}}}:due", self.prefix)
    }

    /// The part of the index that contains this chat.
    pub(super) fn part_of_chat(id: ChatId) -> u8 {
        id.as_uuid().as_bytes()[0] % PARTS
    }

    /// Which node looks for due chats in this part.
    pub(super) fn lease(&self, part: u8) -> String {
        format!("{}:{{{part}}}:lease", self.prefix)
    }

    /// A browser session, a hash.
    pub(super) fn session(&self, token: BrowserDigest) -> String {
        format!("{}:{{{}}}:session", self.prefix, digest_text(token))
    }

    /// The chats that the browser has entered, a list.
    pub(super) fn entered(&self, token: BrowserDigest) -> String {
        format!("{}:{{{}}}:entered", self.prefix, digest_text(token))
    }

    /// The digests of browser sessions' tokens, sorted by when they expire.
    pub(super) fn sessions(&self, part: u8) -> String {
        format!("{}:{{{part}}}:sessions", self.prefix)
    }

    pub(super) fn part_of_session(token: BrowserDigest) -> u8 {
        token.as_bytes()[0] % PARTS
    }

    /// A count that all nodes share.
    pub(super) fn count(&self, key: &str) -> String {
        format!("{}:{{{key}}}:count", self.prefix)
    }
}

/// The text of a digest in keys and indexes.
pub(super) fn digest_text(token: BrowserDigest) -> String {
    URL_SAFE_NO_PAD.encode(token.as_bytes())
}

/// The digest that [`digest_text`] wrote.
pub(super) fn parse_digest(text: &str) -> Option<BrowserDigest> {
    let mut bytes = [0; 32];
    let written = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
    (written == bytes.len()).then(|| BrowserDigest::from_stored(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_names_its_chat() {
        let keys = Keys::new("a:b");
        let id = ChatId::from_random_bytes([7; 16]);
        assert_eq!(keys.chat_of_channel(&keys.channel(id)), Some(id));
        for other in ["", "a:b", "a:b:{x}:events", "c:{x}:events"] {
            assert_eq!(keys.chat_of_channel(other), None);
        }
    }

    #[test]
    fn a_digest_survives_its_text() {
        let token = BrowserDigest::from_stored(std::array::from_fn(|at| u8::try_from(at * 7).unwrap()));
        assert!(parse_digest(&digest_text(token)) == Some(token));
        assert!(["", "xy", "ö", &"A".repeat(44)].iter().all(|text| parse_digest(text).is_none()));
    }
}
