//! The home page: starts chats, and lists those that this browser is in.

use leptos::ev::SubmitEvent;
use leptos::html::Input;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use uuid::Uuid;

use super::address::use_push;
use crate::app::client::storage::{self, SavedChat};
use crate::app::client::{browser, browser_sessions};
use crate::app::components::{
    GeneralProblem, NumberField, OwnName, PageFrame, TextField, YourChats, number_in, remembered_username,
};
use crate::app::notice::NoticeFromAddress;
use crate::app::server_fns;
use crate::app::texts;
use crate::domain::{Admission, PublicAccess, Settings};
use crate::wire::Problem;
use crate::wire::addresses;
use crate::wire::chat_app::NewChatroom;

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
    let (username, name) = (NodeRef::<Input>::new(), NodeRef::<Input>::new());
    let (capacity, history) = (NodeRef::<Input>::new(), NodeRef::<Input>::new());
    let (password, anyone_reads) = (NodeRef::<Input>::new(), NodeRef::<Input>::new());
    let admission = RwSignal::new(Admission::default());
    let rules = move || admission.get().rules();
    let (is_open, has_accounts) = (move || rules().is_open, move || rules().has_accounts);
    let problem = RwSignal::new(None::<Problem>);
    // Before hydration, the browser itself would submit the form, and the typed text would be lost.
    let is_ready = RwSignal::new(false);
    // The browser may have kept a choice from before hydration.
    let read_admission = move || {
        let chosen = browser::chosen("admission");
        let known = Admission::ALL.into_iter().find(|known| chosen.as_deref() == Some(known.rules().name));
        admission.set(known.unwrap_or_default());
    };
    Effect::new(move || {
        read_admission();
        is_ready.set(true);
    });
    remembered_username(username);
    let push = use_push();

    let start = move |event: SubmitEvent| {
        event.prevent_default();
        let value = |node: NodeRef<Input>| node.get_untracked().map(|input| input.value()).unwrap_or_default();
        let (capacity, history) = match (number_in(capacity, "capacity"), number_in(history, "history")) {
            (Ok(capacity), Ok(history)) => (capacity, history),
            (Err(wrong), _) | (_, Err(wrong)) => return problem.set(Some(wrong)),
        };
        let (username, name) = (value(username), value(name));
        let is_public = anyone_reads.get_untracked().is_some_and(|input| input.checked());
        let public_access = if is_public { PublicAccess::Read } else { PublicAccess::None };
        let (admission, password) = (admission.get_untracked(), value(password));
        let chat = NewChatForm { username, name, admission, capacity, history, public_access, password };
        is_ready.set(false);
        problem.set(None);
        spawn_local(async move {
            match chat.create().await {
                Ok(address) => push(&address),
                Err(refusal) => {
                    problem.try_set(Some(refusal));
                    is_ready.try_set(true);
                }
            }
        });
    };
    let choices = Admission::ALL.map(|choice| {
        let (value, is_default, texts) = (choice.rules().name, choice == Admission::default(), texts::admission(choice));
        view! {
            <label>
                <input type="radio" name="admission" value=value checked=is_default on:change=move |_| read_admission()/>
                <span>{texts.choice}<span class="hint">{texts.choice_hint}</span></span>
            </label>
        }
    });
    view! {
        <form class="card" method="post" on:submit=start>
            // In an open chat, everyone picks a name when they join.
            <fieldset class="bare" disabled=is_open hidden=is_open>
                <TextField name="username" label=texts::YOUR_NAME node=username problem autocomplete="nickname" is_required=true/>
            </fieldset>
            <TextField name="name" node=name problem autocomplete="off"
                label=Signal::derive(move || if is_open() { texts::home::CHAT_NAME } else { texts::home::CHAT_NAME_OPTIONAL })/>
            <fieldset class="choices">
                <legend>{texts::home::ADMISSION}</legend>
                {choices.into_iter().collect_view()}
            </fieldset>
            <fieldset class="bare" disabled=move || !has_accounts() hidden=move || !has_accounts()>
                <TextField name="password" label=texts::home::PASSWORD node=password problem autocomplete="new-password"
                    is_required=true is_secret=true
                    hint=texts::home::PASSWORD_HINT/>
                <label class="choice">
                    <input node_ref=anyone_reads type="checkbox" name="public_access"/>
                    {texts::home::PUBLIC_ACCESS}
                </label>
            </fieldset>
            <details class="more">
                <summary>{texts::home::MORE}</summary>
                <div class="fields">
                    <NumberField name="capacity" label=texts::home::CAPACITY node=capacity problem
                        max=Signal::derive(move || rules().max_capacity)
                        placeholder=Signal::derive(move || rules().default_capacity.to_string())/>
                    <NumberField name="history" label=texts::home::HISTORY node=history problem max=Settings::MAX_HISTORY
                        placeholder=Signal::derive(move || rules().default_history.to_string())/>
                </div>
            </details>
            <GeneralProblem problem/>
            <button type="submit" class="main-button" disabled=move || !is_ready.get()>{texts::home::START}</button>
        </form>
    }
}

/// The values of the form.
struct NewChatForm {
    username: String,
    name: String,
    admission: Admission,
    capacity: Option<u32>,
    history: Option<u32>,
    public_access: PublicAccess,
    password: String,
}

impl NewChatForm {
    /// Creates the chat, and returns the address of its page.
    async fn create(self) -> Result<String, Problem> {
        let Self { username, name, admission, capacity, history, public_access, password } = self;
        let rules = admission.rules();
        if rules.is_open {
            let chatroom = browser_sessions::create(&NewChatroom { name, capacity, history }).await?;
            return Ok(addresses::chatroom(chatroom.hash_key));
        }
        let name = Some(name).filter(|name| !name.trim().is_empty());
        let (public_access, password) =
            (rules.has_accounts.then_some(public_access), rules.has_accounts.then_some(password));
        let created = server_fns::create_chat(
            username,
            name.clone(),
            Some(admission),
            capacity,
            history,
            public_access,
            password,
        );
        let started = created.await?;
        storage::remember_username(&started.seat.member.username);
        let saved = SavedChat {
            recovery_code: Some(started.recovery_code),
            admission: Some(admission),
            ..SavedChat::new(started.seat, name, started.key)
        };
        let chat_id: Uuid = started.chat_id;
        storage::save_chat(chat_id, &saved);
        Ok(saved.page(chat_id))
    }
}
