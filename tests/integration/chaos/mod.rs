//! Clients of every kind use a network that cuts, delays and truncates, while nodes and stores are killed and restarted.
//! Every reader sees every acknowledged message, once and in the same order.

mod clients;
mod network;

use std::collections::HashSet;
use std::fmt;
use std::ops::AddAssign;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use reqwest::Client;
use tempfile::TempDir;
use tokio::task::JoinSet;
use uuid::Uuid;

use self::clients::{Reader, Room, Transport, room_by_links, room_of_accounts, write};
use self::network::{Network, dice};
use crate::app::CountingEntropy;
use crate::program::{Http, Program, command};
use crate::redis::server::{RedisCluster, RedisServer};

const SEATS: usize = 3;

/// Where the chats are, and what happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scenario {
    /// Only the network is bad.
    Memory,
    /// One program on SQLite is killed and restarted.
    Sqlite,
    /// One of two nodes on a Redis is killed and restarted.
    KilledNode,
    /// The Redis of two nodes, which writes to the disk before it answers, is killed and restarted.
    RestartedRedis,
    /// The connections on which two nodes hear of each other are cut.
    CutNews,
    /// A master of the Cluster of two nodes is killed, and comes back as a replica. Commits wait for a replica.
    KilledMaster,
}

/// How much happens in a round.
#[derive(Clone, Copy, Debug)]
struct Size {
    chats: usize,
    posts: usize,
    faults: usize,
}

enum Store {
    Memory,
    Sqlite(TempDir),
    Redis(RedisServer),
    Cluster(RedisCluster),
}

impl Store {
    fn start(scenario: Scenario) -> Self {
        match scenario {
            Scenario::Memory => Self::Memory,
            Scenario::Sqlite => Self::Sqlite(tempfile::tempdir().unwrap()),
            Scenario::KilledNode | Scenario::CutNews => Self::Redis(RedisServer::start()),
            Scenario::RestartedRedis => Self::Redis(RedisServer::start_durable()),
            Scenario::KilledMaster => Self::Cluster(RedisCluster::start_for_kills()),
        }
    }

    fn program(&self) -> Program {
        let url = match self {
            Self::Memory => "memory".to_owned(),
            Self::Sqlite(folder) => return Program::start_without_limits(folder.path()),
            Self::Redis(server) => server.url(),
            Self::Cluster(cluster) => format!("{}?durability=wait:1", cluster.url()),
        };
        let mut command = command(Path::new("/tmp"));
        command.args(["--rate-limit", "off", "--store", &url]);
        Program::of(command)
    }
}

/// What happened, and what went wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Totals {
    messages: u64,
    deliveries: u64,
    cuts: u64,
    kills: u64,
    lost: u64,
    doubled: u64,
    out_of_order: u64,
}

impl AddAssign for Totals {
    fn add_assign(&mut self, more: Self) {
        self.messages += more.messages;
        self.deliveries += more.deliveries;
        self.cuts += more.cuts;
        self.kills += more.kills;
        self.lost += more.lost;
        self.doubled += more.doubled;
        self.out_of_order += more.out_of_order;
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { messages, deliveries, cuts, kills, lost, doubled, out_of_order } = self;
        write!(
            f,
            "{messages} messages, {deliveries} deliveries, {cuts} cuts, {kills} kills: \
             {lost} lost, {doubled} doubled, {out_of_order} out of order"
        )
    }
}

impl Totals {
    fn assert_nothing_is_wrong(&self) {
        assert_eq!((self.lost, self.doubled, self.out_of_order), (0, 0, 0), "{self}");
    }

    /// Compares what a reader saw with what was acknowledged.
    fn add_reader(&mut self, reader: &Reader) {
        let ids: Vec<u64> = reader.seen.iter().map(|(id, _)| *id).collect();
        let seen: HashSet<(u64, String)> = reader.seen.iter().cloned().collect();
        let acknowledged = reader.room.acknowledged.lock();
        self.deliveries += ids.len() as u64;
        self.lost += acknowledged.difference(&seen).count() as u64;
        // Either the same id, or another message than the acknowledged ones.
        self.doubled += (ids.len() - ids.iter().collect::<HashSet<_>>().len()) as u64;
        self.doubled += seen.difference(&acknowledged).count() as u64;
        self.out_of_order += ids.windows(2).filter(|pair| pair[0] > pair[1]).count() as u64;
    }
}

