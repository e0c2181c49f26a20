//! Hands the magic link to people.

use leptos::html::Input;
use leptos::prelude::*;
use uuid::Uuid;

use super::menu::Menu;
use crate::app::client::browser;

#[component]
pub(crate) fn ShareLink(
    chat_id: Uuid,
    /// The key in the link; `None` before the page is alive, and for a seat without one.
    key: Signal<Option<String>>,
    title: Signal<String>,
) -> impl IntoView {
    let input = NodeRef::<Input>::new();
    let said = RwSignal::new("");
    let link = move || key.get().map(|key| browser::magic_link(chat_id, &key)).unwrap_or_default();
    let copy = move |_| {
        if let Some(input) = input.get_untracked() {
            browser::copy_from(input, move |copied| {
                said.try_set(if copied { "Copied." } else { "Could not copy. The link is selected: copy it by hand." });
            });
        }
    };
    let can_share = move || key.get().is_some() && browser::can_share();
    view! {
        <Menu label=|| "Invite">
                <label for="magic-link">"Magic link"</label>
                <input node_ref=input id="magic-link" type="text" readonly dir="ltr" prop:value=link/>
                <p class="hint">"Whoever has this link can join. Send it only to those you want here."</p>
                <div class="buttons">
                    <button type="button" on:click=copy>"Copy link"</button>
                    {move || can_share().then(|| view! {
                        <button type="button" on:click=move |_| browser::share(&title.get_untracked(), &link())>"Share"</button>
                    })}
                </div>
                <p class="hint" role="status">{said}</p>
        </Menu>
    }
}
