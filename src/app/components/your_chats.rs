//! The chats this browser is in, with their state.

use leptos::prelude::*;
use leptos::task::spawn_local;
use uuid::Uuid;

use super::sentence::{bdi, sentence};
use crate::app::client::api::ChatApi;
use crate::app::client::browser;
use crate::app::client::storage::{self, SavedChat};
use crate::app::texts;
use crate::wire::Code;

/// The state of a chat, as far as this browser knows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Asking,
    Live { new: u64 },
    SessionEnded,
    ChatEnded,
    Unknown,
}

impl State {
    async fn ask(chat_id: Uuid, saved: &SavedChat) -> Self {
        if saved.is_refused {
            return Self::SessionEnded;
        }
        match ChatApi::new(chat_id, &saved.token).read_messages(saved.cursor).await {
            Ok(unseen) => Self::Live { new: unseen.last_id.saturating_sub(saved.cursor) },
            Err(problem) => match problem.code {
                Code::ChatNotFound => Self::ChatEnded,
                Code::SessionExpired | Code::SessionRequired => {
                    storage::note_refused(chat_id, &saved.token);
                    Self::SessionEnded
                }
                _ => Self::Unknown,
            },
        }
    }

    fn sentence(self, saved: &SavedChat) -> String {
        match self {
            Self::Asking => texts::your_chats::LOADING.into(),
            Self::Live { new } => texts::your_chats::live(new, &browser::time_of_day(saved.expires_at)),
            Self::SessionEnded => texts::your_chats::SESSION_ENDED.into(),
            Self::ChatEnded => texts::your_chats::CHAT_ENDED.into(),
            Self::Unknown => texts::your_chats::UNREACHABLE.into(),
        }
    }
}

#[component]
pub(crate) fn YourChats() -> impl IntoView {
    let chats = RwSignal::new(Vec::new());
    Effect::new(move || {
        storage::forget_expired_knocks(browser::server_time());
        chats.set(storage::chats());
    });
    let forget = move |id: Uuid| {
        storage::forget_seat(id);
        chats.update(|chats| chats.retain(|(chat_id, _)| *chat_id != id));
    };
    view! {
        <Show when=move || chats.with(|chats| !chats.is_empty())>
            <section class="your-chats" aria-labelledby="your-chats">
                <h2 id="your-chats">{texts::your_chats::HEADING}</h2>
                <ul>
                    <For each=move || chats.get() key=|(id, _)| *id children=move |(id, saved)| {
                        view! { <YourChat id saved forget=Callback::new(forget)/> }
                    }/>
                </ul>
            </section>
        </Show>
    }
}

#[component]
fn YourChat(id: Uuid, saved: SavedChat, forget: Callback<Uuid>) -> impl IntoView {
    let state = RwSignal::new(State::Asking);
    {
        let saved = saved.clone();
        spawn_local(async move {
            let _ = state.try_set(State::ask(id, &saved).await);
        });
    }
    let name = saved.name.clone().unwrap_or_else(|| texts::CHAT.into());
    let address = {
        let entrance = saved.entry_address(id, None);
        let (page, comes_back) = (saved.page(id), saved.recovery_code.is_some());
        move || match (state.get(), &entrance) {
            (State::SessionEnded, _) if comes_back => Some(page.clone()),
            (State::SessionEnded, Some(entrance)) => Some(entrance.clone()),
            (State::SessionEnded, None) | (State::ChatEnded, _) => None,
            _ => Some(page.clone()),
        }
    };
    let title = {
        let name = name.clone();
        move || match address() {
            Some(address) => view! { <a href=format!(".{address}")><bdi>{name.clone()}</bdi></a> }.into_any(),
            None => view! { <bdi>{name.clone()}</bdi> }.into_any(),
        }
    };
    let about = {
        let username = bdi(saved.username.clone());
        let state = move || state.get().sentence(&saved);
        sentence(texts::your_chats::ABOUT, [("{name}", username), ("{state}", state.into_any())])
    };
    let is_over = move || matches!(state.get(), State::SessionEnded | State::ChatEnded);
    view! {
        <li>
            <div>
                <p class="name">{title}</p>
                <p class="hint">{about}</p>
            </div>
            {move || is_over().then(|| view! {
                <button type="button" class="quiet" aria-label=texts::your_chats::forget(&name) on:click=move |_| forget.run(id)>
                    {texts::your_chats::FORGET}
                </button>
            })}
        </li>
    }
}
