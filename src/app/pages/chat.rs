//! The chat page. The message box is always on the screen.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use leptos_router::hooks::use_location;
use uuid::Uuid;

use super::address::{chat_in_address, use_replace};
use super::public_chat::PublicChat;
use crate::app::client::api;
use crate::app::client::browser;
use crate::app::client::connection::ConnectionStatus;
use crate::app::client::conversation::Conversation;
use crate::app::client::seat::{recover, retry_transient, use_credential};
use crate::app::client::storage;
use crate::app::components::{
    AddressLine, Composer, Knocks, Messages, People, RetentionPanel, SessionEnd, ShareLink, Typing, Waiting,
    window_title,
};
use crate::app::notice::{Notice, RedirectHome};
use crate::app::texts;
use crate::wire::addresses;
use crate::wire::{Code, Preview};

#[component]
pub(crate) fn ChatPage() -> impl IntoView {
    let chat_id = chat_in_address();
    move || match chat_id.get() {
        Some(chat_id) => view! { <ConversationView chat_id/> }.into_any(),
        None => view! { <RedirectHome because=Notice::ChatNotFound/> }.into_any(),
    }
}

#[component]
pub(super) fn ConversationView(chat_id: Uuid) -> impl IntoView {
    let conversation = Conversation::new(chat_id);
    let seat = conversation.seat;
    let replace = use_replace();

    let has_seat = RwSignal::new(false);
    // The chat's preview, if this browser has no seat and can read the chat without one.
    let readable = RwSignal::new(None::<Preview>);
    let hash = use_location().hash;
    Effect::new(move || {
        // Opening an owner link of this same chat changes only the fragment.
        hash.track();
        let saved = storage::chat(chat_id);
        let Some(given) = browser::fragment() else {
            if saved.is_some() {
                return has_seat.set(true);
            }
            spawn_local(async move {
                match retry_transient(|| api::preview_chat(chat_id)).await {
                    Ok(preview) => match addresses::entry(preview.admission, chat_id) {
                        Some(address) => replace(&address),
                        None => {
                            readable.try_set(Some(preview));
                        }
                    },
                    Err(refusal) if refusal.code == Code::ChatNotFound => replace(&Notice::ChatNotFound.home()),
                    Err(_) => replace(&Notice::InviteNeeded.home()),
                }
            });
            return;
        };
        spawn_local(async move {
            // A UUID is the credential of a seat that other programs use too; anything else is an owner's recovery
            // code.
            let entered = match given.parse() {
                Ok(_) if saved.as_ref().is_some_and(|saved| !saved.is_borrowed) => Ok(None),
                Ok(credential) => retry_transient(|| use_credential(chat_id, credential)).await.map(Some),
                Err(_) => retry_transient(|| recover(chat_id, given.clone(), saved.as_ref())).await.map(Some),
            };
            browser::forget_fragment();
            match entered {
                Err(problem) if saved.is_none() => {
                    return replace(&Notice::of(&problem).unwrap_or(Notice::InviteNeeded).home());
                }
                Ok(Some(entered)) => {
                    conversation.seat.try_set(Some(entered));
                }
                _ => {}
            }
            readable.try_set(None);
            has_seat.try_set(true);
        });
    });
    let is_seated = Memo::new(move |_| has_seat.get());
    Effect::new(move || {
        if is_seated.get() {
            conversation.follow();
        }
    });
    // If a lost seat cannot be recovered, redirect to where the user can join again if possible, else home.
    Effect::new(move || {
        let Some(lost) = conversation.lost.get() else { return };
        spawn_local(async move {
            let problem = match Notice::of(&lost) {
                Some(Notice::SessionExpired) | None => match conversation.recover_seat().await {
                    Ok(()) => return conversation.resume(),
                    Err(problem) => problem,
                },
                Some(_) => lost,
            };
            let saved = storage::chat(chat_id);
            let key = saved.as_ref().and_then(|saved| saved.key.clone());
            let departure_notice = conversation.departure_notice.try_get_value().flatten();
            let again = Some(departure_notice.unwrap_or(Notice::SessionExpired).name());
            let entrance = saved.as_ref().and_then(|saved| saved.entry_address(chat_id, again));
            match (Notice::of(&problem).unwrap_or(Notice::SessionExpired), entrance) {
                // Unsent messages wait for the next seat.
                (Notice::SessionExpired | Notice::InvalidRecovery, Some(entrance)) => replace(&entrance),
                (Notice::ChatFull, _) if key.is_some() => {
                    replace(&Notice::home_to_wait(chat_id, &key.unwrap_or_default()));
                }
                (notice, _) => {
                    // An owner who still has a recovery code may try it again.
                    if saved.is_none_or(|saved| saved.recovery_code.is_none()) || notice == Notice::ChatNotFound {
                        if notice == Notice::ChatNotFound {
                            storage::forget_chat(chat_id);
                        } else {
                            // The join id stays, so a removed guest does not come back as a new one.
                            storage::forget_seat(chat_id);
                        }
                    }
                    replace(&departure_notice.unwrap_or(notice).home());
                }
            }
        });
    });
    let leave = Callback::new(move |notice: Notice| {
        storage::forget_chat(chat_id);
        replace(&notice.home());
    });

    let name = move || {
        let from_roster = conversation.roster.with(|roster| roster.as_ref().map(|roster| roster.name.clone()));
        from_roster.unwrap_or_else(|| seat.with(|seat| seat.as_ref().and_then(|seat| seat.name.clone())))
    };
    let title = move || name().unwrap_or_else(|| texts::CHAT.into());
    let page_title = move || {
        let knocking = conversation.knocks.with(|knocks| knocks.last().map(|knock| knock.username.clone()));
        match (knocking, conversation.unread.get()) {
            (Some(name), _) => texts::chat::title_with_knock(&texts::knocks::wants_to_join(&name), &title()),
            (None, 0) => title(),
            (None, unread) => texts::chat::title_with_unread(unread, &title()),
        }
    };
    Effect::new(move || {
        browser::mark_icon(conversation.unread.get() > 0 || conversation.knocks.with(|knocks| !knocks.is_empty()));
        on_cleanup(|| browser::mark_icon(false));
    });
    let chat = move || {
        view! {
            <Title text=window_title(page_title)/>
            <div class="chat">
                <header class="bar">
                    <a class="brand" href="./" aria-label=texts::chat::START_PAGE>
                        <span class="arrow" aria-hidden="true">"‹"</span><span class="word">{texts::WATCH_PARTY}</span>
                    </a>
                    <h1><bdi>{title}</bdi></h1>
                    <RetentionPanel conversation/>
                    <ShareLink chat_id conversation title=Signal::derive(title)/>
                    <People conversation seat leave/>
                </header>
                <main>
                    <Knocks conversation/>
                    <Messages conversation/>
                    <Typing conversation/>
                    <SessionEnd conversation/>
                    <p class="connection" role="status">
                        {move || match conversation.connection_status.get() {
                            ConnectionStatus::Connecting | ConnectionStatus::Live => None,
                            ConnectionStatus::Polling => Some(texts::chat::POLLING),
                            ConnectionStatus::Offline => Some(texts::chat::OFFLINE),
                        }}
                    </p>
                    <Waiting/>
                    <Composer conversation/>
                    <AddressLine chat_id conversation/>
                </main>
            </div>
        }
    };
    move || match readable.get() {
        Some(preview) => view! { <PublicChat chat_id preview/> }.into_any(),
        None => chat().into_any(),
    }
}
