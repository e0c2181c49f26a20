//! The program is killed under load repeatedly. Everything it acknowledged must survive.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::Mutex;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use uuid::Uuid;
use watch_party::http::serve;
use watch_party::service::{Entropy as _, OsEntropy, Service, SystemClock};
use watch_party::store::{SqliteOptions, SqliteStore};

use crate::app::{CountingEntropy, policy, state};
use crate::program::{Http, Program};

const KILLS: usize = 24;
const CHATS: usize = 8;
const WRITERS: usize = 3;

/// What the test knows about one chat.
#[derive(Default)]
struct Known {
    id: String,
    key: String,
    history: u64,
    /// The newest acknowledged token of each seat: the owner's, then the guests'. `None` if a renewal happened
    /// whose answer was lost, so that the seat's token is unknown.
    tokens: Vec<Option<String>>,
    /// Tokens that an acknowledged renewal has ended.
    ended: Vec<String>,
    /// The acknowledged messages by id, as they were sent.
    acknowledged: BTreeMap<u64, (String, Uuid)>,
    /// Messages that were sent but not answered. They may or may not be stored, and are sent again.
    unanswered: Vec<(usize, String, Uuid)>,
    /// Tokens that may or may not be valid, because the answer to their renewal was lost.
    uncertain: HashSet<String>,
}

impl Known {
    /// Picks a seat with a known token.
    fn seat(&self, pick: u8) -> (usize, String) {
        let held: Vec<_> =
            self.tokens.iter().enumerate().filter_map(|(seat, token)| Some((seat, token.clone()?))).collect();
        held[usize::from(pick) % held.len()].clone()
    }
}

/// Load on the program; notifies once `enough` acknowledgements have come since the last start.
struct Load {
    http: Http,
    acknowledgements: AtomicUsize,
    enough: usize,
    reached: Notify,
}

impl Load {
    fn acknowledged(&self) {
        if self.acknowledgements.fetch_add(1, Ordering::SeqCst) + 1 == self.enough {
            self.reached.notify_one();
        }
    }

    /// Posts, and sometimes joins or renews, until the program is killed.
    async fn run(&self, chat: &Mutex<Known>, writer: usize, dice: &CountingEntropy) {
        loop {
            let mut drawn = [0; 2];
            dice.fill(&mut drawn);
            let outcome = match drawn[0] {
                0..8 if writer == 0 => self.join(chat).await,
                8..24 if writer == 1 => self.renew(chat, drawn[1]).await,
                _ => self.post(chat, drawn[1]).await,
            };
            if outcome.is_none() {
                return;
            }
        }
    }

    async fn post(&self, chat: &Mutex<Known>, pick: u8) -> Option<()> {
        let (path, seat, token) = {
            let chat = chat.lock();
            let (seat, token) = chat.seat(pick);
            (format!("/{}", chat.id), seat, token)
        };
        let client_id = Uuid::new_v4();
        let text = format!("message {client_id}");
        let body = json!({"text": text, "client_id": client_id});
        match self.http.ask(Method::POST, &path, &token, Some(&body)).await {
            Ok((StatusCode::CREATED, _, message)) => {
                let id = message["id"].as_u64().unwrap();
                assert!(chat.lock().acknowledged.insert(id, (text, client_id)).is_none(), "a duplicate message id");
                self.acknowledged();
                Some(())
            }
            // Another writer has renewed the session in the meantime.
            Ok((StatusCode::UNAUTHORIZED, ..)) => Some(()),
            Ok(other) => panic!("{other:?}"),
            Err(_) => {
                chat.lock().unanswered.push((seat, text, client_id));
                None
            }
        }
    }

    async fn join(&self, chat: &Mutex<Known>) -> Option<()> {
        let (path, body) = {
            let chat = chat.lock();
            (
                format!("/{}/join", chat.id),
                json!({"key": chat.key, "username": format!("Guest {}", Uuid::new_v4().simple())[..20]}),
            )
        };
        match self.http.ask(Method::POST, &path, "", Some(&body)).await.ok()? {
            (StatusCode::CREATED, _, seat) => {
                chat.lock().tokens.push(Some(seat["session_token"].as_str().unwrap().to_owned()));
                self.acknowledged();
            }
            (StatusCode::CONFLICT, ..) => {}
            other => panic!("{other:?}"),
        }
        Some(())
    }

    async fn renew(&self, chat: &Mutex<Known>, pick: u8) -> Option<()> {
        let (path, seat, token) = {
            let chat = chat.lock();
            let (seat, token) = chat.seat(pick);
            (format!("/{}/session", chat.id), seat, token)
        };
        let answer = self.http.ask(Method::POST, &path, &token, None).await;
        let mut chat = chat.lock();
        match answer {
            Ok((StatusCode::OK, _, session)) => {
                chat.tokens[seat] = Some(session["session_token"].as_str().unwrap().to_owned());
                chat.ended.push(token);
                drop(chat);
                self.acknowledged();
                Some(())
            }
            Ok(other) => panic!("{other:?}"),
            Err(_) => {
                chat.uncertain.insert(token);
                None
            }
        }
    }
}

async fn create(http: &Http, history: u64) -> Known {
    let request = json!({"username": "Ann", "history": history, "capacity": 6});
    let (status, created) = http.post("/create", "", &request).await;
    assert_eq!(status, StatusCode::CREATED);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Known {
        id: text(&created["chat_id"]),
        key: text(&created["invite"]["key"]),
        history,
        tokens: vec![Some(text(&created["session_token"]))],
        ..Known::default()
    }
}

