//! Messages and the rules of their text.

use std::fmt;
use std::sync::Arc;

use super::text;
use super::{ClientId, MemberId, MessageId, Refusal, Timestamp, Username};

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
        if text::graphemes_up_to(&text, Self::MAX_GRAPHEMES) > Self::MAX_GRAPHEMES {
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub id: MessageId,
    pub member_id: MemberId,
    pub username: Username,
    pub text: MessageText,
    pub sent_at: Timestamp,
    pub client_id: Option<ClientId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_arrives_as_it_was_typed() {
        for text in ["你好", "مرحبا بالعالم", "👩🏽‍🚀 e\u{301}\u{323}…", "a\n\tb", "  indented"]
        {
            assert_eq!(MessageText::parse(text).unwrap().as_str(), text::composed(text));
        }
    }

    #[test]
    fn text_has_bounds() {
        for empty in ["", "   ", "\n\t", "\u{200b}"] {
            assert!(MessageText::parse(empty).is_err(), "{empty:?}");
        }
        assert!(MessageText::parse(&"é".repeat(2_000)).is_ok());
        assert!(MessageText::parse(&"é".repeat(2_001)).is_err());
        assert!(MessageText::parse(&"👩‍👩‍👧‍👦".repeat(700)).is_err(), "over 16 KiB");
        assert!(MessageText::parse(&format!("{}{}", "x".repeat(2_000), " ".repeat(99))).is_ok());
    }
}
