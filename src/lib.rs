//! Watch Party: private group chat that leaves nothing behind.
//!
//! The crate is built twice: with `ssr` as the server, with `hydrate` as the page in the browser. `domain` contains
//! the rules, `wire` the JSON, `store` the stores, `service` the use cases, `http` the API and `app` the pages.

// The type of a page contains the types of all its elements.
#![recursion_limit = "256"]

#[cfg(all(feature = "hydrate", not(any(feature = "start-pages", feature = "chat-pages"))))]
compile_error!("a build of the page needs `start-pages`, `chat-pages`, or both; see the Makefile");

/// Whether this build contains the pages on which people arrive.
const HAS_START_PAGES: bool = cfg!(feature = "start-pages");
/// Whether this build contains the pages of a chat.
const HAS_CHAT_PAGES: bool = cfg!(feature = "chat-pages");

// A build with the pages of one file does not use everything.
#[cfg_attr(not(all(feature = "start-pages", feature = "chat-pages")), allow(dead_code, unused_imports))]
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

/// Hydrates the page that the server rendered.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    app::set_base_path();
    leptos::mount::hydrate_body(app::App);
}
