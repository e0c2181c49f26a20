//! Health checks for operators.

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::problem::HandlerResult;
use crate::service::Service;
use crate::wire::{Health, Problem};

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(show_liveness)).routes(routes!(show_readiness))
}

/// Check that the program is running.
#[utoipa::path(get, path = "/healthz", tag = "operations",
    responses((status = 200, description = "The program is running", body = Health)))]
async fn show_liveness() -> Json<Health> {
    Json(Health { status: "ok".into() })
}

/// Check that the program can do its work.
///
/// It can if its store answers.
#[utoipa::path(get, path = "/readyz", tag = "operations", responses(
    (status = 200, description = "The store answers", body = Health),
    (status = 503, description = "`unavailable`: the store does not answer", body = Problem),
))]
async fn show_readiness(State(service): State<Service>) -> HandlerResult<Json<Health>> {
    service.check_store().await?;
    Ok(Json(Health { status: "ok".into() }))
}
