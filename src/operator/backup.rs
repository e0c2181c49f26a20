//! `watch-party backup`.

use std::path::PathBuf;

use super::Cancelled;
use crate::config::StoreChoice;
use crate::store::{BACKUP_TIME, back_up};

/// Copies the store to `file`, and returns what was copied.
///
/// # Errors
/// One line that says why there is no copy.
pub async fn back_up_store(store: StoreChoice, file: PathBuf, cancelled: Cancelled) -> Result<String, String> {
    let StoreChoice::Sqlite(database) = store else {
        return Err("backup: only a SQLite store is a file that can be copied; --store names it".into());
    };
    let copy = tokio::task::spawn_blocking(move || back_up(&database, &file, BACKUP_TIME, move || cancelled.is_set()));
    let copied = copy.await.map_err(|error| error.to_string()).and_then(|copy| copy.map_err(|error| error.to_string()));
    copied.map(|copied| copied.to_string()).map_err(|error| format!("backup: {error}"))
}
