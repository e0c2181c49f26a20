//! The page of a magic link: asks for a name, then joins the chat or waits for an owner's approval. Opening the page
//! changes nothing.

use std::ops::ControlFlow;

use leptos::ev::SubmitEvent;
use leptos::html::Input;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use leptos_router::hooks::{use_location, use_query_map};
use uuid::Uuid;

use super::address::{chat_in_address, use_replace};
use crate::app::client::api::{self, ChatApi, held_seat};
use crate::app::client::events::listen;
use crate::app::client::storage::{self, SavedKnock};
use crate::app::client::task::spawn_in_effect;
use crate::app::client::{browser, json};
use crate::app::components::{GeneralProblem, PageFrame, TextField, bdi, remembered_username, sentence};
use crate::app::forms::{NextPage, initial_problem, join_problem};
use crate::app::notice::{Notice, NoticeFromAddress, RedirectHome};
use crate::app::server_fns::{JoinChat, PreviewInvite};
use crate::app::texts;
use crate::wire::addresses;
use crate::wire::{Entered, Joined, KnockUpdate, Problem};

#[component]
pub(crate) fn JoinPage() -> impl IntoView {
    let chat_id = chat_in_address();
    view! {
        <Title text=texts::join::TITLE/>
        <PageFrame>
            {move || match chat_id.get() {
                Some(chat_id) => view! { <JoinChat chat_id/> }.into_any(),
                None => view! { <RedirectHome because=Notice::ChatNotFound/> }.into_any(),
            }}
        </PageFrame>
    }
}

/// What the page shows.
#[derive(Clone, PartialEq, Eq)]
enum Step {
    AskName,
    /// Waiting for an owner's decision.
    Wait(SavedKnock),
}

#[component]
fn JoinChat(chat_id: Uuid) -> impl IntoView {
    let username = NodeRef::<Input>::new();
    let problem = RwSignal::new(initial_problem());
    let chat_name = RwSignal::new(None::<String>);
    let asks_first = RwSignal::new(false);
    let step = RwSignal::new(Step::AskName);
    let is_joining = RwSignal::new(false);
    remembered_username(username);
    let replace = use_replace();
    let query = use_query_map();
    // Whether the visitor is redirected because of this refusal.
    let redirects = move |refusal: &Problem, key: &str| {
        let next = NextPage::refused(refusal, chat_id, key, query.read_untracked().get_str("notice"));
        if let Some(NextPage { address, .. }) = &next {
            replace(address);
        }
        next.is_some()
    };
    let enter = move |next: NextPage| {
        next.apply_changes();
        replace(&next.address);
    };
    let hash = use_location().hash;

    Effect::new(move || {
        // Opening another link to the same chat changes only the fragment.
        hash.track();
        spawn_local(async move {
            if held_seat(chat_id).await.is_some() {
                return replace(&addresses::chat(chat_id));
            }
            let Some(found) = browser::fragment() else {
                return replace(&Notice::InviteNeeded.home());
            };
            // Created before the first request, so that all tabs send the same id.
            let join_id = storage::join_id(chat_id);
            // A guest who is already waiting keeps waiting, in any tab.
            if let Some(waiting) = storage::knock(chat_id).filter(|waiting| waiting.key == found) {
                step.try_set(Step::Wait(waiting));
                return;
            }
            match api::call(&PreviewInvite { chat_id, key: found.clone(), join_id }).await {
                Ok(preview) => {
                    chat_name.try_set(preview.name);
                    asks_first.try_set(preview.asks_first);
                }
                Err(refusal) => {
                    let is_joining = is_joining.try_get_untracked().unwrap_or(true);
                    if !is_joining && !redirects(&refusal, &found) {
                        problem.try_set(Some(refusal));
                    }
                }
            }
        });
    });

    let join = move |event: SubmitEvent| {
        event.prevent_default();
        let Some(key) = browser::fragment() else { return enter(NextPage::without_key()) };
        let username = browser::fields(&event)("username").unwrap_or_default();
        let seat_before = storage::chat(chat_id);
        is_joining.set(true);
        spawn_local(async move {
            // An owner may have opened the link of their own chat.
            if seat_before.is_some() && held_seat(chat_id).await.is_some() {
                return replace(&addresses::chat(chat_id));
            }
            let join = JoinChat { chat_id, key: key.clone(), username, join_id: storage::join_id(chat_id) };
            match api::call(&join).await {
                Ok(entered) => {
                    let knock = match &entered {
                        Entered::Knocked(knock) => Some(SavedKnock { knock: knock.clone(), key: key.clone() }),
                        Entered::Seated(_) => None,
                    };
                    let next = NextPage::entered(entered, chat_id, key, chat_name.try_get_untracked().flatten());
                    match knock {
                        None => enter(next),
                        // This is the page where the guest waits.
                        Some(waiting) => {
                            next.apply_changes();
                            step.try_set(Step::Wait(waiting));
                        }
                    }
                }
                Err(refusal) => {
                    // Another tab may have joined first.
                    if storage::chat(chat_id).is_some_and(|saved| Some(&saved) != seat_before.as_ref()) {
                        return replace(&addresses::chat(chat_id));
                    }
                    if !redirects(&refusal, &key) {
                        problem.try_set(Some(join_problem(refusal)));
                        is_joining.try_set(false);
                    }
                }
            }
        });
    };
    // The knock has ended without a seat. The join id stays, so that the server recognises this browser if it uses the
    // link again: an owner may have removed or declined this guest.
    let give_up = Callback::new(move |notice: Notice| {
        storage::forget_knock(chat_id);
        replace(&notice.home());
    });
    let let_in = Callback::new(move |(seat, key): (Joined, String)| {
        enter(NextPage::seated(seat, chat_id, key, chat_name.try_get_untracked().flatten()));
    });
    view! {
        <NoticeFromAddress/>
        <h1>
            {move || chat_name.get().map_or_else(
                || texts::join::JOIN_CHAT.into_any(),
                |name| sentence(texts::join::JOIN_NAMED_CHAT, [("{chat}", bdi(name))]).into_any(),
            )}
        </h1>
        {move || match step.get() {
            Step::AskName => view! {
                <p class="lead">{texts::join::LEAD}</p>
                <form class="card" method="post" data-early="" data-seat=storage::chat_key(chat_id)
                    data-join=storage::join_key(chat_id) on:submit=join>
                    <TextField name="username" label=texts::YOUR_NAME node=username problem autocomplete="nickname" is_required=true/>
                    <p class="hint" hidden=move || !asks_first.get()>{texts::join::ASKS_FIRST}</p>
                    // Scripts fill these before the browser sends the form. Only the browser knows the key.
                    <input type="hidden" name="key"/>
                    <input type="hidden" name="join_id"/>
                    <GeneralProblem problem/>
                    <button type="submit" class="main-button" disabled=move || is_joining.get()>
                        {move || if asks_first.get() { texts::join::ASK } else { texts::join::JOIN }}
                    </button>
                </form>
            }
            .into_any(),
            Step::Wait(waiting) => view! { <WaitForOwner chat_id waiting let_in give_up/> }.into_any(),
        }}
    }
}

