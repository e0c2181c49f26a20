//! What text is made of: normal form, visible length, and the characters that may not stand in
//! a name.

use std::borrow::Cow;

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizer, ComposingNormalizerBorrowed};
use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;
use unicode_segmentation::UnicodeSegmentation;

const NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizer::new_nfc();
const NFKC: ComposingNormalizerBorrowed<'static> = ComposingNormalizer::new_nfkc();

/// Composed normal form (NFC), the form in which all text is kept.
pub(super) fn composed(text: &str) -> Cow<'_, str> {
    NFC.normalize(text)
}

/// What two names share when people would take them for one: NFKC with case folded and
/// invisible characters left out (Unicode 16, section 3.13, `toNFKC_Casefold`).
pub(super) fn folded(text: &str) -> String {
    let visible: String = text.chars().filter(|&c| !is_ignorable(c)).collect();
    let folded = CaseMapper::new().fold_string(&NFKC.normalize(&visible)).into_owned();
    NFKC.normalize(&folded).into_owned()
}

/// The characters that a person sees (extended grapheme clusters).
pub(super) fn graphemes(text: &str) -> impl Iterator<Item = &str> {
    text.graphemes(true)
}

/// How many characters a person sees (extended grapheme clusters); counting stops past `limit`.
pub(super) fn graphemes_up_to(text: &str, limit: usize) -> usize {
    text.graphemes(true).take(limit + 1).count()
}

/// Whether anything of the text can be seen.
pub(super) fn is_visible(text: &str) -> bool {
    const BRAILLE_BLANK: char = '\u{2800}';
    text.chars().any(|c| !c.is_whitespace() && !c.is_control() && !is_ignorable(c) && c != BRAILLE_BLANK)
}

/// Control characters, and the separators that break a line as they do.
pub(super) fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Characters that reorder what stands around them: embeddings, overrides and isolates.
pub(super) fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_ignorable(c: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}
