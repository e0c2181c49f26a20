//! JSON bodies of the Silly Chat dialect. `author_id` and `client_id` are credentials; all other ids are public.
//!
//! Silly Chat's document writes `Approval_Status` and `True`, so requests may use any letter case for field names
//! (the extractors of `http` lowercase them) and for the words `true` and `false`. Responses use `snake_case` and
//! JSON booleans.

use std::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::{Knock, Message, Timestamp};

/// A new chat.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewChat {
    /// URL of the chat. With `#<author_id>` appended, it opens the chat's page in a browser.
    pub chat_url: String,
    /// The owner's credential. Returned only once.
    pub author_id: Uuid,
}

/// Creates a chat. The field is optional, and so is the body.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct ChatTerms {
    /// Whether the owner approves guests. With `false`, anyone who knows the chat's URL can read and post. Also
    /// accepts the words `true` and `false` in any letter case. Default: `true`.
    #[serde(deserialize_with = "optional_lenient_bool")]
    pub approval: Option<bool>,
}

/// Posts a message.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct NewMessage {
    /// The owner's `author_id`, or an approved guest's `client_id`. Optional in a chat without approval.
    #[serde(default)]
    pub author_id: Option<Uuid>,
    /// Text of the message, at most 16 KiB.
    pub message: String,
}

/// A message in a chat.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Said)]
pub struct ChatMessage {
    /// Sequence number in the chat: 1, 2, 3 …
    pub id: u64,
    /// The author's public id, which is not a credential; the nil UUID for a message that was posted with the URL
    /// alone.
    pub author: Uuid,
    pub message: String,
    /// When the message was posted.
    #[schema(value_type = String, format = DateTime)]
    pub posted_at: Timestamp,
}

/// All messages that the chat keeps, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Conversation {
    pub messages: Vec<ChatMessage>,
}

/// Creates a link to a chat.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct NewLink {
    /// URL of the chat.
    pub chat_url: String,
    /// The owner's `author_id`. Optional if the link asks the owner for approval or the chat needs none.
    #[serde(default)]
    pub author_id: Option<Uuid>,
    /// Whether the owner approves each guest who uses the link. Also accepts the words `true` and `false` in any
    /// letter case. Default: the chat's own setting.
    #[serde(default, deserialize_with = "optional_lenient_bool")]
    pub approval: Option<bool>,
}

/// A link to a chat.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Link {
    /// URL that a guest exchanges for the chat URL. Returned only once.
    pub link_url: String,
    /// Public id of the link. Each approval request contains it as `link_id`.
    pub link_id: Uuid,
}

/// The state of exchanging a link for the chat URL.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Exchange {
    pub link_url: String,
    /// Whether the owner was asked for approval.
    pub request_sent_status: bool,
    /// Whether the owner approved the guest.
    pub approval_status: bool,
    /// The chat URL, once the guest is approved.
    pub chat: Option<String>,
    /// The guest's credential. Send it to ask again; once approved, use it as `author_id` to read and post. `null` in
    /// a chat without approval, where the URL is enough.
    pub client_id: Option<Uuid>,
}

/// Approves a guest.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct ApproveGuest {
    pub link_url: String,
    pub author_id: Uuid,
    /// Must be `true`, or the word in any letter case. A request that is not approved stays pending.
    #[serde(deserialize_with = "lenient_bool")]
    pub approval_status: bool,
    /// The request to approve: the `request_id` that the owner received, or the guest's `client_id`. Default: the
    /// request that has waited longest.
    #[serde(default)]
    pub client_id: Option<Uuid>,
}

/// Whether a guest is approved.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct IsApproved {
    pub approval_status: bool,
}

/// A guest's request for approval.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct GuestRequest {
    /// Public id of the request; not a credential.
    pub request_id: Uuid,
    pub link_id: Uuid,
    pub username: String,
    /// When the guest asked.
    #[schema(value_type = String, format = DateTime)]
    pub requested_at: Timestamp,
}

/// A boolean, or the word `true` or `false` in any letter case.
struct LenientBool(bool);

impl<'de> Deserialize<'de> for LenientBool {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LenientBoolVisitor;

        impl Visitor<'_> for LenientBoolVisitor {
            type Value = LenientBool;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true or false")
            }

            fn visit_bool<E>(self, value: bool) -> Result<LenientBool, E> {
                Ok(LenientBool(value))
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<LenientBool, E> {
                match word.to_ascii_lowercase().as_str() {
                    "true" => Ok(LenientBool(true)),
                    "false" => Ok(LenientBool(false)),
                    _ => Err(E::invalid_value(de::Unexpected::Str(word), &self)),
                }
            }
        }

        deserializer.deserialize_any(LenientBoolVisitor)
    }
}

fn lenient_bool<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    LenientBool::deserialize(deserializer).map(|LenientBool(value)| value)
}

fn optional_lenient_bool<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    Ok(Option::<LenientBool>::deserialize(deserializer)?.map(|LenientBool(value)| value))
}

impl From<&Message> for ChatMessage {
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
