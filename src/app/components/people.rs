//! Who is here, and the ways out.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::AlertChoices;
use super::menu::Menu;
use super::recovery_link::RecoveryLink;
use super::remove_member::RemoveMember;
use super::sessions::Sessions;
use crate::app::client::browser;
use crate::app::client::conversation::Conversation;
use crate::app::client::storage::SavedChat;
use crate::app::notice::Notice;
use crate::domain::{Admission, Role};
use crate::wire::addresses;
use crate::wire::{Member, MemberSummary, Problem};

#[component]
pub(crate) fn People(
    conversation: Conversation,
    seat: RwSignal<Option<SavedChat>>,
    /// Called when this browser has no seat in the chat any more.
    leave: Callback<Notice>,
) -> impl IntoView {
    let chat_id = conversation.chat_id;
    let problem = RwSignal::new(None::<Problem>);
    let members =
        move || conversation.roster.with(|roster| roster.as_ref().map(|r| r.members.clone())).unwrap_or_default();
    let has_accounts = Memo::new(move |_| conversation.admission() == Some(Admission::Account));
    let is_open = Memo::new(move |_| conversation.admission() == Some(Admission::Open));
    let reload = Trigger::new();
    let load = Callback::new(move |()| reload.notify());
    let count = move || {
        conversation
            .roster
            .with(|roster| roster.as_ref().map(|roster| format!("{} of {}", roster.members.len(), roster.capacity)))
    };
    let owns = Memo::new(move |_| conversation.is_owner());
    let is_owner = move || owns.get();
    let has_other_owner = move || {
        let owners = members().into_iter().filter(|summary| summary.member.role == Role::Owner);
        owners.count() > 1
    };
    let own_id = move || seat.with(|seat| seat.as_ref().map(|seat| seat.member_id));

    let go = move |notice: Notice| {
        let question = match notice {
            Notice::Ended => "End the chat for everyone? Nothing of it will be left.",
            Notice::LoggedOut => "Log this browser out? You can log in again with your password.",
            _ => "Leave the chat? Your seat becomes free.",
        };
        if !browser::confirm(question) {
            return;
        }
        spawn_local(async move {
            let answer = match notice {
                Notice::Ended => conversation.end().await,
                Notice::LoggedOut => conversation.log_out().await,
                _ => conversation.leave().await,
            };
            match answer {
                Ok(()) => {
                    leave.try_run(notice);
                }
                Err(refusal) => {
                    problem.try_set(Some(refusal));
                }
            }
        });
    };
    // Whom an owner is about to remove.
    let removing = RwSignal::new(None::<Member>);
    let removed = Callback::new(move |refusal: Option<Problem>| {
        problem.set(refusal);
        removing.set(None);
        // The button that had the focus is gone.
        browser::focus_first("details[open] > summary");
    });
    let set_role = move |member_id, role, question: String| {
        if browser::confirm(&question) {
            spawn_local(async move {
                problem.try_set(conversation.set_role(member_id, role).await.err());
            });
        }
    };
    let share = move |member: MemberSummary| {
        let question = format!(
            "Make {} an owner too? Owners let people in, remove them, and can end the chat.",
            member.member.username
        );
        set_role(member.member.member_id, Role::Owner, question);
    };
    let step_down = move |_| {
        if let Some(own_id) = own_id() {
            set_role(own_id, Role::Guest, "Stop being an owner? You stay in the chat.".into());
        }
    };
    let row = move |summary: MemberSummary| {
        let MemberSummary { member, online } = summary.clone();
        let is_own = own_id() == Some(member.member_id);
        let username = member.username.clone();
        let about = match (is_own, member.role) {
            (true, Role::Owner) => " (you, owner)",
            (true, Role::Guest) => " (you)",
            (false, Role::Owner) => " (owner)",
            (false, Role::Guest) => "",
        };
        view! {
            <li>
                <span class="presence" class:online=online aria-hidden="true"></span>
                <span><bdi>{member.username}</bdi>{about}<span class="unseen">{if online { ", online" } else { ", away" }}</span></span>
                {move || (is_owner() && !is_own && member.role == Role::Guest).then(|| {
                    let (summary, shared) = (summary.clone(), summary.clone());
                    view! {
                        <button type="button" class="quiet" aria-label=format!("Make owner: {username}")
                            on:click=move |_| share(shared.clone())>"Make owner"</button>
                        <button type="button" class="quiet" aria-label=format!("Remove {username}")
                            on:click=move |_| removing.set(Some(summary.member.clone()))>"Remove"</button>
                    }
                })}
            </li>
        }
    };
    view! {
        <Menu label=move || view! { "People "<span class="count">{count}</span> } on_open=load>
                <ul class="members">{move || members().into_iter().map(row).collect_view()}</ul>
                {move || removing.get().map(|member| view! { <RemoveMember conversation member done=removed/> })}
                <p class="wrong" role="alert">{move || problem.get().map(|problem| problem.detail)}</p>
                <div class="buttons">
                    {move || if has_accounts.get() {
                        view! { <button type="button" on:click=move |_| go(Notice::LoggedOut)>"Log out"</button> }
                    } else {
                        view! { <button type="button" on:click=move |_| go(Notice::Left)>"Leave"</button> }
                    }}
                    {move || is_open.get().then(|| view! {
                        <a class="button" href=format!(".{}", addresses::rename_in(chat_id))>"Change my name"</a>
                    })}
                    {move || (is_owner() && has_other_owner()).then(|| view! {
                        <button type="button" on:click=step_down>"Stop being an owner"</button>
                    })}
                    {move || is_owner().then(|| view! {
                        <button type="button" class="danger" on:click=move |_| go(Notice::Ended)>"End chat"</button>
                    })}
                </div>
                {move || has_accounts.get().then(|| view! { <Sessions conversation reload/> })}
                {move || is_owner().then(|| view! { <RecoveryLink conversation/> })}
                <AlertChoices/>
        </Menu>
    }
}
