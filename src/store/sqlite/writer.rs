//! The thread that writes. It puts all waiting commits into one transaction, so that they share one wait for the
//! disk, and answers them when the transaction is on the disk.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use rusqlite::{Connection, Error, ErrorCode, Result, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::connection::{keep_log_on_close, open_writer};
use super::scrub::scrub;
use super::write::{self, Outcome};
use super::{LOG, SqliteOptions, beside, unavailable};
use crate::domain::{Chat, Position, Transition};
use crate::metrics::SqliteMetrics;
use crate::store::{CommitError, Unavailable};

/// Capacity of the job queue. A caller that adds a job to a full queue waits.
const QUEUE_LENGTH: usize = 1024;

/// A handle to the thread. Dropping it stops the thread after all queued jobs are done.
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

enum Job {
    Commit(Commit),
    Statement(StatementJob),
    Scrub(oneshot::Sender<Result<(), Unavailable>>),
}

struct Commit {
    transition: Transition,
    reply: oneshot::Sender<Result<(), CommitError>>,
}

type Statement = Box<dyn FnOnce(&Connection) -> Result<()> + Send>;

/// A change to data that belongs to no chat. It is rare, so it does not share a transaction with commits.
struct StatementJob {
    statement: Statement,
    reply: oneshot::Sender<Result<(), Unavailable>>,
}

impl Writer {
    pub(super) fn start(
        path: PathBuf,
        connection: Connection,
        options: SqliteOptions,
        metrics: SqliteMetrics,
    ) -> io::Result<Self> {
        let (jobs, mut queue) = mpsc::channel(QUEUE_LENGTH);
        let mut writer = WriterThread { path, connection, options, metrics, log_limit: options.max_log_bytes };
        let thread = thread::Builder::new().name("sqlite-writer".into()).spawn(move || {
            // A panic drops the replies of the jobs under way, so their callers get an error. The thread then
            // continues with the next jobs.
            while catch_unwind(AssertUnwindSafe(|| writer.work(&mut queue))).is_err() {
                tracing::error!("the writer thread panicked and starts again");
                writer.reconnect();
            }
            writer.close();
        })?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    pub(super) async fn commit(&self, transition: Transition) -> Result<(), CommitError> {
        let (reply, answer) = oneshot::channel();
        self.enqueue(Job::Commit(Commit { transition, reply })).await?;
        answer.await.map_err(unavailable)?
    }

    pub(super) async fn restore(&self, chat: Arc<Chat>, over: Option<Position>) -> Result<(), CommitError> {
        let (tell, outcome) = oneshot::channel();
        self.run(move |connection| {
            let transaction = connection.unchecked_transaction()?;
            let written = write::write_chat(&transaction, &chat, over)?;
            transaction.commit()?;
            let _ = tell.send(written);
            Ok(())
        })
        .await?;
        if outcome.await.map_err(unavailable)? == Outcome::Written { Ok(()) } else { Err(CommitError::Conflict) }
    }

    pub(super) async fn run(
        &self,
        statement: impl FnOnce(&Connection) -> Result<()> + Send + 'static,
    ) -> Result<(), Unavailable> {
        let (reply, answer) = oneshot::channel();
        self.enqueue(Job::Statement(StatementJob { statement: Box::new(statement), reply })).await?;
        answer.await.map_err(unavailable)?
    }

    pub(super) async fn scrub(&self) -> Result<(), Unavailable> {
        let (reply, answer) = oneshot::channel();
        self.enqueue(Job::Scrub(reply)).await?;
        answer.await.map_err(unavailable)?
    }

    async fn enqueue(&self, job: Job) -> Result<(), Unavailable> {
        let jobs = self.jobs.as_ref().ok_or_else(|| unavailable("the writer has stopped"))?;
        jobs.send(job).await.map_err(unavailable)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writer thread panicked while it stopped");
        }
    }
}

/// The state of the thread.
struct WriterThread {
    path: PathBuf,
    connection: Connection,
    options: SqliteOptions,
    metrics: SqliteMetrics,
    /// Size of the log in bytes above which it is scrubbed without waiting for the schedule.
    log_limit: u64,
}

