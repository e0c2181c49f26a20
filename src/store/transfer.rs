//! Moves chats from one store to another through a file, `watch-party export` and `watch-party import`.
//!
//! The file has one line of JSON for each chat and each browser session, and a last line with their numbers and a
//! digest, which only a complete export has. Both ways can be interrupted and continued.

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::stream::{StreamExt as _, TryStreamExt as _, iter};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::{CommitError, Stores, Unavailable};
use crate::domain::{BrowserSession, Chat, ChatId, SealedChatId, Snapshot};

/// The number of the file's form.
const FORM: u32 = 1;
/// Chats that are read or written at the same time.
const AT_ONCE: usize = 64;
/// Chats after which the progress is told.
const STEP: usize = 1_000;

/// One line of the file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// The first one.
    Export {
        form: u32,
    },
    Chat(Box<Snapshot>),
    BrowserSession {
        session: BrowserSession,
        entered: Vec<SealedChatId>,
    },
    /// The last one.
    End {
        chats: usize,
        browser_sessions: usize,
        digest: String,
    },
}

/// What was moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transferred {
    pub chats: usize,
    pub browser_sessions: usize,
    /// Chats and browser sessions among these that an interrupted run had moved before.
    pub before: usize,
    /// Of all chats and browser sessions, whatever their order: the same in the file and in both stores.
    pub digest: String,
}

impl fmt::Display for Transferred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { chats, browser_sessions, before, digest } = self;
        write!(f, "{chats} chats and {browser_sessions} browser sessions, {before} of them in an earlier run")?;
        write!(f, "; digest {digest}")
    }
}

/// Why chats were not moved. The message is one line.
#[derive(Debug, Error)]
pub enum TransferError {
    #[error("{}: the file exists already, and an export never overwrites a file", .0.display())]
    TargetExists(PathBuf),
    #[error("{}: {cause}", path.display())]
    File { path: PathBuf, cause: io::Error },
    #[error("{}: line {line} is not one of an export: {cause}", path.display())]
    NotAnExport { path: PathBuf, line: usize, cause: String },
    #[error("{}: the export is not complete; run it again", .0.display())]
    Incomplete(PathBuf),
    #[error("the store has another chat {0}, which is newer or not from this file; nothing was overwritten")]
    OtherChat(ChatId),
    #[error("the chat {0} is not the same in the store as in the file")]
    Differs(ChatId),
    #[error("interrupted after {done} of {all}; run it again to continue")]
    Interrupted { done: usize, all: usize },
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl TransferError {
    fn file(path: &Path, cause: io::Error) -> Self {
        Self::File { path: path.to_owned(), cause }
    }
}

/// The caller of a transfer.
pub trait Watcher: Send + Sync {
    /// Whether to stop after the chats under way.
    fn is_cancelled(&self) -> bool;
    /// Tells how many chats and browser sessions of all are moved.
    fn moved(&self, done: usize, all: usize);
}

/// The sum of the digests of lines, which is the same in every order.
#[derive(Default)]
struct Sum([u8; 32]);

impl Sum {
    fn add(&mut self, line: &str) {
        let hash: [u8; 32] = Sha256::digest(line).into();
        let mut carry = 0_u16;
        for (sum, byte) in self.0.iter_mut().zip(hash) {
            carry += u16::from(*sum) + u16::from(byte);
            *sum = u8::try_from(carry % 256).unwrap_or_default();
            carry /= 256;
        }
    }

    fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

fn written(line: &Line) -> Result<String, Unavailable> {
    serde_json::to_string(line).map_err(|error| Unavailable { cause: error.to_string() })
}

fn chat_line(chat: &Chat) -> Result<String, Unavailable> {
    let snapshot = chat.snapshot().map_err(|error| Unavailable { cause: error.to_string() })?;
    written(&Line::Chat(Box::new(snapshot)))
}

/// What is moved: a chat or a browser session.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Item {
    Chat(ChatId),
    Session([u8; 32]),
}

/// Returns the line of a chat or a browser session; `None` if the store has forgotten it.
async fn read_item(stores: &Stores, item: Item) -> Result<Option<String>, TransferError> {
    Ok(match item {
        Item::Chat(id) => stores.chats.load(id).await?.map(|chat| chat_line(&chat)).transpose()?,
        Item::Session(token) => {
            let token = crate::domain::BrowserDigest::from_stored(token);
            let Some(session) = stores.browser_sessions.load_browser_session(token).await? else { return Ok(None) };
            let entered = stores.browser_sessions.load_entered_chats(token).await?;
            Some(written(&Line::BrowserSession { session, entered })?)
        }
    })
}

async fn all_items(stores: &Stores) -> Result<Vec<Item>, Unavailable> {
    let chats = stores.chats.all_chats().await?.into_iter().map(Item::Chat);
    let sessions = stores.browser_sessions.all_browser_sessions().await?;
    Ok(chats.chain(sessions.iter().map(|token| Item::Session(*token.as_bytes()))).collect())
}

/// What an export has so far: the newest line of each item.
type Lines = HashMap<Item, String>;

/// Reads the file. Returns its items, and whether it ends as a complete export does. An incomplete last line is ignored.
fn read_file(path: &Path) -> Result<(Lines, bool), TransferError> {
    let file = File::open(path).map_err(|error| TransferError::file(path, error))?;
    let (mut lines, mut is_complete) = (Lines::new(), false);
    for (text, number) in BufReader::new(file).split(b'\n').zip(1..) {
        let text = text.map_err(|error| TransferError::file(path, error))?;
        let wrong = |cause: String| TransferError::NotAnExport { path: path.to_owned(), line: number, cause };
        let Ok(text) = String::from_utf8(text) else { return Err(wrong("it is not text".into())) };
        let line: Line = match serde_json::from_str(&text) {
            Ok(line) => line,
            // The line was being written when the export was interrupted.
            Err(error) if error.is_eof() && number > 1 => break,
            Err(error) => return Err(wrong(error.to_string())),
        };
        match (number, line) {
            (1, Line::Export { form: FORM }) => {}
            (1, Line::Export { form }) => {
                return Err(wrong(format!("it has form {form}, and this program reads {FORM}")));
            }
            (1, _) => return Err(wrong("the first line must say that this is an export".into())),
            (_, Line::Export { .. }) => return Err(wrong("a second export begins".into())),
            (_, Line::Chat(snapshot)) => drop(lines.insert(Item::Chat(snapshot.id), text)),
            (_, Line::BrowserSession { session, .. }) => {
                lines.insert(Item::Session(*session.token.as_bytes()), text);
            }
            (_, Line::End { chats, browser_sessions, digest }) => {
                let counted = count(&lines);
                let mut sum = Sum::default();
                lines.values().for_each(|line| sum.add(line));
                if counted != (chats, browser_sessions) || sum.text() != digest {
                    return Err(wrong("the numbers or the digest do not fit the lines before".into()));
                }
                is_complete = true;
            }
        }
    }
    Ok((lines, is_complete))
}

/// The number of chats, and of browser sessions.
fn count(lines: &Lines) -> (usize, usize) {
    let chats = lines.keys().filter(|item| matches!(item, Item::Chat(_))).count();
    (chats, lines.len() - chats)
}

fn partial(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

/// Writes all chats and browser sessions of the store to `target`, which must not exist. An interrupted export leaves a
/// file that ends with `.part`, and the next one continues it.
///
/// # Errors
/// [`TransferError`].
pub async fn export(stores: &Stores, target: &Path, watcher: &impl Watcher) -> Result<Transferred, TransferError> {
    if target.symlink_metadata().is_ok() {
        return Err(TransferError::TargetExists(target.to_owned()));
    }
    let part = partial(target);
    let failed = |error: io::Error| TransferError::file(&part, error);
    let before = match read_file(&part) {
        Err(TransferError::File { cause, .. }) if cause.kind() == ErrorKind::NotFound => Lines::new(),
        read => read?.0,
    };
    let items = all_items(stores).await?;
    let all = items.len();
    // Written anew, so that what was forgotten meanwhile is not in it; unchanged chats are taken from the old file.
    let temporary = partial(&part);
    let mut out = BufWriter::new(private_file(&temporary).map_err(failed)?);
    writeln!(out, "{}", written(&Line::Export { form: FORM })?).map_err(failed)?;
    for line in before.values() {
        writeln!(out, "{line}").map_err(failed)?;
    }
    out.flush().map_err(failed)?;
    fs::rename(&temporary, &part).map_err(failed)?;

    let (mut sum, mut known, mut chats, mut sessions) = (Sum::default(), 0, 0, 0);
    let mut lines = iter(items).map(async |item| Ok::<_, TransferError>((item, read_item(stores, item).await?)));
    let mut lines = std::pin::pin!(lines.by_ref().buffered(AT_ONCE));
    let (mut done, mut stored) = (0, Lines::new());
    while let Some((item, line)) = lines.try_next().await? {
        if let Some(line) = line {
            match item {
                Item::Chat(_) => chats += 1,
                Item::Session(_) => sessions += 1,
            }
            sum.add(&line);
            if before.get(&item) == Some(&line) {
                known += 1;
            } else {
                writeln!(out, "{line}").map_err(failed)?;
            }
            stored.insert(item, String::new());
        }
        done += 1;
        if done % STEP == 0 {
            watcher.moved(done, all);
        }
        if watcher.is_cancelled() && done < all {
            out.flush().map_err(failed)?;
            return Err(TransferError::Interrupted { done, all });
        }
    }
    if before.keys().any(|item| !stored.contains_key(item)) {
        // Something was forgotten since the interrupted run: start again without it.
        drop(out);
        fs::remove_file(&part).map_err(failed)?;
        return Box::pin(export(stores, target, watcher)).await;
    }
    let digest = sum.text();
    writeln!(out, "{}", written(&Line::End { chats, browser_sessions: sessions, digest: digest.clone() })?)
        .map_err(failed)?;
    let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    fs::rename(&part, target).map_err(|error| TransferError::file(target, error))?;
    watcher.moved(all, all);
    Ok(Transferred { chats, browser_sessions: sessions, before: known, digest })
}

/// Creates a file that only its owner can read.
fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Reads all chats and browser sessions from a complete export into the store, and compares each with the file. What the
/// store has already, from an interrupted run, stays.
///
/// # Errors
/// [`TransferError`]. Nothing that the store had is overwritten.
pub async fn import(stores: &Stores, source: &Path, watcher: &impl Watcher) -> Result<Transferred, TransferError> {
    let (lines, is_complete) = read_file(source)?;
    if !is_complete {
        return Err(TransferError::Incomplete(source.to_owned()));
    }
    let (chats, browser_sessions) = count(&lines);
    let (all, mut done, mut before, mut sum) = (lines.len(), 0, 0, Sum::default());
    let mut items: Vec<(Item, String)> = lines.into_iter().collect();
    items.sort_by(|(_, one), (_, other)| one.cmp(other));
    let moved = iter(items).map(async |(item, line)| {
        let was_there = write_item(stores, item, &line).await?;
        Ok::<_, TransferError>((line, was_there))
    });
    let mut moved = std::pin::pin!(moved.buffered(AT_ONCE));
    while let Some((line, was_there)) = moved.try_next().await? {
        sum.add(&line);
        before += usize::from(was_there);
        done += 1;
        if done % STEP == 0 {
            watcher.moved(done, all);
        }
        if watcher.is_cancelled() && done < all {
            return Err(TransferError::Interrupted { done, all });
        }
    }
    watcher.moved(all, all);
    Ok(Transferred { chats, browser_sessions, before, digest: sum.text() })
}

/// Stores one line. Returns whether the store had it already.
async fn write_item(stores: &Stores, item: Item, line: &str) -> Result<bool, TransferError> {
    let parsed = serde_json::from_str(line).map_err(|error| Unavailable { cause: error.to_string() })?;
    match (item, parsed) {
        (Item::Chat(id), Line::Chat(snapshot)) => {
            let chat = Arc::new(Chat::restore(*snapshot));
            let was_there = match stores.chats.restore(&chat, None).await {
                Ok(()) => false,
                Err(CommitError::Conflict) => true,
                Err(CommitError::Unavailable(error)) => return Err(error.into()),
            };
            match read_item(stores, item).await? {
                Some(stored) if stored == line => Ok(was_there),
                _ if was_there => Err(TransferError::OtherChat(id)),
                _ => Err(TransferError::Differs(id)),
            }
        }
        (_, Line::BrowserSession { session, entered }) => {
            if read_item(stores, item).await?.is_some() {
                return Ok(true);
            }
            stores.browser_sessions.save_browser_session(&session).await?;
            for chat in &entered {
                stores.browser_sessions.add_entered_chat(session.token, chat).await?;
            }
            Ok(false)
        }
        _ => Ok(false),
    }
}
