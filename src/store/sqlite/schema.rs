//! The numbered migrations of the database.

use rusqlite_migration::{M, Migrations};

/// Marks a SQLite file as ours: "WPTY".
pub(super) const APPLICATION_ID: i32 = 0x5750_5459;

/// Oldest first. An existing migration never changes; new ones are appended.
const ALL: &[M<'_>] = &[
    M::up(include_str!("migrations/0001_chats.sql")),
    M::up(include_str!("migrations/0002_entry.sql")),
    M::up(include_str!("migrations/0003_accounts.sql")),
    M::up(include_str!("migrations/0004_browser_sessions.sql")),
    M::up(include_str!("migrations/0005_removed.sql")),
    M::up(include_str!("migrations/0006_sessions.sql")),
    M::up(include_str!("migrations/0007_history.sql")),
];

pub(super) const MIGRATIONS: Migrations<'_> = Migrations::from_slice(ALL);

/// The number of the newest migration.
pub(super) const NEWEST: usize = ALL.len();
