//! Measures acknowledged posts per second, and how they depend on the number of stored chats, on the number of chats that
//! the posts go to, and on the number of messages that a chat keeps.
//!
//! Prints ratios between stores that were measured in turns within one run, so that a noisy machine disturbs all
//! alike. `cargo bench --bench posting -- --quick` is a small run.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::runtime::Runtime;
use watch_party::domain::{Admission, MessageText, SessionToken, Settings, Username};
use watch_party::service::{Caller, NewChat, OsEntropy, Policy, Service, SystemClock};
use watch_party::store::{MemoryStore, SqliteOptions, SqliteStore, Stores};

/// Number of measurements of each store, in turns. The median is reported.
const ROUNDS: usize = 9;

struct Scale {
    /// Duration of each measurement.
    time: Duration,
    /// Numbers of stored chats at which posting is measured.
    stored: &'static [usize],
}

const FULL: Scale = Scale { time: Duration::from_secs(2), stored: &[100, 10_000, 1_000_000] };
const QUICK: Scale = Scale { time: Duration::from_millis(200), stored: &[100, 1_000] };

fn main() {
    let scale = if std::env::args().any(|argument| argument == "--quick") { QUICK } else { FULL };
    let folder = tempfile::Builder::new().prefix("posting-").tempdir_in(disk()).expect("the folder should be created");
    let runtime = Runtime::new().expect("the runtime should start");
    runtime.block_on(compare_stores(folder.path(), scale.time));
    runtime.block_on(compare_chats(folder.path(), scale.time));
    runtime.block_on(compare_histories(scale.time));
    runtime.block_on(compare_sizes(folder.path(), &scale));
}

/// Returns a folder on the measured disk. The system's temporary folder may be in memory.
fn disk() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

fn service(stores: impl Into<Stores>) -> Service {
    let policy = Policy {
        session_lifetime: Settings::DEFAULT_SESSION_LIFETIME,
        forget_after: Duration::from_hours(24),
        rate_limit: false,
        requests_per_second: Policy::REQUESTS_PER_SECOND,
        max_chats: Policy::MAX_CHATS,
        ping_interval: Policy::PING_INTERVAL,
    };
    Service::new(stores, Arc::new(SystemClock), Arc::new(OsEntropy), policy)
}

fn sqlite(path: &Path, max_batch: usize) -> Stores {
    let options = SqliteOptions { max_batch, ..SqliteOptions::default() };
    SqliteStore::open(path, options).expect("the database should open").into()
}

async fn create(service: &Service) -> NewChat {
    create_with_history(service, None).await
}

async fn create_with_history(service: &Service, history: Option<u32>) -> NewChat {
    let caller = Caller::from(std::net::IpAddr::from([127, 0, 0, 1]));
    let username = Username::parse("Ann").expect("the username should be valid");
    let settings = Settings::new(Admission::Link, None, history).expect("the default settings should be valid");
    service.create_chat(caller, username, None, settings).await.expect("the chat should be created")
}

async fn create_many(service: &Service, count: usize) -> Vec<NewChat> {
    let mut created = Vec::with_capacity(count);
    while created.len() < count {
        let batch = 256.min(count - created.len());
        created.extend(join_all((0..batch).map(|_| create(service))).await);
    }
    created
}

