//! The chat itself. The message box is always on the screen.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_params_map};
use uuid::Uuid;

use crate::app::client::browser;
use crate::app::client::connection::Link;
use crate::app::client::conversation::Conversation;
use crate::app::client::storage::{self, SavedChat};
use crate::app::components::{Composer, Kept, MessageList, People, ShareLink, Typing};
use crate::app::notice::{LedHome, Notice};

#[component]
pub(crate) fn ChatPage() -> impl IntoView {
    let params = use_params_map();
    let chat_id = Memo::new(move |_| params.read().get("chat_id").and_then(|id| id.parse::<Uuid>().ok()));
    move || match chat_id.get() {
        Some(chat_id) => view! { <ChatRoom chat_id/> }.into_any(),
        None => view! { <LedHome because=Notice::ChatNotFound/> }.into_any(),
    }
}

#[component]
fn ChatRoom(chat_id: Uuid) -> impl IntoView {
    let conversation = Conversation::new(chat_id);
    let seat = RwSignal::new(None::<SavedChat>);
    let navigate = use_navigate();
    let go = StoredValue::new_local(move |address: &str| {
        navigate(address, NavigateOptions { replace: true, ..Default::default() });
    });

    Effect::new(move || match storage::chat(chat_id) {
        Some(saved) => {
            seat.set(Some(saved));
            conversation.follow();
        }
        None => go.with_value(|go| go(&Notice::InviteNeeded.home())),
    });
    // A seat that is lost leads to the join form where there is a key to it, else home.
    Effect::new(move || {
        let Some(problem) = conversation.lost.get() else { return };
        let key = storage::chat(chat_id).and_then(|saved| saved.key);
        let notice = Notice::of(&problem).unwrap_or(Notice::SessionExpired);
        let address = if let (Notice::SessionExpired, Some(key)) = (notice, key) {
            // What waits to be sent waits for the next seat.
            format!("/join/{chat_id}?notice={}#{key}", notice.name())
        } else {
            storage::forget_chat(chat_id);
            notice.home()
        };
        go.with_value(|go| go(&address));
    });
    let leave = Callback::new(move |notice: Notice| {
        storage::forget_chat(chat_id);
        go.with_value(|go| go(&notice.home()));
    });

    let name = move || {
        let from_roster = conversation.roster.with(|roster| roster.as_ref().map(|roster| roster.name.clone()));
        from_roster.unwrap_or_else(|| seat.with(|seat| seat.as_ref().and_then(|seat| seat.name.clone())))
    };
    let title = move || name().unwrap_or_else(|| "Chat".into());
    let page_title = move || match conversation.unread.get() {
        0 => title(),
        unread => format!("({unread}) {}", title()),
    };
    Effect::new(move || {
        browser::mark_icon(conversation.unread.get() > 0);
        on_cleanup(|| browser::mark_icon(false));
    });
    let key = Signal::derive(move || seat.with(|seat| seat.as_ref().and_then(|seat| seat.key.clone())));
    view! {
        <Title text=page_title/>
        <div class="chat">
            <header class="bar">
                <a class="brand" href="/" aria-label="Watch Party, start page">
                    <span class="arrow" aria-hidden="true">"‹"</span><span class="word">"Watch Party"</span>
                </a>
                <h1><bdi>{title}</bdi></h1>
                <Kept conversation/>
                <ShareLink chat_id key title=Signal::derive(title)/>
                <People conversation seat leave/>
            </header>
            <main>
                <MessageList conversation seat/>
                <Typing conversation/>
                <p class="connection" role="status">
                    {move || match conversation.link.get() {
                        Link::Connecting | Link::Live => None,
                        Link::Polling => Some("Messages may come a second late."),
                        Link::Offline => Some("Not connected. Trying again…"),
                    }}
                </p>
                <Composer conversation/>
            </main>
        </div>
    }
}
