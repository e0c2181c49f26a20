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
pub mod cli;
#[cfg(feature = "ssr")]
pub mod config;
pub mod domain;
#[cfg(feature = "ssr")]
pub mod http;
#[cfg(feature = "ssr")]
pub mod metrics;
#[cfg(feature = "ssr")]
pub mod operator;
#[cfg(feature = "ssr")]
pub mod service;
#[cfg(feature = "ssr")]
pub mod store;
#[cfg(feature = "ssr")]
pub mod telemetry;
pub mod wire;

/// The allocator of the program, its tests and its benchmarks.
#[cfg(feature = "ssr")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What the page's script calls, to show a file of the page's code and to replace it by the other.
#[cfg(feature = "hydrate")]
mod page {
    use std::any::Any;
    use std::cell::RefCell;

    use leptos::mount::hydrate_from;
    use leptos::prelude::{IntoView, Owner};
    use leptos::tachys::dom::body;
    use wasm_bindgen::prelude::wasm_bindgen;

    use crate::app;

    thread_local! {
        /// The app's view, which is removed when this is dropped.
        static VIEW: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
        /// The owner of everything reactive in the app.
        static ROOT: RefCell<Option<Owner>> = const { RefCell::new(None) };
    }

    /// Hydrates the page that the server rendered.
    #[wasm_bindgen]
    pub fn hydrate() {
        app::set_base_path();
        VIEW.set(Some(Box::new(hydrate_from(body(), rooted_app))));
    }

    /// Renders the page into the body that the other file has left.
    #[cfg(feature = "chat-pages")]
    #[wasm_bindgen]
    pub fn mount() {
        app::set_base_path();
        VIEW.set(Some(Box::new(leptos::mount::mount_to(body(), rooted_app))));
    }

    /// Removes the page, and the listeners of its components with it.
    #[cfg(feature = "start-pages")]
    #[wasm_bindgen]
    pub fn unmount() {
        VIEW.set(None);
        if let Some(root) = ROOT.take() {
            root.cleanup();
        }
    }

    fn rooted_app() -> impl IntoView {
        console_error_panic_hook::set_once();
        ROOT.set(Owner::current());
        app::App()
    }
}
