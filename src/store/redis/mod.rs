//! A store in Redis, one server or a Cluster, that several nodes share. One script writes to chats; it checks that the
//! chat is still as the node has decided on it, and sends the events to the other nodes.

mod address;
mod chats;
mod connection;
mod index;
mod keys;
mod news;
mod open;
mod scripts;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use redis::{Cmd, PushInfo, RedisError, RedisResult, Script, Value, cmd};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::time::timeout;

use super::shared::{Checked, Count, SharedStore, Signal, TakeNews};
use super::{BrowserSessionStore, ChatStore, CommitError, Unavailable};
use crate::domain::{
    BrowserDigest, BrowserSession, Chat, ChatId, Position, Salt, SealedChatId, Timestamp, Transition, Username,
};

pub use address::RedisAddress;
pub use open::OpenError as RedisOpenError;

use chats::{Change, Mode, Outcome};
use connection::{Connection, PATIENCE, call};
use keys::{Keys, PARTS, parse_digest};
use news::Codec;
use open::{OpenError, Problem, one_line};
use scripts::{CHANGE_SESSION, CHECK, COMMIT, CONFIRM, LOAD, REPLACE};

/// The form in which this program stores chats. A program with another number neither reads nor writes them.
const SCHEMA: u32 = 1;
/// Connections that wait for replicas, if that is asked for: each waits for one commit at a time.
const WAITING_CONNECTIONS: usize = 8;
/// How long a commit waits for replicas.
const WAIT_FOR_REPLICAS: Duration = Duration::from_secs(1);
/// How much longer a browser session is kept than until it expires, so that its expiry can be told from its absence.
const SPARE: Duration = Duration::from_mins(2);
/// How many expired browser sessions are deleted at once.
const EXPIRED_AT_ONCE: usize = 1_000;

/// What the store needs to know of the service.
#[derive(Clone)]
pub struct RedisOptions {
    /// How long a chat without a live session is kept ([`ChatStore::due`]).
    pub forget_after: Duration,
    /// The time, which decides how long keys live.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisOptions({:?})", self.forget_after)
    }
}

/// A store in Redis. What is acknowledged is as durable as the server is set up to make it.
pub struct RedisStore {
    address: RedisAddress,
    options: RedisOptions,
    keys: Keys,
    codec: Codec,
    /// Identifies this node among those that share the store.
    node: String,
    /// Number of commits that were attempted.
    attempts: AtomicU64,
    connection: Connection,
    /// For commits that wait for replicas; none if commits do not.
    waiting: Vec<Connection>,
    subscriptions: Connection,
    /// What the server pushes to `subscriptions`, until [`SharedStore::listen`].
    pushes: Mutex<Option<UnboundedReceiver<PushInfo>>>,
}

impl RedisStore {
    /// Connects, and checks that the store works with this server. `node` is random and identifies this node.
    ///
    /// # Errors
    /// [`RedisOpenError`].
    pub async fn open(address: &RedisAddress, node: [u8; 16], options: RedisOptions) -> Result<Self, RedisOpenError> {
        let opened = async {
            let mut connection = Connection::open(address, None).await?;
            open::check(address, &mut connection).await?;
            let (sender, pushes) = mpsc::unbounded_channel();
            let subscriptions = Connection::open(address, Some(sender)).await?;
            let mut waiting = Vec::new();
            for _ in 0..if address.replicas > 0 { WAITING_CONNECTIONS } else { 0 } {
                waiting.push(Connection::open(address, None).await?);
            }
            Ok((connection, subscriptions, waiting, pushes))
        };
        let (connection, subscriptions, waiting, pushes) = match timeout(4 * PATIENCE, opened).await {
            Ok(opened) => opened?,
            Err(_) => return Err(OpenError::new(address, Problem::Failed("no answer".into()))),
        };
        let keys = Keys::new(&address.prefix);
        let node = URL_SAFE_NO_PAD.encode(node);
        Ok(Self {
            address: address.clone(),
            options,
            codec: Codec::new(keys.clone(), node.clone()),
            keys,
            node,
            attempts: AtomicU64::new(0),
            connection,
            waiting,
            subscriptions,
            pushes: Mutex::new(Some(pushes)),
        })
    }

    fn connection(&self) -> Connection {
        self.connection.clone()
    }

