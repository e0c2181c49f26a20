//! The list of messages, with the newest at the bottom.

use leptos::either::Either;
use leptos::html::Div;
use leptos::prelude::*;
use uuid::Uuid;

use crate::app::client::browser;
use crate::app::client::conversation::{Conversation, Missed};
use crate::app::client::storage::Unsent;
use crate::app::links;
use crate::app::texts;
use crate::wire::Message;

/// A message is grouped with the one before it if both have the same author and are less than this many milliseconds
/// apart.
const GROUP_WITHIN: i64 = 5 * 60 * 1_000;
/// The list counts as scrolled to its end within this many pixels of it.
const NEAR_END: i32 = 48;

/// A message, and whether its author's name is shown above it.
#[derive(Clone, PartialEq, Eq)]
struct Row {
    message: Message,
    starts_group: bool,
}

fn rows(messages: &[Message]) -> Vec<Row> {
    let before = std::iter::once(None).chain(messages.iter().map(Some));
    let row = |(message, before): (&Message, Option<&Message>)| {
        let continues = before.is_some_and(|before| {
            before.member_id == message.member_id
                && before.username == message.username
                && message.sent_at.as_millis() - before.sent_at.as_millis() < GROUP_WITHIN
        });
        Row { message: message.clone(), starts_group: !continues }
    };
    messages.iter().zip(before).map(row).collect()
}

/// The messages of a conversation, and those that are still unsent.
#[component]
pub(crate) fn Messages(conversation: Conversation) -> impl IntoView {
    let Conversation { messages, missed, unsent, .. } = conversation;
    let own_id = move || conversation.seat.with(|seat| seat.as_ref().map(|seat| seat.member_id));
    let is_alone = move || conversation.roster.with(|roster| roster.as_ref().is_some_and(|r| r.members.len() == 1));
    let is_empty = move || messages.with(Vec::is_empty) && unsent.with(Vec::is_empty);
    let opening = move || match (conversation.is_loaded.get(), is_empty(), is_alone()) {
        (false, ..) => Some(texts::OPENING_CHAT),
        (true, true, true) => Some(texts::message_list::ALONE),
        (true, true, false) => Some(texts::NO_MESSAGES),
        _ => None,
    };
    view! { <MessageList messages missed unsent own_id=Signal::derive(own_id) opening=Signal::derive(opening)/> }
}

#[component]
pub(super) fn MessageList(
    /// Oldest first.
    messages: RwSignal<Vec<Message>>,
    /// How many messages were deleted before this tab saw them.
    missed: RwSignal<Missed>,
    /// Unsent messages, oldest first.
    #[prop(into)]
    unsent: Signal<Vec<Unsent>>,
    /// The member whose messages are this browser's own.
    #[prop(into)]
    own_id: Signal<Option<Uuid>>,
    /// The text above the messages, shown while there are none.
    opening: Signal<Option<&'static str>>,
) -> impl IntoView {
    let list = NodeRef::<Div>::new();
    let is_at_end = RwSignal::new(true);
    let rows = Memo::new(move |_| messages.with(|messages| rows(messages)));

    // The frame may come after the user has left the page.
    let scroll_to_end = move || {
        if let Some(list) = list.try_get_untracked().flatten() {
            list.set_scroll_top(list.scroll_height());
        }
    };
    // The newest message stays in view unless the user has scrolled up. Their own new message always comes into view.
    Effect::new(move |seen: Option<(u64, usize)>| {
        let last = rows.with(|rows| rows.last().map_or(0, |row| row.message.id));
        let waiting = unsent.with(Vec::len);
        let said_something = seen.is_some_and(|(_, before)| waiting > before);
        if is_at_end.get_untracked() || said_something {
            let _ = request_animation_frame(scroll_to_end);
        }
        (last, waiting)
    });
    let on_scroll = move |_| {
        let Some(list) = list.get_untracked() else { return };
        let below = list.scroll_height() - list.scroll_top() - list.client_height();
        let now_at_end = below < NEAR_END;
        if is_at_end.get_untracked() != now_at_end {
            is_at_end.set(now_at_end);
        }
    };
    // The last message that the user has seen at the end of the list.
    let seen = Memo::new(move |seen: Option<&u64>| {
        let last = rows.with(|rows| rows.last().map_or(0, |row| row.message.id));
        if is_at_end.get() { last } else { seen.copied().unwrap_or(last) }
    });
    let has_new = move || rows.with(|rows| rows.last().is_some_and(|row| row.message.id > seen.get()));
    view! {
        <div class="messages" node_ref=list role="log" aria-label=texts::message_list::LABEL tabindex="0" on:scroll=on_scroll>
            {move || opening.get().map(|text| view! { <p class="opening">{text}</p> })}
            {move || texts::message_list::missed(missed.get()).map(|text| view! { <p class="opening">{text}</p> })}
            <ol>
                <For
                    each=move || rows.get()
                    key=|row| (row.message.id, row.starts_group)
                    children=move |row| view! { <MessageRow row own_id/> }
                />
                <For
                    each=move || unsent.get()
                    key=|unsent| unsent.client_id
                    children=|unsent| view! {
                        <li class="message own waiting">
                            <div class="bubble">
                                <p class="text" dir="auto">{unsent.text}</p>
                                <span class="state">{texts::message_list::SENDING}</span>
                            </div>
                        </li>
                    }
                />
            </ol>
        </div>
        <div class="new-messages">
            {move || has_new().then(|| view! {
                <button type="button" on:click=move |_| scroll_to_end()>{texts::message_list::NEW_MESSAGES}</button>
            })}
        </div>
    }
}

#[component]
fn MessageRow(row: Row, own_id: Signal<Option<Uuid>>) -> impl IntoView {
    let Row { message, starts_group } = row;
    let is_own = move || own_id.get() == Some(message.member_id);
    let time = browser::time_of_day(message.sent_at);
    let author = message.username.clone();
    view! {
        <li class="message" class:own=is_own class:starts-group=starts_group>
            <span class="author" class:unseen=!starts_group>
                <bdi>{author}</bdi>
                {move || is_own().then(|| view! { <span class="unseen">{texts::message_list::YOU}</span> })}
            </span>
            <div class="bubble">
                <p class="text" dir="auto">{linked(&message.text)}</p>
                <time datetime=message.sent_at.to_string()>{time}</time>
            </div>
        </li>
    }
}

/// Renders the text with its web addresses as links. Nothing else in it is interpreted.
fn linked(text: &str) -> impl IntoView + use<> {
    let parts = links::parts(text).map(|(part, is_link)| {
        let text = part.to_owned();
        if is_link {
            let href = text.clone();
            Either::Left(view! { <a href=href target="_blank" rel="noopener noreferrer nofollow">{text}</a> })
        } else {
            Either::Right(text)
        }
    });
    parts.collect_view()
}
