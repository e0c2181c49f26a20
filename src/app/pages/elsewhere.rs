//! The two files of the page's code, and the way from one to the other.

use std::cell::Cell;
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::app::client::{api, browser, storage};

/// The first part of the paths of the pages in the second file.
const CHAT_PAGES: [&str; 4] = ["chat", "chatrooms", "room", "sessions"];

/// What the name of the second file ends with.
const CHAT: &str = "-chat";

/// Returns the name, without an extension, of the file with the page at `path`, which is relative to the site's root.
/// While `cargo leptos watch` runs, one file contains all pages.
pub(in crate::app) fn file_of(path: &str, output_name: &str, is_watched: bool) -> String {
    let folder = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let part = if CHAT_PAGES.contains(&folder) && !is_watched { CHAT } else { "" };
    format!("{output_name}{part}")
}

/// Returns a function that loads the file with the pages of a chat into the browser's cache. The page calls it when the
/// user begins to fill in its form; if that was before hydration, the file is loaded at once.
pub(super) fn use_chat_file() -> impl Fn() + Copy {
    Effect::new(|| {
        if browser::is_typing() {
            fetch_chat_file();
        }
    });
    fetch_chat_file
}

fn fetch_chat_file() {
    thread_local! {
        static IS_FETCHED: Cell<bool> = const { Cell::new(false) };
    }
    if !crate::HAS_CHAT_PAGES && !IS_FETCHED.replace(true) {
        // The preloads of this page say where its own files are.
        for file in browser::own_files() {
            spawn_local(async move { api::fetch_file(&chat_file(&file)).await });
        }
    }
}

/// `pkg/watch-party.js` becomes `pkg/watch-party-chat.js`.
fn chat_file(own: &str) -> String {
    own.rsplit_once('.').map_or_else(String::new, |(name, extension)| format!("{name}{CHAT}.{extension}"))
}

/// Returns a page of the first file, or of what loads it if this is the other file.
pub(in crate::app) fn in_start_file<V: IntoView + 'static>(
    page: impl Fn() -> V + Clone,
) -> impl Fn() -> AnyView + Clone {
    move || if crate::HAS_START_PAGES { page().into_any() } else { load() }
}

/// Returns a page of the second file, or of what loads it if this is the other file.
pub(in crate::app) fn in_chat_file<V: IntoView + 'static>(
    page: impl Fn() -> V + Clone,
) -> impl Fn() -> AnyView + Clone {
    move || if crate::HAS_CHAT_PAGES { page().into_any() } else { load() }
}

/// Loads the document at the page's new address, with the file of its page.
fn load() -> AnyView {
    // The router sets the address after it has shown the page.
    Effect::new(|| {
        let reload = || {
            storage::hand_over();
            browser::reload();
        };
        let _ = set_timeout(reload, Duration::ZERO);
    });
    view! { <main class="page"></main> }.into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_page_has_its_file() {
        for (path, file) in [("/", "app"), ("/join/1", "app"), ("/no/such", "app"), ("/chat/1", "app-chat")] {
            assert_eq!(file_of(path, "app", false), file, "{path}");
            assert_eq!(file_of(path, "app", true), "app");
        }
        assert_eq!(chat_file("https://example.org/a.b/pkg/app.js"), "https://example.org/a.b/pkg/app-chat.js");
    }
}
