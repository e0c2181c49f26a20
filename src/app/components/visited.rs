//! A conversation that a visitor reads without a seat.

use leptos::prelude::*;

use super::message_list::MessageList;
use crate::app::client::visit::Visit;
use crate::app::texts;

#[component]
pub(crate) fn Visited(visit: Visit) -> impl IntoView {
    Effect::new(move || visit.follow());
    let opening = move || match (visit.is_loaded.get(), visit.messages.with(Vec::is_empty)) {
        (false, _) => Some(texts::OPENING_CHAT),
        (true, true) => Some(texts::NO_MESSAGES),
        (true, false) => None,
    };
    view! {
        <div class="visited">
            <MessageList messages=visit.messages missed=visit.missed unsent=Vec::new() own_id=None opening=Signal::derive(opening)/>
            <p class="wrong" role="alert">{move || visit.problem.get().map(|problem| problem.detail)}</p>
        </div>
    }
}
