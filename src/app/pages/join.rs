//! Where a magic link leads: asks for a name, then enters. Opening it changes nothing.

use leptos::ev::SubmitEvent;
use leptos::html::Input;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_location, use_navigate, use_params_map};
use uuid::Uuid;

use crate::app::client::storage::{self, SavedChat};
use crate::app::client::{api, browser};
use crate::app::components::{GeneralProblem, PageFrame, TextField, remembered_username};
use crate::app::notice::{LedHome, Notice, NoticeFromAddress};
use crate::app::server_fns;
use crate::wire::{Code, Problem};

#[component]
pub(crate) fn JoinPage() -> impl IntoView {
    let params = use_params_map();
    let chat_id = Memo::new(move |_| params.read().get("chat_id").and_then(|id| id.parse::<Uuid>().ok()));
    view! {
        <Title text="Join"/>
        <PageFrame>
            {move || match chat_id.get() {
                Some(chat_id) => view! { <JoinChat chat_id/> }.into_any(),
                None => view! { <LedHome because=Notice::ChatNotFound/> }.into_any(),
            }}
        </PageFrame>
    }
}

#[component]
fn JoinChat(chat_id: Uuid) -> impl IntoView {
    let username = NodeRef::<Input>::new();
    let problem = RwSignal::new(None::<Problem>);
    let chat_name = RwSignal::new(None::<String>);
    // The key is known only in the browser; until then, and while joining, nothing can be sent.
    let key = RwSignal::new(None::<String>);
    let is_joining = RwSignal::new(false);
    remembered_username(username);
    let navigate = use_navigate();
    let go = StoredValue::new_local(move |address: &str| {
        navigate(address, NavigateOptions { replace: true, ..Default::default() });
    });
    // The page may have been left while an answer was on its way.
    let lead = move |address: &str| {
        go.try_with_value(|go| go(address));
    };
    let hash = use_location().hash;

    Effect::new(move || {
        // A newer link to the same chat changes only what stands after the `#`.
        hash.track();
        let seat = storage::chat(chat_id);
        spawn_local(async move {
            if let Some(saved) = seat
                && holds(chat_id, &saved).await
            {
                return lead(&format!("/chat/{chat_id}"));
            }
            let Some(found) = browser::fragment() else {
                return lead(&Notice::InviteNeeded.home());
            };
            match server_fns::preview_invite(chat_id, found.clone()).await {
                Ok(preview) => {
                    chat_name.try_set(preview.name);
                }
                Err(refusal) => {
                    if let Some(notice) = Notice::of(&refusal) {
                        return lead(&notice.home());
                    }
                    problem.try_set(Some(refusal));
                }
            }
            key.try_set(Some(found));
        });
    });

    let join = move |event: SubmitEvent| {
        event.prevent_default();
        let Some(key) = key.get_untracked() else { return };
        let username = username.get_untracked().map(|input| input.value()).unwrap_or_default();
        let name = chat_name.get_untracked();
        is_joining.set(true);
        spawn_local(async move {
            match server_fns::join_chat(chat_id, key.clone(), username).await {
                Ok(seat) => {
                    storage::remember_username(&seat.member.username);
                    storage::save_chat(chat_id, &SavedChat::new(seat, name, key));
                    lead(&format!("/chat/{chat_id}"));
                }
                Err(refusal) => {
                    if let Some(notice) = Notice::of(&refusal) {
                        return lead(&notice.home());
                    }
                    let taken = refusal.code == Code::UsernameTaken;
                    problem.try_set(Some(if taken { refusal.about_field("username") } else { refusal }));
                    is_joining.try_set(false);
                }
            }
        });
    };
    view! {
        <NoticeFromAddress/>
        <h1>
            {move || chat_name.get().map_or_else(
                || "Join the chat".into_any(),
                |name| view! { "Join "<bdi>{name}</bdi> }.into_any(),
            )}
        </h1>
        <p class="lead">"Someone invited you to a private chat. Choose the name that the others will see."</p>
        <form class="card" method="post" on:submit=join>
            <TextField name="username" label="Your name" node=username problem autocomplete="nickname" is_required=true/>
            <GeneralProblem problem/>
            <button type="submit" class="main-button" disabled=move || key.get().is_none() || is_joining.get()>
                "Join"
            </button>
            <noscript><p class="hint">"Chatting needs JavaScript. Scripts can use the API instead."</p></noscript>
        </form>
    }
}

/// Whether the seat that this browser remembers still holds; where the server cannot say, it is
/// taken to.
async fn holds(chat_id: Uuid, saved: &SavedChat) -> bool {
    match api::read_messages(chat_id, &saved.token, saved.cursor).await {
        Ok(_) => true,
        Err(problem) => api::is_passing(&problem),
    }
}
