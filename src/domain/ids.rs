//! Public ids of chats and the things in them; none of them is a credential.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::{Builder, Uuid};

use super::secret::SessionDigest;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Creates a version 4 UUID from 16 random bytes.
            #[must_use]
            pub fn from_random_bytes(bytes: [u8; 16]) -> Self {
                Self(Builder::from_random_bytes(bytes).into_uuid())
            }

            #[must_use]
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

uuid_id!(
    /// Identifies a chat; a version 4 UUID.
    ChatId
);
uuid_id!(
    /// Identifies a member to everyone in the chat.
    MemberId
);
uuid_id!(
    /// Identifies a session to its own member.
    SessionId
);
uuid_id!(
    /// Identifies an invite to the owners.
    InviteId
);
uuid_id!(
    /// Identifies a knock to the owners. An approved guest gets the same UUID as member id.
    KnockId
);
uuid_id!(
    /// A sender's own id for a message, so that sending it twice creates one message.
    ClientId
);

impl SessionId {
    /// Returns the id of the session whose token has this digest: a version 8 UUID derived from the digest's SHA-256,
    /// so no store has to keep it.
    #[must_use]
    pub(super) fn of_token(digest: SessionDigest) -> Self {
        Self(hashed(digest.as_bytes()))
    }
}

impl MemberId {
    /// The author of messages that were posted without a session: the nil UUID, which no member has.
    pub const ANONYMOUS: Self = Self(Uuid::nil());
}

fn hashed(bytes: &[u8]) -> Uuid {
    let hash: [u8; 32] = Sha256::digest(bytes).into();
    let mut id = [0; 16];
    id.copy_from_slice(&hash[..16]);
    Builder::from_custom_bytes(id).into_uuid()
}

impl ClientId {
    /// Returns the client id for an `Idempotency-Key` header: the UUID that it contains, or a version 8 UUID derived
    /// from its SHA-256.
    #[must_use]
    pub fn from_idempotency_key(key: &str) -> Self {
        let key = key.trim().trim_matches('"');
        Self(Uuid::parse_str(key).unwrap_or_else(|_| hashed(key.as_bytes())))
    }
}

/// A message's sequence number in its chat: 1, 2, 3 …; also a reader's cursor, where 0 means nothing read yet.
pub type MessageId = u64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_idempotency_key_becomes_the_client_id() {
        let text = "8e03978e-40d5-43dd-bc93-6894a57f9324";
        let expected: ClientId = text.parse().unwrap();
        assert_eq!(ClientId::from_idempotency_key(text), expected);
        assert_eq!(ClientId::from_idempotency_key(&format!("\"{text}\"")), expected);
    }

    #[test]
    fn other_idempotency_keys_map_to_stable_distinct_client_ids() {
        let first = ClientId::from_idempotency_key("order-1");
        assert_eq!(first, ClientId::from_idempotency_key("order-1"));
        assert_ne!(first, ClientId::from_idempotency_key("order-2"));
    }
}