    fn publish_command(&self) -> &'static str {
        if self.connection.is_cluster() { "SPUBLISH" } else { "PUBLISH" }
    }

    async fn write(&self, change: &Change<'_>, news: &str) -> Result<(), CommitError> {
        let id = change.after.id();
        let now = (self.options.now)();
        if change.has_new_state() && change.mode != Mode::End {
            // Before the commit: an entry without a chat is mended when it is due, a chat without an entry is not.
            let due = change.after.due_at(self.options.forget_after);
            index::add_chat(self.connection(), &self.keys, id, due).await.map_err(|error| failed(&error))?;
        }
        let attempt = self.attempts.fetch_add(1, Ordering::Relaxed);
        let attempt_id = format!("{}-{attempt}", self.node);
        let publish = (self.publish_command(), news);
        let call = change.call(&self.keys, &attempt_id, now, self.options.forget_after, publish)?;
        let mut outcome = self.try_write(&COMMIT, &call, id, attempt).await;
        if let Err(error) = &outcome
            && (error.is_connection_dropped() || error.is_io_error())
            && !error.is_timeout()
        {
            // Whether the first attempt was carried out is not known. The script recognises the second one.
            outcome = self.try_write(&COMMIT, &call, id, attempt).await;
        }
        match outcome.map_err(|error| failed(&error))? {
            Outcome::Done => {}
            Outcome::Conflict => return Err(CommitError::Conflict),
            Outcome::OtherSchema(found) => return Err(chats::other_schema(id, &found).into()),
        }
        if change.mode == Mode::End {
            // The chat is gone, so the entry is only a hint that will be mended.
            let _ = index::remove_chat(self.connection(), &self.keys, id).await;
        }
        Ok(())
    }

    async fn try_write(&self, script: &Script, call: &Cmd, id: ChatId, attempt: u64) -> RedisResult<Outcome> {
        let waiting = usize::try_from(attempt).unwrap_or(0).checked_rem(self.waiting.len());
        let Some(mut connection) = waiting.map(|at| self.waiting[at].clone()) else {
            return self.connection().run(script, call).await;
        };
        let (wanted, key) = (self.address.replicas, self.keys.chat(id));
        let written = connection.run_and_wait(script, call, &key, wanted, WAIT_FOR_REPLICAS).await?;
        match written {
            (Outcome::Done, replicas) if replicas < wanted => {
                let cause = format!("only {replicas} of {wanted} replicas have the commit");
                Err((redis::ErrorKind::Client, "durability", cause).into())
            }
            (outcome, _) => Ok(outcome),
        }
    }

    async fn delete_session(&self, token: BrowserDigest) -> RedisResult<()> {
        let mut connection = self.connection();
        let keys = [self.keys.session(token), self.keys.entered(token)];
        let _: () = cmd("DEL").arg(&keys).query_async(&mut connection).await?;
        index::remove_session(connection, &self.keys, token).await
    }
}

#[async_trait]
impl ChatStore for RedisStore {
    async fn load(&self, id: ChatId) -> Result<Option<Arc<Chat>>, Unavailable> {
        let call = chats::load_call(&self.keys, id);
        let answer: Value = self.connection().run(&LOAD, &call).await.map_err(|error| failed(&error))?;
        Ok(chats::read(id, answer)?.map(Arc::new))
    }

    async fn commit(&self, transition: &Transition) -> Result<(), CommitError> {
        let change = Change::of(transition).map_err(unavailable)?;
        let events = Some(&transition.events[..]);
        let news = self.codec.commit(change.before, transition.after.position(), events).map_err(unavailable)?;
        self.write(&change, &news).await
    }

    async fn restore(&self, chat: &Arc<Chat>, over: Option<Position>) -> Result<(), CommitError> {
        let change = Change::restored(chat, over).map_err(unavailable)?;
        let news = self.codec.commit(change.before, chat.position(), None).map_err(unavailable)?;
        self.write(&change, &news).await
    }

    async fn due(&self, now: Timestamp, _forget_after: Duration, at_most: usize) -> Result<Vec<ChatId>, Unavailable> {
        let due = index::due_chats(&self.connection, &self.keys, &self.node, now, at_most).await;
        due.map_err(|error| failed(&error))
    }

    async fn count_chats(&self) -> Result<usize, Unavailable> {
        let counted = index::count(&self.connection, |part| self.keys.due(part)).await;
        counted.map_err(|error| failed(&error))
    }

    async fn all_chats(&self) -> Result<Vec<ChatId>, Unavailable> {
        let mut ids = Vec::new();
        for part in 0..PARTS {
            let entries = index::all(&self.connection, self.keys.due(part)).await.map_err(|error| failed(&error))?;
            ids.extend(entries.iter().filter_map(|entry| entry.parse::<ChatId>().ok()));
        }
        ids.sort_unstable();
        Ok(ids)
    }

