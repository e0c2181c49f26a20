//! JSON body of what the server sees of a request.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the server sees of the request that asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Connection {
    /// The IP address that the server's limits count: the peer's, or the one that a trusted proxy names.
    #[schema(value_type = String, example = "203.0.113.7")]
    pub client_address: IpAddr,
    /// Whether a trusted proxy named the address.
    pub is_forwarded: bool,
    /// The site's URL in the links that the server creates, without a slash at its end.
    #[schema(example = "https://chat.example")]
    pub site_url: String,
    /// The request's `X-Forwarded-*` headers that the server ignored, because its peer is no trusted proxy. Lower case.
    pub ignored_headers: Vec<String>,
}
