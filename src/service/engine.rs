//! How a use case reads a chat: from memory, with a reload where the state may be stale. [`super::writer`] changes it.

use std::sync::Arc;

use uuid::{Builder, Uuid};

use super::active_chats::{ActiveChat, State};
use super::entropy::random;
use super::limits::Limits;
use super::nodes::Freshness;
use super::{Result, Service};
use crate::domain::{ChatId, Refusal, Salt, Secret, Timestamp};

impl Service {
    pub(super) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    pub(super) fn draw_id(&self) -> [u8; 16] {
        random(&*self.inner.entropy)
    }

    /// A random UUID that nobody can guess.
    #[must_use]
    pub fn draw_uuid(&self) -> Uuid {
        Builder::from_random_bytes(self.draw_id()).into_uuid()
    }

    pub(super) fn draw_secret<Kind>(&self) -> Secret<Kind> {
        Secret::from_random_bytes(random(&*self.inner.entropy))
    }

    pub(super) fn draw_salt(&self) -> Salt {
        Salt(random(&*self.inner.entropy))
    }

    pub(super) fn limit(&self, check: impl FnOnce(&Limits) -> Result<(), Refusal>) -> Result<(), Refusal> {
        self.inner.limits.as_ref().map_or(Ok(()), check)
    }

    pub(super) async fn active_chat(&self, chat_id: ChatId) -> Result<Arc<ActiveChat>> {
        if let Some(active_chat) = self.inner.active_chats.find(chat_id, self.now()) {
            return Ok(active_chat);
        }
        let chat = self.inner.stores.chats.load(chat_id).await?.ok_or(Refusal::ChatNotFound)?;
        let active_chat = self.inner.active_chats.open(chat, self.new_freshness(), self.now());
        if self.shared_store().is_some() {
            self.follow_nodes(chat_id, &active_chat).await?;
        } else {
            // Changes between the load and now were not broadcast to this chat: load again.
            self.refresh(chat_id, &active_chat).await?;
        }
        Ok(active_chat)
    }

    /// What tells whether a chat in memory is fresh; `None` if only this node uses the store, because it always is.
    pub(super) fn new_freshness(&self) -> Option<Freshness> {
        self.shared_store().map(|_| Freshness::new(self.inner.clock.uptime()))
    }

    /// Removes an ended chat from memory.
    pub(super) fn forget_ended(&self, chat_id: ChatId) {
        self.inner.active_chats.close(chat_id);
        self.unfollow_nodes(vec![chat_id]);
        if let Some(limits) = &self.inner.limits {
            limits.logins.forget_chat(chat_id);
        }
    }

    /// Reloads the chat from the store, where it may be gone by now.
    pub(super) async fn refresh(&self, chat_id: ChatId, active_chat: &ActiveChat) -> Result<()> {
        let Some(chat) = self.inner.stores.chats.load(chat_id).await? else {
            self.forget_ended(chat_id);
            active_chat.end();
            return Err(Refusal::ChatNotFound.into());
        };
        active_chat.refresh(chat, self.now());
        active_chat.with_freshness(|fresh| fresh.verify(self.inner.clock.uptime()));
        Ok(())
    }

    /// Answers from the state in memory. If the store is shared, a refusal may come from a stale state, so the
    /// view is asked again after a reload.
    pub(super) async fn query<T>(
        &self,
        chat_id: ChatId,
        view: impl Fn(&State, Timestamp) -> Result<T, Refusal>,
    ) -> Result<T> {
        let active_chat = self.active_chat(chat_id).await?;
        self.query_in(&active_chat, chat_id, view).await
    }

    pub(super) async fn query_in<T>(
        &self,
        active_chat: &ActiveChat,
        chat_id: ChatId,
        view: impl Fn(&State, Timestamp) -> Result<T, Refusal>,
    ) -> Result<T> {
        self.ensure_fresh(chat_id, active_chat).await?;
        match active_chat.read(|state| view(state, self.now())) {
            Err(_) if self.shared_store().is_some() => {
                self.refresh(chat_id, active_chat).await?;
                Ok(active_chat.read(|state| view(state, self.now()))?)
            }
            answer => Ok(answer?),
        }
    }

    /// Runs `work` to its end even if the caller disconnects, so that every commit is applied.
    pub(super) async fn run_to_completion<T, F>(&self, work: impl FnOnce(Self) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        match tokio::spawn(work(self.clone())).await {
            Ok(result) => result,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}
