//! Unicode text: normal forms, visible length, and the characters that names must not contain.

use std::borrow::Cow;

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizer, ComposingNormalizerBorrowed};
use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;
use unicode_segmentation::UnicodeSegmentation;

const NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizer::new_nfc();
const NFKC: ComposingNormalizerBorrowed<'static> = ComposingNormalizer::new_nfkc();

/// Returns the text in composed normal form (NFC), in which all text is stored.
pub(super) fn composed(text: &str) -> Cow<'_, str> {
    NFC.normalize(text)
}

/// Returns a key that is the same for all names that people would confuse: NFKC with case folded and invisible
/// characters removed (Unicode 16, section 3.13, `toNFKC_Casefold`), and with one space for each run of spaces, which
/// is how pages show it.
pub(super) fn folded(text: &str) -> String {
    let visible: String = text.chars().filter(|&c| !is_ignorable(c)).collect();
    let folded = CaseMapper::new().fold_string(&NFKC.normalize(&visible)).into_owned();
    NFKC.normalize(&folded).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Splits the text into characters as people see them (extended grapheme clusters).
pub(super) fn graphemes(text: &str) -> impl Iterator<Item = &str> {
    text.graphemes(true)
}

/// Whether the text has more than `limit` characters as people see them (extended grapheme clusters).
pub(super) fn is_longer_than(text: &str, limit: usize) -> bool {
    // Each character has at least one byte.
    text.len() > limit && graphemes(text).nth(limit).is_some()
}

/// Whether the text has a visible character.
pub(super) fn is_visible(text: &str) -> bool {
    const BRAILLE_BLANK: char = '\u{2800}';
    text.chars().any(|c| !c.is_whitespace() && !c.is_control() && !is_ignorable(c) && c != BRAILLE_BLANK)
}

/// Whether `c` is a control character, or a separator that breaks a line.
pub(super) fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Whether `c` reorders the text around it: an embedding, override or isolate.
pub(super) fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_ignorable(c: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}
