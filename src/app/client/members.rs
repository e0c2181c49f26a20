//! The chat's members.

use gloo_net::http::Method;
use leptos::prelude::*;
use leptos::task::spawn_local;
use uuid::Uuid;

use super::api::{ApiResult, ChatApi, in_time};
use super::connection::ConnectionStatus;
use super::conversation::Conversation;
use crate::domain::Role;
use crate::wire::{ChangeMember, MemberList, Problem};

impl ChatApi {
    pub(crate) async fn list_members(&self) -> ApiResult<MemberList> {
        self.get("/members").await
    }

    pub(crate) async fn remove_member(&self, member_id: Uuid, revokes_invite: bool) -> ApiResult<()> {
        let invite = if revokes_invite { "revoke" } else { "keep" };
        self.execute(Method::DELETE, &format!("/members/{member_id}?invite={invite}")).await
    }

    pub(crate) async fn set_role(&self, member_id: Uuid, role: Role) -> ApiResult<()> {
        let path = format!("/members/{member_id}");
        in_time(self.call(Method::PATCH, &path, Some(&ChangeMember { role }))).await.map(drop)
    }
}

impl Conversation {
    /// Removes another member, and revokes the link that they joined with if `revokes_invite`. Only an owner can.
    pub(crate) async fn remove(self, member_id: Uuid, revokes_invite: bool) -> Result<(), Problem> {
        let Some(api) = self.api() else { return Ok(()) };
        api.remove_member(member_id, revokes_invite).await?;
        if revokes_invite {
            self.check_key().await;
        }
        self.load_roster().await;
        Ok(())
    }

    /// Makes a member an owner too, or this browser's own member a guest.
    pub(crate) async fn set_role(self, member_id: Uuid, role: Role) -> Result<(), Problem> {
        let Some(api) = self.api() else { return Ok(()) };
        api.set_role(member_id, role).await?;
        self.load_roster().await;
        Ok(())
    }

    pub(super) async fn load_roster(self) {
        let Some(api) = self.api() else { return };
        let Ok(roster) = api.list_members().await else { return };
        self.note_role(&roster);
        if self.roster.try_with_untracked(|shown| shown.as_ref().is_none_or(|s| !is_same_roster(s, &roster)))
            == Some(true)
        {
            let is_first = self.history().is_none();
            self.roster.set(Some(roster));
            if is_first {
                // Drop extra messages that arrived before it was known how many are kept.
                self.merge(Vec::new());
            }
        }
    }

    /// Changes a member's name in the roster, and in the stored seat if the member is this browser's own.
    pub(super) fn rename(self, member_id: Uuid, username: &str) {
        self.roster.try_update(|roster| {
            let members = roster.iter_mut().flat_map(|roster| &mut roster.members);
            for summary in members.filter(|summary| summary.member.member_id == member_id) {
                username.clone_into(&mut summary.member.username);
            }
        });
        if self.saved().is_some_and(|saved| saved.member_id == member_id) {
            self.remember(|saved| username.clone_into(&mut saved.username));
        }
    }

    /// Updates the stored seat from the roster.
    fn note_role(self, roster: &MemberList) {
        let Some(saved) = self.saved() else { return };
        let own = roster.members.iter().find(|summary| summary.member.member_id == saved.member_id);
        let Some(own) = own.map(|summary| &summary.member) else { return };
        let role = own.role;
        self.remember(|saved| {
            saved.role = role;
            saved.username.clone_from(&own.username);
            saved.name.clone_from(&roster.name);
            saved.admission = Some(roster.admission);
            if role == Role::Guest {
                // The code ended with the ownership.
                saved.recovery_code = None;
            }
        });
        if role == Role::Owner {
            // At first, the stream that is being opened loads them.
            let is_first = self.roster.try_with_untracked(Option::is_none) == Some(true);
            if !is_first || self.connection_status.try_get_untracked() != Some(ConnectionStatus::Connecting) {
                spawn_local(self.load_knocks());
            }
            // An owner with an account returns with the password, and needs no code.
            if !roster.admission.rules().has_accounts {
                self.get_recovery_code();
            }
        } else {
            self.knocks.try_set(Vec::new());
        }
    }
}

fn is_same_roster(a: &MemberList, b: &MemberList) -> bool {
    a.members == b.members && a.name == b.name
}
