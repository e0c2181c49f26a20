//! JSON bodies of the API's requests.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::{
    Admission, ChatName, ClientId, Decision, InviteKey, InviteLabel, InviteTerms, MessageText, PublicAccess,
    RecoveryCode, Refusal, Role, Settings, Username,
};

/// Creates a chat. Every field is optional, and so is the body.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[allow(missing_debug_implementations)] // keeps the password out of logs
pub struct CreateChat {
    /// The creator's name in the chat, 1 to 32 characters. Default: `Owner`.
    pub username: Option<String>,
    /// The chat's name, 1 to 64 characters.
    pub name: Option<String>,
    /// How people enter the chat. Default: `link`.
    pub admission: Option<Admission>,
    /// Number of seats, 1 to 50, or 1 to 200 if `admission` is `account`. Default: 6 for `link` and `approval`, 200
    /// for `account`, 50 for `open`.
    pub capacity: Option<u32>,
    /// Maximum number of messages that the chat keeps, 1 to 1,000. Default: 30 for `link` and `approval`, 50 for
    /// `account`, 1,000 for `open`.
    pub history: Option<u32>,
    /// What anyone who knows the chat's id can do without a session. Default: `none`.
    pub public_access: Option<PublicAccess>,
    /// Password of the creator's account, at least 8 characters. Allowed only if `admission` is `account`.
    pub password: Option<String>,
}

/// Creates an invite. Every field is optional, and so is the body.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct CreateInvite {
    /// The owner's label for the invite, 1 to 64 characters.
    pub label: Option<String>,
    /// Maximum number of uses, 1 to 1,000. Default: no limit.
    pub max_uses: Option<u32>,
    /// Lifetime in seconds, 1 to 2,592,000 (30 days). Default: as long as the chat.
    pub expires_in: Option<u64>,
    /// Whether an owner must approve each guest who uses the invite. Default: `true` if the chat's `admission` is
    /// `approval`, otherwise `false`.
    pub asks_first: Option<bool>,
}

/// Redeems an invite.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct JoinChat {
    /// The invite's key: the part of the magic link after `#`.
    pub key: String,
    /// The guest's name in the chat, 1 to 32 characters.
    pub username: String,
    /// A random UUID that the caller chooses and keeps secret. Repeating the request with the same key and `join_id`
    /// returns the same seat and does not count as a second use.
    #[serde(default)]
    pub join_id: Option<Uuid>,
}

/// Approves or declines a knock.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DecideKnock {
    pub decision: Decision,
}

/// Changes a member's role.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ChangeMember {
    /// `owner` promotes another member. `guest` steps down as an owner; only for your own seat, while there is
    /// another owner.
    pub role: Role,
}

/// Recovers an owner's seat.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Recover {
    /// The owner's newest recovery code.
    pub recovery_code: String,
    /// The owner's name, 1 to 32 characters. Used only if the seat has become free in the meantime, because the
    /// server keeps no name for it. Default: `Owner`.
    #[serde(default)]
    pub username: Option<String>,
}

/// Posts a message.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PostMessage {
    /// Text of the message: 1 to 2,000 characters, at most 16 KiB.
    pub text: String,
    /// A UUID that the sender chooses. Repeating the request with the same `client_id` returns the message that the
    /// first request created.
    #[serde(default)]
    pub client_id: Option<Uuid>,
}

impl CreateChat {
    /// The name of an owner who chose none.
    const DEFAULT_USERNAME: &'static str = "Owner";

    /// Validates the fields.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] that names the field.
    pub fn parse(&self) -> Result<(Username, Option<ChatName>, Settings), Refusal> {
        let username = self.username.as_deref().unwrap_or(Self::DEFAULT_USERNAME);
        let name = self.name.as_deref().map(ChatName::parse).transpose()?;
        let settings = Settings::new(self.admission.unwrap_or_default(), self.capacity, self.history)?;
        let settings = Settings { public_access: self.public_access.unwrap_or_default(), ..settings };
        Ok((Username::parse(username)?, name, settings))
    }
}

impl CreateInvite {
    /// Validates the fields.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] that names the field.
    pub fn parse(&self) -> Result<InviteTerms, Refusal> {
        let label = self.label.as_deref().map(InviteLabel::parse).transpose()?;
        InviteTerms::new(label, self.max_uses, self.expires_in, self.asks_first)
    }
}

impl JoinChat {
    /// Validates the fields.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] that names the field, or [`Refusal::InvalidInvite`] if `key` has the wrong form.
    pub fn parse(&self) -> Result<(InviteKey, Username), Refusal> {
        let username = Username::parse(&self.username)?;
        Ok((InviteKey::parse(&self.key).ok_or(Refusal::InvalidInvite)?, username))
    }
}

impl Recover {
    /// Validates the fields.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] that names the field, or [`Refusal::InvalidRecovery`] if `recovery_code` has the wrong
    /// form.
    pub fn parse(&self) -> Result<(RecoveryCode, Username), Refusal> {
        let username = Username::parse(self.username.as_deref().unwrap_or(CreateChat::DEFAULT_USERNAME))?;
        Ok((RecoveryCode::parse(&self.recovery_code).ok_or(Refusal::InvalidRecovery)?, username))
    }
}

impl PostMessage {
    /// Validates the fields.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] that names the field.
    pub fn parse(&self) -> Result<(MessageText, Option<ClientId>), Refusal> {
        Ok((MessageText::parse(&self.text)?, self.client_id.map(ClientId::from)))
    }
}
