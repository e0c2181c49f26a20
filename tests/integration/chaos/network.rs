//! A network that cuts, delays and truncates.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use watch_party::service::Entropy as _;

use crate::app::CountingEntropy;

pub fn dice(entropy: &CountingEntropy) -> u16 {
    let mut drawn = [0; 2];
    entropy.fill(&mut drawn);
    u16::from_le_bytes(drawn)
}

/// A network between clients and nodes, at one address. Each connection goes to any node.
pub struct Network {
    pub address: String,
    /// The ports of the nodes.
    pub nodes: Arc<Mutex<Vec<u16>>>,
    /// While this is set, connections are soon cut.
    pub is_bad: Arc<AtomicBool>,
    /// Number of connections that were cut.
    pub cuts: Arc<AtomicU64>,
}

impl Network {
    pub async fn start(nodes: Vec<u16>, entropy: Arc<CountingEntropy>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let nodes = Arc::new(Mutex::new(nodes));
        let is_bad = Arc::new(AtomicBool::new(true));
        let cuts = Arc::new(AtomicU64::new(0));
        let (targets, bad, all_cuts) = (nodes.clone(), is_bad.clone(), cuts.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (bad, cuts, entropy) = (bad.clone(), all_cuts.clone(), entropy.clone());
                let port = {
                    let nodes = targets.lock();
                    nodes[usize::from(dice(&entropy)) % nodes.len()]
                };
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
                    carry(client, server, &bad, &cuts, &entropy).await;
                });
            }
        });
        Self { address, nodes, is_bad, cuts }
    }
}

/// Carries bytes both ways. While the network is bad, each chunk may be delayed, truncated, and the last of its
/// connection. Different delays let connections overtake each other.
async fn carry(client: TcpStream, server: TcpStream, bad: &AtomicBool, cuts: &AtomicU64, entropy: &CountingEntropy) {
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    let one_way = async |mut from: OwnedReadHalf, mut to: OwnedWriteHalf| {
        let mut chunk = [0; 1024];
        while let Ok(read) = from.read(&mut chunk).await {
            let mut part = &chunk[..read];
            let chance = dice(entropy);
            let is_cut = bad.load(Ordering::SeqCst) && chance.is_multiple_of(24);
            if bad.load(Ordering::SeqCst) && chance.is_multiple_of(4) {
                tokio::time::sleep(Duration::from_millis(u64::from(chance / 16 % 30))).await;
            }
            if is_cut {
                cuts.fetch_add(1, Ordering::SeqCst);
                part = &part[..read * usize::from(chance / 32 % 4) / 4];
            }
            if read == 0 || to.write_all(part).await.is_err() || is_cut {
                return;
            }
        }
    };
    // When one direction is cut, so is the other.
    tokio::select! {
        () = one_way(client_read, server_write) => {}
        () = one_way(server_read, client_write) => {}
    }
}
