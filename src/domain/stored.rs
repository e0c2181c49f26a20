//! The form in which stores and exports write values that only this module's types can check: texts that were parsed
//! before they were stored, and bytes in base64. Requests never use it: they are parsed and checked.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{ChatName, Digest, InviteLabel, MessageText, PasswordHash, SECRET_BYTES, Salt, Username};

macro_rules! stored_text {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(|text| Self::from_stored(&text))
            }
        }
    )*};
}

stored_text!(Username, ChatName, InviteLabel, MessageText, PasswordHash);

fn write_bytes<S: Serializer>(bytes: &[u8; SECRET_BYTES], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&URL_SAFE_NO_PAD.encode(bytes))
}

fn read_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; SECRET_BYTES], D::Error> {
    let text = String::deserialize(deserializer)?;
    let mut bytes = [0; SECRET_BYTES];
    match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
        Ok(SECRET_BYTES) => Ok(bytes),
        _ => Err(de::Error::custom("must be 32 bytes in base64")),
    }
}

impl<K> Serialize for Digest<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write_bytes(self.as_bytes(), serializer)
    }
}

impl<'de, K> Deserialize<'de> for Digest<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_bytes(deserializer).map(Self::from_stored)
    }
}

impl Serialize for Salt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write_bytes(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Salt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_bytes(deserializer).map(Self)
    }
}