/// Checks that all acknowledged messages that the chat still keeps are there, once and in order.
async fn check(http: &Http, chat: &mut Known) {
    let path = format!("/{}", chat.id);
    // A renewal without an answer may have happened. If it has, the seat's token is unknown.
    for token in std::mem::take(&mut chat.uncertain) {
        if http.get(&path, &token).await.0 == StatusCode::UNAUTHORIZED {
            chat.tokens.iter_mut().filter(|kept| **kept == Some(token.clone())).for_each(|kept| *kept = None);
        }
    }
    let answers = join_all(chat.tokens.iter().flatten().map(|token| http.get(&path, token))).await;
    assert!(
        answers.iter().all(|(status, _)| *status == StatusCode::OK),
        "acknowledged sessions are accepted: {answers:?}"
    );
    let ended = join_all(chat.ended.iter().map(|token| http.get(&path, token))).await;
    assert!(
        ended.iter().all(|(status, _)| *status == StatusCode::UNAUTHORIZED),
        "ended sessions are refused: {ended:?}"
    );
    chat.ended.clear();

    let Some((_, read)) = answers.into_iter().next() else { return };
    let last_id = read["last_id"].as_u64().unwrap();
    let messages: Vec<(u64, String)> = read["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| (message["id"].as_u64().unwrap(), message["text"].as_str().unwrap().to_owned()))
        .collect();
    let ids: Vec<u64> = messages.iter().map(|(id, _)| *id).collect();
    let oldest = last_id.saturating_sub(chat.history) + 1;
    assert_eq!(ids, (oldest..=last_id).collect::<Vec<_>>(), "the kept messages have no gap");
    let texts: HashSet<&String> = messages.iter().map(|(_, text)| text).collect();
    assert_eq!(texts.len(), messages.len(), "a duplicate message");
    let kept: HashMap<u64, String> = messages.iter().cloned().collect();
    assert!(chat.acknowledged.last_key_value().is_none_or(|(id, _)| *id <= last_id), "the newest message is lost");
    for (id, (text, _)) in chat.acknowledged.range(oldest..) {
        assert_eq!(kept.get(id), Some(text), "message {id}");
    }
}

/// Sends the unanswered messages again, and checks that each is stored only once.
async fn settle(http: &Http, chat: &mut Known) {
    let path = format!("/{}", chat.id);
    for (seat, text, client_id) in std::mem::take(&mut chat.unanswered) {
        let Some(token) = &chat.tokens[seat] else { continue };
        let body = json!({"text": text, "client_id": client_id});
        let (status, message) = http.post(&path, token, &body).await;
        assert!(status.is_success(), "{status} {message}");
        let id = message["id"].as_u64().unwrap();
        assert!(chat.acknowledged.insert(id, (text, client_id)).is_none(), "message {id} is a duplicate");
    }
}

/// Starts the same server with a log so short that it is scrubbed all the time, so that kills interrupt scrubs too.
/// The server runs in a new process of this test binary.
fn start_scrubbing(folder: &Path) -> Program {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["crash::serve_and_scrub", "--exact", "--ignored", "--nocapture"]);
    command.env_clear().env(FOLDER, folder);
    Program::of(command)
}

const FOLDER: &str = "CRASH_TEST_FOLDER";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the server process that `acknowledged_changes_survive_kill_9` starts"]
async fn serve_and_scrub() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let options = SqliteOptions { max_log_bytes: 64 * 1024, ..SqliteOptions::default() };
    let store = SqliteStore::open(&Path::new(&folder).join("watch-party.db"), options).unwrap();
    // Without rate limits, like the other server, so that the load is as heavy as possible.
    let service = Service::new(Arc::new(store), Arc::new(SystemClock), Arc::new(OsEntropy), policy(false));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    eprintln!("listening on http://{}", listener.local_addr().unwrap());
    serve(state(&service, None, &[]), listener, std::future::pending()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_changes_survive_kill_9() {
    let dice = Arc::new(CountingEntropy::seeded(Uuid::new_v4().as_u64_pair().0));
    let folder = tempfile::tempdir().unwrap();

    let mut program = Program::start_without_limits(folder.path());
    let http = program.caller();
    let mut chats = Vec::new();
    for number in 0..CHATS {
        let history = if number % 2 == 0 { 10 } else { 1_000 };
        chats.push(Arc::new(Mutex::new(create(&http, history).await)));
    }
    for kill in 0..KILLS {
        let mut drawn = [0; 2];
        dice.fill(&mut drawn);
        let load = Arc::new(Load {
            http: program.caller(),
            acknowledgements: AtomicUsize::new(0),
            enough: 1 + usize::from(drawn[0]),
            reached: Notify::new(),
        });
        let mut writers = tokio::task::JoinSet::new();
        for chat in &chats {
            for writer in 0..WRITERS {
                let (load, chat, dice) = (load.clone(), chat.clone(), dice.clone());
                writers.spawn(async move { load.run(&chat, writer, &dice).await });
            }
        }
        tokio::select! {
            () = load.reached.notified() => {}
            Some(writer) = writers.join_next() => panic!("the program ended by itself: {writer:?}"),
        }
        // Kill at a random moment, not just after an answer.
        tokio::time::sleep(Duration::from_micros(u64::from(drawn[1]) * 50)).await;
        program.kill();
        while let Some(writer) = writers.join_next().await {
            writer.unwrap();
        }

        let start = if kill % 2 == 0 { start_scrubbing } else { Program::start_without_limits };
        program = start(folder.path());
        let http = program.caller();
        for chat in &chats {
            let mut known = std::mem::take(&mut *chat.lock());
            check(&http, &mut known).await;
            settle(&http, &mut known).await;
            check(&http, &mut known).await;
            if known.tokens.iter().all(Option::is_none) {
                known = create(&http, known.history).await;
            }
            *chat.lock() = known;
        }
    }
}
