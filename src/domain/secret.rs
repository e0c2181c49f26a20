//! Secrets that prove something, and the digests that are kept of them.

use std::fmt;
use std::marker::PhantomData;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

/// How much entropy a secret carries.
pub const SECRET_BYTES: usize = 32;

/// Marks the secrets that prove a seat in a chat.
#[derive(Debug)]
pub enum OfSession {}
/// Marks the secrets that let someone in.
#[derive(Debug)]
pub enum OfInvite {}

/// Proves a member's seat; shown to that member alone.
pub type SessionToken = Secret<OfSession>;
/// What a magic link carries.
pub type InviteKey = Secret<OfInvite>;

/// 32 random bytes, written as 43 characters of base64url. `Debug` shows nothing of it.
///
/// ```
/// use watch_party::domain::SessionToken;
/// let token = SessionToken::from_random_bytes([7; 32]);
/// assert_eq!(format!("{token:?}"), "Secret(…)");
/// assert!(SessionToken::parse(&token.reveal()).is_some_and(|same| same.digest() == token.digest()));
/// ```
pub struct Secret<Kind> {
    bytes: [u8; SECRET_BYTES],
    kind: PhantomData<Kind>,
}

impl<Kind> Secret<Kind> {
    #[must_use]
    pub const fn from_random_bytes(bytes: [u8; SECRET_BYTES]) -> Self {
        Self { bytes, kind: PhantomData }
    }

    /// Reads what [`Secret::reveal`] wrote; anything else is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; SECRET_BYTES];
        let written = URL_SAFE_NO_PAD.decode_slice(text.trim(), &mut bytes).ok()?;
        (written == SECRET_BYTES).then(|| Self::from_random_bytes(bytes))
    }

    /// The secret itself, for the one answer that hands it to its holder.
    #[must_use]
    pub fn reveal(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes)
    }

    /// All that is ever stored of the secret.
    #[must_use]
    pub fn digest(&self) -> Digest<Kind> {
        Digest { bytes: Sha256::digest(self.bytes).into(), kind: PhantomData }
    }
}

impl<Kind> fmt::Debug for Secret<Kind> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// SHA-256 of a secret; compared in constant time.
pub struct Digest<Kind> {
    bytes: [u8; 32],
    kind: PhantomData<Kind>,
}

impl<Kind> Digest<Kind> {
    /// The digest that [`Digest::as_bytes`] gave a store to keep.
    #[must_use]
    pub const fn from_stored(bytes: [u8; 32]) -> Self {
        Self { bytes, kind: PhantomData }
    }

    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }
}

impl<Kind> Clone for Digest<Kind> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Kind> Copy for Digest<Kind> {}

impl<Kind> PartialEq for Digest<Kind> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes.ct_eq(&other.bytes).into()
    }
}

impl<Kind> Eq for Digest<Kind> {}

impl<Kind> fmt::Debug for Digest<Kind> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_reveal_wrote_parses() {
        let key = InviteKey::from_random_bytes([0xff; SECRET_BYTES]);
        let text = key.reveal();
        assert_eq!(text.len(), 43);
        assert!(InviteKey::parse(&text).is_some());
        for wrong in ["", "short", &text[1..], &format!("{text}A"), "ä", &"=".repeat(43)] {
            assert!(InviteKey::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn digests_of_different_secrets_differ() {
        let digest = |byte| SessionToken::from_random_bytes([byte; SECRET_BYTES]).digest();
        assert_eq!(digest(1), digest(1));
        assert_ne!(digest(1), digest(2));
    }
}
