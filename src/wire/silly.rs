//! The bodies of Silly Chat's dialect. `author_id` and `client_id` are credentials; all other ids are
//! public and prove nothing.
//!
//! Its document writes `Approval_Status` and `True`: names are read in any letter case (the extractors
//! of `http` put them in small letters), and so are the words for yes and no. Answers have `snake_case`
//! and JSON's booleans.

use std::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::{Knock, Message, Timestamp};

/// A new chat.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewChat {
    /// Opened in a browser with `#<author_id>` after it, it is the chat's page.
    pub chat_url: String,
    /// The owner's credential; shown this once.
    pub author_id: Uuid,
}

/// Asks for a chat; the field may be left out, and so may the body.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct ChatTerms {
    /// `false`, or the word in any letter case, for a chat where nobody is asked for approval: whoever knows
    /// its URL reads and posts.
    #[serde(deserialize_with = "maybe_said")]
    pub approval: Option<bool>,
}

/// Says something.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct NewMessage {
    /// The owner's `author_id`, or a guest's `client_id` once it is approved. In a chat without approval it
    /// may be left out.
    #[serde(default)]
    pub author_id: Option<Uuid>,
    /// 1 to 2,000 characters, at most 16 KiB.
    pub message: String,
}

/// Something someone said.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Said {
    /// 1, 2, 3 … in its chat.
    pub id: u64,
    /// The author's public id; it proves nothing. The nil UUID for what was posted by the URL alone.
    pub author: Uuid,
    pub message: String,
    #[schema(value_type = String, format = DateTime)]
    pub posted_at: Timestamp,
}

/// All messages that are kept, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Conversation {
    pub messages: Vec<Said>,
}

/// Asks for a link to a chat.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct NewLink {
    pub chat_url: String,
    /// The owner's. Without it, the link asks the owner for approval, or the chat needs none.
    #[serde(default)]
    pub author_id: Option<Uuid>,
    /// Whether the owner approves each guest who comes by it; as the chat was made where it is left out.
    /// The word, in any letter case, is taken too.
    #[serde(default, deserialize_with = "maybe_said")]
    pub approval: Option<bool>,
}

/// A link to a chat.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Link {
    /// What a guest exchanges for the chat URL; shown this once.
    pub link_url: String,
    /// Names the link in the requests that come by it.
    pub link_id: Uuid,
}

/// How the exchange of a link stands.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Exchange {
    pub link_url: String,
    /// Whether the owner was asked.
    pub request_sent_status: bool,
    /// Whether the owner said yes.
    pub approval_status: bool,
    /// The chat URL, once it is approved.
    pub chat: Option<String>,
    /// The guest's credential: ask again with it; once approved, post and read with it as `author_id`. `null`
    /// in a chat without approval, whose URL is enough.
    pub client_id: Option<Uuid>,
}

/// Approves a guest.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct ApproveGuest {
    pub link_url: String,
    pub author_id: Uuid,
    /// `true`, or the word in any letter case: what is not approved is left pending.
    #[serde(deserialize_with = "said")]
    pub approval_status: bool,
    /// Which request: the `request_id` that the owner was told, or the guest's own `client_id`; the
    /// one that has waited longest where it is left out.
    #[serde(default)]
    pub client_id: Option<Uuid>,
}

/// Whether a guest is approved.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct IsApproved {
    pub approval_status: bool,
}

/// That a guest asks to be let in.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct GuestRequest {
    /// Names the request; it is no credential.
    pub request_id: Uuid,
    pub link_id: Uuid,
    pub username: String,
    #[schema(value_type = String, format = DateTime)]
    pub requested_at: Timestamp,
}

/// A boolean, or the word for it in any letter case.
struct Spoken(bool);

impl<'de> Deserialize<'de> for Spoken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;

        impl Visitor<'_> for Words {
            type Value = Spoken;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true or false")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Spoken, E> {
                Ok(Spoken(value))
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Spoken, E> {
                match word.to_ascii_lowercase().as_str() {
                    "true" => Ok(Spoken(true)),
                    "false" => Ok(Spoken(false)),
                    _ => Err(E::invalid_value(de::Unexpected::Str(word), &self)),
                }
            }
        }

        deserializer.deserialize_any(Words)
    }
}

fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Spoken::deserialize(deserializer).map(|Spoken(value)| value)
}

fn maybe_said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    Ok(Option::<Spoken>::deserialize(deserializer)?.map(|Spoken(value)| value))
}

impl From<&Message> for Said {
    fn from(message: &Message) -> Self {
        Self {
            id: message.id,
            author: message.member_id.as_uuid(),
            message: message.text.as_str().to_owned(),
            posted_at: message.sent_at,
        }
    }
}

impl From<&Knock> for GuestRequest {
    fn from(knock: &Knock) -> Self {
        Self {
            request_id: knock.id.as_uuid(),
            link_id: knock.invite_id.as_uuid(),
            username: knock.username.as_str().to_owned(),
            requested_at: knock.knocked_at,
        }
    }
}
