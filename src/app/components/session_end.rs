//! Warns before the session ends, and lets the user renew it.

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::app::client::browser;
use crate::app::client::conversation::Conversation;
use crate::app::texts;
use crate::wire::Problem;

#[component]
pub(crate) fn SessionEnd(conversation: Conversation) -> impl IntoView {
    let problem = RwSignal::new(None::<Problem>);
    let stay = move |_| {
        spawn_local(async move {
            problem.try_set(conversation.renew().await.err());
        });
    };
    let end = move || {
        let seat = conversation.seat.get().filter(|_| conversation.ends_soon.get())?;
        Some((browser::time_of_day(seat.expires_at), seat.is_borrowed))
    };
    view! {
        <div class="session-end" role="status">
            {move || end().map(|(time, is_borrowed)| view! {
                <span>{format!("{} ", texts::session_end::ends_at(&time))}</span>
                {(!is_borrowed).then(|| view! { <button type="button" on:click=stay>{texts::session_end::STAY}</button> })}
                {problem.get().map(|problem| problem.detail)}
            })}
        </div>
    }
}
