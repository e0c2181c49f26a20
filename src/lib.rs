//! Watch Party: private group chat that leaves nothing behind.
//!
//! One crate, built twice: with `ssr` it is the server, with `hydrate` the page in the browser.
//! `domain` holds the rules, `wire` the JSON, `store` what is kept, `service` the use cases,
//! `http` the API and `app` the pages.

// A page's type holds the types of all that is in it.
#![recursion_limit = "256"]

pub mod app;
#[cfg(feature = "ssr")]
pub mod config;
pub mod domain;
#[cfg(feature = "ssr")]
pub mod http;
#[cfg(feature = "ssr")]
pub mod service;
#[cfg(feature = "ssr")]
pub mod store;
#[cfg(feature = "ssr")]
pub mod telemetry;
pub mod wire;

/// Brings the page that the server rendered to life.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    app::settle_in_folder();
    leptos::mount::hydrate_body(app::App);
}
