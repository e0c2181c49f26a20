//! HTTP: the router, the handlers, and what happens around every request.

mod accept;
mod auth;
mod body;
mod calls;
mod chat_app;
mod docs;
mod document;
mod examples;
mod fields;
mod flask;
mod health;
mod layers;
mod native;
mod openapi;
mod origin;
mod pages;
mod path;
mod problem;
mod query;
mod responses;
mod serve;
mod silly;
mod sse;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;
use axum::http::Method;
use leptos::config::LeptosOptions;

use calls::Calls;

use crate::config::Config;
use crate::service::Service;

pub use layers::{MAX_BODY_BYTES, Site};
pub use openapi::api_document;
pub use serve::{Limits, connections_within, raise_open_files, serve, serve_within};

/// State that all handlers share. Clones share everything.
#[derive(Clone, Debug)]
pub struct AppState {
    pub service: Service,
    pub config: Arc<Config>,
    pub leptos: LeptosOptions,
}

impl FromRef<AppState> for Service {
    fn from_ref(state: &AppState) -> Self {
        state.service.clone()
    }
}

impl FromRef<AppState> for LeptosOptions {
    fn from_ref(state: &AppState) -> Self {
        state.leptos.clone()
    }
}

/// Builds the site: the API, its documents, the pages and their files.
#[must_use]
pub fn site(state: AppState) -> Site {
    site_within(state, Limits::BODY_TIMEOUT)
}

/// [`site`] with a time limit for the body of a request.
fn site_within(state: AppState, body_timeout: Duration) -> Site {
    let (api, document) = openapi::routes().split_for_parts();
    let routes = api.merge(docs::routes(&document::complete(&document))).merge(pages::routes(&state));
    openapi::prepare();
    let docs = (docs::PATH.to_owned(), vec![Method::GET, Method::HEAD]);
    let others = pages::paths().chain([docs]).chain(pages::server_functions());
    Site::new(state.clone(), routes.with_state(state), Calls::new(&document, others), body_timeout)
}
