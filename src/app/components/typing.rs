//! Shows who is typing.

use leptos::prelude::*;

use super::sentence::{bdi, sentence};
use crate::app::client::conversation::Conversation;
use crate::app::texts;

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
        [name] => Some(sentence(texts::typing::ONE, [("{name}", bdi(name.clone()))])),
        [name, other] => {
            let views = [("{name}", bdi(name.clone())), ("{other}", bdi(other.clone()))];
            Some(sentence(texts::typing::TWO, views))
        }
        _ => Some(sentence(texts::typing::SEVERAL, [])),
    };
    view! { <p class="typing" aria-live="polite">{text}</p> }
}