/// Waits for an owner's decision, and joins as soon as the knock is approved.
#[component]
fn WaitForOwner(
    chat_id: Uuid,
    waiting: SavedKnock,
    let_in: Callback<(Joined, String)>,
    give_up: Callback<Notice>,
) -> impl IntoView {
    let SavedKnock { knock, key } = waiting;
    let api = ChatApi::new(chat_id, &knock.ticket);
    let address = format!("{chat_id}/knocks/{}", knock.knock_id);
    // The connection may have died while the page was hidden.
    let woken = Trigger::new();
    // The stream may report the end of the knock before the answer to the withdrawal arrives.
    let is_withdrawing = StoredValue::new(false);
    browser::on_wake(move || woken.notify());
    Effect::new(move || {
        woken.track();
        let (address, ticket, key) = (address.clone(), knock.ticket.clone(), key.clone());
        spawn_in_effect(async move {
            let mut answer = KnockUpdate::Ended;
            let listening = listen(&address, &ticket, |_, data| match json::read(data) {
                Some(KnockUpdate::Pending) | None => ControlFlow::Continue(()),
                Some(update) => {
                    answer = update;
                    ControlFlow::Break(())
                }
            });
            // A refusal means that the knock no longer exists.
            let _ = listening.await;
            match answer {
                KnockUpdate::Approved { session: Some(seat) } => let_in.try_run((seat, key)),
                KnockUpdate::Declined => give_up.try_run(Notice::KnockDeclined),
                _ if is_withdrawing.try_get_value() == Some(true) => give_up.try_run(Notice::KnockWithdrawn),
                _ => give_up.try_run(Notice::KnockEnded),
            };
        });
    });
    let problem = RwSignal::new(None::<Problem>);
    let withdraw = move |_| {
        let api = api.clone();
        is_withdrawing.set_value(true);
        spawn_local(async move {
            match api.withdraw_knock(knock.knock_id).await {
                // The knock may still exist, and then an owner may still approve it.
                Err(refusal) if api::is_transient(&refusal) => {
                    is_withdrawing.try_set_value(false);
                    problem.try_set(Some(refusal));
                }
                _ => {
                    give_up.try_run(Notice::KnockWithdrawn);
                }
            }
        });
    };
    view! {
        <div class="card waiting-room">
            <p class="lead" role="status">{texts::join::WAITING}</p>
            <p class="hint">{texts::join::WAITING_HINT}</p>
            <button type="button" on:click=withdraw>{texts::join::WITHDRAW}</button>
            <p class="wrong" role="alert">{move || problem.get().map(|problem| problem.detail)}</p>
        </div>
    }
}
