//! The rules of a chat, without I/O, clock or randomness. This module uses no other module of the crate.
//!
//! A use case loads a [`Chat`], calls [`Chat::decide`], which turns a [`Command`] into [`Event`]s or a [`Refusal`],
//! and stores the [`Transition`] that [`Chat::transition`] builds from the events. Each rule exists only here, so
//! every store, transport and dialect follows the same rules. Everything public in a private module is public here.

mod accounts;
mod browser_sessions;
mod chat;
mod commands;
mod events;
mod history;
mod ids;
mod invites;
mod knocks;
mod members;
mod messages;
mod names;
mod owners;
mod refusal;
mod secret;
mod sessions;
mod settings;
mod stored;
mod text;
mod timestamp;

pub use accounts::*;
pub use browser_sessions::*;
pub use chat::*;
pub use commands::*;
pub use events::*;
pub use history::*;
pub use ids::*;
pub use invites::*;
pub use knocks::*;
pub use members::*;
pub use messages::*;
pub use names::*;
pub use refusal::*;
pub use secret::*;
pub use sessions::*;
pub use settings::*;
pub use timestamp::*;
