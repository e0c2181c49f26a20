//! The home page: starts chats, and lists those that this browser is in.

use leptos::ev::SubmitEvent;
use leptos::html::Input;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;

use super::address::use_push;
use crate::app::client::{api, browser, browser_sessions};
use crate::app::components::{
    GeneralProblem, NumberField, OwnName, PageFrame, TextField, YourChats, remembered_username,
};
use crate::app::forms::{NewChatForm, NextPage, admission_named, admissions, initial_problem, typed};
use crate::app::notice::NoticeFromAddress;
use crate::app::server_fns;
use crate::app::texts;
use crate::domain::{Admission, Settings};
use crate::wire::{CreateChat, Problem};

#[component]
pub(crate) fn HomePage() -> impl IntoView {
    let defaults = Admission::default().rules();
    view! {
        <Title text=""/>
        <PageFrame>
            <NoticeFromAddress/>
            <h1>{texts::home::HEADING}</h1>
            <p class="lead">
                {texts::home::lead(
                    defaults.default_capacity - 1,
                    defaults.default_history,
                    Settings::DEFAULT_SESSION_LIFETIME.as_secs() / 3600,
                )}
            </p>
            <StartChat/>
            <YourChats/>
            <OwnName/>
        </PageFrame>
    }
}

#[component]
fn StartChat() -> impl IntoView {
    let username = NodeRef::<Input>::new();
    let chosen = typed("admission").and_then(|name| admission_named(&name)).unwrap_or_default();
    let admission = RwSignal::new(chosen);
    let rules = move || admission.get().rules();
    let (is_open, has_accounts) = (move || rules().is_open, move || rules().has_accounts);
    let problem = RwSignal::new(initial_problem());
    let is_busy = RwSignal::new(false);
    // The browser may have kept a choice from before hydration.
    let read_admission = move || {
        let chosen = browser::chosen("admission").and_then(|name| admission_named(&name));
        admission.set(chosen.unwrap_or_default());
    };
    Effect::new(read_admission);
    remembered_username(username);
    let push = use_push();

    let start = move |event: SubmitEvent| {
        event.prevent_default();
        let chat = match NewChatForm::read(browser::fields(&event)) {
            Ok(chat) => chat,
            Err(wrong) => return problem.set(Some(wrong)),
        };
        is_busy.set(true);
        problem.set(None);
        spawn_local(async move {
            match create(chat).await {
                Ok(next) => {
                    next.apply_changes();
                    push(&next.address);
                }
                Err(refusal) => {
                    problem.try_set(Some(refusal));
                    is_busy.try_set(false);
                }
            }
        });
    };
    let choices = Admission::ALL.map(|choice| {
        let (value, texts) = (choice.rules().name, texts::admission(choice));
        view! {
            <label>
                <input type="radio" name="admission" value=value checked=choice == chosen on:change=move |_| read_admission()/>
                <span>{texts.choice}<span class="hint">{texts.choice_hint}</span></span>
            </label>
        }
    });
    let shows_more = problem.with_untracked(|problem| {
        let field = problem.as_ref().and_then(|problem| problem.field.as_deref());
        matches!(field, Some("capacity" | "history"))
    });
    // Before hydration, a script shows and hides the parts with `data-admissions`.
    view! {
        <form class="card" method="post" data-early="" on:submit=start>
            // In an open chat, everyone picks a name when they join.
            <fieldset class="bare" data-admissions=admissions(|rules| !rules.is_open) disabled=is_open hidden=is_open>
                <TextField name="username" label=texts::YOUR_NAME node=username problem autocomplete="nickname" is_required=true/>
            </fieldset>
            <TextField name="name" problem autocomplete="off"
                label=Signal::derive(move || if is_open() { texts::home::CHAT_NAME } else { texts::home::CHAT_NAME_OPTIONAL })/>
            <fieldset class="choices">
                <legend>{texts::home::ADMISSION}</legend>
                {choices.into_iter().collect_view()}
            </fieldset>
            <fieldset class="bare" data-admissions=admissions(|rules| rules.has_accounts) disabled=move || !has_accounts() hidden=move || !has_accounts()>
                <TextField name="password" label=texts::home::PASSWORD problem autocomplete="new-password"
                    is_required=true is_secret=true
                    hint=texts::home::PASSWORD_HINT/>
                <label class="choice">
                    <input type="checkbox" name="public_access" checked=typed("public_access").is_some()/>
                    {texts::home::PUBLIC_ACCESS}
                </label>
            </fieldset>
            <details class="more" open=shows_more>
                <summary>{texts::home::MORE}</summary>
                <div class="fields">
                    <NumberField name="capacity" label=texts::home::CAPACITY problem
                        max=Signal::derive(move || rules().max_capacity)
                        placeholder=Signal::derive(move || rules().default_capacity.to_string())/>
                    <NumberField name="history" label=texts::home::HISTORY problem max=Settings::MAX_HISTORY
                        placeholder=Signal::derive(move || rules().default_history.to_string())/>
                </div>
            </details>
            <GeneralProblem problem/>
            <button type="submit" class="main-button" disabled=move || is_busy.get()>{texts::home::START}</button>
        </form>
    }
}

/// Creates the chat.
async fn create(chat: NewChatForm) -> Result<NextPage, Problem> {
    match chat {
        NewChatForm::Open(chatroom) => Ok(NextPage::open_chat(browser_sessions::create(&chatroom).await?.hash_key)),
        NewChatForm::Owned(CreateChat { username, name, admission, capacity, history, public_access, password }) => {
            let username = username.unwrap_or_default();
            let chat_name = name.clone();
            let create =
                server_fns::CreateChat { username, name, admission, capacity, history, public_access, password };
            Ok(NextPage::started(api::call(&create).await?, chat_name, admission))
        }
    }
}
