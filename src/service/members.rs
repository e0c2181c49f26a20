//! The members of a chat: listed, removed, given roles.

use super::{ONLINE_FOR, Result, Service, with_current_role};
use crate::domain::{ChatId, ChatName, Command, Member, MemberId, Randomness, Refusal, Role, SessionToken, Settings};

/// A chat's members and settings.
#[derive(Debug)]
pub struct Roster {
    pub name: Option<ChatName>,
    pub settings: Settings,
    /// Each with whether they are online.
    pub members: Vec<(Member, bool)>,
}

impl Service {
    /// Lists the members.
    pub async fn list_members(&self, chat_id: ChatId, token: &SessionToken) -> Result<Roster> {
        let by = token.digest();
        self.query(chat_id, |state, now| {
            let reader = state.chat.authenticate(by, now)?;
            state.touch_presence(reader.id, now);
            let is_online = |member: &Member| state.is_online(member.id, ONLINE_FOR, now);
            let members = state.chat.live_members(now);
            Ok(Roster {
                name: state.chat.name().cloned(),
                settings: state.chat.settings()?.clone(),
                members: members
                    .map(|member| (with_current_role(&state.chat, member, now), is_online(member)))
                    .collect(),
            })
        })
        .await
    }

    /// Removes a member: the caller, or a guest if the caller is an owner, who may also revoke the guest's invite.
    pub async fn remove_member(
        &self,
        chat_id: ChatId,
        token: &SessionToken,
        member_id: MemberId,
        revokes_invite: bool,
    ) -> Result<()> {
        let command = Command::Remove { by: token.digest(), member_id, revokes_invite };
        self.execute(chat_id, command, Randomness::NONE).await.map(drop)
    }

    /// Makes a member an owner, or the caller a guest.
    pub async fn set_role(
        &self,
        chat_id: ChatId,
        token: &SessionToken,
        member_id: MemberId,
        role: Role,
    ) -> Result<Member> {
        let by = token.digest();
        self.execute(chat_id, Command::SetRole { by, member_id, role }, Randomness::NONE).await?;
        self.query(chat_id, |state, now| {
            let member = state.chat.live_members(now).find(|member| member.id == member_id);
            member.map(|member| with_current_role(&state.chat, member, now)).ok_or(Refusal::NotFound("member"))
        })
        .await
    }
}
