//! Where this account is logged in, and the way to end that.

use leptos::prelude::*;
use leptos::task::spawn_local;
use uuid::Uuid;

use crate::app::client::browser;
use crate::app::client::conversation::Conversation;
use crate::wire::{OwnSession, Problem};

#[component]
pub(crate) fn Sessions(
    conversation: Conversation,
    /// Tells when the list is to be loaded anew.
    reload: Trigger,
) -> impl IntoView {
    let sessions = RwSignal::new(Vec::<OwnSession>::new());
    let problem = RwSignal::new(None::<Problem>);
    let load = move || {
        spawn_local(async move {
            match conversation.sessions().await {
                Ok(found) => {
                    problem.try_set(None);
                    sessions.try_set(found);
                }
                Err(refusal) => {
                    problem.try_set(Some(refusal));
                }
            }
        });
    };
    Effect::new(move || {
        reload.track();
        load();
    });
    let end = move |session_id: Uuid| {
        spawn_local(async move {
            if let Err(refusal) = conversation.end_session(session_id).await {
                problem.try_set(Some(refusal));
                return;
            }
            load();
            // The button that had the focus is gone.
            browser::focus_first("details[open] > summary");
        });
    };
    let row = move |session: OwnSession| {
        let since = browser::date_and_time(session.started_at);
        let label = format!("Log out the browser that logged in {since}");
        view! {
            <li>
                <span>
                    {if session.current { "This browser" } else { "Another browser" }}
                    <span class="hint">{format!("logged in {since}")}</span>
                </span>
                {(!session.current).then(|| view! {
                    <button type="button" class="quiet" aria-label=label on:click=move |_| end(session.session_id)>"Log out"</button>
                })}
            </li>
        }
    };
    view! {
        <h2>"Where you are logged in"</h2>
        <ul class="sessions">{move || sessions.get().into_iter().map(row).collect_view()}</ul>
        <p class="wrong" role="alert">{move || problem.get().map(|problem| problem.detail)}</p>
    }
}
