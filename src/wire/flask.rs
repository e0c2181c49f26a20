//! The bodies of Flask-Chat's dialect, as its document has them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Asks for a room.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct NewRoom {
    /// What the room is called. Only its first 64 characters count; where there is nothing to be seen, the
    /// room gets a name.
    pub alias: Option<String>,
}

/// A new room.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Room {
    pub roomid: Uuid,
    /// What the room is called.
    pub alias: String,
}

/// Who one is, or wants to be, in a room.
#[derive(Clone, Deserialize, ToSchema)]
#[allow(missing_debug_implementations)] // what is secret in it must reach no log
pub struct Credentials {
    /// 1 to 32 characters.
    pub username: String,
    /// At least 8 characters, any script.
    pub password: String,
}

/// Something to say.
#[derive(Clone, Deserialize, ToSchema)]
#[allow(missing_debug_implementations)] // what is secret in it must reach no log
pub struct Saying {
    pub username: String,
    /// What logging in gave.
    pub token: String,
    /// 1 to 2,000 characters, at most 16 KiB.
    pub message: String,
}

/// Whether it was done, and if not, why.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Outcome {
    pub succeeded: bool,
    /// A sentence for the person who asked; `null` where it was done.
    pub explanation: Option<String>,
}

/// What came of logging in.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Login {
    pub succeeded: bool,
    /// Proves the seat; random, and never made of the password.
    pub token: Option<String>,
    /// A sentence for the person who asked: why it was not done, or which other login ended for it. `null`
    /// where there is nothing to explain.
    pub explanation: Option<String>,
}