fn port(program: &Program) -> u16 {
    program.site.rsplit(':').next().unwrap().parse().unwrap()
}

/// The nodes under test.
struct Nodes {
    scenario: Scenario,
    store: Store,
    programs: Vec<Program>,
}

impl Nodes {
    fn start(scenario: Scenario) -> Self {
        let store = Store::start(scenario);
        let count = if matches!(store, Store::Memory | Store::Sqlite(_)) { 1 } else { 2 };
        let programs = (0..count).map(|_| store.program()).collect();
        Self { scenario, store, programs }
    }

    fn ports(&self) -> Vec<u16> {
        self.programs.iter().map(port).collect()
    }

    fn caller(&self) -> Http {
        self.programs[0].caller()
    }

    fn kill_program(&mut self, at: usize) {
        self.programs.swap_remove(at).kill();
        self.programs.push(self.store.program());
    }

    /// Makes the scenario's fault happen once, and mends it. `key` belongs to one of the chats.
    fn break_once(&mut self, key: &str, entropy: &CountingEntropy) {
        let any = usize::from(dice(entropy)) % self.programs.len();
        match (&mut self.store, self.scenario) {
            (Store::Sqlite(_), _) | (_, Scenario::KilledNode) => self.kill_program(any),
            (Store::Redis(server), Scenario::RestartedRedis) => {
                server.kill();
                server.restart();
            }
            (Store::Redis(server), _) => {
                server.ask("CLIENT KILL TYPE pubsub").unwrap();
            }
            (Store::Cluster(cluster), _) => {
                let killed = cluster.kill_master_of(key);
                cluster.servers[killed].restart();
                cluster.await_healthy(3);
            }
            (Store::Memory, _) => {}
        }
    }
}

/// Runs one round, and returns what happened in it.
async fn round(scenario: Scenario, size: Size, seed: u64) -> Totals {
    let entropy = Arc::new(CountingEntropy::seeded(seed));
    let mut nodes = Nodes::start(scenario);
    let http = nodes.caller();
    let network = Network::start(nodes.ports(), entropy.clone()).await;
    let site = format!("http://{}", network.address);
    // One connection per request, so that a cut connection fails no other request.
    let client = Client::builder().pool_max_idle_per_host(0).timeout(Duration::from_secs(10)).build().unwrap();
    let streaming = Client::builder().pool_max_idle_per_host(0).build().unwrap();

    let (mut writers, mut readers, mut rooms) = (JoinSet::new(), JoinSet::new(), Vec::<Arc<Room>>::new());
    for number in 0..size.chats {
        let room = Arc::new(if number == 0 { room_of_accounts(&http).await } else { room_by_links(&http).await });
        rooms.push(room.clone());
        for seat in 0..SEATS {
            writers.spawn(write(client.clone(), site.clone(), room.clone(), seat, size.posts));
            for transport in [Transport::Poll, Transport::Events, Transport::WebSocket] {
                let token = room.reading_tokens[seat].clone();
                let expected = SEATS * size.posts;
                let reader =
                    Reader { room: room.clone(), token, seen: Vec::new(), expected, missed: 0, may_lack: false };
                let client = if matches!(transport, Transport::Poll) { client.clone() } else { streaming.clone() };
                readers.spawn(reader.read(client, network.address.clone(), transport));
            }
        }
    }
    let all = size.chats * SEATS * size.posts;
    let mut totals = Totals::default();
    for fault in 1..=size.faults {
        // Spread the faults evenly over all posts.
        let acknowledged = || rooms.iter().map(|room| room.acknowledged.lock().len()).sum::<usize>();
        while acknowledged() < all * fault / (size.faults + 1) {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(5)) => {}
                // A writer that panics fails the test; one that finishes has had all its posts acknowledged.
                Some(writer) = writers.join_next() => writer.unwrap(),
            }
        }
        let key = format!("watch-party:{{{}}}:chat", rooms[fault % rooms.len()].id);
        nodes = tokio::task::block_in_place(|| {
            let mut nodes = nodes;
            nodes.break_once(&key, &entropy);
            nodes
        });
        *network.nodes.lock() = nodes.ports();
        totals.kills += u64::from(!matches!(scenario, Scenario::Memory | Scenario::CutNews));
        totals.cuts += u64::from(scenario == Scenario::CutNews);
    }
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    network.is_bad.store(false, Ordering::SeqCst);
    totals.messages = all as u64;
    for reader in readers.join_all().await {
        totals.add_reader(&reader);
        assert_eq!(reader.missed, 0, "a chat keeps all messages");
        // A store that was killed may have lost something, and readers are told so.
        let may_lack = matches!(scenario, Scenario::RestartedRedis | Scenario::KilledMaster);
        assert!(!reader.may_lack || may_lack, "a reader was told that messages may be missing");
    }
    totals.cuts += network.cuts.load(Ordering::SeqCst);
    totals
}

