//! Secrets that prove something, and the digests that are kept of them.
//!
//! One secret can be exchanged for another: the new one is derived from the one that was shown and
//! a [`Salt`] that is kept. Who shows the old one again, because the answer was lost, is given the
//! same new one, and nothing secret needs to be kept for that.

use std::fmt;
use std::marker::PhantomData;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::ChatId;

/// How much entropy a secret carries.
pub const SECRET_BYTES: usize = 32;

/// What a secret is for: secrets of one kind are never taken for another's.
pub mod kind {
    /// Proves a seat in a chat.
    #[derive(Debug)]
    pub enum Session {}
    /// Lets someone join.
    #[derive(Debug)]
    pub enum Invite {}
    /// Identifies a guest who joins again.
    #[derive(Debug)]
    pub enum Join {}
    /// Proves a knock.
    #[derive(Debug)]
    pub enum Ticket {}
    /// Gives an owner their seat back.
    #[derive(Debug)]
    pub enum Recovery {}
    /// Identifies a browser across chats.
    #[derive(Debug)]
    pub enum Browser {}
    /// Any secret for which a session was issued.
    #[derive(Debug)]
    pub enum Source {}
}

/// Separates secrets of different kinds that are derived from the same secret.
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

/// Proves a member's seat; shown to that member alone.
pub type SessionToken = Secret<kind::Session>;
/// What a magic link carries.
pub type InviteKey = Secret<kind::Invite>;
/// Made of a magic link's key and a join id: who joins by both again is the same one.
pub type JoinSecret = Secret<kind::Join>;
/// Proves a knock to the chat that it was made at; shown to the one who knocks alone.
pub type Ticket = Secret<kind::Ticket>;
/// Brings an owner back whose session is lost; shown to that owner alone.
pub type RecoveryCode = Secret<kind::Recovery>;

/// Proves a browser's session to every chat that is entered by its address; shown to that browser
/// alone.
pub type BrowserToken = Secret<kind::Browser>;

/// What a derived secret is made of beside the one that was shown. Random, kept, worth nothing
/// by itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; SECRET_BYTES]);

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(…)")
    }
}

/// The digest of a session token.
pub type SessionDigest = Digest<kind::Session>;
/// The digest of an invite's key.
pub type InviteDigest = Digest<kind::Invite>;
/// The digest of a join secret.
pub type JoinDigest = Digest<kind::Join>;
/// The digest of a knock's ticket.
pub type TicketDigest = Digest<kind::Ticket>;
/// The digest of a recovery code.
pub type RecoveryDigest = Digest<kind::Recovery>;
/// The digest of a browser's token.
pub type BrowserDigest = Digest<kind::Browser>;
/// The digest of the secret for which a session was issued.
pub type SourceDigest = Digest<kind::Source>;

/// 32 random bytes, written as 43 characters of base64url. `Debug` shows nothing of it.
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

    /// Another secret, which nobody can make without this one (HKDF-SHA256, RFC 5869).
    fn derive<Other: Kind>(&self, salt: Option<&Salt>, info: &[u8]) -> Secret<Other> {
        let mut bytes = [0; SECRET_BYTES];
        Hkdf::<Sha256>::new(salt.map(|salt| &salt.0[..]), &self.bytes)
            .expand_multi_info(&[Other::NAME.as_bytes(), info], &mut bytes)
            .expect("HKDF gives up to 8,160 bytes");
        Secret::from_random_bytes(bytes)
    }

    /// All that is ever stored of the secret.
    #[must_use]
    pub fn digest(&self) -> Digest<K> {
        Digest { bytes: Sha256::digest(self.bytes).into(), kind: PhantomData }
    }
}

impl<K: Kind> Secret<K> {
    /// The secret that a random UUID stands for, where that is all a caller has.
    #[must_use]
    pub fn from_uuid(uuid: Uuid) -> Self {
        let mut bytes = [0; SECRET_BYTES];
        bytes[..16].copy_from_slice(uuid.as_bytes());
        Secret::<K>::from_random_bytes(bytes).derive(None, b"uuid")
    }
}

impl JoinSecret {
    /// Of one who redeems `key`, and calls that redemption `join_id`.
    #[must_use]
    pub fn new(key: &InviteKey, join_id: Uuid) -> Self {
        key.derive(None, join_id.as_bytes())
    }

    #[must_use]
    pub fn ticket(&self, salt: &Salt) -> Ticket {
        self.derive(Some(salt), b"")
    }

    /// The session of one who joins, whether or not they had to knock.
    #[must_use]
    pub fn session(&self, salt: &Salt) -> SessionToken {
        self.ticket(salt).session(salt)
    }
}

impl BrowserToken {
    /// By what whoever has this token is known in a chat. Those of different chats have nothing in
    /// common.
    #[must_use]
    pub fn join(&self, chat_id: ChatId) -> JoinSecret {
        self.derive(None, chat_id.as_uuid().as_bytes())
    }

    /// What hides one thing that is kept for whoever has this token; a salt is used once.
    pub(super) fn mask(&self, salt: &Salt) -> [u8; 16] {
        let mut mask = [0; 16];
        Hkdf::<Sha256>::new(Some(&salt.0), &self.bytes)
            .expand(b"mask", &mut mask)
            .expect("HKDF gives up to 8,160 bytes");
        mask
    }
}

impl Ticket {
    /// The session of one who knocked and is let in.
    #[must_use]
    pub fn session(&self, salt: &Salt) -> SessionToken {
        self.derive(Some(salt), b"")
    }
}

impl SessionToken {
    /// The token that takes this one's place.
    #[must_use]
    pub fn renewed(&self, salt: &Salt) -> Self {
        self.derive(Some(salt), b"")
    }
}

impl RecoveryCode {
    /// The session of an owner who comes back.
    #[must_use]
    pub fn session(&self, salt: &Salt) -> SessionToken {
        self.derive(Some(salt), b"")
    }

    /// The code that takes this one's place.
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

/// SHA-256 of a secret; compared in constant time.
pub struct Digest<K> {
    bytes: [u8; 32],
    kind: PhantomData<K>,
}

impl<K> Digest<K> {
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

impl<K: Kind> Digest<K> {
    /// Names the secret as that which a session was given for; secrets of different kinds are never
    /// taken for each other.
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
