//! The two files of the page's code, and the way from one to the other.

use std::time::Duration;

use leptos::prelude::*;

use crate::app::client::{browser, storage};
use crate::app::texts;

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

/// Returns the name of the file that replaces `file` when the user goes to a chat; `None` if `file` contains all pages of a
/// chat.
pub(in crate::app) fn chat_file_after(file: &str, output_name: &str, is_watched: bool) -> Option<String> {
    (file == output_name && !is_watched).then(|| format!("{file}{CHAT}"))
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

/// Replaces this file by the one with the page at the new address: a chat's file takes over the document, and the other
/// loads it again.
fn load() -> AnyView {
    // The router sets the address after it has shown the page.
    Effect::new(|| {
        let leave = || {
            storage::hand_over();
            if !browser::open_chat_file() {
                browser::reload();
            }
        };
        let _ = set_timeout(leave, Duration::ZERO);
    });
    let text = if crate::HAS_CHAT_PAGES { "" } else { texts::OPENING_CHAT };
    view! { <main class="page"><p class="hint" role="status">{text}</p></main> }.into_any()
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
        for (file, after) in [("app", Some("app-chat")), ("app-chat", None)] {
            assert_eq!(chat_file_after(file, "app", false).as_deref(), after);
            assert_eq!(chat_file_after(file, "app", true), None);
        }
    }
}
