//! The page for unknown addresses.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::app::components::PageFrame;
use crate::app::texts;

#[component]
pub(crate) fn NotFoundPage() -> impl IntoView {
    view! {
        <Title text=texts::not_found::TITLE/>
        <PageFrame>
            <h1>{texts::not_found::HEADING}</h1>
            <p>{texts::not_found::ADVICE}</p>
            <p><a href="./">{texts::not_found::HOME}</a></p>
        </PageFrame>
    }
}
