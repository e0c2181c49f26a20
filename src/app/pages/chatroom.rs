//! A chat that is entered by its address: whoever has said who they are is in.

use leptos::prelude::*;
use leptos_meta::Title;
use uuid::Uuid;

use super::address::{chat_in_address, leading};
use super::chat::ChatRoom;
use crate::app::addresses;
use crate::app::client::seat::persist_telling;
use crate::app::client::task::Task;
use crate::app::client::{chatrooms, storage};
use crate::app::components::PageFrame;
use crate::app::notice::{LedHome, Notice};
use crate::wire::{Code, Problem};

#[component]
pub(crate) fn ChatroomPage() -> impl IntoView {
    let chat_id = chat_in_address();
    move || match chat_id.get() {
        Some(chat_id) => view! { <EnterChatroom chat_id/> }.into_any(),
        None => view! { <LedHome because=Notice::ChatNotFound/> }.into_any(),
    }
}

#[component]
fn EnterChatroom(chat_id: Uuid) -> impl IntoView {
    let is_in = RwSignal::new(false);
    let problem = RwSignal::new(None::<Problem>);
    let lead = leading();
    let entering = Task::new();
    Effect::new(move || {
        entering.begin(async move {
            let found = persist_telling(
                || chatrooms::find_seat(chat_id),
                |passing| {
                    problem.try_set(Some(passing));
                },
            );
            let Err(refusal) = found.await else {
                is_in.try_set(true);
                return;
            };
            let ask_name = addresses::session_for(chat_id);
            match (refusal.code, Notice::of(&refusal)) {
                (Code::SessionRequired, _) => lead(&ask_name),
                (Code::UsernameTaken, _) => lead(&addresses::with_notice(&ask_name, Notice::UsernameTaken.name())),
                (code, Some(notice)) => {
                    if code == Code::ChatNotFound {
                        storage::forget_chat(chat_id);
                    }
                    lead(&notice.home());
                }
                (_, None) => {
                    problem.try_set(Some(refusal));
                }
            }
        });
    });
    move || {
        if is_in.get() {
            return view! { <ChatRoom chat_id/> }.into_any();
        }
        view! {
            <Title text="Chat"/>
            <PageFrame>
                <p class="lead" role="status">"Opening the chat…"</p>
                <p class="wrong" role="alert">{move || problem.get().map(|problem| problem.detail)}</p>
            </PageFrame>
        }
        .into_any()
    }
}
