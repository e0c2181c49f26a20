//! The Redis store on its own.

use std::sync::Arc;
use std::time::Duration;

use watch_party::domain::Timestamp;
use watch_party::store::{RedisAddress, RedisOptions, RedisStore};

use crate::app::{CountingEntropy, ManualClock};
use watch_party::service::{Clock as _, Entropy as _};

/// Opens a store whose clock stands still at the time of the contract.
pub async fn open(url: &str) -> RedisStore {
    open_at(url, Arc::default()).await
}

pub async fn open_at(url: &str, clock: Arc<ManualClock>) -> RedisStore {
    let now: Arc<dyn Fn() -> Timestamp + Send + Sync> = Arc::new(move || clock.now());
    let options = RedisOptions { forget_after: Duration::from_hours(24), now };
    RedisStore::open(&RedisAddress::parse(url).unwrap(), random_node(), options).await.unwrap()
}

/// Different in each call, as the nodes of one store are.
fn random_node() -> [u8; 16] {
    static ENTROPY: std::sync::OnceLock<CountingEntropy> = std::sync::OnceLock::new();
    let mut node = [0; 16];
    ENTROPY.get_or_init(CountingEntropy::default).fill(&mut node);
    node
}
