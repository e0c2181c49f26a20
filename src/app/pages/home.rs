//! Where chats are started, and found again.

use leptos::ev::SubmitEvent;
use leptos::html::Input;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use crate::app::client::storage::{self, SavedChat};
use crate::app::components::{GeneralProblem, PageFrame, TextField, YourChats, remembered_username};
use crate::app::notice::NoticeFromAddress;
use crate::app::server_fns;
use crate::domain::{Admission, Settings};
use crate::wire::Problem;

#[component]
pub(crate) fn HomePage() -> impl IntoView {
    view! {
        <Title text=""/>
        <PageFrame>
            <NoticeFromAddress/>
            <h1>"Talk in private. Leave nothing behind."</h1>
            <p class="lead">
                {format!(
                    "Start a chat, send its magic link to up to {} people, and talk. The last {} messages are kept, \
                     and everyone's session ends within {} hours. No account, no app.",
                    Settings::DEFAULT_CAPACITY - 1,
                    Settings::DEFAULT_HISTORY,
                    Settings::DEFAULT_SESSION_LIFETIME.as_secs() / 3600,
                )}
            </p>
            <StartChat/>
            <YourChats/>
        </PageFrame>
    }
}

#[component]
fn StartChat() -> impl IntoView {
    let username = NodeRef::<Input>::new();
    let name = NodeRef::<Input>::new();
    let (asks_first, by_account) = (NodeRef::<Input>::new(), NodeRef::<Input>::new());
    let problem = RwSignal::new(None::<Problem>);
    // Until the page is alive a form would be sent without it, and what was typed lost.
    let is_ready = RwSignal::new(false);
    Effect::new(move || is_ready.set(true));
    remembered_username(username);
    let navigate = use_navigate();

    let start = move |event: SubmitEvent| {
        event.prevent_default();
        let value = |node: NodeRef<Input>| node.get_untracked().map(|input| input.value()).unwrap_or_default();
        let (username, name) = (value(username), Some(value(name)).filter(|name| !name.trim().is_empty()));
        let is_chosen = |node: NodeRef<Input>| node.get_untracked().is_some_and(|input| input.checked());
        let admission = match (is_chosen(asks_first), is_chosen(by_account)) {
            (true, _) => Admission::Approval,
            (_, true) => Admission::Account,
            _ => Admission::Link,
        };
        is_ready.set(false);
        let navigate = navigate.clone();
        spawn_local(async move {
            match server_fns::create_chat(username, name.clone(), Some(admission)).await {
                Ok(started) => {
                    storage::remember_username(&started.seat.member.username);
                    let saved = SavedChat::new(started.seat, name, started.key);
                    let recovery_code = Some(started.recovery_code);
                    storage::save_chat(
                        started.chat_id,
                        &SavedChat { recovery_code, admission: Some(admission), ..saved },
                    );
                    navigate(&format!("/chat/{}", started.chat_id), NavigateOptions::default());
                }
                Err(refusal) => {
                    problem.try_set(Some(refusal));
                    is_ready.try_set(true);
                }
            }
        });
    };
    view! {
        <form class="card" method="post" on:submit=start>
            <TextField name="username" label="Your name" node=username problem autocomplete="nickname" is_required=true/>
            <TextField name="name" label="Name of the chat (optional)" node=name problem autocomplete="off"/>
            <fieldset class="choices">
                <legend>"Who may come in"</legend>
                <label><input type="radio" name="admission" value="link" checked=true/>"Anyone with the link"</label>
                <label><input node_ref=asks_first type="radio" name="admission" value="approval"/>"Ask me first"</label>
                <label><input node_ref=by_account type="radio" name="admission" value="account"/>"Members with a password"</label>
            </fieldset>
            <GeneralProblem problem/>
            <button type="submit" class="main-button" disabled=move || !is_ready.get()>"Start a chat"</button>
            <noscript><p class="hint">"Chatting needs JavaScript. Scripts can use the API instead."</p></noscript>
        </form>
    }
}
