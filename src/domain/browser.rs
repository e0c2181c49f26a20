//! A browser that has said who it is: one username, used between the chats that are entered by their
//! address.

use super::secret::OfBrowser;
use super::{BrowserToken, ChatId, Digest, Salt, Timestamp, Username};

/// It belongs to no chat, and names none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrowserSession {
    pub token: Digest<OfBrowser>,
    pub username: Username,
    pub expires_at: Timestamp,
}

/// A chat in which a browser has taken a seat, as it is kept: only who has the browser's token can read
/// which chat it is. Each is masked with bytes of its own, derived from the token and a random salt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedChatId {
    pub salt: Salt,
    pub masked: [u8; 16],
}

impl SealedChatId {
    #[must_use]
    pub fn seal(chat_id: ChatId, token: &BrowserToken, salt: Salt) -> Self {
        Self { salt, masked: xor(chat_id.as_uuid().into_bytes(), token.mask(&salt)) }
    }

    /// The chat, for the browser that entered it.
    #[must_use]
    pub fn open(&self, token: &BrowserToken) -> ChatId {
        uuid::Uuid::from_bytes(xor(self.masked, token.mask(&self.salt))).into()
    }
}

fn xor(bytes: [u8; 16], mask: [u8; 16]) -> [u8; 16] {
    std::array::from_fn(|at| bytes[at] ^ mask[at])
}

impl BrowserSession {
    /// How many chats are kept of those that one browser has entered; the first go first.
    pub const MAX_CHATS: usize = 200;

    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }
}
