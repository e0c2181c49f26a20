//! A chat that anyone with the address can read, and perhaps write in, as visitors without a seat see it.

use leptos::ev::SubmitEvent;
use leptos::html::Input;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use uuid::Uuid;

use crate::app::client::api;
use crate::app::client::read_only::{ReadOnlyConversation, Reader};
use crate::app::components::{GeneralProblem, PageFrame, ReadOnlyMessages, TextField};
use crate::app::texts;
use crate::domain::PublicAccess;
use crate::wire::{Preview, Problem};

#[component]
pub(super) fn PublicChat(chat_id: Uuid, preview: Preview) -> impl IntoView {
    let conversation = ReadOnlyConversation::new(chat_id, Reader::Anyone);
    let text = NodeRef::<Input>::new();
    let problem = RwSignal::new(None::<Problem>);
    let is_sending = RwSignal::new(false);
    let post = move |event: SubmitEvent| {
        event.prevent_default();
        let Some(input) = text.get_untracked() else { return };
        is_sending.set(true);
        spawn_local(async move {
            let posted = api::post_publicly(chat_id, input.value()).await;
            if posted.is_ok() {
                input.set_value("");
                conversation.read();
            }
            problem.try_set(posted.err());
            is_sending.try_set(false);
        });
    };
    let name = preview.name.unwrap_or_else(|| texts::CHAT.into());
    let may_post = preview.public_access == PublicAccess::Post;
    view! {
        <Title text=name.clone()/>
        <PageFrame>
            <h1><bdi>{name}</bdi></h1>
            <p class="hint">{if may_post { texts::public_chat::CAN_POST } else { texts::public_chat::CAN_READ }}</p>
            <ReadOnlyMessages conversation/>
            {may_post.then(|| view! {
                <form class="card" method="post" on:submit=post>
                    <TextField name="text" label=texts::MESSAGE node=text problem autocomplete="off" is_required=true/>
                    <GeneralProblem problem/>
                    <button type="submit" class="main-button" disabled=move || is_sending.get()>{texts::SEND}</button>
                </form>
            })}
        </PageFrame>
    }
}
