//! What operators do with a store besides serving it: back it up, and move its chats to another one.

mod backup;
mod opening;
mod transfer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use backup::back_up_store;
pub use opening::open_store;
pub use transfer::{export_store, import_store};

/// Set when the program is told to stop. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Cancelled(Arc<AtomicBool>);

impl Cancelled {
    /// Is set when `shutdown` ends.
    pub fn after(shutdown: impl Future<Output = ()> + Send + 'static) -> Self {
        let cancelled = Self::default();
        let flag = cancelled.clone();
        tokio::spawn(async move {
            shutdown.await;
            flag.0.store(true, Ordering::Relaxed);
        });
        cancelled
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
