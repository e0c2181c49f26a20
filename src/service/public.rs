//! Access without a session, in chats that allow it.

use std::sync::Arc;

use super::{Caller, Posted, Result, Service};
use crate::domain::{
    Admission, ChatId, ChatName, ClientId, Command, Event, InviteKey, MessageId, MessageText, MessagesAfter,
    PublicAccess, Randomness, Refusal,
};

/// What a chat shows to anyone who knows its address.
#[derive(Clone, Debug)]
pub struct Preview {
    pub name: Option<ChatName>,
    pub admission: Admission,
    pub public_access: PublicAccess,
}

impl Service {
    /// Previews a chat that people join by its address, or can read without a session.
    pub async fn preview_chat(&self, chat_id: ChatId) -> Result<Preview> {
        self.query(chat_id, |state, _| {
            let settings = state.chat.settings()?;
            if settings.admission.rules().is_by_invite {
                state.chat.check_public_access(PublicAccess::Read)?;
            }
            Ok(Preview {
                name: state.chat.name().cloned(),
                admission: settings.admission,
                public_access: settings.public_access,
            })
        })
        .await
    }

    /// The messages after `after`, in a chat that can be read without a session.
    pub async fn read_publicly(&self, chat_id: ChatId, after: MessageId) -> Result<MessagesAfter> {
        self.query(chat_id, |state, _| {
            state.chat.check_public_access(PublicAccess::Read)?;
            Ok(state.chat.messages_after(after))
        })
        .await
        .inspect(|unseen| self.record_poll(after, unseen))
    }

    /// Checks that an invite can still be redeemed.
    pub async fn check_invite(&self, caller: Caller, chat_id: ChatId, key: &InviteKey) -> Result<()> {
        self.check_join(caller).await?;
        let key = key.digest();
        self.query(chat_id, |state, now| state.chat.open_invite(key, now).map(drop)).await
    }

    /// Posts without a session, in a chat that allows it.
    pub async fn post_publicly(
        &self,
        caller: Caller,
        chat_id: ChatId,
        text: MessageText,
        client_id: Option<ClientId>,
    ) -> Result<Posted> {
        self.query(chat_id, |state, _| state.chat.check_public_access(PublicAccess::Post)).await?;
        if client_id.is_some() {
            let problem = "requires a session: without one, the server cannot recognize a repeated post".into();
            return Err(Refusal::Invalid { field: "client_id", problem }.into());
        }
        self.limit(|limits| limits.check_post_publicly(caller))?;
        let events = self.execute(chat_id, Command::PostPublicly { text }, Randomness::NONE).await?;
        let message = events.iter().find_map(|event| match event {
            Event::MessagePosted { message } => Some(Arc::clone(message)),
            _ => None,
        });
        Ok(Posted { message: message.ok_or(Refusal::NotFound("message"))?, is_new: true })
    }
}
