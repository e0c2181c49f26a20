//! The browser's edge: what it remembers, how it asks the server, how it keeps up with a chat.
//!
//! Nothing here runs on the server: pages call it from effects and event handlers alone.

pub(super) mod alert;
pub(super) mod api;
pub(super) mod browser;
pub(super) mod browser_sessions;
pub(super) mod connection;
pub(super) mod conversation;
pub(super) mod events;
mod inbox;
mod outbox;
pub(super) mod seat;
pub(super) mod storage;
pub(super) mod task;
pub(super) mod visit;
