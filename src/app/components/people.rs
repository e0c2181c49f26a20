//! The members of the chat, and the buttons to leave or end it.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::AlertChoices;
use super::menu::Menu;
use super::recovery_link::RecoveryLink;
use super::remove_member::RemoveMember;
use super::sentence::{bdi, sentence};
use super::sessions::Sessions;
use crate::app::client::browser;
use crate::app::client::conversation::Conversation;
use crate::app::client::storage::SavedChat;
use crate::app::notice::Notice;
use crate::app::texts;
use crate::domain::Role;
use crate::wire::addresses;
use crate::wire::{Member, MemberSummary, Problem};

#[component]
pub(crate) fn People(
    conversation: Conversation,
    seat: RwSignal<Option<SavedChat>>,
    /// Called when this browser has given up its seat.
    leave: Callback<Notice>,
) -> impl IntoView {
    let chat_id = conversation.chat_id;
    let problem = RwSignal::new(None::<Problem>);
    let members =
        move || conversation.roster.with(|roster| roster.as_ref().map(|r| r.members.clone())).unwrap_or_default();
    let has_accounts = Memo::new(move |_| conversation.has_rule(|rules| rules.has_accounts));
    let is_open = Memo::new(move |_| conversation.has_rule(|rules| rules.is_open));
    let reload = Trigger::new();
    let load = Callback::new(move |()| reload.notify());
    let count = move || {
        conversation
            .roster
            .with(|roster| roster.as_ref().map(|roster| texts::people::seats(roster.members.len(), roster.capacity)))
    };
    let owns = Memo::new(move |_| conversation.is_owner());
    let is_owner = move || owns.get();
    let has_other_owner = move || {
        let owners = members().into_iter().filter(|summary| summary.member.role == Role::Owner);
        owners.count() > 1
    };
    let own_id = move || seat.with(|seat| seat.as_ref().map(|seat| seat.member_id));

    let leave_or_end = move |notice: Notice| {
        let question = match notice {
            Notice::Ended => texts::people::CONFIRM_END,
            Notice::LoggedOut => texts::people::CONFIRM_LOG_OUT,
            _ => texts::people::CONFIRM_LEAVE,
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
    // The member whom the owner is about to remove.
    let removing = RwSignal::new(None::<Member>);
    let removed = Callback::new(move |refusal: Option<Problem>| {
        problem.set(refusal);
        removing.set(None);
        // The focused button is gone.
        browser::focus_first("details[open] > summary");
    });
    let set_role = move |member_id, role, question: String| {
        if browser::confirm(&question) {
            spawn_local(async move {
                problem.try_set(conversation.set_role(member_id, role).await.err());
            });
        }
    };
    let make_owner = move |member: MemberSummary| {
        let question = texts::people::confirm_make_owner(&member.member.username);
        set_role(member.member.member_id, Role::Owner, question);
    };
    let step_down = move |_| {
        if let Some(own_id) = own_id() {
            set_role(own_id, Role::Guest, texts::people::CONFIRM_STEP_DOWN.into());
        }
    };
    let row = move |summary: MemberSummary| {
        let MemberSummary { member, online } = summary.clone();
        let is_own = own_id() == Some(member.member_id);
        let username = member.username.clone();
        let about = match (is_own, member.role) {
            (true, Role::Owner) => texts::people::YOU_OWNER,
            (true, Role::Guest) => texts::people::YOU,
            (false, Role::Owner) => texts::people::OWNER,
            (false, Role::Guest) => texts::people::GUEST,
        };
        view! {
            <li>
                <span class="presence" class:online=online aria-hidden="true"></span>
                <span>
                    {sentence(about, [("{name}", bdi(member.username))])}
                    <span class="unseen">{if online { texts::people::ONLINE } else { texts::people::AWAY }}</span>
                </span>
                {move || (is_owner() && !is_own && member.role == Role::Guest).then(|| {
                    let (summary, shared) = (summary.clone(), summary.clone());
                    view! {
                        <button type="button" class="quiet" aria-label=texts::people::make_owner(&username)
                            on:click=move |_| make_owner(shared.clone())>{texts::people::MAKE_OWNER}</button>
                        <button type="button" class="quiet" aria-label=texts::people::remove(&username)
                            on:click=move |_| removing.set(Some(summary.member.clone()))>{texts::people::REMOVE}</button>
                    }
                })}
            </li>
        }
    };
    let label = move || {
        sentence(texts::people::HEADING, [("{count}", view! { <span class="count">{count}</span> }.into_any())])
    };
    view! {
        <Menu label on_open=load>
                <ul class="members">{move || members().into_iter().map(row).collect_view()}</ul>
                {move || removing.get().map(|member| view! { <RemoveMember conversation member done=removed/> })}
                <p class="wrong" role="alert">{move || problem.get().map(|problem| problem.detail)}</p>
                <div class="buttons">
                    {move || if has_accounts.get() {
                        view! { <button type="button" on:click=move |_| leave_or_end(Notice::LoggedOut)>{texts::people::LOG_OUT}</button> }
                    } else {
                        view! { <button type="button" on:click=move |_| leave_or_end(Notice::Left)>{texts::people::LEAVE}</button> }
                    }}
                    {move || is_open.get().then(|| view! {
                        <a class="button" href=format!(".{}", addresses::rename_in(chat_id))>{texts::people::CHANGE_NAME}</a>
                    })}
                    {move || (is_owner() && has_other_owner()).then(|| view! {
                        <button type="button" on:click=step_down>{texts::people::STEP_DOWN}</button>
                    })}
                    {move || is_owner().then(|| view! {
                        <button type="button" class="danger" on:click=move |_| leave_or_end(Notice::Ended)>{texts::people::END_CHAT}</button>
                    })}
                </div>
                {move || has_accounts.get().then(|| view! { <Sessions conversation reload/> })}
                {move || is_owner().then(|| view! { <RecoveryLink conversation/> })}
                <AlertChoices/>
        </Menu>
    }
}
