//! Who is writing just now.

use leptos::prelude::*;

use crate::app::client::conversation::Conversation;

#[component]
pub(crate) fn Typing(conversation: Conversation) -> impl IntoView {
    let names = move || {
        conversation.typing.with(|typing| {
            conversation.roster.with(|roster| {
                let members = roster.iter().flat_map(|roster| &roster.members);
                let is_typing = |id| typing.iter().any(|(typist, _)| *typist == id);
                let typists = members.filter(|summary| is_typing(summary.member.member_id));
                typists.map(|summary| summary.member.username.clone()).collect::<Vec<_>>()
            })
        })
    };
    let text = move || match &names()[..] {
        [] => None,
        [one] => Some(view! { <bdi>{one.clone()}</bdi>" is typing…" }.into_any()),
        [one, other] => {
            Some(view! { <bdi>{one.clone()}</bdi>" and "<bdi>{other.clone()}</bdi>" are typing…" }.into_any())
        }
        _ => Some(view! { "Several people are typing…" }.into_any()),
    };
    view! { <p class="typing" aria-live="polite">{text}</p> }
}
