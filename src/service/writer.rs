//! The writer of a chat: at most one runs for each chat on a node. It decides the waiting commands one after the other,
//! each on the state that the previous ones make, and commits them together. So the store's wait for the disk is shared
//! by everyone who changes the chat at that time.

use std::collections::VecDeque;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::thread;

use futures_util::future::poll_immediate;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::task::yield_now;

use super::active_chats::ActiveChat;
use super::nodes::Freshness;
use super::{Error, Result, Service};
use crate::domain::{Chat, ChatId, Command, Event, Randomness, Refusal, Timestamp, Transition};
use crate::store::{CommitError, Unavailable};

/// Commands that one commit can contain. A command beyond it waits for the next commit. At 32, a command's share of the
/// wait for the disk (0.4 ms for all) is about as long as its own computing (0.016 ms; both follow from the first table
/// of docs/storage.md), so more would gain little. What waits for slow followers grows with it (`active_chats.rs`).
const MAX_BATCH: usize = 32;
/// Commands that may wait for one chat's writer. A command stays in the queue if its caller disconnects, so connections
/// alone do not bound the queue. At 32 for each commit, the last one waits for 32 commits.
pub const MAX_QUEUED: usize = 1_024;
/// Conflicts in a row before a commit fails. Each conflict means that another node committed, so only a faulty
/// store reaches this.
pub(super) const MAX_CONFLICTS: usize = 1_000;

/// The commands that wait for the chat's writer.
#[derive(Debug, Default)]
pub(super) struct WriteQueue(Mutex<Queue>);

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<QueuedCommand>,
    has_writer: bool,
}

#[derive(Debug)]
struct QueuedCommand {
    command: Command,
    randomness: Randomness,
    reply: oneshot::Sender<Answer>,
}

/// The command's own events, why it failed, or the panic of its decision.
type Answer = thread::Result<Result<Arc<[Event]>>>;

/// The one writer of a queue.
struct Writer<'a> {
    queue: &'a WriteQueue,
    is_done: bool,
}

impl WriteQueue {
    /// Adds a command. Returns whether the caller must run the writer.
    fn add(&self, command: QueuedCommand) -> Result<bool, Unavailable> {
        let mut queue = self.0.lock();
        if queue.waiting.len() >= MAX_QUEUED {
            return Err(Unavailable { cause: format!("{MAX_QUEUED} commands wait for one chat's writer") });
        }
        queue.waiting.push_back(command);
        Ok(!mem::replace(&mut queue.has_writer, true))
    }

    pub(super) fn has_writer(&self) -> bool {
        self.0.lock().has_writer
    }
}

impl Writer<'_> {
    /// Takes the next commands. If none waits, the writer is done.
    fn next_batch(&mut self) -> Option<Vec<QueuedCommand>> {
        let mut queue = self.queue.0.lock();
        if queue.waiting.is_empty() {
            (queue.has_writer, self.is_done) = (false, true);
            return None;
        }
        let taken = queue.waiting.len().min(MAX_BATCH);
        Some(queue.waiting.drain(..taken).collect())
    }

    fn has_more(&self) -> bool {
        !self.queue.0.lock().waiting.is_empty()
    }
}

/// After a panic of the writer itself, the waiting callers get an error, and the next command starts another writer.
impl Drop for Writer<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            *self.queue.0.lock() = Queue::default();
        }
    }
}

/// What the domain decided about one command of a batch.
struct Decided {
    /// The command's own events, why it was refused, or the panic of its decision.
    outcome: thread::Result<Result<Arc<[Event]>, Refusal>>,
    /// Whether an earlier command of the batch changes the chat, so that this outcome holds only after the commit.
    is_provisional: bool,
}

impl Decided {
    /// The command's events, if it changes anything.
    fn events(&self) -> Option<&Arc<[Event]>> {
        self.outcome.as_ref().ok()?.as_ref().ok().filter(|events| !events.is_empty())
    }

    fn changes_nothing(&self) -> bool {
        self.events().is_none()
    }

    /// Whether the command was carried out before.
    fn repeats(&self) -> bool {
        matches!(&self.outcome, Ok(Ok(events)) if events.is_empty())
    }

    fn answer(self) -> Answer {
        Ok(self.outcome?.map_err(Error::from))
    }

    /// The answer if the batch could not be committed.
    fn answer_without_commit(self, error: &Error) -> Answer {
        if self.changes_nothing() && !self.is_provisional { self.answer() } else { Ok(Err(error.clone())) }
    }
}

impl Service {
    /// Decides, commits and applies `command`, in the order in which commands arrive. If another node commits first,
    /// the command is decided again. A command that is in the queue is carried out even if the caller disconnects.
    ///
    /// # Panics
    /// If the decision panics. The commands beside it in the queue are carried out.
    pub(super) async fn execute(
        &self,
        chat_id: ChatId,
        command: Command,
        randomness: Randomness,
    ) -> Result<Arc<[Event]>> {
        let active_chat = self.active_chat(chat_id).await?;
        if let Some(by) = command.changed_by() {
            // A caller without a session is refused by the decision.
            let member = active_chat.read(|state| state.chat.authenticate(by, self.now()).map(|member| member.id));
            member.map_or(Ok(()), |member| self.limit(|limits| limits.check_change(member)))?;
        }
        self.execute_in(active_chat, chat_id, command, randomness).await
    }

