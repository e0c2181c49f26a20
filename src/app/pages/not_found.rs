//! The page for an address that leads nowhere.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::app::components::PageFrame;

#[component]
pub(crate) fn NotFoundPage() -> impl IntoView {
    view! {
        <Title text="Not found"/>
        <PageFrame>
            <h1>"There is nothing here"</h1>
            <p>"This address leads nowhere. If someone sent you a link, copy all of it and try again."</p>
            <p><a href="./">"Go to the start page"</a></p>
        </PageFrame>
    }
}
