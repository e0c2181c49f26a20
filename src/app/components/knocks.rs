//! Who waits to be let in, before an owner's eyes.

use leptos::prelude::*;
use leptos::task::spawn_local;
use uuid::Uuid;

use crate::app::client::browser;
use crate::app::client::conversation::Conversation;
use crate::domain::Decision;
use crate::wire::Problem;

#[component]
pub(crate) fn Knocks(conversation: Conversation) -> impl IntoView {
    let problem = RwSignal::new(None::<Problem>);
    // Those whose answer is on its way.
    let answered = RwSignal::new(Vec::<Uuid>::new());
    let decide = move |knock_id: Uuid, decision: Decision| {
        answered.update(|answered| answered.push(knock_id));
        spawn_local(async move {
            problem.try_set(conversation.decide(knock_id, decision).await.err());
            answered.try_update(|answered| answered.retain(|id| *id != knock_id));
            // The button that had the focus is gone.
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
        // It is there before there is anything to tell, so that listeners hear of the first one too.
        <p class="unseen" role="alert">{move || last.get().map(|name| format!("{name} wants to come in"))}</p>
        <section class="knocks" aria-label="Waiting to be let in" hidden=is_empty>
            <ul>
                <For each=move || conversation.knocks.get() key=|knock| knock.knock_id children=move |knock| {
                    let id = knock.knock_id;
                    let is_answered = move || answered.with(|answered| answered.contains(&id));
                    let name = knock.username;
                    view! {
                        <li>
                            <span><bdi>{name.clone()}</bdi>" wants to come in"</span>
                            <button type="button" class="main-button" aria-label=format!("Approve {name}") disabled=is_answered
                                on:click=move |_| decide(id, Decision::Approve)>"Approve"</button>
                            <button type="button" aria-label=format!("Decline {name}") disabled=is_answered
                                on:click=move |_| decide(id, Decision::Decline)>"Decline"</button>
                        </li>
                    }
                }/>
            </ul>
            <p class="wrong" role="alert">{move || problem.get().map(|problem| problem.detail)}</p>
        </section>
    }
}
