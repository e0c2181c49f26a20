//! `watch-party export` and `watch-party import`.

use std::path::Path;

use super::{Cancelled, open_store};
use crate::config::StoreChoice;
use crate::service::Policy;
use crate::store::{TransferError, Transferred, Watcher, export, import};

/// Tells the operator of the progress.
struct Terminal {
    word: &'static str,
    cancelled: Cancelled,
}

impl Watcher for Terminal {
    fn is_cancelled(&self) -> bool {
        self.cancelled.is_set()
    }

    fn moved(&self, done: usize, all: usize) {
        eprintln!("{} {done} of {all} chats and browser sessions", self.word);
    }
}

/// Writes the store's chats to `file`, and returns what was written.
///
/// # Errors
/// One line that says why there is no complete file.
pub async fn export_store(
    store: &StoreChoice,
    policy: Policy,
    file: &Path,
    cancelled: Cancelled,
) -> Result<String, String> {
    let stores = open_existing(store, policy, "export").await?;
    let exported = export(&stores, file, &Terminal { word: "exported", cancelled }).await;
    told("export", "exported", exported)
}

/// Reads chats from `file` into the store, and returns what was read.
///
/// # Errors
/// One line that says why not everything is in the store.
pub async fn import_store(
    store: &StoreChoice,
    policy: Policy,
    file: &Path,
    cancelled: Cancelled,
) -> Result<String, String> {
    let stores = open_existing(store, policy, "import").await?;
    let imported = import(&stores, file, &Terminal { word: "imported", cancelled }).await;
    told("import", "imported", imported)
}

async fn open_existing(store: &StoreChoice, policy: Policy, command: &str) -> Result<crate::store::Stores, String> {
    match store {
        StoreChoice::Memory => {
            Err(format!("{command}: a store in memory ends with the program; --store names another"))
        }
        StoreChoice::Sqlite(path) if command == "export" && !path.exists() => {
            Err(format!("{command}: {}: there is no such database; --store names it", path.display()))
        }
        store => open_store(store, policy).await,
    }
}

fn told(command: &str, word: &str, moved: Result<Transferred, TransferError>) -> Result<String, String> {
    moved.map(|moved| format!("{word} {moved}")).map_err(|error| format!("{command}: {error}"))
}
