//! What the nodes of one store tell each other. A node subscribes to the chats in its memory, applies other nodes'
//! commits to them, and checks them from time to time, because news can get lost. If only one node uses the store,
//! nothing here runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::stream::{StreamExt as _, TryStreamExt as _, iter};

use super::active_chats::{ActiveChat, Received};
use super::writer::MAX_CONFLICTS;
use super::{Error, ONLINE_FOR, Result, Service};
use crate::domain::{ChatId, Command, MemberId, MessageId, Randomness, Refusal};
use crate::store::{CommitError, Committed, News, SharedStore, Signal, Unavailable};

/// How often a node compares a chat in its memory with the store, in case that news got lost.
const CHECK_EVERY: Duration = Duration::from_secs(10);
/// How often [`Service::check_chats`] looks for chats to check. While news of a chat may be missing, its checks follow
/// each other this fast, and so do the loads that its readers cause.
pub const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// How long readers are answered from a state that the store could not confirm.
const STALE_AT_MOST: Duration = Duration::from_mins(1);
/// Checks that run at the same time.
const CHECKS_AT_ONCE: usize = 64;
/// Checks without an echo after which the subscription counts as lost.
const LOST_ECHOES: u32 = 2;

/// Whether a chat in memory is what the store has.
#[derive(Debug)]
pub(super) struct Freshness {
    /// Whether the store was asked since news were last interrupted.
    is_checked: AtomicBool,
    /// Signals that this node has sent and that did not come back, which shows whether the subscription works.
    missing_echoes: AtomicU32,
    /// When the state was last known to be the store's, and when that was last tried, in milliseconds of uptime.
    verified_at: AtomicU64,
    tried_at: AtomicU64,
}

impl Freshness {
    pub(super) fn new(uptime: Duration) -> Self {
        let now = AtomicU64::new(millis(uptime));
        let tried_at = AtomicU64::new(millis(uptime));
        Self { is_checked: false.into(), missing_echoes: LOST_ECHOES.into(), verified_at: now, tried_at }
    }

    /// Whether all news of the chat arrive.
    fn is_live(&self) -> bool {
        self.is_checked.load(Ordering::Relaxed) && self.has_echo()
    }

    fn has_echo(&self) -> bool {
        self.missing_echoes.load(Ordering::Relaxed) < LOST_ECHOES
    }

    /// News may be missing from now on, until the chat is checked.
    pub(super) fn interrupt(&self) {
        self.is_checked.store(false, Ordering::Relaxed);
        self.missing_echoes.store(LOST_ECHOES, Ordering::Relaxed);
    }

    pub(super) fn verify(&self, uptime: Duration) {
        self.verified_at.store(millis(uptime), Ordering::Relaxed);
    }

    fn is_due(&self, uptime: Duration) -> bool {
        let every = if self.is_live() { CHECK_EVERY } else { CHECK_INTERVAL };
        millis(uptime) >= self.tried_at.load(Ordering::Relaxed) + millis(every)
    }

