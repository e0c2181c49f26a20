//! Where a browser says who it is, once for all chats that are entered by their address.

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
use crate::wire::addresses;
use crate::wire::{Code, Problem};

#[component]
pub(crate) fn SessionPage() -> impl IntoView {
    let query = use_query_map();
    // Where one comes from, and is led back to.
    let chatroom = move || query.read_untracked().get("chatroom").and_then(|id| id.parse::<Uuid>().ok());
    // Whether someone who is in already chooses another name.
    let renames = move || query.read_untracked().get("rename").is_some();
    let username = NodeRef::<Input>::new();
    let problem = RwSignal::new(None::<Problem>);
    // Until the page is alive a form would be sent without it.
    let is_ready = RwSignal::new(false);
    remembered_username(username);
    let replace = use_replace();
    Effect::new(move || {
        let chatroom = chatroom().filter(|_| !renames());
        spawn_local(async move {
            // Who is in already has a name there.
            if let Some(chat_id) = chatroom
                && let Some(saved) = held_seat(chat_id).await
            {
                return replace(&saved.page(chat_id));
            }
            is_ready.try_set(true);
        });
    });

    let push = move |event: SubmitEvent| {
        event.prevent_default();
        let name = username.get_untracked().map(|input| input.value()).unwrap_or_default();
        let (chatroom, renames) = (chatroom(), renames());
        is_ready.set(false);
        problem.set(None);
        spawn_local(async move {
            let refusal = match say_name(name, chatroom, renames).await {
                Ok(()) => return replace(&chatroom.map_or_else(|| "/".into(), addresses::chatroom)),
                Err(refusal) => refusal,
            };
            let shown = match (refusal.code, Notice::of(&refusal)) {
                // The cookie that was given just now did not come back.
                (Code::SessionRequired, _) => {
                    Problem::new(Code::SessionRequired, "This needs a cookie, and your browser keeps none from here.")
                }
                (Code::UsernameTaken, _) => refusal.about_field("username"),
                // The name is given; a full chat can be read.
                (Code::ChatFull, _) => return replace(&chatroom.map_or_else(|| "/".into(), addresses::chatroom)),
                (_, Some(notice)) => return replace(&notice.home()),
                (_, None) => refusal,
            };
            problem.try_set(Some(shown));
            is_ready.try_set(true);
        });
    };
    view! {
        <Title text="Your name"/>
        <PageFrame>
            <NoticeFromAddress/>
            <h1>"Who are you?"</h1>
            <p class="lead">
                "Choose the name that the others will see. It is yours in every chat where anyone picks a name, also in those that you are in already, as long as this browser's session lasts."
            </p>
            <form class="card" method="post" on:submit=push>
                <TextField name="username" label="Your name" node=username problem autocomplete="nickname" is_required=true/>
                <GeneralProblem problem/>
                <button type="submit" class="main-button" disabled=move || !is_ready.get()>"Go on"</button>
            </form>
        </PageFrame>
    }
}

/// Says who is here, and takes the seat: whether the name is free shows where it can be changed.
async fn say_name(username: String, chatroom: Option<Uuid>, renames: bool) -> Result<(), Problem> {
    // Another tab may have been quicker.
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
            // The seat is there, and goes by the new name.
            return Ok(());
        }
        // It has outlived the session under whose name it was taken, so another takes its place.
        ChatApi::new(chat_id, &saved.token).remove_member(saved.member_id, false).await?;
        storage::forget_seat(chat_id);
    }
    browser_sessions::enter(chat_id).await
}
