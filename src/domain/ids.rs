//! The public ids of things in a chat; none of them proves anything.

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
            /// A version 4 UUID out of 16 random bytes.
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
    /// Names a chat; a version 4 UUID.
    ChatId
);
uuid_id!(
    /// Names a member to everyone in the chat.
    MemberId
);
uuid_id!(
    /// Names a session to the member whose it is.
    SessionId
);
uuid_id!(
    /// Names an invite to the owner.
    InviteId
);
uuid_id!(
    /// Names a knock to the owners; a member who was let in has the same.
    KnockId
);
uuid_id!(
    /// What a sender calls a message of its own, so that sending it twice makes one message.
    ClientId
);

impl SessionId {
    /// The id of the session whose token has this digest: a version 8 UUID made of its SHA-256, so that
    /// no store keeps it.
    #[must_use]
    pub(super) fn of_token(digest: SessionDigest) -> Self {
        Self(hashed(digest.as_bytes()))
    }
}

impl MemberId {
    /// The author of messages that were posted without a session: the nil UUID, which no member has.
    pub const NOBODY: Self = Self(Uuid::nil());
}

fn hashed(bytes: &[u8]) -> Uuid {
    let hash: [u8; 32] = Sha256::digest(bytes).into();
    let mut id = [0; 16];
    id.copy_from_slice(&hash[..16]);
    Builder::from_custom_bytes(id).into_uuid()
}

impl ClientId {
    /// The client id that an `Idempotency-Key` header stands for: the UUID it spells, or a
    /// version 8 UUID made of its SHA-256.
    #[must_use]
    pub fn from_idempotency_key(key: &str) -> Self {
        let key = key.trim().trim_matches('"');
        Self(Uuid::parse_str(key).unwrap_or_else(|_| hashed(key.as_bytes())))
    }
}

/// A message's place in its chat: 1, 2, 3 …; also a reader's cursor, where 0 is "nothing yet".
pub type MessageId = u64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idempotency_key_that_is_a_uuid_is_that_uuid() {
        let text = "8e03978e-40d5-43dd-bc93-6894a57f9324";
        let expected: ClientId = text.parse().unwrap();
        assert_eq!(ClientId::from_idempotency_key(text), expected);
        assert_eq!(ClientId::from_idempotency_key(&format!("\"{text}\"")), expected);
    }

    #[test]
    fn any_other_idempotency_key_is_stable_and_its_own() {
        let first = ClientId::from_idempotency_key("order-1");
        assert_eq!(first, ClientId::from_idempotency_key("order-1"));
        assert_ne!(first, ClientId::from_idempotency_key("order-2"));
    }
}
