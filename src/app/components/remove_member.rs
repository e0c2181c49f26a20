//! The question before a member is removed. It shows which link the member joined with and who else did, and offers to
//! revoke the link.

use leptos::html::Div;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast as _;
use web_sys::HtmlElement;

use super::sentence::{bdi, bdi_list, sentence};
use crate::app::client::browser;
use crate::app::client::conversation::Conversation;
use crate::app::texts;
use crate::wire::{InviteSummary, InviteWithMembers, Member, Problem};

#[component]
pub(crate) fn RemoveMember(
    conversation: Conversation,
    member: Member,
    /// Called when the question is answered, with the problem if the member could not be removed.
    done: Callback<Option<Problem>>,
) -> impl IntoView {
    let Member { member_id, username, .. } = member;
    let link = RwSignal::new(None::<InviteWithMembers>);
    let is_removing = RwSignal::new(false);
    let group = NodeRef::<Div>::new();
    Effect::new(move || {
        // The question takes the focus, because the pressed button is elsewhere.
        if let Some(Ok(Some(first))) = group.get().map(|group| group.query_selector("button")) {
            let _ = first.unchecked_into::<HtmlElement>().focus();
        }
    });
    Effect::new(move || {
        spawn_local(async move {
            let invites = conversation.invites().await.unwrap_or_default();
            let came_by_it =
                |shared: &InviteWithMembers| shared.members.iter().any(|member| member.member_id == member_id);
            link.try_set(invites.into_iter().find(came_by_it));
        });
    });
    let remove = move |revokes_invite: bool| {
        is_removing.set(true);
        spawn_local(async move {
            let refusal = conversation.remove(member_id, revokes_invite).await.err();
            done.try_run(refusal);
        });
    };
    let question = texts::remove_member::question(&username);
    let about_link = move || {
        link.get().map(|InviteWithMembers { invite, members }| {
            let others = members.into_iter().filter(|member| member.member_id != member_id);
            let others: Vec<String> = others.map(|other| other.username).collect();
            let (has_label, has_others) = (invite.label.is_some(), !others.is_empty());
            let template = texts::remove_member::about_link(has_label, describe_uses(&invite), has_others);
            let label = bdi(invite.label.unwrap_or_default());
            let views = [("{name}", bdi(username.clone())), ("{label}", label), ("{others}", bdi_list(others))];
            view! { <p class="hint">{sentence(&template, views)}</p> }
        })
    };
    view! {
        <div node_ref=group class="question" role="group" aria-label=question.clone()>
            <p>{question.clone()}</p>
            {about_link}
            <div class="buttons">
                <button type="button" class="danger" disabled=is_removing on:click=move |_| remove(false)>
                    {texts::remove_member::REMOVE}
                </button>
                {move || link.get().map(|_| view! {
                    <button type="button" class="danger" disabled=is_removing on:click=move |_| remove(true)>
                        {texts::remove_member::REMOVE_AND_REVOKE}
                    </button>
                })}
                <button type="button" on:click=move |_| done.run(None)>{texts::remove_member::CANCEL}</button>
            </div>
        </div>
    }
}

/// Says how the link can still be used; `None` if it cannot.
#[allow(clippy::cast_precision_loss)] // exact for milliseconds since 1970
fn describe_uses(invite: &InviteSummary) -> Option<&'static str> {
    let has_expired = invite.expires_at.is_some_and(|end| end.as_millis() as f64 <= browser::server_time());
    let is_used_up = invite.max_uses.is_some_and(|max| invite.uses >= max);
    match (has_expired || is_used_up, invite.asks_first) {
        (true, _) => None,
        (false, true) => Some(texts::remove_member::NEEDS_APPROVAL),
        (false, false) => Some(texts::remove_member::STILL_OPEN),
    }
}
