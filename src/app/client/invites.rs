//! Invite links, which an owner creates and revokes.

use gloo_net::http::Method;
use uuid::Uuid;

use super::api::{self, ApiResult, ChatApi};
use super::conversation::Conversation;
use crate::app::server_fns::PreviewInvite;
use crate::wire::{Code, CreateInvite, Invite, InviteList, InviteWithMembers, Problem};

impl ChatApi {
    pub(crate) async fn list_invites(&self) -> ApiResult<InviteList> {
        self.get("/invites").await
    }

    pub(crate) async fn create_invite(&self, terms: &CreateInvite) -> ApiResult<Invite> {
        self.fetch(Method::POST, "/invite", Some(terms)).await
    }

    pub(crate) async fn revoke_invite(&self, invite_id: Uuid, removes_members: bool) -> ApiResult<()> {
        let members = if removes_members { "go" } else { "stay" };
        self.execute(Method::DELETE, &format!("/invites/{invite_id}?members={members}")).await
    }
}

impl Conversation {
    pub(crate) async fn invites(self) -> Result<Vec<InviteWithMembers>, Problem> {
        let Some(api) = self.api() else { return Ok(Vec::new()) };
        Ok(api.list_invites().await?.invites)
    }

    pub(crate) async fn create_invite(self, terms: CreateInvite) -> Result<Invite, Problem> {
        let api = self.api().ok_or_else(api::unreachable)?;
        api.create_invite(&terms).await
    }

    pub(crate) async fn revoke_invite(self, invite_id: Uuid, removes_members: bool) -> Result<(), Problem> {
        let Some(api) = self.api() else { return Ok(()) };
        api.revoke_invite(invite_id, removes_members).await
    }

    /// Forgets this browser's invite key if it no longer works.
    pub(crate) async fn check_key(self) {
        let Some(key) = self.saved().and_then(|saved| saved.key) else { return };
        // With a new join id this asks as a stranger, because the question is whether others can join with the link.
        let preview = PreviewInvite { chat_id: self.chat_id, key, join_id: Uuid::new_v4() };
        let answer = api::call(&preview).await;
        if answer.is_err_and(|problem| problem.code == Code::InvalidInvite) {
            self.remember(|saved| saved.key = None);
        }
    }
}
