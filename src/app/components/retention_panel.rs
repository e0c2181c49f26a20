//! The data of the chat that the server stores, and until when.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::menu::Menu;
use super::sentence::sentence;
use crate::app::client::browser;
use crate::app::client::conversation::Conversation;
use crate::app::texts;
use crate::domain::Timestamp;
use crate::wire::{Problem, Retention};

#[component]
pub(crate) fn RetentionPanel(conversation: Conversation) -> impl IntoView {
    let answer = RwSignal::new(None::<Result<Retention, Problem>>);
    let load = Callback::new(move |()| {
        spawn_local(async move {
            answer.try_set(conversation.retention().await);
        });
    });
    let content = move || match answer.get() {
        None => view! { <p class="hint">{texts::retention_panel::LOADING}</p> }.into_any(),
        Some(Err(problem)) => view! { <p class="wrong" role="alert">{problem.detail}</p> }.into_any(),
        Some(Ok(retention)) => view! {
            <dl>
                <dt>{texts::retention_panel::MESSAGES}</dt>
                <dd>{messages(&retention)}</dd>
                <dt>{texts::retention_panel::PEOPLE}</dt>
                <dd>{texts::retention_panel::people(retention.members)}</dd>
                <dt>{texts::retention_panel::DELETED}</dt>
                <dd>{sentence(texts::retention_panel::DELETED_AT, [("{time}", time(retention.forgotten_at))])}</dd>
            </dl>
        }
        .into_any(),
    };
    view! {
        <Menu label=|| view! { <span class="about" aria-hidden="true">"i"</span><span class="unseen">{texts::retention_panel::HEADING}</span> } on_open=load>
            <h2>{texts::retention_panel::HEADING}</h2>
            {content}
            <p class="hint">{texts::retention_panel::DELETION}</p>
        </Menu>
    }
}

fn messages(retention: &Retention) -> String {
    let Retention { messages, history, .. } = retention;
    match retention.oldest_sent_at {
        None => texts::retention_panel::no_messages(*history),
        Some(oldest) => texts::retention_panel::messages(*messages, *history, &browser::date_and_time(oldest)),
    }
}

fn time(moment: Timestamp) -> AnyView {
    view! { <time datetime=moment.to_string()>{browser::date_and_time(moment)}</time> }.into_any()
}
