//! Where a browser says who it is, once for all chats that are entered by their address.

use leptos::ev::SubmitEvent;
use leptos::html::Input;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use uuid::Uuid;

use super::address::leading;
use crate::app::client::api::holds;
use crate::app::client::{chatrooms, storage};
use crate::app::components::{GeneralProblem, PageFrame, TextField, remembered_username};
use crate::app::notice::{Notice, NoticeFromAddress};
use crate::wire::{Code, Problem};

#[component]
pub(crate) fn SessionPage() -> impl IntoView {
    let query = use_query_map();
    // Where one comes from, and is led back to.
    let chatroom = move || query.read_untracked().get("chatroom").and_then(|id| id.parse::<Uuid>().ok());
    let username = NodeRef::<Input>::new();
    let problem = RwSignal::new(None::<Problem>);
    // Until the page is alive a form would be sent without it.
    let is_ready = RwSignal::new(false);
    remembered_username(username);
    let lead = leading();
    Effect::new(move || {
        let saved = chatroom().and_then(|chat_id| Some((chat_id, storage::chat(chat_id)?)));
        spawn_local(async move {
            // Who is in already has a name there.
            if let Some((chat_id, saved)) = saved
                && holds(chat_id, &saved).await
            {
                return lead(&saved.page(chat_id));
            }
            is_ready.try_set(true);
        });
    });

    let go_on = move |event: SubmitEvent| {
        event.prevent_default();
        let name = username.get_untracked().map(|input| input.value()).unwrap_or_default();
        let chatroom = chatroom();
        is_ready.set(false);
        problem.set(None);
        spawn_local(async move {
            match say_name(name, chatroom).await {
                Ok(()) => lead(&chatroom.map_or_else(|| "/".into(), |chat_id| format!("/chatrooms/{chat_id}/"))),
                Err(refusal) => {
                    if let Some(notice) = Notice::of(&refusal) {
                        return lead(&notice.home());
                    }
                    let taken = refusal.code == Code::UsernameTaken;
                    problem.try_set(Some(if taken { refusal.about_field("username") } else { refusal }));
                    is_ready.try_set(true);
                }
            }
        });
    };
    view! {
        <Title text="Your name"/>
        <PageFrame>
            <NoticeFromAddress/>
            <h1>"Who are you?"</h1>
            <p class="lead">
                "Choose the name that the others will see. It is yours in every chat of this kind until this browser's session ends, in six hours."
            </p>
            <form class="card" method="post" on:submit=go_on>
                <TextField name="username" label="Your name" node=username problem autocomplete="nickname" is_required=true/>
                <GeneralProblem problem/>
                <button type="submit" class="main-button" disabled=move || !is_ready.get()>"Go on"</button>
                <noscript><p class="hint">"Chatting needs JavaScript. Scripts can use the API instead."</p></noscript>
            </form>
        </PageFrame>
    }
}

/// Says who is here, and takes the seat: whether the name is free shows where it can be changed.
async fn say_name(username: String, chatroom: Option<Uuid>) -> Result<(), Problem> {
    chatrooms::open_session(username).await?;
    match chatroom {
        Some(chat_id) => chatrooms::enter(chat_id).await,
        None => Ok(()),
    }
}
