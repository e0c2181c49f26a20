//! An owner's way back from any browser: a link to keep, shown once.

use leptos::html::Input;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::copy::copy_link;
use crate::app::client::browser;
use crate::app::client::conversation::Conversation;
use crate::wire::Problem;

#[component]
pub(crate) fn RecoveryLink(conversation: Conversation) -> impl IntoView {
    let input = NodeRef::<Input>::new();
    let link = RwSignal::new(None::<String>);
    let said = RwSignal::new("");
    let problem = RwSignal::new(None::<Problem>);
    let show = move |_| {
        said.set("");
        spawn_local(async move {
            match conversation.renew_recovery().await {
                Ok(code) => {
                    link.try_set(Some(browser::recovery_link(conversation.chat_id, &code)));
                    problem.try_set(None);
                }
                Err(refusal) => {
                    problem.try_set(Some(refusal));
                }
            }
        });
    };
    view! {
        <details class="more">
            <summary>"Your way back"</summary>
            <p class="hint">
                "This browser brings you back as an owner by itself. To come back from another one, take an owner's link there: it works until either browser has come back, and anyone who has it can own the chat."
            </p>
            {move || match link.get() {
                None => view! { <button type="button" on:click=show>"Show an owner's link"</button> }.into_any(),
                Some(link) => view! {
                    <label for="way-back">"Owner's link, shown this once"</label>
                    <input node_ref=input id="way-back" type="text" readonly dir="ltr" prop:value=link/>
                    <button type="button" on:click=move |_| copy_link(input, said)>"Copy owner's link"</button>
                }.into_any(),
            }}
            <p class="hint" role="status">{said}</p>
            <p class="wrong" role="alert">{move || problem.get().map(|problem| problem.detail)}</p>
        </details>
    }
}
