//! The page where the user picks a name for the browser session, which all open chats use.

use leptos::ev::SubmitEvent;
use leptos::html::Input;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use uuid::Uuid;

use super::address::use_replace;
use crate::app::client::api::{ChatApi, held_seat};
use crate::app::client::{browser_sessions, storage};
use crate::app::components::{GeneralProblem, PageFrame, TextField, remembered_username};
use crate::app::notice::{Notice, NoticeFromAddress};
use crate::app::texts;
use crate::wire::addresses;
use crate::wire::{Code, Problem};

#[component]
pub(crate) fn SessionPage() -> impl IntoView {
    let query = use_query_map();
    // The chat that the user comes from, and returns to.
    let chatroom = move || query.read_untracked().get("chatroom").and_then(|id| id.parse::<Uuid>().ok());
    // Whether a member of that chat changes their name.
    let renames = move || query.read_untracked().get("rename").is_some();
    let username = NodeRef::<Input>::new();
    let problem = RwSignal::new(None::<Problem>);
    // Before hydration, the browser itself would submit the form.
    let is_ready = RwSignal::new(false);
    remembered_username(username);
    let replace = use_replace();
    Effect::new(move || {
        let chatroom = chatroom().filter(|_| !renames());
        spawn_local(async move {
            // A member of the chat already has a name there.
            if let Some(chat_id) = chatroom
                && let Some(saved) = held_seat(chat_id).await
            {
                return replace(&saved.page(chat_id));
            }
            is_ready.try_set(true);
        });
    });

    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let name = username.get_untracked().map(|input| input.value()).unwrap_or_default();
        let (chatroom, renames) = (chatroom(), renames());
        is_ready.set(false);
        problem.set(None);
        spawn_local(async move {
            let refusal = match choose_name(name, chatroom, renames).await {
                Ok(()) => return replace(&chatroom.map_or_else(|| "/".into(), addresses::chatroom)),
                Err(refusal) => refusal,
            };
            let shown = match (refusal.code, Notice::of(&refusal)) {
                // The browser did not send back the cookie that it has just received.
                (Code::SessionRequired, _) => Problem::new(Code::SessionRequired, texts::session::NO_COOKIE),
                (Code::UsernameTaken, _) => refusal.about_field("username"),
                // The session has its name, and a full chat can be read.
                (Code::ChatFull, _) => return replace(&chatroom.map_or_else(|| "/".into(), addresses::chatroom)),
                (_, Some(notice)) => return replace(&notice.home()),
                (_, None) => refusal,
            };
            problem.try_set(Some(shown));
            is_ready.try_set(true);
        });
    };
    view! {
        <Title text=texts::session::TITLE/>
        <PageFrame>
            <NoticeFromAddress/>
            <h1>{texts::session::HEADING}</h1>
            <p class="lead">{texts::session::LEAD}</p>
            <form class="card" method="post" on:submit=submit>
                <TextField name="username" label=texts::YOUR_NAME node=username problem autocomplete="nickname" is_required=true/>
                <GeneralProblem problem/>
                <button type="submit" class="main-button" disabled=move || !is_ready.get()>{texts::session::CONTINUE}</button>
            </form>
        </PageFrame>
    }
}

/// Gives the browser session this name and takes the seat, so that a taken name is reported where it can be changed.
async fn choose_name(username: String, chatroom: Option<Uuid>, renames: bool) -> Result<(), Problem> {
    // Another tab may have joined first.
    if let Some(chat_id) = chatroom
        && !renames
        && held_seat(chat_id).await.is_some()
    {
        return Ok(());
    }
    let had_session = browser_sessions::own_name().await.is_some();
    browser_sessions::open_session(username).await?;
    let Some(chat_id) = chatroom else { return Ok(()) };
    if renames && let Some(saved) = storage::chat(chat_id) {
        if had_session {
            // The seat exists, and now has the new name.
            return Ok(());
        }
        // The seat has outlived the browser session that took it, so this one takes a new seat instead.
        ChatApi::new(chat_id, &saved.token).remove_member(saved.member_id, false).await?;
        storage::forget_seat(chat_id);
    }
    browser_sessions::enter(chat_id).await
}
