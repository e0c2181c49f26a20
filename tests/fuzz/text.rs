//! What people type: messages, names and passwords.

use icu_casemap::CaseMapper;
use icu_normalizer::DecomposingNormalizer;
use unicode_segmentation::UnicodeSegmentation as _;
use watch_party::app::links;
use watch_party::domain::{ChatName, InviteLabel, MessageText, Refusal, Username};
use watch_party::service::Password;
use watch_party::wire::{Code, Problem};

use crate::inputs::Target;

const WORDS: [&str; 16] = [
    "Ann",
    "ANN",
    "Zoë",
    "e",
    "王小明",
    "مرحبا",
    "नेहा",
    "👩‍👩‍👧‍👦",
    "Straße",
    "ΑΣ",
    "ﬁ",
    " ",
    "  ",
    "İ",
    "한국",
    "correct horse",
];

/// Checks that a refusal is about `field`, and has a code and a sentence.
fn check_refusal(refusal: &Refusal, field: &str) {
    assert!(matches!(refusal, Refusal::Invalid { field: of, .. } if *of == field), "{refusal:?}");
    let problem = Problem::from(refusal);
    assert_eq!((problem.status, problem.code, problem.field.as_deref()), (422, Code::InvalidRequest, Some(field)));
    assert!(problem.detail.ends_with('.') && !problem.detail.contains('\n'), "{}", problem.detail);
}

fn decomposed(text: &str) -> String {
    DecomposingNormalizer::new_nfd().normalize(text).into_owned()
}

#[test]
fn message_texts() {
    Target::new("message_texts", 300).words(WORDS).words(["line one\nline two", "\u{202e}"]).check_text(|text| {
        let parsed = match MessageText::parse(text) {
            Ok(parsed) => parsed,
            Err(refusal) => return check_refusal(&refusal, "text"),
        };
        assert!(!parsed.as_str().trim().is_empty() && parsed.as_str().len() <= MessageText::MAX_BYTES);
        assert!(parsed.as_str().graphemes(true).count() <= MessageText::MAX_GRAPHEMES);
        assert_eq!(MessageText::parse(parsed.as_str()).unwrap(), parsed, "parsing is not idempotent");
        let same = MessageText::parse(&decomposed(text)).ok();
        assert_eq!(same.as_ref(), Some(&parsed), "another normal form is another text");
        assert_eq!(format!("{parsed:?}"), format!("MessageText({} bytes)", parsed.as_str().len()));
    });
}

macro_rules! check_name {
    ($text:expr, $name:ty, $field:literal) => {
        match <$name>::parse($text) {
            Ok(name) => {
                let line = name.as_str();
                assert!(!line.is_empty() && line.trim() == line, "{line:?} is not trimmed");
                assert!(!line.chars().any(|c| c.is_control() || "\u{2028}\u{2029}\u{202e}\u{2066}".contains(c)));
                assert!(line.graphemes(true).count() <= <$name>::MAX_GRAPHEMES && line.len() <= 1_024);
                assert_eq!(<$name>::parse(line).unwrap(), name, "parsing is not idempotent");
                assert_eq!(<$name>::parse(&decomposed($text)).unwrap(), name, "another normal form is another name");
                assert!(!format!("{name:?}").contains(line) || line.len() < 12);
            }
            Err(refusal) => check_refusal(&refusal, $field),
        }
    };
}

#[test]
fn names() {
    Target::new("names", 300).words(WORDS).check_text(|text| {
        check_name!(text, Username, "username");
        check_name!(text, ChatName, "name");
        check_name!(text, InviteLabel, "label");
        if let Some(fitting) = ChatName::fit(text) {
            assert_eq!(ChatName::parse(fitting.as_str()).unwrap(), fitting);
            assert_eq!(ChatName::fit(fitting.as_str()), Some(fitting));
        }
    });
}

#[test]
fn confusable_names() {
    Target::new("confusable_names", 300).words(WORDS).check_text(|text| {
        let Ok(name) = Username::parse(text) else { return };
        let same = |other: &str, how: &str| {
            let Ok(other) = Username::parse(other) else { return };
            assert!(name.same_as(&other), "{name:?} {text:?} is another name {how}: {:?}", other.folded());
        };
        let folded = name.folded();
        same(&folded, "when folded again");
        same(&decomposed(text), "in another normal form");
        same(&text.to_lowercase(), "in lower case");
        // This mark folds to a letter, so that its place among other marks matters.
        if !decomposed(text).contains('\u{345}') {
            same(&CaseMapper::new().fold_string(text), "with its case folded");
        }
        same(&format!("\u{200b}{text}\u{ad}"), "with invisible characters");
    });
}

#[test]
fn passwords() {
    Target::new("passwords", 300).words(WORDS).words(["seven77", "\u{a0}", "ᴬᴮ"]).check_text(|text| {
        match Password::parse(text) {
            Ok(password) => {
                assert!(text.len() <= Password::MAX_BYTES && !text.chars().any(char::is_control), "{text:?}");
                assert_eq!(format!("{password:?}"), "Password(…)");
                // A keyboard that sends another normal form, or another space, types the same password.
                assert!(Password::parse(&decomposed(text)).is_ok() || decomposed(text).len() > Password::MAX_BYTES);
            }
            Err(refusal) => check_refusal(&refusal, "password"),
        }
    });
}

#[test]
fn links_in_messages() {
    let words =
        ["http://", "https://", "javascript:", "example.org", "/a?b=c#d", "\"", "<", ">", "'", "(", ")", "@", "."];
    Target::new("links_in_messages", 300).words(words).words(WORDS).check_text(|text| {
        let mut read = String::new();
        for (part, is_link) in links::parts(text) {
            read.push_str(part);
            if is_link {
                assert!(part.starts_with("http://") || part.starts_with("https://"), "{part:?} is no web address");
                assert!(
                    !part.contains(|c: char| c.is_whitespace() || c.is_control() || "<>\"".contains(c)),
                    "{part:?}"
                );
            }
        }
        assert_eq!(read, text, "a part is missing or changed");
    });
}
