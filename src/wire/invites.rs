//! JSON bodies of invites.

use std::mem;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Member;
use crate::domain::{self, InviteLabel, InviteTerms, Refusal, Timestamp};

/// Creates an invite. Every field is optional, and so is the body.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct CreateInvite {
    /// The owner's label for the invite.
    pub label: Option<String>,
    /// Maximum number of uses. Default: no limit.
    pub max_uses: Option<u32>,
    /// Lifetime in seconds, up to 30 days. Default: as long as the chat.
    pub expires_in: Option<u64>,
    /// Whether an owner must approve each guest who uses the invite. Default: `true` if the chat's `admission` is
    /// `approval`, otherwise `false`.
    pub asks_first: Option<bool>,
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

/// A new invite. This is the only response that contains its key.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(from = "InviteFields")]
pub struct Invite {
    /// The secret that redeems the invite.
    pub key: String,
    /// Magic link with the key: `<site>/join/<chat_id>#<key>`. Opening it does not use up the invite.
    pub magic_link: String,
    #[serde(flatten)]
    pub invite: InviteSummary,
}

/// An invite without its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InviteSummary {
    pub invite_id: Uuid,
    /// The owner's label for the invite.
    pub label: Option<String>,
    /// Maximum number of uses; `null` means no limit.
    pub max_uses: Option<u32>,
    /// Number of members who have joined with the invite so far.
    pub uses: u32,
    /// When the invite expires; `null` means that it lasts as long as the chat.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// Whether an owner must approve each guest who uses the invite.
    pub asks_first: bool,
    /// Whether the invite was created without a session, from the chat's address alone.
    #[serde(default)]
    pub by_address: bool,
}

impl From<&domain::Invite> for InviteSummary {
    fn from(invite: &domain::Invite) -> Self {
        Self {
            invite_id: invite.id.as_uuid(),
            label: invite.label.as_ref().map(|label| label.as_str().to_owned()),
            max_uses: invite.max_uses,
            uses: invite.uses,
            expires_at: invite.expires_at,
            asks_first: invite.asks_first,
            by_address: invite.is_by_address,
        }
    }
}

/// An invite without its key, and the current members who joined with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(from = "InviteFields")]
pub struct InviteWithMembers {
    #[serde(flatten)]
    pub invite: InviteSummary,
    pub members: Vec<Member>,
}

/// The fields of an [`Invite`] and of an [`InviteWithMembers`].
#[derive(Deserialize)]
struct InviteFields {
    #[serde(default)]
    key: String,
    #[serde(default)]
    magic_link: String,
    invite_id: Uuid,
    label: Option<String>,
    max_uses: Option<u32>,
    uses: u32,
    expires_at: Option<Timestamp>,
    asks_first: bool,
    #[serde(default)]
    by_address: bool,
    #[serde(default)]
    members: Vec<Member>,
}

impl InviteFields {
    fn summary(self) -> InviteSummary {
        let Self { invite_id, label, max_uses, uses, expires_at, asks_first, by_address, .. } = self;
        InviteSummary { invite_id, label, max_uses, uses, expires_at, asks_first, by_address }
    }
}

impl From<InviteFields> for Invite {
    fn from(mut fields: InviteFields) -> Self {
        let (key, magic_link) = (mem::take(&mut fields.key), mem::take(&mut fields.magic_link));
        Self { key, magic_link, invite: fields.summary() }
    }
}

impl From<InviteFields> for InviteWithMembers {
    fn from(mut fields: InviteFields) -> Self {
        let members = mem::take(&mut fields.members);
        Self { invite: fields.summary(), members }
    }
}

/// The chat's invites, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct InviteList {
    pub invites: Vec<InviteWithMembers>,
}
