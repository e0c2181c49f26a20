//! The browsers in which the account is logged in, with buttons to log them out.

use leptos::prelude::*;
use leptos::task::spawn_local;
use uuid::Uuid;

use crate::app::client::browser;
use crate::app::client::conversation::Conversation;
use crate::app::texts;
use crate::wire::{OwnSession, Problem};

#[component]
pub(crate) fn Sessions(
    conversation: Conversation,
    /// Reloads the list.
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
            // The focused button is gone.
            browser::focus_first("details[open] > summary");
        });
    };
    let row = move |session: OwnSession| {
        let since = browser::date_and_time(session.started_at);
        let label = texts::sessions::log_out(&since);
        view! {
            <li>
                <span>
                    {if session.current { texts::sessions::THIS_BROWSER } else { texts::sessions::OTHER_BROWSER }}
                    <span class="hint">{texts::sessions::since(&since)}</span>
                </span>
                {(!session.current).then(|| view! {
                    <button type="button" class="quiet" aria-label=label on:click=move |_| end(session.session_id)>
                        {texts::sessions::LOG_OUT}
                    </button>
                })}
            </li>
        }
    };
    view! {
        <h2>{texts::sessions::HEADING}</h2>
        <ul class="sessions">{move || sessions.get().into_iter().map(row).collect_view()}</ul>
        <p class="wrong" role="alert">{move || problem.get().map(|problem| problem.detail)}</p>
    }
}
