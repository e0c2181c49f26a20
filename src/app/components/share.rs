//! The chat's link, to copy, to share, or to scan as a QR code.

use leptos::html::Input;
use leptos::prelude::*;
use uuid::Uuid;

use super::copy::copy_link;
use super::invites::Invites;
use super::menu::Menu;
use super::qr::QrDrawing;
use crate::app::client::browser;
use crate::app::client::conversation::Conversation;
use crate::app::texts;

#[component]
pub(crate) fn ShareLink(chat_id: Uuid, conversation: Conversation, title: Signal<String>) -> impl IntoView {
    let input = NodeRef::<Input>::new();
    let status = RwSignal::new("");
    // A link that was just created is the one to share.
    let made = RwSignal::new(None::<String>);
    let own = move || conversation.seat.with(|seat| seat.as_ref().and_then(|seat| seat.key.clone()));
    // Only the browser knows the key, and a seat may have none.
    let admission = Memo::new(move |_| conversation.admission());
    let by_address = move || admission.get().is_some_and(|admission| !admission.rules().is_by_invite);
    let link = Memo::new(move |_| {
        let address = admission.get().and_then(|admission| browser::entry_link(admission, chat_id));
        address.or_else(|| made.get().or_else(own).map(|key| browser::magic_link(chat_id, &key)))
    });
    let shared = move || link.get().filter(|_| browser::can_share());
    let reload = Trigger::new();
    let load = Callback::new(move |()| {
        status.set("");
        reload.notify();
    });
    let is_owner = Memo::new(move |_| conversation.is_owner());
    Effect::new(move || {
        // The link is above the form that created it, and may be out of view.
        if made.with(Option::is_some)
            && let Some(input) = input.get_untracked()
        {
            browser::show(&input);
        }
    });
    view! {
        <Menu label=|| texts::share::HEADING on_open=load>
            <div class="share" hidden=move || link.with(Option::is_none)>
                <label for="magic-link">{move || if by_address() { texts::share::CHAT_LINK } else { texts::share::INVITE_LINK }}</label>
                <input node_ref=input id="magic-link" type="text" readonly dir="ltr" prop:value=move || link.get().unwrap_or_default()/>
                <div class="buttons">
                    <button type="button" on:click=move |_| copy_link(input, status)>{texts::share::COPY}</button>
                    {move || shared().map(|link| view! {
                        <button type="button" on:click=move |_| browser::share(&title.get_untracked(), &link)>{texts::share::SHARE}</button>
                    })}
                </div>
                <p class="hint" role="status">{status}</p>
                <QrDrawing text=link label=texts::qr::LABEL/>
                <p class="hint">{move || texts::admission(admission.get().unwrap_or_default()).link_hint}</p>
            </div>
            <p class="hint" hidden=move || link.with(Option::is_some)>
                {move || if is_owner.get() { texts::share::NO_LINK_OWNER } else { texts::share::NO_LINK_GUEST }}
            </p>
            {move || (is_owner.get() && !by_address()).then(|| view! { <Invites conversation made reload/> })}
        </Menu>
    }
}
