//! Names: single lines of text for members, chats and invites.

use std::fmt;
use std::sync::Arc;

use super::Refusal;
use super::text;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $field:literal, $max:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Maximum number of characters, as people count them (grapheme clusters).
            pub const MAX_GRAPHEMES: usize = $max;

            /// Composes (NFC), trims and validates `input`.
            ///
            /// # Errors
            /// [`Refusal::Invalid`] if it has no visible character, is longer than [`Self::MAX_GRAPHEMES`], or
            /// contains a control or bidi-control character.
            pub fn parse(input: &str) -> Result<Self, Refusal> {
                parse($field, input, Self::MAX_GRAPHEMES).map(|text| Self(text.into()))
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

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

name!(
    /// A member's name in a chat.
    ///
    /// ```
    /// use watch_party::domain::Username;
    /// assert_eq!(Username::parse("  Zoë ").unwrap().as_str(), "Zoë");
    /// assert!(Username::parse("\u{200b}").is_err());
    /// ```
    Username, "username", 32
);
name!(
    /// A chat's name.
    ChatName, "name", 64
);
name!(
    /// An owner's label for an invite, which distinguishes it from others.
    InviteLabel, "label", 64
);

impl ChatName {
    /// Turns `input` into a valid name: removes or replaces characters that names must not contain, and cuts it to
    /// the maximum length. Returns `None` if no visible character is left.
    #[must_use]
    pub fn fit(input: &str) -> Option<Self> {
        let allowed = |c: char| if c.is_whitespace() || text::is_control(c) { ' ' } else { c };
        let line: String = input.chars().filter(|&c| !text::is_bidi_control(c)).map(allowed).collect();
        let line = text::composed(line.trim());
        let mut fitting = String::new();
        for grapheme in text::graphemes(&line).take(Self::MAX_GRAPHEMES) {
            if fitting.len() + grapheme.len() > MAX_BYTES {
                break;
            }
            fitting.push_str(grapheme);
        }
        Self::parse(&fitting).ok()
    }
}

impl Username {
    /// The author's name on messages that were posted without a session.
    pub(super) fn anonymous() -> Self {
        Self("Anonymous".into())
    }

    pub(super) fn is_anonymous(&self) -> bool {
        self.same_as(&Self::anonymous())
    }

    /// Whether people would confuse the two names.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        self.folded() == other.folded()
    }

    /// Returns a key that is the same for all names that people would confuse with this one.
    #[must_use]
    pub fn folded(&self) -> String {
        text::folded(&self.0)
    }
}

/// Maximum length of a name in bytes, because a grapheme can have any number of code points.
const MAX_BYTES: usize = 1024;

fn parse(field: &'static str, input: &str, max_graphemes: usize) -> Result<String, Refusal> {
    let invalid = |problem: String| Err(Refusal::Invalid { field, problem });
    if input.chars().any(|c| text::is_control(c) && !c.is_whitespace()) {
        return invalid("must not contain control characters".into());
    }
    let line = text::composed(input.trim()).into_owned();
    if line.chars().any(text::is_control) {
        return invalid("must not contain line breaks or control characters".into());
    }
    if line.chars().any(text::is_bidi_control) {
        return invalid("must not contain characters that change the direction of text".into());
    }
    if !text::is_visible(&line) {
        return invalid("must not be empty".into());
    }
    if line.len() > MAX_BYTES || text::is_longer_than(&line, max_graphemes) {
        return invalid(format!("must have at most {max_graphemes} characters"));
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(input: &str) -> Option<String> {
        match Username::parse(input) {
            Err(Refusal::Invalid { field: "username", problem }) => Some(problem),
            Err(other) => panic!("{other:?}"),
            Ok(_) => None,
        }
    }

    #[test]
    fn names_in_any_script_are_accepted_trimmed_and_normalized() {
        for name in ["Ann", "王小明", "عائشة", "नेहा", "👩‍👩‍👧‍👦", "🏴‍☠️ O’Brien", "ﷺ"]
        {
            assert_eq!(Username::parse(name).unwrap().as_str(), name);
        }
        assert_eq!(Username::parse("Zoe\u{308}").unwrap().as_str(), "Zo\u{eb}");
        assert_eq!(Username::parse("\t Ann \u{a0}").unwrap().as_str(), "Ann");
    }

    #[test]
    fn invisible_and_deceptive_names_are_refused() {
        for name in ["", " ", "\u{200b}", "\u{200d}\u{fe0f}", "\u{3164}", "\u{2800}", "\u{ad}"] {
            assert_eq!(problem(name).as_deref(), Some("must not be empty"), "{name:?}");
        }
        for name in ["a\u{202e}b", "\u{2066}a", "a\u{2069}"] {
            assert!(problem(name).is_some_and(|p| p.contains("direction")), "{name:?}");
        }
        for name in ["a\0", "a\u{7}b", "a\nb", "a\u{2028}b", "\u{1b}[31m", "a\u{85}b"] {
            assert!(problem(name).is_some_and(|p| p.contains("control")), "{name:?}");
        }
    }

    #[test]
    fn name_length_is_limited_in_graphemes_and_bytes() {
        let family = "👩‍👩‍👧‍👦";
        assert!(problem(&family.repeat(32)).is_none());
        assert!(problem(&family.repeat(33)).is_some());
        assert!(problem(&"é".repeat(33)).is_some());
        assert!(problem(&format!("e{}", "\u{301}".repeat(5_000))).is_some());
    }

    #[test]
    fn fitting_a_chat_name_cleans_and_truncates_it() {
        let fit = |input: &str| ChatName::fit(input).map(|name| name.as_str().to_owned());
        assert_eq!(fit(" Bob and Al's room ").as_deref(), Some("Bob and Al's room"));
        assert_eq!(fit("two\nlines\u{202e}\0").as_deref(), Some("two lines"));
        assert_eq!(fit(&"王".repeat(100)), Some("王".repeat(64)));
        assert_eq!(fit(&"👩‍👩‍👧‍👦".repeat(100)).map(|name| name.len()), Some(1_000));
        for empty in ["", " \t", "\u{200b}", "\u{202e}"] {
            assert_eq!(fit(empty), None, "{empty:?}");
        }
    }

    #[test]
    fn names_compare_equal_regardless_of_case_width_spaces_and_invisible_characters() {
        let same = |a: &str, b: &str| Username::parse(a).unwrap().same_as(&Username::parse(b).unwrap());
        assert!(same("Ann", "aNN"));
        assert!(same("Straße", "STRASSE"));
        assert!(same("ﬁn", "FIN"));
        assert!(same("Ａｎｎ", "ann"));
        assert!(same("an\u{200b}n", "Ann"));
        assert!(same("Ann \u{200b}", "Ann") && same("Ann  B", "Ann\u{3000}B") && !same("Ann B", "AnnB"));
        assert!(!same("Ann", "Anna"));
        assert!(!same("王", "玉"));
    }
}
