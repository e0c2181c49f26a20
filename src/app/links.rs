//! Web addresses in the text of a message.

use linkify::{LinkFinder, LinkKind};

/// Splits the text into parts, and says of each whether it is a web address. Nothing else in the text means anything.
pub fn parts(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let mut finder = LinkFinder::new();
    finder.kinds(&[LinkKind::Url]);
    let mut parts = Vec::new();
    for span in finder.spans(text) {
        let part = span.as_str();
        let is_web = part.starts_with("https://") || part.starts_with("http://");
        if span.kind().is_none() || !is_web {
            parts.push((part, false));
            continue;
        }
        // What is shown is where the link leads: an address ends before a character that hides or reorders it.
        let end = part.find(|c: char| c.is_control() || c.is_whitespace() || reorders(c)).unwrap_or(part.len());
        let (address, rest) = part.split_at(end);
        parts.push((address, true));
        if !rest.is_empty() {
            parts.push((rest, false));
        }
    }
    parts.into_iter()
}

/// Whether `c` changes the direction of the text around it.
fn reorders(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_addresses_are_links_and_end_before_characters_that_hide_or_reorder_them() {
        let parts = |text: &'static str| parts(text).collect::<Vec<_>>();
        assert_eq!(parts("see https://a.example/b."), [("see ", false), ("https://a.example/b", true), (".", false)]);
        assert_eq!(parts("javascript://a.example"), [("javascript://a.example", false)]);
        assert_eq!(parts("http://a.example/\u{202e}gpj"), [("http://a.example/", true), ("\u{202e}gpj", false)]);
        assert_eq!(parts("http://a.example/\u{85}b"), [("http://a.example/", true), ("\u{85}b", false)]);
    }
}
