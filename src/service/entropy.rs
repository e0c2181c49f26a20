//! Where randomness comes from, handed in so that tests can repeat it.

use std::fmt;

use crate::domain::{Fresh, InviteKey, SECRET_BYTES, SessionToken};

/// Gives bytes that nobody can guess.
pub trait Entropy: Send + Sync + fmt::Debug {
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's source.
#[derive(Clone, Copy, Debug)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system has a source of randomness");
    }
}

/// New secrets, of which a decision sees only the digests.
pub(super) struct Drawn {
    pub(super) token: SessionToken,
    pub(super) key: InviteKey,
    pub(super) fresh: Fresh,
}

pub(super) fn draw(entropy: &dyn Entropy) -> Drawn {
    let token = SessionToken::from_random_bytes(random::<SECRET_BYTES>(entropy));
    let key = InviteKey::from_random_bytes(random::<SECRET_BYTES>(entropy));
    let fresh = Fresh { id: random(entropy), session: token.digest(), invite: key.digest() };
    Drawn { token, key, fresh }
}

pub(super) fn random<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}