    pub(super) async fn execute_in(
        &self,
        active_chat: Arc<ActiveChat>,
        chat_id: ChatId,
        command: Command,
        randomness: Randomness,
    ) -> Result<Arc<[Event]>> {
        let (reply, answer) = oneshot::channel();
        if active_chat.queue.add(QueuedCommand { command, randomness, reply })? {
            let mut writing = Box::pin(self.clone().write(chat_id, active_chat));
            // A store in memory commits at once, without a task.
            if poll_immediate(&mut writing).await.is_none() {
                tokio::spawn(writing);
            }
        }
        match answer.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => Err(Unavailable { cause: "the chat's writer panicked".into() }.into()),
        }
    }

    /// Commits waiting commands until the queue is empty.
    async fn write(self, chat_id: ChatId, active_chat: Arc<ActiveChat>) {
        let mut writer = Writer { queue: &active_chat.queue, is_done: false };
        while let Some(batch) = writer.next_batch() {
            let answers = self.process_batch(chat_id, &active_chat, &batch).await;
            for (queued, answer) in batch.into_iter().zip(answers) {
                // The caller may have gone away.
                let _ = queued.reply.send(answer);
            }
            if writer.has_more() {
                // Yields so that `execute` moves the writer to a task and its caller gets its answer.
                yield_now().await;
            }
        }
        if active_chat.has_early() {
            // Nothing was committed or loaded that these commits follow.
            self.repair(chat_id, Arc::clone(&active_chat));
        }
    }

    /// Decides `batch` and commits its events at once. Returns each command's answer.
    async fn process_batch(&self, chat_id: ChatId, active_chat: &ActiveChat, batch: &[QueuedCommand]) -> Vec<Answer> {
        let mut is_fresh = self.shared_store().is_none();
        for _ in 0..MAX_CONFLICTS {
            let now = self.now();
            let chat = active_chat.read(|state| Arc::clone(&state.chat));
            let mut has_conflict = false;
            let (decided, transition) = decide(&chat, batch, now);
            // A refusal may be stale, and "nothing to change" too.
            if is_fresh || !decided.iter().any(Decided::changes_nothing) {
                let commands = decided.iter().filter(|decided| !decided.changes_nothing()).count();
                // The answer to a repeated post promises as much as the first one.
                if let Some(shared) = self.shared_store()
                    && decided.iter().any(Decided::repeats)
                    && let Err(error) = shared.confirm(chat_id).await
                {
                    return batch.iter().map(|_| Ok(Err(error.clone().into()))).collect();
                }
                match self.commit_transition(active_chat, transition, commands, now).await {
                    Ok(()) => return decided.into_iter().map(Decided::answer).collect(),
                    Err(CommitError::Unavailable(error)) => {
                        let error = Error::from(error);
                        // Whether the store has the commit is not known.
                        active_chat.with_freshness(Freshness::interrupt);
                        return decided.into_iter().map(|decided| decided.answer_without_commit(&error)).collect();
                    }
                    Err(CommitError::Conflict) => has_conflict = true,
                }
            }
            let mut refreshed = self.refresh(chat_id, active_chat).await;
            if refreshed.is_ok() && has_conflict && active_chat.read(|state| state.chat.position()) == chat.position() {
                // No other node has committed, so the store may have lost what this node has.
                refreshed = self.resume_after_loss(chat_id, active_chat).await;
            }
            if let Err(error) = refreshed {
                return batch.iter().map(|_| Ok(Err(error.clone()))).collect();
            }
            is_fresh = true;
        }
        let error = Error::from(Unavailable { cause: format!("{MAX_CONFLICTS} conflicts in a row") });
        batch.iter().map(|_| Ok(Err(error.clone()))).collect()
    }

    /// Commits `transition`, the change of this many commands, if it changes anything, and installs it.
    async fn commit_transition(
        &self,
        active_chat: &ActiveChat,
        transition: Transition,
        commands: usize,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        if transition.events.is_empty() {
            return Ok(());
        }
        self.inner.stores.chats.commit(&transition).await?;
        let posts = transition.events.iter().filter(|event| matches!(event, Event::MessagePosted { .. })).count();
        self.inner.metrics.messages_posted.inc_by(posts as u64);
        self.inner.metrics.commit_commands.observe_number(commands);
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
fn decide(before: &Arc<Chat>, batch: &[QueuedCommand], now: Timestamp) -> (Vec<Decided>, Transition) {
    let mut after: Option<Chat> = None;
    let mut changes: Vec<Arc<[Event]>> = Vec::new();
    let mut all = Vec::with_capacity(batch.len());
    for QueuedCommand { command, randomness, .. } in batch {
        let chat = after.as_ref().unwrap_or(before);
        // A decision changes nothing, so a panic leaves nothing half done.
        let outcome = catch_unwind(AssertUnwindSafe(|| chat.decide(command, now, *randomness).map(Arc::from)));
        let decided = Decided { outcome, is_provisional: !changes.is_empty() };
        if let Some(events) = decided.events() {
            let after = after.get_or_insert_with(|| Chat::clone(before));
            events.iter().for_each(|event| after.apply(event));
            changes.push(Arc::clone(events));
        }
        all.push(decided);
    }
    let events = match &changes[..] {
        [events] => Arc::clone(events),
        changes => changes.concat().into(),
    };
    let after = after.map_or_else(|| Arc::clone(before), Arc::new);
    (all, Transition { before: before.revision(), events, after })
}
