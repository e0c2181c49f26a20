//! The waiting guests, whom an owner approves or declines.

use leptos::prelude::*;
use leptos::task::spawn_local;
use uuid::Uuid;

use super::sentence::{bdi, sentence};
use crate::app::client::browser;
use crate::app::client::conversation::Conversation;
use crate::app::texts;
use crate::domain::Decision;
use crate::wire::Problem;

#[component]
pub(crate) fn Knocks(conversation: Conversation) -> impl IntoView {
    let problem = RwSignal::new(None::<Problem>);
    // The knocks whose decision is being sent.
    let answered = RwSignal::new(Vec::<Uuid>::new());
    let decide = move |knock_id: Uuid, decision: Decision| {
        answered.update(|answered| answered.push(knock_id));
        spawn_local(async move {
            problem.try_set(conversation.decide(knock_id, decision).await.err());
            answered.try_update(|answered| answered.retain(|id| *id != knock_id));
            // The focused button is gone.
            browser::focus_first(".knocks button, #message");
        });
    };
    let is_empty = move || conversation.knocks.with(Vec::is_empty);
    let last = Memo::new(move |_| conversation.knocks.with(|knocks| knocks.last().map(|knock| knock.username.clone())));
    Effect::new(move || {
        conversation.knocks.track();
        problem.set(None);
    });
    view! {
        // It exists before the first knock, so that screen readers announce that one too.
        <p class="unseen" role="alert">{move || last.get().map(|name| texts::knocks::wants_to_join(&name))}</p>
        <section class="knocks" aria-label=texts::knocks::HEADING hidden=is_empty>
            <ul>
                <For each=move || conversation.knocks.get() key=|knock| knock.knock_id children=move |knock| {
                    let id = knock.knock_id;
                    let is_answered = move || answered.with(|answered| answered.contains(&id));
                    let name = knock.username;
                    view! {
                        <li>
                            <span>{sentence(texts::knocks::WANTS_TO_JOIN, [("{name}", bdi(name.clone()))])}</span>
                            <button type="button" class="main-button" aria-label=texts::knocks::approve(&name) disabled=is_answered
                                on:click=move |_| decide(id, Decision::Approve)>{texts::knocks::APPROVE}</button>
                            <button type="button" aria-label=texts::knocks::decline(&name) disabled=is_answered
                                on:click=move |_| decide(id, Decision::Decline)>{texts::knocks::DECLINE}</button>
                        </li>
                    }
                }/>
            </ul>
            <p class="wrong" role="alert">{move || problem.get().map(|problem| problem.detail)}</p>
        </section>
    }
}
