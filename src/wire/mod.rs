//! JSON bodies of requests and responses, problem codes and page addresses. Names are `snake_case`, times RFC 3339 in
//! UTC.
//!
//! A request body holds unchecked values, which the domain's types validate. Response bodies are built from domain
//! values here, so every transport sends the same JSON. Everything public in a private module is public here.
//!
//! A type with flattened fields or a tag is read by way of a struct with all its fields, called `…Fields`: serde's own
//! way needs a second copy of the code that reads each field's type, and the page would have to load it.

pub mod addresses;
pub mod chat_app;
mod chats;
mod connection;
pub mod flask;
mod health;
mod invites;
mod knocks;
mod live;
mod members;
mod messages;
mod problem;
mod sessions;
pub mod silly;

pub use chats::*;
pub use connection::*;
pub use health::*;
pub use invites::*;
pub use knocks::*;
pub use live::*;
pub use members::*;
pub use messages::*;
pub use problem::*;
pub use sessions::*;
