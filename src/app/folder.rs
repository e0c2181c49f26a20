//! In which folder of its host the site stands: a proxy may serve it from any, and only the browser
//! sees which. What is rendered is the same in all of them: its addresses begin at the page's
//! `<base>`.

use std::sync::OnceLock;

use leptos::server_fn::client::set_server_url;

use super::client::browser;

static FOLDER: OnceLock<String> = OnceLock::new();

/// Reads the folder off the page, before the page comes to life, and has every address begin in it
/// from then on.
pub fn settle_in_folder() {
    browser::pin_root();
    set_server_url(FOLDER.get_or_init(browser::read_folder));
}

/// `/chat` in `https://example.org/chat/`; empty at the root, and on the server.
pub(super) fn folder() -> &'static str {
    FOLDER.get().map_or("", String::as_str)
}
