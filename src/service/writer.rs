//! The writer of a chat: at most one runs for each chat on a node. It decides the waiting commands one after the other,
//! each on the state that the previous ones make, and commits them together. So the store's wait for the disk is shared
//! by everyone who changes the chat at that time.

use std::mem;
use std::sync::Arc;

use futures_util::future::poll_immediate;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::task::yield_now;

use super::active_chats::ActiveChat;
use super::{Error, Result, Service};
use crate::domain::{Chat, ChatId, Command, Event, Randomness, Refusal, Timestamp, Transition};
use crate::store::{CommitError, Unavailable};

/// Commands that one commit can contain. A command beyond it waits for the next commit.
const MAX_BATCH: usize = 64;
/// Conflicts in a row before a commit fails. Each conflict means that another node committed, so only a faulty
/// store reaches this.
const MAX_CONFLICTS: usize = 1_000;

/// The commands that wait for the chat's writer.
#[derive(Debug, Default)]
pub(super) struct WriteQueue(Mutex<Queue>);

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<QueuedCommand>,
    has_writer: bool,
}

#[derive(Debug)]
struct QueuedCommand {
    command: Command,
    randomness: Randomness,
    reply: oneshot::Sender<Result<Arc<[Event]>>>,
}

/// The one writer of a queue.
struct Writer<'a> {
    queue: &'a WriteQueue,
    has_ended: bool,
}

impl WriteQueue {
    /// Adds a command. Returns whether the caller must run the writer.
    fn add(&self, command: QueuedCommand) -> bool {
        let mut queue = self.0.lock();
        queue.waiting.push(command);
        !mem::replace(&mut queue.has_writer, true)
    }
}

impl Writer<'_> {
    /// Takes the next commands. If none waits, the writer has ended.
    fn next_batch(&mut self) -> Option<Vec<QueuedCommand>> {
        let mut queue = self.queue.0.lock();
        if queue.waiting.is_empty() {
            (queue.has_writer, self.has_ended) = (false, true);
            return None;
        }
        let taken = queue.waiting.len().min(MAX_BATCH);
        let rest = queue.waiting.split_off(taken);
        Some(mem::replace(&mut queue.waiting, rest))
    }

    fn has_more(&self) -> bool {
        !self.queue.0.lock().waiting.is_empty()
    }
}

/// After a panic, the waiting callers get an error, and the next command starts another writer.
impl Drop for Writer<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            *self.queue.0.lock() = Queue::default();
        }
    }
}

/// What the domain decided about one command of a batch.
struct Decision {
    /// The command's own events, or why it was refused.
    outcome: Result<Arc<[Event]>, Refusal>,
    /// Whether an earlier command of the batch changes the chat, so that this outcome holds only after the commit.
    is_provisional: bool,
}

impl Decision {
    fn changes_nothing(&self) -> bool {
        self.outcome.as_ref().map_or(true, |events| events.is_empty())
    }

    fn answer(self) -> Result<Arc<[Event]>> {
        Ok(self.outcome?)
    }

    /// The answer if the batch could not be committed.
    fn answer_without_commit(self, error: &Error) -> Result<Arc<[Event]>> {
        if self.changes_nothing() && !self.is_provisional { self.answer() } else { Err(error.clone()) }
    }
}

impl Service {
    /// Decides, commits and applies `command`, in the order in which commands arrive. If another node commits first,
    /// the command is decided again. A command that is in the queue is carried out even if the caller disconnects.
    pub(super) async fn execute(
        &self,
        chat_id: ChatId,
        command: Command,
        randomness: Randomness,
    ) -> Result<Arc<[Event]>> {
        let active_chat = self.active_chat(chat_id).await?;
        let (reply, answer) = oneshot::channel();
        if active_chat.queue.add(QueuedCommand { command, randomness, reply }) {
            let mut writing = Box::pin(self.clone().write(chat_id, active_chat));
            // A store in memory commits at once, without a task.
            if poll_immediate(&mut writing).await.is_none() {
                tokio::spawn(writing);
            }
        }
        answer.await.unwrap_or_else(|_| Err(Unavailable { cause: "the chat's writer panicked".into() }.into()))
    }

