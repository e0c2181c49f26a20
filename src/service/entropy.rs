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
    // All of it at once: each call of the operating system costs as much as a decision.
    let bytes: [u8; 2 * SECRET_BYTES + 16] = random(entropy);
    let (token, rest) = bytes.split_first_chunk().expect("there is a secret");
    let (key, rest) = rest.split_first_chunk().expect("there is another");
    let id = *rest.first_chunk().expect("there is an id");
    let (token, key) = (SessionToken::from_random_bytes(*token), InviteKey::from_random_bytes(*key));
    let fresh = Fresh { id, session: token.digest(), invite: key.digest() };
    Drawn { token, key, fresh }
}

pub(super) fn random<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}
