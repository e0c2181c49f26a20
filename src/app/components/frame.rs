//! What stands around every page but the chat itself.

use leptos::prelude::*;

#[component]
pub(crate) fn PageFrame(children: Children) -> impl IntoView {
    view! {
        <header class="bar"><a class="brand" href="./">"Watch Party"</a></header>
        <main class="page">{children()}</main>
        <footer class="foot">
            <p>"Only the newest messages are kept, and every session ends by itself. "<a href="docs" rel="external">"API"</a></p>
        </footer>
    }
}
