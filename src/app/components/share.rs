//! Hands the magic link to people: copied, shared, or drawn.

use leptos::html::Input;
use leptos::prelude::*;
use uuid::Uuid;

use super::copy::copy_link;
use super::invites::Invites;
use super::menu::Menu;
use super::qr::QrDrawing;
use crate::app::client::browser;
use crate::app::client::conversation::Conversation;
use crate::domain::Admission;

#[component]
pub(crate) fn ShareLink(chat_id: Uuid, conversation: Conversation, title: Signal<String>) -> impl IntoView {
    let input = NodeRef::<Input>::new();
    let said = RwSignal::new("");
    // A link that was made just now is the one to share.
    let made = RwSignal::new(None::<String>);
    let own = move || conversation.seat.with(|seat| seat.as_ref().and_then(|seat| seat.key.clone()));
    // The key is known only in the browser, and a seat may be without one.
    let admission = Memo::new(move |_| conversation.admission());
    let by_address = move || admission.get().is_some_and(|admission| !admission.is_by_invite());
    let link = Memo::new(move |_| {
        let address = admission.get().and_then(|admission| browser::entrance_link(admission, chat_id));
        address.or_else(|| made.get().or_else(own).map(|key| browser::magic_link(chat_id, &key)))
    });
    let shared = move || link.get().filter(|_| browser::can_share());
    let reload = Trigger::new();
    let load = Callback::new(move |()| {
        said.set("");
        reload.notify();
    });
    let is_owner = Memo::new(move |_| conversation.is_owner());
    Effect::new(move || {
        // Where it was made, further down, it would not be seen.
        if made.with(Option::is_some)
            && let Some(input) = input.get_untracked()
        {
            browser::show(&input);
        }
    });
    view! {
        <Menu label=|| "Invite" on_open=load>
            <div class="share" hidden=move || link.with(Option::is_none)>
                <label for="magic-link">{move || if by_address() { "Link to the chat" } else { "Magic link" }}</label>
                <input node_ref=input id="magic-link" type="text" readonly dir="ltr" prop:value=move || link.get().unwrap_or_default()/>
                <div class="buttons">
                    <button type="button" on:click=move |_| copy_link(input, said)>"Copy link"</button>
                    {move || shared().map(|link| view! {
                        <button type="button" on:click=move |_| browser::share(&title.get_untracked(), &link)>"Share"</button>
                    })}
                </div>
                <p class="hint" role="status">{said}</p>
                <QrDrawing text=link label="The link as a QR code"/>
                <p class="hint">
                    {move || match admission.get() {
                        Some(Admission::Account) => "Whoever has this link can register. Send it only to those you want here.",
                        Some(Admission::Open) => "Whoever has this link can pick a name and enter. Send it only to those you want here.",
                        _ => "Whoever has this link can come by it. Send it only to those you want here.",
                    }}
                </p>
            </div>
            <p class="hint" hidden=move || link.with(Option::is_some)>
                {move || if is_owner.get() { "Make a link to invite someone." } else { "Ask an owner of the chat for a link." }}
            </p>
            {move || (is_owner.get() && !by_address()).then(|| view! { <Invites conversation made reload/> })}
        </Menu>
    }
}
