//! The name of the browser session, and a link to change it.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::sentence::{bdi, sentence};
use crate::app::client::browser_sessions;
use crate::app::texts;
use crate::wire::addresses;

#[component]
pub(crate) fn OwnName() -> impl IntoView {
    let name = RwSignal::new(None::<String>);
    Effect::new(move || {
        spawn_local(async move {
            name.try_set(browser_sessions::own_name().await);
        });
    });
    move || {
        name.get().map(|name| {
            let change = view! { <a href=format!(".{}", addresses::SESSION)>{texts::own_name::CHANGE}</a> };
            let views = [("{name}", bdi(name)), ("{change}", change.into_any())];
            view! { <p>{sentence(texts::own_name::YOU_ARE, views)}</p> }
        })
    }
}
