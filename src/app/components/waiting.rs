//! Says that the page waits, because the server asks for that.

use leptos::prelude::*;

use crate::app::client::waiting::shown;

#[component]
pub(crate) fn Waiting() -> impl IntoView {
    let sentence = RwSignal::new(None::<String>);
    Effect::new(move || sentence.set(shown()));
    view! { <p class="connection" role="status">{move || sentence.get()}</p> }
}