/// Runs a round that must lose, repeat and reorder nothing.
async fn acknowledged_messages_survive(scenario: Scenario, size: Size) {
    let seed = std::env::var("CHAOS_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| Uuid::new_v4().as_u64_pair().0);
    println!("CHAOS_SEED={seed}");
    let totals = round(scenario, size, seed).await;
    println!("{totals}");
    totals.assert_nothing_is_wrong();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_messages_are_never_lost_duplicated_or_reordered() {
    acknowledged_messages_survive(Scenario::Sqlite, Size { chats: 3, posts: 40, faults: 4 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_messages_survive_the_kill_of_a_node() {
    acknowledged_messages_survive(Scenario::KilledNode, Size { chats: 2, posts: 30, faults: 3 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_messages_survive_the_restart_of_redis() {
    acknowledged_messages_survive(Scenario::RestartedRedis, Size { chats: 2, posts: 30, faults: 3 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_messages_survive_the_kill_of_a_clusters_master() {
    acknowledged_messages_survive(Scenario::KilledMaster, Size { chats: 2, posts: 30, faults: 1 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_messages_survive_cut_channels() {
    acknowledged_messages_survive(Scenario::CutNews, Size { chats: 2, posts: 30, faults: 5 }).await;
}

/// Runs rounds of all scenarios for `CHAOS_SECONDS`, and prints totals: `make chaos`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes as long as it is told to"]
async fn chaos_for_a_while() {
    let seconds = std::env::var("CHAOS_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(60);
    let (begin, seconds) = (Instant::now(), Duration::from_secs(seconds));
    // As many posts as a chat keeps, so that no reader has to miss any.
    let size = Size { chats: 3, posts: clients::HISTORY / SEATS, faults: 4 };
    let scenarios = [
        Scenario::Memory,
        Scenario::Sqlite,
        Scenario::KilledNode,
        Scenario::RestartedRedis,
        Scenario::CutNews,
        Scenario::KilledMaster,
    ];
    let mut all = vec![Totals::default(); scenarios.len()];
    let mut number = 0;
    while begin.elapsed() < seconds {
        let at = number % scenarios.len();
        let seed = Uuid::new_v4().as_u64_pair().0;
        all[at] += round(scenarios[at], size, seed).await;
        number += 1;
        println!("{number} rounds, the last one {:?} with CHAOS_SEED={seed}", scenarios[at]);
        for (scenario, totals) in scenarios.iter().zip(&all) {
            println!("{:<16}{totals}", format!("{scenario:?}"));
        }
        let mut sum = Totals::default();
        all.iter().for_each(|totals| sum += *totals);
        println!("{:<16}{sum}", "All");
        sum.assert_nothing_is_wrong();
    }
}