    /// Whether it is this caller who has to ask the store now.
    fn try_now(&self, uptime: Duration) -> bool {
        let (now, last) = (millis(uptime), self.tried_at.load(Ordering::Relaxed));
        let is_time = now >= last + millis(CHECK_INTERVAL);
        is_time && self.tried_at.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    fn is_outdated(&self, uptime: Duration) -> bool {
        millis(uptime) > self.verified_at.load(Ordering::Relaxed) + millis(STALE_AT_MOST)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Service {
    pub(super) fn shared_store(&self) -> Option<&dyn SharedStore> {
        self.inner.stores.chats.shared()
    }

    /// Receives the news of other nodes from now on.
    pub(super) fn listen_to_nodes(&self) {
        if let Some(shared) = self.shared_store() {
            // The store must not keep the service alive.
            let inner = Arc::downgrade(&self.inner);
            shared.listen(Arc::new(move |news| {
                if let Some(inner) = inner.upgrade() {
                    Self { inner }.take_news(news);
                }
            }));
        }
    }

    fn take_news(&self, news: News) {
        let metrics = &self.inner.node_metrics;
        match news {
            News::Committed(commit) => {
                metrics.commits.inc();
                self.take_commit(commit);
            }
            News::Signalled { chat_id, signal } => {
                metrics.signals.inc();
                self.take_signal(chat_id, signal);
            }
            News::Echo { chat_id } => {
                if let Some(chat) = self.inner.active_chats.peek(chat_id) {
                    chat.with_freshness(|fresh| fresh.missing_echoes.store(0, Ordering::Relaxed));
                }
            }
            News::Interrupted { chat_id: Some(chat_id) } => {
                if let Some(chat) = self.inner.active_chats.peek(chat_id) {
                    chat.with_freshness(Freshness::interrupt);
                }
            }
            News::Interrupted { chat_id: None } => {
                metrics.interruptions.inc();
                tracing::warn!("the connection with the other nodes was cut; it comes back by itself");
                self.inner.active_chats.for_each(|chat| {
                    chat.with_freshness(Freshness::interrupt);
                });
            }
        }
    }

    fn take_commit(&self, commit: Committed) {
        let Some(chat) = self.inner.active_chats.peek(commit.chat_id) else { return };
        let chat_id = commit.chat_id;
        match chat.receive(commit, self.now()) {
            Received::Applied { has_ended: true } => self.forget_ended(chat_id),
            // This node's own commit may be on its way to its writer, which then looks at what came early.
            Received::Early { is_first: true } if !chat.queue.has_writer() => self.repair(chat_id, chat),
            Received::Applied { has_ended: false } | Received::Known | Received::Early { .. } => {}
        }
    }

    /// Loads a chat of which news are missing, in the background.
    pub(super) fn repair(&self, chat_id: ChatId, chat: Arc<ActiveChat>) {
        self.inner.node_metrics.repairs.inc();
        let service = self.clone();
        tokio::spawn(async move {
            if let Err(Error::Unavailable(error)) = service.refresh(chat_id, &chat).await {
                // The next check tries again.
                chat.with_freshness(Freshness::interrupt);
                tracing::debug!(%error, "a chat could not be loaded again");
            }
        });
    }

    fn take_signal(&self, chat_id: ChatId, signal: Signal) {
        let Some(chat) = self.inner.active_chats.peek(chat_id) else { return };
        match signal {
            Signal::Typing { member_id, last_id } => chat.read(|state| state.publish_typing(member_id, last_id)),
            Signal::Present { members, asks } => {
                let now = self.now();
                chat.read(|state| members.iter().for_each(|member| state.touch_remote_presence(*member, now)));
                if asks {
                    self.send_signal(chat_id, self.presence(&chat, false));
                }
            }
        }
    }

    /// Tells the other nodes that the member is typing.
    pub(super) fn send_typing(&self, chat_id: ChatId, member_id: MemberId, last_id: MessageId) {
        if self.shared_store().is_some() {
            self.send_signal(chat_id, Signal::Typing { member_id, last_id });
        }
    }

    /// Sends a signal in the background. It may get lost.
    fn send_signal(&self, chat_id: ChatId, signal: Signal) {
        let service = self.clone();
        tokio::spawn(async move {
            if let Some(shared) = service.shared_store() {
                let _ = shared.send(chat_id, &signal).await;
            }
        });
    }

    /// The members who are present on this node.
    fn presence(&self, chat: &ActiveChat, asks: bool) -> Signal {
        let now = self.now();
        Signal::Present { members: chat.read(|state| state.present_here(ONLINE_FOR, now)), asks }
    }

    /// Subscribes to a chat that was just loaded. If that fails, the next check tries again, and readers cause loads
    /// until then.
    pub(super) async fn follow_nodes(&self, chat_id: ChatId, chat: &Arc<ActiveChat>) -> Result<()> {
        match self.check_chat(chat_id, chat).await {
            Err(Error::Unavailable(_)) => Ok(()),
            answer => answer,
        }
    }

    /// The same, in the background, for a chat that this node has created.
    pub(super) fn follow_nodes_soon(&self, chat_id: ChatId, chat: Arc<ActiveChat>) {
        if self.shared_store().is_some() {
            let service = self.clone();
            tokio::spawn(async move { service.follow_nodes(chat_id, &chat).await });
        }
    }

    /// Ends the subscriptions to chats that are no longer in memory.
    pub(super) fn unfollow_nodes(&self, closed: Vec<ChatId>) {
        if closed.is_empty() || self.shared_store().is_none() {
            return;
        }
        let service = self.clone();
        tokio::spawn(async move {
            let Some(shared) = service.shared_store() else { return };
            for chat_id in closed {
                if service.inner.active_chats.peek(chat_id).is_none() {
                    let _ = shared.unsubscribe(chat_id).await;
                }
                // Someone may have opened the chat meanwhile; the next check subscribes again.
                if let Some(chat) = service.inner.active_chats.peek(chat_id) {
                    chat.with_freshness(Freshness::interrupt);
                }
            }
        });
    }

    /// Compares the chats in memory whose time has come with the store, and tells the other nodes who is present here.
    ///
    /// # Errors
    /// The first failure; the remaining chats are checked the next time.
    pub async fn check_chats(&self) -> Result<()> {
        if self.shared_store().is_none() {
            return Ok(());
        }
        let uptime = self.inner.clock.uptime();
        let due =
            self.inner.active_chats.select(|chat| chat.with_freshness(|fresh| fresh.is_due(uptime)) == Some(true));
        let checks = iter(due).map(|(chat_id, chat)| async move {
            match self.check_chat(chat_id, &chat).await {
                Err(Error::Refused(_)) => Ok(()),
                answer => answer,
            }
        });
        checks.buffer_unordered(CHECKS_AT_ONCE).try_collect::<()>().await
    }

    async fn check_chat(&self, chat_id: ChatId, chat: &Arc<ActiveChat>) -> Result<()> {
        let Some(shared) = self.shared_store() else { return Ok(()) };
        let uptime = self.inner.clock.uptime();
        let has_echo = chat.with_freshness(|fresh| {
            fresh.tried_at.store(millis(uptime), Ordering::Relaxed);
            fresh.has_echo()
        });
        if has_echo == Some(false) {
            shared.subscribe(chat_id).await?;
        }
        chat.with_freshness(|fresh| fresh.missing_echoes.fetch_add(1, Ordering::Relaxed));
        let signal = self.presence(chat, has_echo == Some(false));
        let Some(checked) = shared.check(chat_id, &signal).await? else {
            self.forget_ended(chat_id);
            chat.end();
            return Err(Refusal::ChatNotFound.into());
        };
        let position = chat.read(|state| state.chat.position());
        if checked.may_lack_commits {
            self.resume_after_loss(chat_id, chat).await?;
        } else if checked.position > position {
            if chat.with_freshness(Freshness::is_live) == Some(true) {
                self.inner.node_metrics.repairs.inc();
            }
            self.refresh(chat_id, chat).await?;
        }
        chat.with_freshness(|fresh| {
            fresh.is_checked.store(true, Ordering::Relaxed);
            fresh.verify(self.inner.clock.uptime());
        });
        Ok(())
    }

    /// Loads the chat again if news of it may be missing. While the store does not answer, readers are answered from
    /// memory for a while.
    pub(super) async fn ensure_fresh(&self, chat_id: ChatId, chat: &ActiveChat) -> Result<()> {
        let uptime = self.inner.clock.uptime();
        let must_try = chat.with_freshness(|fresh| !fresh.is_live() && fresh.try_now(uptime));
        if must_try == Some(true) {
            match self.refresh(chat_id, chat).await {
                Err(Error::Unavailable(error)) => tracing::debug!(%error, "a chat could not be loaded again"),
                answer => return answer,
            }
        }
        let is_outdated = chat.with_freshness(|fresh| !fresh.is_live() && fresh.is_outdated(uptime));
        if is_outdated == Some(true) {
            let cause = format!("the store did not confirm a chat for {} seconds", STALE_AT_MOST.as_secs());
            return Err(Unavailable { cause }.into());
        }
        Ok(())
    }

    /// Brings this node to a cursor that a reader got from another node.
    pub(super) async fn catch_up_to(&self, chat_id: ChatId, cursor: MessageId) -> Result<()> {
        let chat = self.active_chat(chat_id).await?;
        let is_behind = || chat.read(|state| state.chat.last_id() < cursor);
        if is_behind() {
            self.refresh(chat_id, &chat).await?;
        }
        // The store may have lost what the reader has seen.
        if is_behind() { self.resume_after_loss(chat_id, &chat).await } else { Ok(()) }
    }

    /// Continues a chat of which the store may have lost the newest commits, with what this node has of them. Changes
    /// nothing if the store has lost nothing.
    pub(super) async fn resume_after_loss(&self, chat_id: ChatId, chat: &ActiveChat) -> Result<()> {
        let Some(shared) = self.shared_store() else { return Ok(()) };
        for _ in 0..MAX_CONFLICTS {
            let stored = self.inner.stores.chats.load(chat_id).await?;
            let checked = shared.check(chat_id, &self.presence(chat, false)).await?;
            let (Some(stored), Some(checked)) = (stored, checked) else {
                self.forget_ended(chat_id);
                chat.end();
                return Err(Refusal::ChatNotFound.into());
            };
            let now = self.now();
            let held = chat.read(|state| Arc::clone(&state.chat));
            // A store whose server does not tell that it was restarted may still have less than this node.
            if !checked.may_lack_commits && held.position() <= stored.position() {
                chat.refresh(stored, now);
                return Ok(());
            }
            // A chat's history has no branches, because the store accepts no commit until this is done.
            let newest = if held.position() > stored.position() { &held } else { &stored };
            let resumed = newest.transition(newest.decide(&Command::ResumeAfterLoss, now, Randomness::NONE)?).after;
            match self.inner.stores.chats.restore(&resumed, Some(stored.position())).await {
                Ok(()) => {
                    self.inner.node_metrics.resumed_chats.inc();
                    chat.refresh(resumed, now);
                    return Ok(());
                }
                Err(CommitError::Conflict) => {}
                Err(CommitError::Unavailable(error)) => return Err(error.into()),
            }
        }
        Err(Unavailable { cause: format!("{MAX_CONFLICTS} conflicts in a row") }.into())
    }
}
