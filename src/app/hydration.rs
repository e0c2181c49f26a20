//! How the page that the server rendered is brought to life, and what people read if it is not.

use leptos::config::LeptosOptions;
use leptos::nonce::use_nonce;
use leptos::prelude::*;

/// The page's script and its WebAssembly, which the browser begins to load at once. [`HydrationNotice`]
/// takes their addresses from here.
#[component]
pub(super) fn HydrationFiles(options: LeptosOptions) -> impl IntoView {
    let LeptosOptions { site_pkg_dir, output_name, .. } = options;
    view! {
        <link rel="modulepreload" href=format!("{site_pkg_dir}/{output_name}.js")/>
        // A preload is used by `fetch` only where both ask in the same way: across origins, without credentials there.
        <link rel="preload" href=format!("{site_pkg_dir}/{output_name}.wasm") r#as="fetch" r#type="application/wasm" crossorigin="anonymous"/>
    }
}

/// Hydrates the page, and says so where that takes long or fails. It stands after the app, which
/// begins at the body's first element.
#[component]
pub(super) fn HydrationNotice() -> impl IntoView {
    view! {
        <div id="hydration" class="hydration" role="alert">
            // It is there until a script takes it away.
            <p data-when="unscripted">"Chatting needs JavaScript, which does not run here. Turn it on for this site. Scripts can use the API instead."</p>
            <p data-when="slow" hidden>"The page is still loading. If this takes much longer, check your connection and reload the page."</p>
            <p data-when="failed" hidden>
                "The page could not start. Check your connection and reload it. If that does not help, something in this browser may be blocking it: try without extensions, or in another browser."
            </p>
            <p data-when="unsupported" hidden>
                "This page needs WebAssembly, which is turned off in this browser. Turn it on for this site (Lockdown Mode on an iPhone turns it off), or open the page in another browser."
            </p>
            <button type="button" data-when="slow failed" hidden>"Reload the page"</button>
        </div>
        <script nonce=use_nonce()>{include_str!("hydration.js")}</script>
    }
}
