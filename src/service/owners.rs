//! What is an owner's: opening a chat, sharing the ownership, coming back.

use std::sync::Arc;

use super::{Caller, NewChat, OpenInvite, Password, Result, Seat, Service, seen};
use crate::domain::{
    Chat, ChatId, ChatName, Command, Event, Fresh, InviteTerms, Member, MemberId, PasswordHash, RecoveryCode, Refusal,
    Role, SessionToken, Settings, Username,
};
use crate::store::{CommitError, Unavailable};

/// Who creates a chat.
#[derive(Debug)]
pub struct Creator {
    pub username: Username,
    /// For an account of the creator's own, where people log in.
    pub password: Option<Password>,
}

impl From<Username> for Creator {
    fn from(username: Username) -> Self {
        Self { username, password: None }
    }
}

/// Who opens a chat, with the secrets that they have.
#[derive(Debug)]
pub struct Owner<'a> {
    pub username: Username,
    pub password: Option<PasswordHash>,
    pub token: &'a SessionToken,
    pub recovery: &'a RecoveryCode,
}

impl Service {
    /// Opens a chat with its creator as its owner and one invite without terms.
    pub async fn create_chat(
        &self,
        caller: Caller,
        creator: impl Into<Creator>,
        name: Option<ChatName>,
        settings: Settings,
    ) -> Result<NewChat> {
        let Creator { username, password } = creator.into();
        let password = match password {
            Some(password) => {
                self.limit(|limits| limits.check_register(caller))?;
                Some(self.inner.passwords.hash(password, self.draw_id()).await?)
            }
            None => None,
        };
        let (token, recovery): (SessionToken, RecoveryCode) = (self.draw_secret(), self.draw_secret());
        let (key, fresh) = self.draw_invite();
        let terms = InviteTerms::default();
        let by_invite = settings.admission.is_by_invite();
        let first = by_invite.then(|| (Command::CreateInvite { by: Some(token.digest()), terms }, fresh));
        let owner = Owner { username, password, token: &token, recovery: &recovery };
        let (chat_id, chat, events) = self.open(caller, Some(owner), name, settings, first).await?;
        let member = events.iter().find_map(|event| match event {
            Event::MemberJoined { member } => Some(member.clone()),
            _ => None,
        });
        let member = member.expect("a chat that is created with an owner seats them");
        let invite = chat.invites().first().map(|invite| OpenInvite { key, invite: invite.clone() });
        Ok(NewChat { chat_id, seat: Seat { token, member }, recovery, invite })
    }

    /// Opens a chat without an invite. Where it has no owner, the first to enter will be it.
    pub async fn open_chat(
        &self,
        caller: Caller,
        owner: Option<Owner<'_>>,
        name: Option<ChatName>,
        settings: Settings,
    ) -> Result<ChatId> {
        Ok(self.open(caller, owner, name, settings, None).await?.0)
    }

    async fn open(
        &self,
        caller: Caller,
        owner: Option<Owner<'_>>,
        name: Option<ChatName>,
        settings: Settings,
        first: Option<(Command, Fresh)>,
    ) -> Result<(ChatId, Arc<Chat>, Arc<[Event]>)> {
        self.limit(|limits| limits.check_create(caller))?;
        let chat_id = ChatId::from_random_bytes(self.draw_id());
        let settings = Settings { session_lifetime: self.inner.policy.session_lifetime, ..settings };
        let fresh = owner.as_ref().map_or(Fresh::NOTHING, |owner| Fresh {
            id: self.draw_id(),
            session: owner.token.digest(),
            recovery: owner.recovery.digest(),
            ..Fresh::NOTHING
        });
        let (username, password) = owner.map_or((None, None), |owner| (Some(owner.username), owner.password));
        let create = Command::Create { name, settings, username, password };

        let now = self.now();
        let chat = Chat::new(chat_id);
        let mut events = chat.decide(&create, now, fresh)?;
        if let Some((command, fresh)) = first {
            let created = chat.change(events.clone());
            events.extend(created.after.decide(&command, now, fresh)?);
        }
        let change = chat.change(events);
        let (after, events) = (Arc::clone(&change.after), Arc::clone(&change.events));
        self.to_the_end(move |service| async move {
            match service.inner.store.commit(&change).await {
                Ok(()) => service.inner.rooms.open(change.after, now),
                Err(CommitError::Conflict) => {
                    let cause = format!("a new chat's id {chat_id} is taken");
                    return Err(Unavailable { cause }.into());
                }
                Err(CommitError::Unavailable(error)) => return Err(error.into()),
            };
            Ok(())
        })
        .await?;
        Ok((chat_id, after, events))
    }

    /// Makes a member an owner too, or oneself a guest.
    pub async fn set_role(
        &self,
        chat_id: ChatId,
        token: &SessionToken,
        member_id: MemberId,
        role: Role,
    ) -> Result<Member> {
        let by = token.digest();
        self.change(chat_id, Command::SetRole { by, member_id, role }, Fresh::NOTHING).await?;
        self.look(chat_id, |state, now| {
            let member = state.chat.live_members(now).find(|member| member.id == member_id);
            member.map(|member| seen(&state.chat, member, now)).ok_or(Refusal::NotFound("member"))
        })
        .await
    }

    /// A new way back for an owner; the one before ends.
    pub async fn renew_recovery(&self, chat_id: ChatId, token: &SessionToken) -> Result<RecoveryCode> {
        let code: RecoveryCode = self.draw_secret();
        let fresh = Fresh { recovery: code.digest(), ..Fresh::NOTHING };
        self.change(chat_id, Command::SetRecovery { by: token.digest() }, fresh).await?;
        Ok(code)
    }

    /// Brings an owner back, and gives the code for the next time. Asked again with the same code
    /// soon after, it gives the same.
    pub async fn recover(
        &self,
        caller: Caller,
        chat_id: ChatId,
        code: &RecoveryCode,
        username: Username,
    ) -> Result<(Seat, RecoveryCode)> {
        self.limit(|limits| limits.check_join(caller))?;
        let salt = self.draw_salt();
        let digest = code.digest();
        let fresh = Fresh {
            salt,
            session: code.session(&salt).digest(),
            recovery: code.next(&salt).digest(),
            ..Fresh::NOTHING
        };
        self.change(chat_id, Command::Recover { code: digest, username }, fresh).await?;
        self.look(chat_id, |state, now| {
            let (member, session) = state.chat.recovered_by(digest, now).ok_or(Refusal::InvalidRecovery)?;
            let source = session.source.ok_or(Refusal::InvalidRecovery)?;
            let seat = Seat { token: code.session(&source.salt), member: seen(&state.chat, member, now) };
            Ok((seat, code.next(&source.salt)))
        })
        .await
    }
}