    async fn ping(&self) -> Result<(), Unavailable> {
        // Deletes what does not exist: a write, which a server that has become a replica refuses.
        self.replace_count("ping", None, None, Duration::ZERO).await.map(drop)
    }

    fn shared(&self) -> Option<&dyn SharedStore> {
        Some(self)
    }
}

#[async_trait]
impl BrowserSessionStore for RedisStore {
    async fn save_browser_session(&self, session: &BrowserSession) -> Result<(), Unavailable> {
        let BrowserSession { token, username, expires_at } = session;
        let save = async {
            index::add_session(self.connection(), &self.keys, *token, *expires_at).await?;
            let key = self.keys.session(*token);
            let time_to_live = expires_at.since((self.options.now)()) + SPARE;
            let millis = u64::try_from(time_to_live.as_millis()).unwrap_or(u64::MAX);
            let mut both = redis::pipe();
            both.atomic();
            both.cmd("HSET").arg(&key).arg("username").arg(username.as_str()).arg("expires_at");
            both.arg(expires_at.as_millis());
            both.cmd("PEXPIRE").arg(&key).arg(millis);
            both.query_async::<()>(&mut self.connection()).await
        };
        save.await.map_err(|error| failed(&error))
    }

    async fn load_browser_session(&self, token: BrowserDigest) -> Result<Option<BrowserSession>, Unavailable> {
        let mut question = cmd("HMGET");
        question.arg(self.keys.session(token)).arg("username").arg("expires_at");
        let found: RedisResult<(Option<String>, Option<i64>)> = question.query_async(&mut self.connection()).await;
        let (username, expires_at) = found.map_err(|error| failed(&error))?;
        Ok(username.zip(expires_at).map(|(username, expires_at)| BrowserSession {
            token,
            username: Username::from_stored(&username),
            expires_at: Timestamp::from_millis(expires_at),
        }))
    }

    async fn rename_browser_session(&self, token: BrowserDigest, username: &Username) -> Result<(), Unavailable> {
        let mut rename = call(&CHANGE_SESSION, &[&self.keys.session(token), &self.keys.entered(token)]);
        rename.arg("rename").arg(username.as_str());
        self.connection().run::<()>(&CHANGE_SESSION, &rename).await.map_err(|error| failed(&error))
    }

    async fn add_entered_chat(&self, token: BrowserDigest, chat: &SealedChatId) -> Result<(), Unavailable> {
        let mut enter = call(&CHANGE_SESSION, &[&self.keys.session(token), &self.keys.entered(token)]);
        let bytes = [&chat.salt.0[..], &chat.masked[..]].concat();
        enter.arg("enter").arg(URL_SAFE_NO_PAD.encode(bytes)).arg(BrowserSession::MAX_CHATS);
        self.connection().run::<()>(&CHANGE_SESSION, &enter).await.map_err(|error| failed(&error))
    }

    async fn load_entered_chats(&self, token: BrowserDigest) -> Result<Vec<SealedChatId>, Unavailable> {
        let mut question = cmd("LRANGE");
        question.arg(self.keys.entered(token)).arg(0).arg(-1);
        let entered: RedisResult<Vec<String>> = question.query_async(&mut self.connection()).await;
        let sealed = |text: &String| {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
            let (salt, masked) = bytes.split_at_checked(32)?;
            Some(SealedChatId { salt: Salt(salt.try_into().ok()?), masked: masked.try_into().ok()? })
        };
        Ok(entered.map_err(|error| failed(&error))?.iter().filter_map(sealed).collect())
    }

    async fn delete_browser_session(&self, token: BrowserDigest) -> Result<(), Unavailable> {
        self.delete_session(token).await.map_err(|error| failed(&error))
    }

    async fn count_browser_sessions(&self) -> Result<usize, Unavailable> {
        let counted = index::count(&self.connection, |part| self.keys.sessions(part)).await;
        counted.map_err(|error| failed(&error))
    }

    async fn all_browser_sessions(&self) -> Result<Vec<BrowserDigest>, Unavailable> {
        let mut tokens = Vec::new();
        for part in 0..PARTS {
            let entries =
                index::all(&self.connection, self.keys.sessions(part)).await.map_err(|error| failed(&error))?;
            tokens.extend(entries.iter().filter_map(|entry| parse_digest(entry)));
        }
        Ok(tokens)
    }