/// Returns the posts per second with one writer in each chat, which posts again after each acknowledgement.
async fn posts_per_second(service: &Service, chats: &[Arc<NewChat>], time: Duration) -> f64 {
    let text =
        MessageText::parse("Shall we begin? I have the tickets and the popcorn.").expect("the text should be valid");
    let begin = Instant::now();
    let mut writers = tokio::task::JoinSet::new();
    for chat in chats {
        let (service, chat, text) = (service.clone(), Arc::clone(chat), text.clone());
        writers.spawn(async move {
            let token: &SessionToken = &chat.seat.token;
            let mut posts = 0_u32;
            while begin.elapsed() < time {
                service.post(chat.chat_id, token, text.clone(), None).await.expect("the post should succeed");
                posts += 1;
            }
            posts
        });
    }
    let posts: u32 = writers.join_all().await.into_iter().sum();
    f64::from(posts) / begin.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn compare_stores(folder: &Path, time: Duration) {
    let stores = [
        service(MemoryStore::default()),
        service(sqlite(&folder.join("together.db"), SqliteOptions::default().max_batch)),
        service(sqlite(&folder.join("alone.db"), 1)),
    ];
    println!("Acknowledged posts per second, with one writer in each chat (median of {ROUNDS} rounds)\n");
    println!(
        "| chats | memory | SQLite, group commit | SQLite, one transaction per post | group / single | memory / group |"
    );
    println!("|---:|---:|---:|---:|---:|---:|");
    for count in [1, 8, 64, 256] {
        let mut chats = Vec::new();
        for store in &stores {
            chats.push(create_many(store, count).await.into_iter().map(Arc::new).collect::<Vec<_>>());
        }
        let mut rates = [const { Vec::new() }; 3];
        for _ in 0..ROUNDS {
            for ((rates, store), chats) in rates.iter_mut().zip(&stores).zip(&chats) {
                rates.push(posts_per_second(store, chats, time / 2).await);
            }
        }
        let [memory, grouped, single] = rates.map(median);
        let (speedup, overhead) = (grouped / single, memory / grouped);
        println!("| {count} | {memory:.0} | {grouped:.0} | {single:.0} | {speedup:.1} | {overhead:.1} |");
    }
    println!();
}

/// Compares writers who share one chat with writers who each have their own.
async fn compare_chats(folder: &Path, time: Duration) {
    println!("Posts per second by SQLite with group commit (median of {ROUNDS} rounds)\n");
    println!("| writers | all in one chat | each in their own | one / own |");
    println!("|---:|---:|---:|---:|");
    let store = service(sqlite(&folder.join("chats.db"), SqliteOptions::default().max_batch));
    for writers in [1, 8, 64] {
        let own: Vec<_> = create_many(&store, writers).await.into_iter().map(Arc::new).collect();
        let shared = Arc::new(create(&store).await);
        let one: Vec<_> = std::iter::repeat_n(shared, writers).collect();
        let mut rates = [const { Vec::new() }; 2];
        for _ in 0..ROUNDS {
            for (rates, chats) in rates.iter_mut().zip([&one, &own]) {
                rates.push(posts_per_second(&store, chats, time / 2).await);
            }
        }
        let [one, own] = rates.map(median);
        println!("| {writers} | {one:.0} | {own:.0} | {:.2} |", one / own);
    }
    println!();
}

/// Compares chats that keep few messages with chats that keep many, each full.
async fn compare_histories(time: Duration) {
    println!("Posts per second in memory, in 64 chats that keep all they may (median of {ROUNDS} rounds)\n");
    println!("| kept messages | posts per second | cost of a post against the fewest |");
    println!("|---:|---:|---:|");
    let store = service(MemoryStore::default());
    let text = MessageText::parse("Shall we begin?").expect("the text should be valid");
    let mut full = Vec::new();
    for history in [30, 250, 1_000] {
        let mut chats = Vec::new();
        for _ in 0..64 {
            let chat = create_with_history(&store, Some(history)).await;
            for _ in 0..history {
                store.post(chat.chat_id, &chat.seat.token, text.clone(), None).await.expect("the post should succeed");
            }
            chats.push(Arc::new(chat));
        }
        full.push((history, chats, Vec::new()));
    }
    for _ in 0..ROUNDS {
        for (_, chats, rates) in &mut full {
            rates.push(posts_per_second(&store, chats, time / 2).await);
        }
    }
    let medians: Vec<_> = full.into_iter().map(|(history, _, rates)| (history, median(rates))).collect();
    for (history, rate) in &medians {
        println!("| {history} | {rate:.0} | {:.2} |", medians[0].1 / rate);
    }
    println!();
}

async fn compare_sizes(folder: &Path, scale: &Scale) {
    const POSTING: usize = 64;
    let mut stores = Vec::new();
    for stored in scale.stored {
        let store = sqlite(&folder.join(format!("{stored}.db")), SqliteOptions::default().max_batch);
        // The chats that are posted to are spread evenly over all stored chats.
        let every = (stored / POSTING).max(1);
        let mut posting = Vec::new();
        let mut created = 0;
        while created < *stored {
            // A new service for each batch, so that the chats are only on the disk, not active in memory.
            let batch = create_many(&service(store.clone()), 10_000.min(stored - created)).await;
            let chosen = batch.into_iter().zip(created..).filter(|(_, at)| at % every == 0);
            posting.extend(chosen.map(|(chat, _)| Arc::new(chat)));
            created = (created + 10_000).min(*stored);
        }
        posting.truncate(POSTING);
        stores.push((*stored, service(store), posting));
    }
    println!(
        "Posts per second in {POSTING} chats at once, by the number of stored chats (median of {ROUNDS} rounds)\n"
    );
    println!("| stored chats | posts per second | cost per post, relative to the fewest chats |");
    println!("|---:|---:|---:|");
    let mut rates = vec![Vec::new(); stores.len()];
    for _ in 0..ROUNDS {
        for (rates, (_, store, posting)) in rates.iter_mut().zip(&stores) {
            rates.push(posts_per_second(store, posting, scale.time).await);
        }
    }
    let medians: Vec<f64> = rates.into_iter().map(median).collect();
    for ((stored, ..), rate) in stores.iter().zip(&medians) {
        println!("| {stored} | {rate:.0} | {:.2} |", medians[0] / rate);
    }
    println!();
}
