//! The owner link, with which an owner recovers the seat in any browser. It is shown once.

use leptos::html::Input;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::copy::copy_link;
use crate::app::client::browser;
use crate::app::client::conversation::Conversation;
use crate::app::texts;
use crate::wire::Problem;

#[component]
pub(crate) fn RecoveryLink(conversation: Conversation) -> impl IntoView {
    let input = NodeRef::<Input>::new();
    let link = RwSignal::new(None::<String>);
    let status = RwSignal::new("");
    let problem = RwSignal::new(None::<Problem>);
    let show = move |_| {
        status.set("");
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
            <summary>{texts::recovery_link::HEADING}</summary>
            <p class="hint">{texts::recovery_link::EXPLANATION}</p>
            {move || match link.get() {
                None => view! { <button type="button" on:click=show>{texts::recovery_link::SHOW}</button> }.into_any(),
                Some(link) => view! {
                    <label for="way-back">{texts::recovery_link::LABEL}</label>
                    <input node_ref=input id="way-back" type="text" readonly dir="ltr" prop:value=link/>
                    <button type="button" on:click=move |_| copy_link(input, status)>{texts::recovery_link::COPY}</button>
                }.into_any(),
            }}
            <p class="hint" role="status">{status}</p>
            <p class="wrong" role="alert">{move || problem.get().map(|problem| problem.detail)}</p>
        </details>
    }
}
