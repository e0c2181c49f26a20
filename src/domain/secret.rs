//! Secrets that authenticate callers, and the digests that are stored of them.
//!
//! A caller can exchange one secret for another: the new one is derived from the presented one and a stored [`Salt`].
//! A caller who presents the old one again, because the response was lost, gets the same new one, and the server
//! stores no secret for that.

use std::fmt;
use std::marker::PhantomData;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::ChatId;

/// Length of a secret, in bytes.
pub const SECRET_BYTES: usize = 32;

/// Marker types for what a secret is for. A secret of one kind is never accepted as another kind.
pub mod kind {
    /// Authenticates a member.
    #[derive(Debug)]
    pub enum Session {}
    /// Redeems an invite.
    #[derive(Debug)]
    pub enum Invite {}
    /// Identifies a guest who joins again.
    #[derive(Debug)]
    pub enum Join {}
    /// Authenticates a guest for a knock.
    #[derive(Debug)]
    pub enum Ticket {}
    /// Recovers an owner's seat.
    #[derive(Debug)]
    pub enum Recovery {}
    /// Identifies a browser across chats.
    #[derive(Debug)]
    pub enum Browser {}
    /// Any secret that a session was issued for.
    #[derive(Debug)]
    pub enum Source {}
}

/// The name of a kind, which separates secrets of different kinds that are derived from the same secret.
pub trait Kind {
    const NAME: &'static str;
}

impl Kind for kind::Session {
    const NAME: &'static str = "session";
}
impl Kind for kind::Join {
    const NAME: &'static str = "join";
}
impl Kind for kind::Ticket {
    const NAME: &'static str = "ticket";
}
impl Kind for kind::Recovery {
    const NAME: &'static str = "recovery";
}

/// Authenticates a member in a chat. Only that member sees it.
pub type SessionToken = Secret<kind::Session>;
/// The secret in a magic link.
pub type InviteKey = Secret<kind::Invite>;
/// Derived from an invite key and a join id. A caller who joins with both again is the same guest.
pub type JoinSecret = Secret<kind::Join>;
/// Authenticates a guest for a knock, in its chat. Only that guest sees it.
pub type Ticket = Secret<kind::Ticket>;
/// Recovers the seat of an owner who has lost the session. Only that owner sees it.
pub type RecoveryCode = Secret<kind::Recovery>;

/// Authenticates a browser session in every chat that people enter by its address. Only that browser sees it.
pub type BrowserToken = Secret<kind::Browser>;

/// The second input of a derived secret, besides the presented secret. Random and stored; useless by itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; SECRET_BYTES]);

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(…)")
    }
}

/// The digest of a session token.
pub type SessionDigest = Digest<kind::Session>;
/// The digest of an invite key.
pub type InviteDigest = Digest<kind::Invite>;
/// The digest of a join secret.
pub type JoinDigest = Digest<kind::Join>;
/// The digest of a knock's ticket.
pub type TicketDigest = Digest<kind::Ticket>;
/// The digest of a recovery code.
pub type RecoveryDigest = Digest<kind::Recovery>;
/// The digest of a browser's token.
pub type BrowserDigest = Digest<kind::Browser>;
/// The digest of the secret that a session was issued for.
pub type SourceDigest = Digest<kind::Source>;

/// 32 random bytes, written as 43 characters of base64url. `Debug` does not show them.
///
/// ```
/// use watch_party::domain::SessionToken;
/// let token = SessionToken::from_random_bytes([7; 32]);
/// assert_eq!(format!("{token:?}"), "Secret(…)");
/// assert!(SessionToken::parse(&token.reveal()).is_some_and(|same| same.digest() == token.digest()));
/// ```
pub struct Secret<K> {
    bytes: [u8; SECRET_BYTES],
    kind: PhantomData<K>,
}

impl<K> Secret<K> {
    #[must_use]
    pub const fn from_random_bytes(bytes: [u8; SECRET_BYTES]) -> Self {
        Self { bytes, kind: PhantomData }
    }

    /// Parses the output of [`Secret::reveal`]; returns `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; SECRET_BYTES];
        let written = URL_SAFE_NO_PAD.decode_slice(text.trim(), &mut bytes).ok()?;
        (written == SECRET_BYTES).then(|| Self::from_random_bytes(bytes))
    }

    /// Returns the secret as text, for the one response that gives it to its holder.
    #[must_use]
    pub fn reveal(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes)
    }

    /// Derives another secret, which cannot be computed without this one (HKDF-SHA256, RFC 5869).
    fn derive<Other: Kind>(&self, salt: Option<&Salt>, info: &[u8]) -> Secret<Other> {
        let mut bytes = [0; SECRET_BYTES];
        Hkdf::<Sha256>::new(salt.map(|salt| &salt.0[..]), &self.bytes)
            .expand_multi_info(&[Other::NAME.as_bytes(), info], &mut bytes)
            .expect("HKDF gives up to 8,160 bytes");
        Secret::from_random_bytes(bytes)
    }

    /// Returns the digest, which is the only thing that is ever stored of the secret.
    #[must_use]
    pub fn digest(&self) -> Digest<K> {
        Digest { bytes: Sha256::digest(self.bytes).into(), kind: PhantomData }
    }
}

