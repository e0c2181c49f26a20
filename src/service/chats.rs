//! Chats: created and ended, and what is kept of them.

use std::sync::Arc;

use super::{Caller, InviteWithKey, Password, Result, Seat, Service};
use crate::domain::{
    Chat, ChatId, ChatName, Command, Event, InviteTerms, PasswordHash, Randomness, RecoveryCode, SessionToken,
    Settings, Timestamp, Username,
};
use crate::store::{CommitError, Unavailable};

/// What the server stores of a chat.
#[derive(Debug)]
pub struct Retention {
    pub messages: usize,
    /// The maximum number of messages.
    pub history: u32,
    pub oldest_sent_at: Option<Timestamp>,
    pub members: usize,
    /// When the chat will be deleted, unless someone joins or renews a session before.
    pub forgotten_at: Timestamp,
}

/// A new chat, its owner's seat and its first invite.
#[derive(Debug)]
pub struct NewChat {
    pub chat_id: ChatId,
    pub seat: Seat,
    pub recovery: RecoveryCode,
    /// `None` if people do not join with invites.
    pub invite: Option<InviteWithKey>,
}

/// Who creates a chat.
#[derive(Debug)]
pub struct Creator {
    pub username: Username,
    /// Registers the creator's account, in a chat with accounts.
    pub password: Option<Password>,
}

impl From<Username> for Creator {
    fn from(username: Username) -> Self {
        Self { username, password: None }
    }
}

/// A chat's first owner, with secrets that the caller chose.
#[derive(Debug)]
pub struct Owner<'a> {
    pub username: Username,
    pub password: Option<PasswordHash>,
    pub token: &'a SessionToken,
    pub recovery: &'a RecoveryCode,
}

impl Service {
    /// Creates a chat with its creator as owner and one invite without terms.
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
        let (key, randomness) = self.draw_invite();
        let terms = InviteTerms::default();
        let by_invite = settings.admission.rules().is_by_invite;
        let first = by_invite.then(|| (Command::CreateInvite { by: Some(token.digest()), terms }, randomness));
        let owner = Owner { username, password, token: &token, recovery: &recovery };
        let (chat_id, chat, events) = self.open(caller, Some(owner), name, settings, first).await?;
        let member = events.iter().find_map(|event| match event {
            Event::MemberJoined { member } => Some(member.clone()),
            _ => None,
        });
        let member = member.expect("a chat that is created with an owner seats them");
        let invite = chat.invites().first().map(|invite| InviteWithKey { key, invite: invite.clone() });
        Ok(NewChat { chat_id, seat: Seat { token, member }, recovery, invite })
    }

    /// Creates a chat without an invite. Without an `owner`, the first member becomes it.
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
        first: Option<(Command, Randomness)>,
    ) -> Result<(ChatId, Arc<Chat>, Arc<[Event]>)> {
        self.limit(|limits| limits.check_create(caller))?;
        self.check_room(&self.inner.census.chats)?;
        let chat_id = ChatId::from_random_bytes(self.draw_id());
        let settings = Settings { session_lifetime: self.inner.policy.session_lifetime, ..settings };
        let randomness = owner.as_ref().map_or(Randomness::NONE, |owner| Randomness {
            id: self.draw_id(),
            session: owner.token.digest(),
            recovery: owner.recovery.digest(),
            ..Randomness::NONE
        });
        let (username, password) = owner.map_or((None, None), |owner| (Some(owner.username), owner.password));
        let create = Command::Create { name, settings, username, password };

        let now = self.now();
        let chat = Chat::new(chat_id);
        let mut events = chat.decide(&create, now, randomness)?;
        if let Some((command, randomness)) = first {
            let created = chat.transition(events.clone());
            events.extend(created.after.decide(&command, now, randomness)?);
        }
        let change = chat.transition(events);
        let (after, events) = (Arc::clone(&change.after), Arc::clone(&change.events));
        self.run_to_completion(move |service| async move {
            match service.inner.stores.chats.commit(&change).await {
                Ok(()) => {
                    let active_chat = service.inner.active_chats.open(change.after, service.new_freshness(), now);
                    service.follow_nodes_soon(chat_id, active_chat);
                }
                Err(CommitError::Conflict) => {
                    let cause = "the id of a new chat is taken".into();
                    return Err(Unavailable { cause }.into());
                }
                Err(CommitError::Unavailable(error)) => return Err(error.into()),
            }
            Ok(())
        })
        .await?;
        Ok((chat_id, after, events))
    }

    /// What the server stores of the chat.
    pub async fn show_retention(&self, chat_id: ChatId, token: &SessionToken) -> Result<Retention> {
        let by = token.digest();
        self.query(chat_id, |state, now| {
            let reader = state.chat.authenticate(by, now)?;
            state.touch_presence(reader.id, now);
            let messages = state.chat.messages();
            Ok(Retention {
                messages: messages.len(),
                history: state.chat.settings()?.history,
                oldest_sent_at: messages.front().map(|oldest| oldest.sent_at),
                members: state.chat.live_members(now).count(),
                forgotten_at: state.chat.forgotten_at(self.inner.policy.forget_after),
            })
        })
        .await
    }

    /// Ends and deletes the chat; owners only.
    pub async fn end_chat(&self, chat_id: ChatId, token: &SessionToken) -> Result<()> {
        let command = Command::End { by: token.digest() };
        self.execute(chat_id, command, Randomness::NONE).await.map(drop)
    }
}
