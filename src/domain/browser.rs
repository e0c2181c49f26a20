//! A browser that has said who it is: one username, used between the chats that are entered by their
//! address.

use super::secret::OfBrowser;
use super::{Digest, Timestamp, Username};

/// It belongs to no chat, and names none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrowserSession {
    pub token: Digest<OfBrowser>,
    pub username: Username,
    pub expires_at: Timestamp,
}

impl BrowserSession {
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }
}
