//! JSON bodies of chats: created, joined, previewed, and what the server keeps of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Invite, Joined, Knocked, Member};
use crate::domain::{
    Admission, ChatName, InviteKey, KnockStatus, PublicAccess, Refusal, Settings, Timestamp, Username,
};

/// Creates a chat. Every field is optional, and so is the body.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[allow(missing_debug_implementations)] // keeps the password out of logs
pub struct CreateChat {
    /// The creator's name in the chat. Default: `Owner`.
    pub username: Option<String>,
    /// The chat's name.
    pub name: Option<String>,
    /// How people enter the chat. Default: `link`.
    pub admission: Option<Admission>,
    /// Number of seats; more than 50 only if `admission` is `account`. Default: 6 for `link` and `approval`, 200
    /// for `account`, 50 for `open`.
    pub capacity: Option<u32>,
    /// Maximum number of messages that the chat keeps. Default: 30 for `link` and `approval`, 50 for
    /// `account`, 1,000 for `open`.
    pub history: Option<u32>,
    /// What anyone who knows the chat's id can do without a session. Default: `none`.
    pub public_access: Option<PublicAccess>,
    /// Password of the creator's account. Allowed only if `admission` is `account`.
    pub password: Option<String>,
}

impl CreateChat {
    /// The name of an owner who chose none.
    pub(super) const DEFAULT_USERNAME: &'static str = "Owner";

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

/// A new chat with the credentials of its owner.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Created {
    pub chat_id: Uuid,
    /// Session token of the owner's seat. Returned only once.
    pub session_token: String,
    /// When the session expires.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    pub member: Member,
    /// Code that recovers the owner's seat if the session is lost. Returned only once.
    pub recovery_code: String,
    /// The chat's first invite; `null` if the chat's `admission` does not use invites.
    pub invite: Option<Invite>,
}

/// Redeems an invite.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct JoinChat {
    /// The invite's key: the part of the magic link after `#`.
    pub key: String,
    /// The guest's name in the chat.
    pub username: String,
    /// A random UUID that the caller chooses and keeps secret. Repeating the request with the same key and `join_id`
    /// returns the same seat and does not count as a second use.
    #[serde(default)]
    pub join_id: Option<Uuid>,
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

/// The result of redeeming an invite: a seat, or a knock.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(untagged, try_from = "EnteredFields")]
pub enum Entered {
    Seated(Joined),
    Knocked(Knocked),
}

/// The fields of both results.
#[derive(Deserialize)]
struct EnteredFields {
    expires_at: Timestamp,
    session_token: Option<String>,
    member: Option<Member>,
    knock_id: Option<Uuid>,
    ticket: Option<String>,
    status: Option<KnockStatus>,
}

impl TryFrom<EnteredFields> for Entered {
    type Error = &'static str;

    fn try_from(fields: EnteredFields) -> Result<Self, Self::Error> {
        let EnteredFields { expires_at, session_token, member, knock_id, ticket, status } = fields;
        if let (Some(session_token), Some(member)) = (session_token, member) {
            return Ok(Self::Seated(Joined { session_token, expires_at, member }));
        }
        let knock = knock_id.zip(ticket).zip(status);
        let ((knock_id, ticket), status) = knock.ok_or("neither a seat nor a knock")?;
        Ok(Self::Knocked(Knocked { knock_id, ticket, status, expires_at }))
    }
}

/// What anyone who knows the chat's address can see without a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Preview {
    /// The chat's name, if it has one.
    pub name: Option<String>,
    pub admission: Admission,
    pub public_access: PublicAccess,
}

/// What the server still keeps of a chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Retention {
    /// Number of messages that the chat keeps now.
    pub messages: usize,
    /// Maximum number of messages that the chat keeps. Each new message beyond it deletes the oldest one.
    pub history: u32,
    /// When the oldest kept message was sent; `null` if there is none.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub oldest_sent_at: Option<Timestamp>,
    /// Number of members.
    pub members: usize,
    /// When the chat is deleted, unless someone joins, renews a session, or posts without one before then.
    #[schema(value_type = String, format = DateTime)]
    pub forgotten_at: Timestamp,
}
