//! The address of an open chat, at the bottom of its page.

use leptos::html::Input;
use leptos::prelude::*;
use uuid::Uuid;

use super::copy::copy_link;
use crate::app::client::browser;
use crate::app::client::conversation::Conversation;
use crate::app::texts;

#[component]
pub(crate) fn AddressLine(chat_id: Uuid, conversation: Conversation) -> impl IntoView {
    let input = NodeRef::<Input>::new();
    let status = RwSignal::new("");
    let open = Memo::new(move |_| conversation.admission().filter(|admission| admission.rules().is_open));
    // `None` on the server, where the admission is unknown: only the browser sees the site's address.
    let link = move || open.get().and_then(|admission| browser::entry_link(admission, chat_id));
    move || {
        link().map(|link| {
            view! {
                <div class="address-line">
                    <div>
                        <label for="address">{texts::address_line::LABEL}</label>
                        <input node_ref=input id="address" type="text" readonly dir="ltr" prop:value=link/>
                        <span class="hint" role="status">{status}</span>
                        <button type="button" class="quiet" on:click=move |_| copy_link(input, status)>{texts::address_line::COPY}</button>
                    </div>
                </div>
            }
        })
    }
}