    /// Commits what waits, until nothing does.
    async fn write(self, chat_id: ChatId, active_chat: Arc<ActiveChat>) {
        let mut writer = Writer { queue: &active_chat.queue, has_ended: false };
        while let Some(batch) = writer.next_batch() {
            let decided = self.commit(chat_id, &active_chat, &batch).await;
            for (queued, answer) in batch.into_iter().zip(decided) {
                // The caller may have gone away.
                let _ = queued.reply.send(answer);
            }
            if writer.has_more() {
                // The caller whose call runs the writer goes on, and a task writes for the others.
                yield_now().await;
            }
        }
    }

    /// Decides `batch` and commits its events at once. Returns each command's answer.
    async fn commit(
        &self,
        chat_id: ChatId,
        active_chat: &ActiveChat,
        batch: &[QueuedCommand],
    ) -> Vec<Result<Arc<[Event]>>> {
        let mut is_fresh = !self.inner.stores.chats.is_shared();
        for _ in 0..MAX_CONFLICTS {
            let now = self.now();
            let chat = active_chat.read(|state| Arc::clone(&state.chat));
            let (decisions, transition) = decide(&chat, batch, now);
            // A refusal may be stale, and "nothing to change" too.
            if is_fresh || !decisions.iter().any(Decision::changes_nothing) {
                match self.apply(active_chat, transition, now).await {
                    Ok(()) => return decisions.into_iter().map(Decision::answer).collect(),
                    Err(CommitError::Unavailable(error)) => {
                        let error = Error::from(error);
                        return decisions.into_iter().map(|decision| decision.answer_without_commit(&error)).collect();
                    }
                    Err(CommitError::Conflict) => {}
                }
            }
            if let Err(error) = self.refresh(chat_id, active_chat).await {
                return batch.iter().map(|_| Err(error.clone())).collect();
            }
            is_fresh = true;
        }
        let error = Error::from(Unavailable { cause: format!("{MAX_CONFLICTS} conflicts in a row") });
        batch.iter().map(|_| Err(error.clone())).collect()
    }

    /// Commits `transition`, if it changes anything, and installs it.
    async fn apply(&self, active_chat: &ActiveChat, transition: Transition, now: Timestamp) -> Result<(), CommitError> {
        if transition.events.is_empty() {
            return Ok(());
        }
        self.inner.stores.chats.commit(&transition).await?;
        let ended = transition.after.has_ended().then(|| transition.after.id());
        active_chat.advance(transition, now);
        if let Some(chat_id) = ended {
            self.forget_ended(chat_id);
        }
        Ok(())
    }
}

/// Decides each command on the state that the previous ones make. Returns what was decided about each, and the
/// transition of all.
fn decide(before: &Arc<Chat>, batch: &[QueuedCommand], now: Timestamp) -> (Vec<Decision>, Transition) {
    let mut after: Option<Chat> = None;
    let mut changes: Vec<Arc<[Event]>> = Vec::new();
    let mut decisions = Vec::with_capacity(batch.len());
    for QueuedCommand { command, randomness, .. } in batch {
        let outcome = after.as_ref().unwrap_or(before).decide(command, now, *randomness).map(Arc::from);
        decisions.push(Decision { outcome: outcome.clone(), is_provisional: !changes.is_empty() });
        if let Ok(events) = outcome
            && !events.is_empty()
        {
            let after = after.get_or_insert_with(|| Chat::clone(before));
            events.iter().for_each(|event| after.apply(event));
            changes.push(events);
        }
    }
    let events = match &changes[..] {
        [events] => Arc::clone(events),
        changes => changes.concat().into(),
    };
    let after = after.map_or_else(|| Arc::clone(before), Arc::new);
    (decisions, Transition { before: before.revision(), events, after })
}
