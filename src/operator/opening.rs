//! Opens the store that the operator chose.

use std::fmt::Display;
use std::sync::Arc;

use crate::config::StoreChoice;
use crate::service::{Clock as _, Entropy as _, OsEntropy, Policy, SystemClock};
use crate::store::{MemoryStore, RedisOptions, RedisStore, SqliteOptions, SqliteStore, Stores};

/// Opens the store.
///
/// # Errors
/// One line that says why it cannot be used.
pub async fn open_store(store: &StoreChoice, policy: Policy) -> Result<Stores, String> {
    let refused = |error: &dyn Display| format!("WATCH_PARTY_STORE: {error}");
    Ok(match store {
        StoreChoice::Memory => MemoryStore::default().into(),
        StoreChoice::Sqlite(path) => {
            SqliteStore::open(path, SqliteOptions::default()).map_err(|error| refused(&error))?.into()
        }
        StoreChoice::Redis(address) => {
            let options = RedisOptions { forget_after: policy.forget_after, now: Arc::new(|| SystemClock.now()) };
            let mut node = [0; 16];
            OsEntropy.fill(&mut node);
            RedisStore::open(address, node, options).await.map_err(|error| refused(&error))?.into()
        }
    })
}
