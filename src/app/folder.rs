//! The folder of the host that the site is served from. A proxy may serve the site from any folder, and only the
//! browser sees which one. The rendered HTML is the same in all of them, because its addresses are relative to the
//! page's `<base>`.

use std::sync::OnceLock;

use super::client::{browser, storage};

static FOLDER: OnceLock<String> = OnceLock::new();

/// Reads the folder from the page, and makes all addresses start with it from then on. Takes the data of the document
/// before this one. Must run before hydration.
pub fn set_base_path() {
    browser::pin_root();
    FOLDER.get_or_init(browser::read_folder);
    storage::take_over();
}

/// Returns the folder: `/chat` for `https://example.org/chat/`, empty at the root and on the server.
pub(super) fn folder() -> &'static str {
    FOLDER.get().map_or("", String::as_str)
}
