//! Hydration of the server-rendered page, and what the user reads if it is slow or fails.

use std::sync::LazyLock;

use leptos::config::LeptosOptions;
use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_router::location::RequestUrl;

use super::FileAddresses;
use super::pages::{chat_file_after, file_of};
use super::texts;

/// Whether `cargo leptos watch` runs the server. It builds one file of all pages, and reloads them after each change.
#[must_use]
pub fn is_watched() -> bool {
    static IS_WATCHED: LazyLock<bool> = LazyLock::new(|| std::env::var_os("LEPTOS_WATCH").is_some());
    *IS_WATCHED
}

/// Preloads the script and the WebAssembly of the file that contains the page. The script of [`HydrationNotice`] reads
/// their addresses from these links, and from `data-chat` and `data-chat-wasm` those of the file to load when the user
/// goes from here to a chat.
#[component]
pub(super) fn HydrationFiles(options: LeptosOptions, files: FileAddresses) -> impl IntoView {
    let LeptosOptions { site_pkg_dir, output_name, .. } = options;
    let path = use_context::<RequestUrl>().and_then(|url| url.parse().ok()).map(|url| url.path().to_owned());
    let address = |file: &str, extension: &str| files.of(&format!("{site_pkg_dir}/{file}.{extension}"));
    let file = file_of(&path.unwrap_or_default(), &output_name, is_watched());
    let chat = chat_file_after(&file, &output_name, is_watched());
    let chat = chat.map(|chat| (address(&chat, "js"), address(&chat, "wasm"))).unzip();
    view! {
        <link rel="modulepreload" href=address(&file, "js") data-chat=chat.0 data-chat-wasm=chat.1/>
        // `fetch` uses a preload only if both make the same kind of request: CORS, without credentials for other
        // origins.
        <link rel="preload" href=address(&file, "wasm") r#as="fetch" r#type="application/wasm" crossorigin="anonymous"/>
    }
}

/// Hydrates the page, and tells the user if that is slow or fails. It comes after the app, because hydration expects
/// the app at the body's first element.
#[component]
pub(super) fn HydrationNotice() -> impl IntoView {
    view! {
        <div id="hydration" class="hydration" role="alert">
            // Visible until a script hides it.
            <p data-when="unscripted">{texts::hydration::UNSCRIPTED}</p>
            <p data-when="slow" hidden>{texts::hydration::SLOW}</p>
            <p data-when="failed" hidden>{texts::hydration::FAILED}</p>
            <p data-when="unsupported" hidden>{texts::hydration::UNSUPPORTED}</p>
            <button type="button" data-when="slow failed" hidden>{texts::hydration::RELOAD}</button>
        </div>
        <script nonce=use_nonce()>{FORMS.as_str()}</script>
        <script nonce=use_nonce()>{HYDRATION.as_str()}</script>
    }
}

static FORMS: LazyLock<String> = LazyLock::new(|| compact(include_str!("forms.js")));
static HYDRATION: LazyLock<String> = LazyLock::new(|| compact(include_str!("hydration.js")));

/// Removes indentation and comments, which must be on lines of their own.
fn compact(script: &str) -> String {
    let lines = script.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_of_the_forms_is_small() {
        assert!(FORMS.len() <= 2 * 1024);
    }
}
