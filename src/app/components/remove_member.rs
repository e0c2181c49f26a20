//! Removing someone: an owner learns by which link they came and who else did, and may revoke it.

use leptos::html::Div;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast as _;
use web_sys::HtmlElement;

use crate::app::client::browser;
use crate::app::client::conversation::Conversation;
use crate::wire::{InviteSummary, InviteWithMembers, Member, Problem};

#[component]
pub(crate) fn RemoveMember(
    conversation: Conversation,
    member: Member,
    /// Called when there is nothing more to ask: with why they are still here, if they are.
    done: Callback<Option<Problem>>,
) -> impl IntoView {
    let Member { member_id, username, .. } = member;
    let link = RwSignal::new(None::<InviteWithMembers>);
    let is_removing = RwSignal::new(false);
    let group = NodeRef::<Div>::new();
    Effect::new(move || {
        // The question takes the focus: the button that was pressed is elsewhere.
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
    let question = format!("Remove {username}?");
    let about_link = move || {
        link.get().map(|InviteWithMembers { invite, members }| {
            let still_opens = says_of_use(&invite);
            let which = invite.label.map(|label| view! { " “"<bdi>{label}</bdi>"”" });
            let others = members.into_iter().filter(|member| member.member_id != member_id);
            let others = others.enumerate().map(|(at, other)| {
                let gap = if at > 0 { ", " } else { "" };
                view! { {gap}<bdi>{other.username}</bdi> }
            });
            let others = others.collect_view();
            let others = (!others.is_empty()).then(|| view! { " Also in by it: "{others}"." });
            view! {
                <p class="hint">
                    <bdi>{username.clone()}</bdi>" came by the link"{which}"."{still_opens}{others}
                </p>
            }
        })
    };
    view! {
        <div node_ref=group class="question" role="group" aria-label=question.clone()>
            <p>{question.clone()}</p>
            {about_link}
            <div class="buttons">
                <button type="button" class="danger" disabled=is_removing on:click=move |_| remove(false)>"Remove"</button>
                {move || link.get().map(|_| view! {
                    <button type="button" class="danger" disabled=is_removing on:click=move |_| remove(true)>
                        "Remove and revoke the link"
                    </button>
                })}
                <button type="button" on:click=move |_| done.run(None)>"Keep"</button>
            </div>
        </div>
    }
}

/// What the link is still good for.
#[allow(clippy::cast_precision_loss)] // milliseconds since 1970 are exact for ages to come
fn says_of_use(invite: &InviteSummary) -> &'static str {
    let has_expired = invite.expires_at.is_some_and(|end| end.as_millis() as f64 <= browser::server_time());
    let is_used_up = invite.max_uses.is_some_and(|max| invite.uses >= max);
    match (has_expired || is_used_up, invite.asks_first) {
        (true, _) => "",
        (false, true) => " You are asked about everyone who uses it.",
        (false, false) => " Anyone who has it can still join.",
    }
}
