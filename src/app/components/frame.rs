//! The header and the footer of every page except the chat page.

use leptos::prelude::*;

use super::sentence::sentence;
use super::waiting::Waiting;
use crate::app::texts;

#[component]
pub(crate) fn PageFrame(children: Children) -> impl IntoView {
    let api = view! { <a href="docs" rel="external">{texts::frame::API}</a> }.into_any();
    view! {
        <header class="bar"><a class="brand" href="./">{texts::WATCH_PARTY}</a></header>
        <main class="page">{children()}<Waiting/></main>
        <footer class="foot">
            <p>{sentence(texts::frame::FOOTER, [("{api}", api)])}</p>
        </footer>
    }
}
