//! JSON bodies of the Flask-Chat dialect, as its document defines them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Creates a room. The field is optional, and so is the body.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct NewRoom {
    /// The room's name, cut after 64 characters. If it is missing or has no visible character, the server chooses a
    /// name.
    pub alias: Option<String>,
}

/// A new room.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Room {
    pub roomid: Uuid,
    /// The room's name.
    pub alias: String,
}

/// A username and password, to register or log in.
#[derive(Clone, Deserialize, ToSchema)]
#[allow(missing_debug_implementations)] // keeps the secret out of logs
pub struct Credentials {
    /// The member's name in the room.
    pub username: String,
    /// The account's password, in any script.
    pub password: String,
}

/// Posts a message.
#[derive(Clone, Deserialize, ToSchema)]
#[allow(missing_debug_implementations)] // keeps the secret out of logs
#[schema(as = Saying)]
pub struct PostBody {
    /// The name of the account that the token belongs to.
    pub username: String,
    /// The token that `login` returned.
    pub token: String,
    /// Text of the message, at most 16 KiB.
    pub message: String,
}

/// Whether the request succeeded, and if not, why.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Outcome {
    pub succeeded: bool,
    /// A sentence for the user that says why the request failed; `null` if it succeeded.
    pub explanation: Option<String>,
}

/// The result of logging in.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Login {
    pub succeeded: bool,
    /// Session token of the seat; `null` if logging in failed. Random, never derived from the password.
    pub token: Option<String>,
    /// A sentence for the user that says why logging in failed, or which other login it ended; otherwise `null`.
    pub explanation: Option<String>,
}
