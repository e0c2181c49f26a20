//! The page of an open chat: a browser with a browser session joins by opening it.

use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos_meta::Title;
use uuid::Uuid;

use super::address::{chat_in_address, use_replace};
use super::chat::ConversationView;
use crate::app::client::read_only::{ReadOnlyConversation, Reader};
use crate::app::client::seat::retry_reporting;
use crate::app::client::task::spawn_in_effect;
use crate::app::client::{api, browser_sessions, storage};
use crate::app::components::{PageFrame, ReadOnlyMessages, window_title};
use crate::app::notice::{Notice, RedirectHome};
use crate::app::texts;
use crate::wire::addresses;
use crate::wire::{Code, Problem};

#[component]
pub(crate) fn OpenChatPage() -> impl IntoView {
    let chat_id = chat_in_address();
    move || match chat_id.get() {
        Some(chat_id) => view! { <EnterOpenChat chat_id/> }.into_any(),
        None => view! { <RedirectHome because=Notice::ChatNotFound/> }.into_any(),
    }
}

#[component]
fn EnterOpenChat(chat_id: Uuid) -> impl IntoView {
    let is_in = RwSignal::new(false);
    let is_full = RwSignal::new(false);
    let problem = RwSignal::new(None::<Problem>);
    let replace = use_replace();
    let refused = Callback::new(move |refusal: Problem| {
        let ask_name = addresses::session_for(chat_id);
        match (refusal.code, Notice::of(&refusal)) {
            (Code::SessionRequired, _) => replace(&ask_name),
            // A browser session is enough to read the chat.
            (Code::ChatFull, _) => {
                is_full.try_set(true);
            }
            (Code::UsernameTaken, _) => replace(&addresses::with_notice(&ask_name, Notice::UsernameTaken.name())),
            (code, Some(notice)) => {
                if code == Code::ChatNotFound {
                    storage::forget_chat(chat_id);
                }
                replace(&notice.home());
            }
            (_, None) => {
                problem.try_set(Some(refusal));
            }
        }
    });
    Effect::new(move || {
        spawn_in_effect(async move {
            let found = retry_reporting(
                || browser_sessions::find_seat(chat_id),
                |passing| {
                    problem.try_set(Some(passing));
                },
            );
            match found.await {
                Ok(()) => {
                    is_in.try_set(true);
                }
                Err(refusal) => {
                    refused.try_run(refusal);
                }
            }
        });
    });
    move || {
        if is_in.get() {
            return view! { <ConversationView chat_id/> }.into_any();
        }
        if is_full.get() {
            return view! { <FullOpenChat chat_id is_in refused/> }.into_any();
        }
        view! {
            <Title text=texts::CHAT/>
            <PageFrame>
                <p class="lead" role="status">{texts::OPENING_CHAT}</p>
                <p class="wrong" role="alert">{move || problem.get().map(|problem| problem.detail)}</p>
            </PageFrame>
        }
        .into_any()
    }
}

/// Interval between attempts to take a seat in a full chat, in milliseconds.
const ENTER_EVERY: u32 = 20_000;

/// An open chat without a free seat. The visitor can read it, and joins as soon as a seat is free.
#[component]
fn FullOpenChat(
    chat_id: Uuid,
    is_in: RwSignal<bool>,
    /// Called with the refusal that makes waiting pointless.
    refused: Callback<Problem>,
) -> impl IntoView {
    let conversation = ReadOnlyConversation::new(chat_id, Reader::Named);
    let name = RwSignal::new(None::<String>);
    Effect::new(move || {
        spawn_in_effect(async move {
            if let Ok(preview) = api::preview_chat(chat_id).await {
                name.try_set(preview.name);
            }
            loop {
                TimeoutFuture::new(ENTER_EVERY).await;
                match browser_sessions::enter(chat_id).await {
                    Ok(()) => {
                        is_in.try_set(true);
                        return;
                    }
                    Err(refusal) if refusal.code == Code::ChatFull || api::is_transient(&refusal) => {}
                    Err(refusal) => {
                        refused.try_run(refusal);
                        return;
                    }
                }
            }
        });
    });
    let title = move || name.get().unwrap_or_else(|| texts::CHAT.into());
    view! {
        <Title text=window_title(title)/>
        <PageFrame>
            <h1><bdi>{title}</bdi></h1>
            <p class="notice" role="status">{texts::open_chat::FULL}</p>
            <ReadOnlyMessages conversation/>
        </PageFrame>
    }
}
