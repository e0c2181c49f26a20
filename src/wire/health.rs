//! JSON body of the server's health.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The server's health.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// Always `ok`.
    pub status: String,
}
