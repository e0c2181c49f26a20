//! What the server still holds of the chat, and until when.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::menu::Menu;
use crate::app::client::browser;
use crate::app::client::conversation::Conversation;
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
        None => view! { <p class="hint">"Asking the server…"</p> }.into_any(),
        Some(Err(problem)) => view! { <p class="wrong" role="alert">{problem.detail}</p> }.into_any(),
        Some(Ok(retention)) => view! {
            <dl>
                <dt>"Messages"</dt>
                <dd>{messages(&retention)}</dd>
                <dt>"People"</dt>
                <dd>{people(retention.members)}</dd>
                <dt>"Forgotten"</dt>
                <dd>
                    <time datetime=retention.forgotten_at.to_string()>
                        {browser::date_and_time(retention.forgotten_at)}
                    </time>
                    ", or later if anyone joins or stays on"
                </dd>
            </dl>
        }
        .into_any(),
    };
    view! {
        <Menu label=|| view! { <span class="about" aria-hidden="true">"i"</span><span class="unseen">"What is kept"</span> } on_open=load>
            <h2>"What is kept"</h2>
            {content}
            <p class="hint">"A deleted message leaves the chat at once, and is erased from the server's disk within a minute."</p>
        </Menu>
    }
}

fn messages(retention: &Retention) -> String {
    let Retention { messages, history, .. } = retention;
    match retention.oldest_sent_at {
        None => format!("None yet. The newest {history} are kept."),
        Some(oldest) => format!("{messages} of at most {history}, the oldest from {}", browser::date_and_time(oldest)),
    }
}

fn people(members: usize) -> String {
    match members {
        1 => "1 name, and those on the messages".to_owned(),
        members => format!("{members} names, and those on the messages"),
    }
}
