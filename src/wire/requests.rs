//! What callers send.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::{
    Admission, ChatName, ClientId, Decision, InviteKey, InviteLabel, InviteTerms, MessageText, PublicAccess,
    RecoveryCode, Refusal, Role, Settings, Username,
};

/// Asks for a new chat; every field may be left out, and so may the body.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[allow(missing_debug_implementations)] // what is secret in it must reach no log
pub struct CreateChat {
    /// What the creator is called in it. 1 to 32 characters; "Owner" where it is left out.
    pub username: Option<String>,
    /// What the chat is called. 1 to 64 characters.
    pub name: Option<String>,
    /// How others enter; `link` where it is left out.
    pub admission: Option<Admission>,
    /// Seats, 1 to 50, or to 200 where `admission` is `account`. Left out: 6 for `link` and `approval`, 200
    /// for `account`, 50 for `open`.
    pub capacity: Option<u32>,
    /// Messages kept, 1 to 1,000. Left out: 30 for `link` and `approval`, 50 for `account`, 1,000 for `open`.
    pub history: Option<u32>,
    /// What anyone who knows the chat's id may do without a session; `none` where it is left out.
    pub public_access: Option<PublicAccess>,
    /// For an account of the creator's own, where `admission` is `account`: at least 8 characters.
    pub password: Option<String>,
}

/// Asks for another magic link; every field may be left out, and so may the body.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct CreateInvite {
    /// What the owner calls it. 1 to 64 characters.
    pub label: Option<String>,
    /// How many may come by it, 1 to 1,000; no limit where it is left out.
    pub max_uses: Option<u32>,
    /// Seconds it holds, 1 to 2,592,000; as long as the chat where it is left out.
    pub expires_in: Option<u64>,
    /// Whether an owner must let in who comes by it; as the chat's admission has it where it is
    /// left out.
    pub asks_first: Option<bool>,
}

/// Asks for a seat.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct JoinChat {
    /// The key of a magic link: what stands after its `#`.
    pub key: String,
    /// What to be called in the chat. 1 to 32 characters.
    pub username: String,
    /// A random UUID of the caller's own making, to be kept secret: sent again with the same key, it
    /// gives the same seat, and spends no second use.
    #[serde(default)]
    pub join_id: Option<Uuid>,
}

/// Answers a knock.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DecideKnock {
    pub decision: Decision,
}

/// Changes what a member may do.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ChangeMember {
    /// `owner` for another; `guest` for oneself, where there is another owner.
    pub role: Role,
}

/// Brings an owner back.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Recover {
    /// What the owner was given to keep.
    pub recovery_code: String,
    /// What to be called, where the seat has become free meanwhile: no name was kept. "Owner" where
    /// it is left out.
    #[serde(default)]
    pub username: Option<String>,
}

/// Says something.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PostMessage {
    /// 1 to 2,000 characters, at most 16 KiB.
    pub text: String,
    /// A UUID of the sender's own making: sent again, it answers with the message it made first.
    #[serde(default)]
    pub client_id: Option<Uuid>,
}

impl CreateChat {
    /// What an owner is called who gave no name.
    const DEFAULT_USERNAME: &'static str = "Owner";

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
    /// # Errors
    /// [`Refusal::Invalid`] that names the field.
    pub fn parse(&self) -> Result<InviteTerms, Refusal> {
        let label = self.label.as_deref().map(InviteLabel::parse).transpose()?;
        InviteTerms::new(label, self.max_uses, self.expires_in, self.asks_first)
    }
}

impl JoinChat {
    /// # Errors
    /// [`Refusal::Invalid`] that names the field, or [`Refusal::InvalidInvite`] for what cannot
    /// be a key.
    pub fn parse(&self) -> Result<(InviteKey, Username), Refusal> {
        let username = Username::parse(&self.username)?;
        Ok((InviteKey::parse(&self.key).ok_or(Refusal::InvalidInvite)?, username))
    }
}

impl Recover {
    /// # Errors
    /// [`Refusal::Invalid`] that names the field, or [`Refusal::InvalidRecovery`] for what cannot
    /// be a code.
    pub fn parse(&self) -> Result<(RecoveryCode, Username), Refusal> {
        let username = Username::parse(self.username.as_deref().unwrap_or(CreateChat::DEFAULT_USERNAME))?;
        Ok((RecoveryCode::parse(&self.recovery_code).ok_or(Refusal::InvalidRecovery)?, username))
    }
}

impl PostMessage {
    /// # Errors
    /// [`Refusal::Invalid`] that names the field.
    pub fn parse(&self) -> Result<(MessageText, Option<ClientId>), Refusal> {
        Ok((MessageText::parse(&self.text)?, self.client_id.map(ClientId::from)))
    }
}
