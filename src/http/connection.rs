//! What the server sees of a request, to check the proxies before it.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::{Extension, Json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::origin::{self, Peer, SiteUrl};
use crate::wire::Connection;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(show_connection))
}

/// Show what the server sees of this request.
///
/// Through a proxy, `client_address` is the visitor's address and `site_url` the address in their browser if the proxy
/// is set up as docs/hosting.md says.
#[utoipa::path(get, path = "/connection", tag = "operations",
    responses((status = 200, description = "What the server sees", body = Connection)))]
async fn show_connection(
    State(AppState { config, .. }): State<AppState>,
    Extension(peer): Extension<Peer>,
    SiteUrl(site_url): SiteUrl,
    headers: HeaderMap,
) -> Json<Connection> {
    let trusted = &*config.trusted_proxies;
    let forwarded = origin::forwarded_address(peer, &headers, trusted);
    Json(Connection {
        client_address: forwarded.unwrap_or(peer.address()).to_canonical(),
        is_forwarded: forwarded.is_some(),
        site_url,
        ignored_headers: origin::ignored_headers(peer, &headers, trusted),
    })
}