impl<K: Kind> Secret<K> {
    /// Derives a secret from a random UUID, for callers whose only credential is a UUID.
    #[must_use]
    pub fn from_uuid(uuid: Uuid) -> Self {
        let mut bytes = [0; SECRET_BYTES];
        bytes[..16].copy_from_slice(uuid.as_bytes());
        Secret::<K>::from_random_bytes(bytes).derive(None, b"uuid")
    }
}

impl JoinSecret {
    /// Derives the join secret of a guest who redeems `key` with `join_id`.
    #[must_use]
    pub fn new(key: &InviteKey, join_id: Uuid) -> Self {
        key.derive(None, join_id.as_bytes())
    }

    #[must_use]
    pub fn ticket(&self, salt: &Salt) -> Ticket {
        self.derive(Some(salt), b"")
    }

    /// Derives the session token of a joining guest, who may have had to knock.
    #[must_use]
    pub fn session(&self, salt: &Salt) -> SessionToken {
        self.ticket(salt).session(salt)
    }
}

impl BrowserToken {
    /// Derives the join secret that identifies this browser in a chat. The join secrets of different chats cannot be
    /// linked.
    #[must_use]
    pub fn join(&self, chat_id: ChatId) -> JoinSecret {
        self.derive(None, chat_id.as_uuid().as_bytes())
    }

    /// Derives the bytes that mask one stored value, which only the holder of this token can read. Each salt is used
    /// only once.
    pub(super) fn mask(&self, salt: &Salt) -> [u8; 16] {
        let mut mask = [0; 16];
        Hkdf::<Sha256>::new(Some(&salt.0), &self.bytes)
            .expand(b"mask", &mut mask)
            .expect("HKDF gives up to 8,160 bytes");
        mask
    }
}

impl Ticket {
    /// Derives the session token of a guest whose knock is approved.
    #[must_use]
    pub fn session(&self, salt: &Salt) -> SessionToken {
        self.derive(Some(salt), b"")
    }
}

impl SessionToken {
    /// Derives the token that replaces this one.
    #[must_use]
    pub fn renewed(&self, salt: &Salt) -> Self {
        self.derive(Some(salt), b"")
    }
}

impl RecoveryCode {
    /// Derives the session token of an owner who recovers the seat.
    #[must_use]
    pub fn session(&self, salt: &Salt) -> SessionToken {
        self.derive(Some(salt), b"")
    }

    /// Derives the code that replaces this one.
    #[must_use]
    pub fn next(&self, salt: &Salt) -> Self {
        self.derive(Some(salt), b"")
    }
}

impl<K> fmt::Debug for Secret<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The SHA-256 of a secret. Comparison takes constant time.
pub struct Digest<K> {
    bytes: [u8; 32],
    kind: PhantomData<K>,
}

impl<K> Digest<K> {
    /// Restores a digest that a store kept as [`Digest::as_bytes`].
    #[must_use]
    pub const fn from_stored(bytes: [u8; 32]) -> Self {
        Self { bytes, kind: PhantomData }
    }

    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }
}

impl<K: Kind> Digest<K> {
    /// Identifies the secret as the source of a session. The result depends on the kind, so secrets of different
    /// kinds are never confused.
    pub(super) fn as_source(self) -> SourceDigest {
        let bytes = Sha256::new().chain_update(K::NAME).chain_update(self.bytes).finalize().into();
        Digest { bytes, kind: PhantomData }
    }
}

impl<K> Clone for Digest<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Digest<K> {}

impl<K> PartialEq for Digest<K> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes.ct_eq(&other.bytes).into()
    }
}

impl<K> Eq for Digest<K> {}

impl<K> fmt::Debug for Digest<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_accepts_only_what_reveal_produces() {
        let key = InviteKey::from_random_bytes([0xff; SECRET_BYTES]);
        let text = key.reveal();
        assert_eq!(text.len(), 43);
        assert!(InviteKey::parse(&text).is_some());
        for wrong in ["", "short", &text[1..], &format!("{text}A"), "ä", &"=".repeat(43)] {
            assert!(InviteKey::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_derived_secret_needs_both_the_secret_and_the_salt() {
        let join = |byte, id| JoinSecret::new(&InviteKey::from_random_bytes([byte; SECRET_BYTES]), Uuid::from_u128(id));
        let (salt, other) = (Salt([1; SECRET_BYTES]), Salt([2; SECRET_BYTES]));
        let session = join(1, 1).session(&salt).reveal();
        assert_eq!(session, join(1, 1).session(&salt).reveal());
        let ticket = join(1, 1).ticket(&salt).reveal();
        let others = [
            join(2, 1).session(&salt).reveal(),
            join(1, 2).session(&salt).reveal(),
            join(1, 1).session(&other).reveal(),
            SessionToken::parse(&session).unwrap().renewed(&salt).reveal(),
            SessionToken::from_uuid(Uuid::from_u128(1)).reveal(),
            Ticket::from_uuid(Uuid::from_u128(1)).reveal(),
            ticket,
        ];
        for (at, one) in others.iter().enumerate() {
            assert_ne!(*one, session);
            assert!(!others[..at].contains(one));
        }
    }

    #[test]
    fn digests_of_different_secrets_differ() {
        let digest = |byte| SessionToken::from_random_bytes([byte; SECRET_BYTES]).digest();
        assert_eq!(digest(1), digest(1));
        assert_ne!(digest(1), digest(2));
    }
}
