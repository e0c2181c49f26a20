//! Messages: read and posted.

use std::sync::Arc;

use super::active_chats::State;
use super::{Result, Service};
use crate::domain::{
    ChatId, ClientId, Command, Event, Message, MessageId, MessageText, MessagesAfter, Randomness, Refusal,
    SessionDigest, SessionToken,
};

/// A message, and whether this call created it.
#[derive(Debug)]
pub struct Posted {
    pub message: Arc<Message>,
    pub is_new: bool,
}

impl Service {
    /// The messages after `after`.
    pub async fn read_messages(
        &self,
        chat_id: ChatId,
        token: &SessionToken,
        after: MessageId,
    ) -> Result<MessagesAfter> {
        let by = token.digest();
        let read = |state: &State, now| {
            let reader = state.chat.authenticate(by, now)?;
            state.touch_presence(reader.id, now);
            Ok(state.chat.messages_after(after))
        };
        let mut unseen = self.query(chat_id, read).await?;
        if unseen.last_id < after && self.shared_store().is_some() {
            self.catch_up_to(chat_id, after).await?;
            unseen = self.query(chat_id, read).await?;
        }
        self.record_poll(after, &unseen);
        Ok(unseen)
    }

    /// Records that a reader who had seen the messages up to `after` asked for those after it.
    pub(super) fn record_poll(&self, after: MessageId, MessagesAfter { messages, missed, .. }: &MessagesAfter) {
        self.inner.metrics.resumed_polls.record(after, messages.len(), *missed);
    }

    /// Posts a message. Repeating a member's `client_id` creates no second message.
    pub async fn post(
        &self,
        chat_id: ChatId,
        token: &SessionToken,
        text: MessageText,
        client_id: Option<ClientId>,
    ) -> Result<Posted> {
        self.post_by(chat_id, token.digest(), text, client_id).await
    }

    pub(super) async fn post_by(
        &self,
        chat_id: ChatId,
        by: SessionDigest,
        text: MessageText,
        client_id: Option<ClientId>,
    ) -> Result<Posted> {
        let active_chat = self.active_chat(chat_id).await?;
        self.query_in(&active_chat, chat_id, |state, now| {
            let author = state.chat.authenticate(by, now)?.id;
            state.touch_presence(author, now);
            self.limit(|limits| limits.check_post(author))
        })
        .await?;
        let command = Command::Post { by, text: text.clone(), client_id };
        let events = self.execute_in(active_chat, chat_id, command, Randomness::NONE).await?;
        let new = events.iter().find_map(|event| match event {
            Event::MessagePosted { message } => Some(Arc::clone(message)),
            _ => None,
        });
        if let Some(message) = new {
            return Ok(Posted { message, is_new: true });
        }
        self.query(chat_id, |state, now| {
            let author = state.chat.authenticate(by, now)?.id;
            let before = client_id.and_then(|id| state.chat.posted_before(author, id, &text));
            let message = before.ok_or(Refusal::NotFound("message"))?;
            Ok(Posted { message, is_new: false })
        })
        .await
        .inspect(|_| {
            self.inner.metrics.duplicate_posts.inc();
        })
    }
}