impl WriterThread {
    /// Runs jobs until the queue is closed and empty.
    fn work(&mut self, queue: &mut mpsc::Receiver<Job>) {
        while let Some(first) = queue.blocking_recv() {
            let mut commits = Vec::new();
            let mut statements = Vec::new();
            let mut scrubs = Vec::new();
            let mut next = Some(first);
            while let Some(job) = next {
                match job {
                    Job::Commit(commit) => commits.push(commit),
                    Job::Statement(job) => statements.push(job),
                    Job::Scrub(reply) => scrubs.push(reply),
                }
                next = if commits.len() < self.options.max_batch { next_in(queue) } else { None };
            }
            self.commit(commits);
            statements.into_iter().for_each(|job| self.run_statement(job));
            if !scrubs.is_empty() || self.log_bytes() > self.log_limit {
                let cause = self.scrub().err();
                for reply in scrubs {
                    // If the caller has gone away, the reply is dropped, here and below.
                    let _ = reply.send(cause.as_ref().map_or(Ok(()), |cause| Err(unavailable(cause))));
                }
            }
        }
    }

    /// Writes all commits in one transaction. If one commit makes it fail, writes each in a transaction of its own,
    /// so that the others succeed.
    fn commit(&mut self, commits: Vec<Commit>) {
        if commits.is_empty() {
            return;
        }
        match self.write(&commits) {
            Ok(outcomes) => {
                self.metrics.transaction_commits.observe_number(commits.len());
                for (commit, outcome) in commits.into_iter().zip(outcomes) {
                    let answer = match outcome {
                        Outcome::Written => Ok(()),
                        Outcome::Conflict => Err(CommitError::Conflict),
                    };
                    let _ = commit.reply.send(answer);
                }
            }
            Err(error) if commits.len() > 1 && is_caused_by_one_commit(&error) => {
                commits.into_iter().for_each(|commit| self.commit(vec![commit]));
            }
            Err(error) => {
                self.reconnect();
                for commit in commits {
                    let _ = commit.reply.send(Err(unavailable(&error).into()));
                }
            }
        }
    }

    fn write(&mut self, commits: &[Commit]) -> Result<Vec<Outcome>> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let outcomes = commits
            .iter()
            .map(|commit| write::write_transition(&transaction, &commit.transition))
            .collect::<Result<_>>()?;
        transaction.commit()?;
        Ok(outcomes)
    }

    fn run_statement(&mut self, StatementJob { statement, reply }: StatementJob) {
        let done = statement(&self.connection);
        if done.is_err() {
            self.reconnect();
        }
        let _ = reply.send(done.map_err(unavailable));
    }

    fn scrub(&mut self) -> Result<()> {
        let begin = Instant::now();
        let scrubbed = scrub(&mut self.connection, &self.path);
        self.metrics.scrub.observe_duration(begin.elapsed());
        if let Ok(log_bytes) = scrubbed {
            self.metrics.scrubbed_bytes.inc_by(log_bytes);
            self.log_limit = self.options.max_log_bytes;
        } else {
            // Do not try again after each commit, but once the log has grown by as much again, or on request.
            self.reconnect();
            self.log_limit = self.log_bytes() + self.options.max_log_bytes;
        }
        scrubbed.map(drop)
    }

    /// Opens a new connection, because the old one may keep failing after the cause is fixed. The old one closes only
    /// after the new one is open: while any connection is open, SQLite trusts its index of the log, and does not read
    /// changes from the log that failed to commit.
    fn reconnect(&mut self) {
        if let Ok(connection) = open_writer(&self.path) {
            self.connection = connection;
        }
    }

    fn log_bytes(&self) -> u64 {
        fs::metadata(beside(&self.path, LOG)).map_or(0, |log| log.len())
    }

    fn close(mut self) {
        let closed = self.scrub().and_then(|()| keep_log_on_close(&self.connection, false));
        if let Err(error) = closed {
            tracing::warn!(%error, "the database's write-ahead log stays until the next start");
        }
    }
}

/// Returns the next job in the queue. If there is none, yields the thread once, so that jobs that are about to
/// arrive share the wait for the disk, which takes a hundred times as long.
fn next_in(queue: &mut mpsc::Receiver<Job>) -> Option<Job> {
    queue.try_recv().ok().or_else(|| {
        thread::yield_now();
        queue.try_recv().ok()
    })
}

/// Whether the contents of one commit made the transaction fail. If the disk or another program is the cause, each
/// commit alone would fail too, after as long a wait.
fn is_caused_by_one_commit(error: &Error) -> bool {
    !matches!(error, Error::SqliteFailure(..)) || error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}
