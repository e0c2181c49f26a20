//! The address of a chat that is entered by it, at the bottom of its page.

use leptos::html::Input;
use leptos::prelude::*;
use uuid::Uuid;

use super::copy::copy_link;
use crate::app::client::browser;
use crate::app::client::conversation::Conversation;
use crate::domain::Admission;

#[component]
pub(crate) fn AddressLine(chat_id: Uuid, conversation: Conversation) -> impl IntoView {
    let input = NodeRef::<Input>::new();
    let said = RwSignal::new("");
    let is_open = Memo::new(move |_| conversation.admission() == Some(Admission::Open));
    // Nothing on the server, where the admission is not known: only the browser sees where the site is.
    let link = move || is_open.get().then(|| browser::entrance_link(Admission::Open, chat_id)).flatten();
    move || {
        link().map(|link| {
            view! {
                <div class="address-line">
                    <div>
                        <label for="address">"Share link"</label>
                        <input node_ref=input id="address" type="text" readonly dir="ltr" prop:value=link/>
                        <span class="hint" role="status">{said}</span>
                        <button type="button" class="quiet" on:click=move |_| copy_link(input, said)>"Copy"</button>
                    </div>
                </div>
            }
        })
    }
}