    async fn delete_expired_browser_sessions(&self, now: Timestamp) -> Result<(), Unavailable> {
        let delete = async {
            loop {
                let (connection, keys) = (&self.connection, &self.keys);
                let expired = index::expired_sessions(connection, keys, &self.node, now, EXPIRED_AT_ONCE).await?;
                if expired.is_empty() {
                    return Ok(());
                }
                for token in expired {
                    self.delete_session(token).await?;
                }
            }
        };
        delete.await.map_err(|error| failed(&error))
    }
}

#[async_trait]
impl SharedStore for RedisStore {
    fn listen(&self, take: TakeNews) {
        let (Some(mut pushes), codec) = (self.pushes.lock().take(), self.codec.clone()) else { return };
        tokio::spawn(async move {
            while let Some(push) = pushes.recv().await {
                if let Some(news) = codec.read(push) {
                    take(news);
                }
            }
        });
    }

    async fn subscribe(&self, id: ChatId) -> Result<(), Unavailable> {
        let (mut connection, channel) = (self.subscriptions.clone(), self.keys.channel(id));
        in_time(connection.subscribe(&channel)).await
    }

    async fn unsubscribe(&self, id: ChatId) -> Result<(), Unavailable> {
        let (mut connection, channel) = (self.subscriptions.clone(), self.keys.channel(id));
        in_time(connection.unsubscribe(&channel)).await
    }

    async fn send(&self, id: ChatId, signal: &Signal) -> Result<(), Unavailable> {
        let text = self.codec.signal(signal).map_err(unavailable)?;
        let mut publish = cmd(self.publish_command());
        publish.arg(self.keys.channel(id)).arg(text);
        publish.query_async::<()>(&mut self.connection()).await.map_err(|error| failed(&error))
    }

    async fn check(&self, id: ChatId, signal: &Signal) -> Result<Option<Checked>, Unavailable> {
        let text = self.codec.signal(signal).map_err(unavailable)?;
        let mut check = call(&CHECK, &[&self.keys.chat(id)]);
        check.arg(self.publish_command()).arg(self.keys.channel(id)).arg(text);
        let found: RedisResult<Option<(String, u64, u64, bool)>> = self.connection().run(&CHECK, &check).await;
        let Some((schema, epoch, revision, is_same_server)) = found.map_err(|error| failed(&error))? else {
            return Ok(None);
        };
        chats::check_schema(id, &schema)?;
        Ok(Some(Checked { position: Position { epoch, revision }, may_lack_commits: !is_same_server }))
    }

    async fn confirm(&self, id: ChatId) -> Result<(), Unavailable> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let attempt = self.attempts.fetch_add(1, Ordering::Relaxed);
        let mut confirm = call(&CONFIRM, &[&self.keys.chat(id)]);
        confirm.arg(attempt);
        self.try_write(&CONFIRM, &confirm, id, attempt).await.map(drop).map_err(|error| failed(&error))
    }

    async fn load_count(&self, key: &str) -> Result<Option<Count>, Unavailable> {
        let found: RedisResult<Option<String>> =
            cmd("GET").arg(self.keys.count(key)).query_async(&mut self.connection()).await;
        Ok(found.map_err(|error| failed(&error))?.as_deref().and_then(parse_count))
    }

    async fn replace_count(
        &self,
        key: &str,
        before: Option<Count>,
        after: Option<Count>,
        keep: Duration,
    ) -> Result<bool, Unavailable> {
        let text =
            |count: Option<Count>| count.map(|count| format!("{} {}", count.amount, count.at)).unwrap_or_default();
        let mut replace = call(&REPLACE, &[&self.keys.count(key)]);
        replace.arg(text(before)).arg(text(after)).arg(u64::try_from(keep.as_millis()).unwrap_or(u64::MAX).max(1));
        self.connection().run(&REPLACE, &replace).await.map_err(|error| failed(&error))
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisStore({})", self.address)
    }
}

fn parse_count(text: &str) -> Option<Count> {
    let (amount, at) = text.split_once(' ')?;
    Some(Count { amount: amount.parse().ok()?, at: at.parse().ok()? })
}

/// Subscribing waits for the connection, which does not give up. Its callers do.
async fn in_time(call: impl Future<Output = RedisResult<()>>) -> Result<(), Unavailable> {
    match timeout(PATIENCE, call).await {
        Ok(answer) => answer.map_err(|error| failed(&error)),
        Err(_) => Err(unavailable("Redis does not answer")),
    }
}

fn failed(error: &RedisError) -> Unavailable {
    unavailable(one_line(error))
}

fn unavailable(cause: impl fmt::Display) -> Unavailable {
    Unavailable { cause: cause.to_string() }
}
