//! A pool of connections that read. Chats in use are in memory, so a few connections are enough.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::{Connection, Result};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::connection::open_reader;
use super::unavailable;
use crate::store::Unavailable;

/// Maximum number of concurrent reads.
const READERS: usize = 4;

/// Clones share the connections, which close when the last clone is dropped.
#[derive(Clone)]
pub(super) struct Readers {
    path: Arc<PathBuf>,
    idle: Arc<Mutex<Vec<Connection>>>,
    places: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path: Arc::new(path), idle: Arc::default(), places: Arc::new(Semaphore::new(READERS)) }
    }

    /// Runs `query` on a blocking thread, not on the threads that serve requests.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(unavailable)?;
        let Self { path, idle, .. } = self.clone();
        let answer = spawn_blocking(move || {
            let _place = place;
            let kept = idle.lock().pop();
            let mut connection = kept.map_or_else(|| open_reader(&path), Ok)?;
            let answer = query(&mut connection);
            // A connection that failed is not used again: a new one may work.
            if answer.is_ok() {
                idle.lock().push(connection);
            }
            answer
        });
        answer.await.map_err(unavailable)?.map_err(|error: rusqlite::Error| unavailable(error))
    }
}
