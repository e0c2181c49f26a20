//! HTTP: the router, the handlers, and what happens around every request.

mod accept;
mod auth;
mod body;
mod calls;
mod chat_app;
mod connection;
mod cors;
mod docs;
mod document;
mod examples;
mod fields;
mod files;
mod flask;
mod health;
mod large_answers;
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

use calls::{Calls, Other};
use pages::StartPage;

use crate::config::Config;
use crate::service::Service;

pub use files::SiteFiles;
pub use layers::{MAX_BODY_BYTES, Site};
pub use openapi::api_document;
pub use origin::Peer;
pub use serve::{Limits, Listeners, connections_within, raise_open_files, serve, serve_metrics, serve_within};

/// The numbers of the limits, for their table in docs/limits.md.
pub mod bounds {
    pub use super::large_answers::LARGE_ANSWER_BYTES;
    pub use super::native::{FRAMES_BETWEEN_PINGS, MAX_FRAME_BYTES};
    pub use super::serve::MAX_HEAD_BYTES;
}

/// State that all handlers share. Clones share everything.
#[derive(Clone, Debug)]
pub struct AppState {
    pub service: Service,
    pub config: Arc<Config>,
    pub leptos: LeptosOptions,
    pub files: SiteFiles,
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
    let start_page = StartPage::default();
    let pages = pages::routes(&state, start_page.clone());
    let routes = api.merge(docs::routes(&document::complete(&document))).merge(pages);
    openapi::prepare();
    let docs = Other { pattern: docs::PATH.to_owned(), methods: vec![Method::GET, Method::HEAD], is_page: true };
    let others = pages::paths().chain([docs]).chain(pages::server_functions());
    let calls = Calls::new(&document, others, &state.service.metrics().requests);
    Site::new(state.clone(), routes.with_state(state), calls, start_page, body_timeout)
}
