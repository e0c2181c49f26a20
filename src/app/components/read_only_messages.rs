//! A conversation that a visitor reads without a seat.

use leptos::prelude::*;

use super::message_list::MessageList;
use crate::app::client::read_only::ReadOnlyConversation;
use crate::app::texts;

#[component]
pub(crate) fn ReadOnlyMessages(conversation: ReadOnlyConversation) -> impl IntoView {
    Effect::new(move || conversation.follow());
    let opening = move || match (conversation.is_loaded.get(), conversation.messages.with(Vec::is_empty)) {
        (false, _) => Some(texts::OPENING_CHAT),
        (true, true) => Some(texts::NO_MESSAGES),
        (true, false) => None,
    };
    view! {
        <div class="visited">
            <MessageList messages=conversation.messages missed=conversation.missed unsent=Vec::new() own_id=None opening=Signal::derive(opening)/>
            <p class="wrong" role="alert">{move || conversation.problem.get().map(|problem| problem.detail)}</p>
        </div>
    }
}
