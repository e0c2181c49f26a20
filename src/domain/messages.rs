//! Messages: the rules of their text, and posting them.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::text;
use super::{Chat, ClientId, Event, MemberId, MessageId, PublicAccess, Refusal, SessionDigest, Timestamp, Username};

/// The text of a message, in composed normal form (NFC) and trimmed at the end.
///
/// ```
/// use watch_party::domain::MessageText;
/// assert_eq!(MessageText::parse("  hi\n").unwrap().as_str(), "  hi");
/// assert!(MessageText::parse(" \n").is_err());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct MessageText(Arc<str>);

impl MessageText {
    /// Maximum number of characters, as people count them (grapheme clusters).
    pub const MAX_GRAPHEMES: usize = 2_000;
    /// Maximum length in bytes of UTF-8.
    pub const MAX_BYTES: usize = 16 * 1024;

    /// Validates and normalizes `input`.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if the text has no visible character or is too long.
    pub fn parse(input: &str) -> Result<Self, Refusal> {
        let invalid = |problem: String| Err(Refusal::Invalid { field: "text", problem });
        let text = text::composed(input.trim_end());
        if !text::is_visible(&text) {
            return invalid("must not be empty".into());
        }
        if text.len() > Self::MAX_BYTES {
            return invalid(format!("must have at most {} bytes", Self::MAX_BYTES));
        }
        if text::is_longer_than(&text, Self::MAX_GRAPHEMES) {
            return invalid(format!("must have at most {} characters", Self::MAX_GRAPHEMES));
        }
        Ok(Self(text.into()))
    }

    /// Wraps a text that was parsed before it was stored.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        Self(text.into())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Shows only the length, so that private text reaches no log by accident.
impl fmt::Debug for MessageText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageText({} bytes)", self.0.len())
    }
}

/// A stored message. `username` is the author's name when it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub id: MessageId,
    pub member_id: MemberId,
    pub username: Username,
    pub text: MessageText,
    pub sent_at: Timestamp,
    pub client_id: Option<ClientId>,
}

impl Chat {
    /// Posts a member's message. Repeating a `client_id` posts nothing.
    pub(super) fn post(
        &self,
        by: SessionDigest,
        text: &MessageText,
        client_id: Option<ClientId>,
        now: Timestamp,
    ) -> Result<Option<Event>, Refusal> {
        let author = self.authenticate(by, now)?;
        let before = client_id.and_then(|id| self.posted_before(author.id, id, text));
        let new = before.is_none().then(|| self.message(author.id, author.username.clone(), text, client_id, now));
        Ok(new.map(|message| Event::MessagePosted { message }))
    }

    /// Posts a message without a session, if the chat's address is enough to post.
    pub(super) fn post_publicly(&self, text: &MessageText, now: Timestamp) -> Result<Event, Refusal> {
        self.check_public_access(PublicAccess::Post)?;
        let message = self.message(MemberId::ANONYMOUS, Username::anonymous(), text, None, now);
        Ok(Event::MessagePosted { message })
    }

    /// Returns the message that this member already posted with `client_id`, if that is still remembered. If the
    /// message itself is deleted, the result has the repeated request's `text`.
    #[must_use]
    pub fn posted_before(&self, member_id: MemberId, client_id: ClientId, text: &MessageText) -> Option<Arc<Message>> {
        let receipt =
            self.receipts().iter().find(|receipt| receipt.member_id == member_id && receipt.client_id == client_id)?;
        let kept = self.messages().iter().find(|message| message.id == receipt.message_id);
        kept.cloned().or_else(|| {
            let author = self.members.iter().find(|member| member.id == member_id)?;
            Some(Arc::new(Message {
                id: receipt.message_id,
                member_id,
                username: author.username.clone(),
                text: text.clone(),
                sent_at: receipt.sent_at,
                client_id: Some(client_id),
            }))
        })
    }

    fn message(
        &self,
        member_id: MemberId,
        username: Username,
        text: &MessageText,
        client_id: Option<ClientId>,
        now: Timestamp,
    ) -> Arc<Message> {
        let (id, text) = (self.next_message_id(), text.clone());
        Arc::new(Message { id, member_id, username, text, sent_at: now, client_id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_text_is_kept_as_typed_apart_from_normalization() {
        for text in ["你好", "مرحبا بالعالم", "👩🏽‍🚀 e\u{301}\u{323}…", "a\n\tb", "  indented"]
        {
            assert_eq!(MessageText::parse(text).unwrap().as_str(), text::composed(text));
        }
    }

    #[test]
    fn empty_and_overlong_message_texts_are_refused() {
        for empty in ["", "   ", "\n\t", "\u{200b}"] {
            assert!(MessageText::parse(empty).is_err(), "{empty:?}");
        }
        assert!(MessageText::parse(&"é".repeat(2_000)).is_ok());
        assert!(MessageText::parse(&"é".repeat(2_001)).is_err());
        assert!(MessageText::parse(&"👩‍👩‍👧‍👦".repeat(700)).is_err(), "over 16 KiB");
        assert!(MessageText::parse(&format!("{}{}", "x".repeat(2_000), " ".repeat(99))).is_ok());
    }
}
