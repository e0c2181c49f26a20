//! The code that runs only in the browser: its storage, its requests to the server, and following a chat.
//!
//! Pages call it only from effects and event handlers, so none of it runs on the server.

pub(super) mod alert;
pub(super) mod api;
pub(super) mod browser;
pub(super) mod browser_sessions;
pub(super) mod connection;
pub(super) mod conversation;
pub(super) mod events;
mod invites;
pub(super) mod json;
mod knocks;
mod members;
mod messages;
mod outbox;
pub(super) mod read_only;
pub(super) mod seat;
pub(super) mod storage;
pub(super) mod task;
pub(super) mod waiting;
