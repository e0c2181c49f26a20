//! What the file promises beyond the contract.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use watch_party::store::{SqliteOptions, SqliteStore};

fn path(folder: &TempDir) -> PathBuf {
    folder.path().join("chats.db")
}

pub fn open(folder: &TempDir) -> SqliteStore {
    open_at(&path(folder))
}

fn open_at(path: &Path) -> SqliteStore {
    SqliteStore::open(path, SqliteOptions::default()).unwrap_or_else(|error| panic!("{error}"))
}
