//! The chat's magic links: owners create, list and revoke them here.

use leptos::ev::SubmitEvent;
use leptos::html::{Div, Input};
use leptos::prelude::*;
use leptos::task::spawn_local;
use uuid::Uuid;
use wasm_bindgen::JsCast as _;
use web_sys::HtmlElement;

use super::sentence::{bdi_list, sentence};
use super::{GeneralProblem, NumberField, TextField};
use crate::app::client::browser;
use crate::app::client::conversation::Conversation;
use crate::app::forms::number_in;
use crate::app::texts;
use crate::wire::{CreateInvite, InviteWithMembers, Problem};

/// The lifetimes of a link, in seconds, with their labels.
const LIFETIMES: [(u64, &str); 4] = [
    (600, texts::invites::LIFETIME_10_MINUTES),
    (3_600, texts::invites::LIFETIME_1_HOUR),
    (86_400, texts::invites::LIFETIME_1_DAY),
    (604_800, texts::invites::LIFETIME_1_WEEK),
];

#[component]
pub(crate) fn Invites(
    conversation: Conversation,
    /// The key of the link that was created last.
    made: RwSignal<Option<String>>,
    /// Reloads the list.
    reload: Trigger,
) -> impl IntoView {
    let invites = RwSignal::new(Vec::<InviteWithMembers>::new());
    let problem = RwSignal::new(None::<Problem>);
    let load = move || {
        spawn_local(async move {
            match conversation.invites().await {
                Ok(found) => {
                    invites.try_set(found);
                }
                Err(refusal) => {
                    problem.try_set(Some(refusal));
                }
            }
        });
    };
    Effect::new(move || {
        reload.track();
        // The list shows who joined with which link.
        if conversation.roster.with(Option::is_some) {
            load();
        }
    });
    let revoke = Callback::new(move |(invite_id, removes_members): (Uuid, bool)| {
        spawn_local(async move {
            problem.try_set(conversation.revoke_invite(invite_id, removes_members).await.err());
            // The shown link may be the revoked one.
            made.try_set(None);
            conversation.check_key().await;
            load();
        });
    });
    let reloaded = Callback::new(move |key: String| {
        made.set(Some(key));
        load();
    });
    view! {
        <details class="more">
            <summary>{texts::invites::NEW}</summary>
            <NewInvite conversation made=reloaded/>
        </details>
        <h2>{texts::invites::HEADING}</h2>
        <ul class="invites">
            <For each=move || invites.get() key=|shared| (shared.invite.invite_id, shared.invite.uses, shared.members.len())
                children=move |shared| view! { <InviteRow shared revoke/> }/>
        </ul>
        <p class="wrong" role="alert">{move || problem.get().map(|problem| problem.detail)}</p>
    }
}

#[component]
fn NewInvite(conversation: Conversation, made: Callback<String>) -> impl IntoView {
    let (label, max_uses) = (NodeRef::<Input>::new(), NodeRef::<Input>::new());
    // What the user has chosen; until then, the chat's default applies.
    let asks_first = RwSignal::new(None::<bool>);
    let problem = RwSignal::new(None::<Problem>);
    let is_making = RwSignal::new(false);
    let make = move |event: SubmitEvent| {
        event.prevent_default();
        let field = browser::fields(&event);
        let max_uses_given = match number_in(&field, "max_uses") {
            Ok(uses) => uses,
            Err(wrong) => return problem.set(Some(wrong)),
        };
        let terms = CreateInvite {
            label: field("label").filter(|label| !label.trim().is_empty()),
            max_uses: max_uses_given,
            expires_in: field("life").and_then(|life| life.parse().ok()),
            asks_first: asks_first.get_untracked(),
        };
        is_making.set(true);
        spawn_local(async move {
            match conversation.create_invite(terms).await {
                Ok(invite) => {
                    for input in [label, max_uses].into_iter().filter_map(|node| node.try_get_untracked().flatten()) {
                        input.set_value("");
                    }
                    problem.try_set(None);
                    made.try_run(invite.key);
                }
                Err(mut refusal) => {
                    // The form has no field for the number of links.
                    refusal.field.take_if(|field| field == "invite");
                    problem.try_set(Some(refusal));
                }
            }
            is_making.try_set(false);
        });
    };
    view! {
        <form class="fields" method="post" on:submit=make>
            <TextField name="label" label=texts::invites::LABEL node=label problem autocomplete="off"/>
            <NumberField name="max_uses" label=texts::invites::MAX_USES node=max_uses problem max=1_000_u32
                placeholder=texts::invites::NO_LIMIT.to_owned()/>
            <div class="field">
                <label for="life">{texts::invites::LIFETIME}</label>
                <select id="life" name="life">
                    <option value="">{texts::invites::LIFETIME_UNLIMITED}</option>
                    {LIFETIMES.map(|(seconds, name)| view! { <option value=seconds.to_string()>{name}</option> }).collect_view()}
                </select>
            </div>
            <label class="choice">
                <input type="checkbox" name="asks_first"
                    prop:checked=move || asks_first.get().unwrap_or_else(|| conversation.has_rule(|rules| rules.asks_first))
                    on:change=move |event| asks_first.set(Some(event_target_checked(&event)))/>
                {texts::invites::ASKS_FIRST}
            </label>
            <GeneralProblem problem/>
            <button type="submit" disabled=move || is_making.get()>{texts::invites::CREATE}</button>
        </form>
    }
}

#[component]
fn InviteRow(shared: InviteWithMembers, revoke: Callback<(Uuid, bool)>) -> impl IntoView {
    let InviteWithMembers { invite, members } = shared;
    let is_revoking = RwSignal::new(false);
    let id = invite.invite_id;
    let name = invite.label.clone().unwrap_or_else(|| texts::invites::UNLABELLED.into());
    let mut about = vec![texts::invites::uses(invite.uses, invite.max_uses)];
    if let Some(end) = invite.expires_at {
        about.push(texts::invites::expires(&browser::date_and_time(end)));
    }
    if invite.asks_first {
        about.push(texts::invites::NEEDS_APPROVAL.into());
    }
    if invite.by_address {
        about.push(texts::invites::BY_ADDRESS.into());
    }
    let came = members.iter().map(|member| member.username.clone()).collect::<Vec<_>>();
    let has_members = !came.is_empty();
    let joined = has_members.then(|| sentence(texts::invites::JOINED, [("{names}", bdi_list(came))]));
    let label = texts::invites::revoke(&name);
    let group = NodeRef::<Div>::new();
    Effect::new(move || {
        // The pressed button is gone, so the first of those that replace it takes the focus.
        if let Some(Ok(Some(first))) = group.get().map(|group| group.query_selector("button")) {
            let _ = first.unchecked_into::<HtmlElement>().focus();
        }
    });
    view! {
        <li>
            <p class="name"><bdi>{name}</bdi></p>
            <p class="hint">{about.join(texts::FACT_SEPARATOR)}</p>
            {joined.map(|joined| view! { <p class="hint">{joined}</p> })}
            {move || if is_revoking.get() {
                view! {
                    <div node_ref=group class="buttons" role="group" aria-label=label.clone()>
                        <button type="button" class="danger" on:click=move |_| revoke.run((id, false))>
                            {if has_members { texts::invites::REVOKE_LINK_ONLY } else { texts::invites::REVOKE }}
                        </button>
                        {has_members.then(|| view! {
                            <button type="button" class="danger" on:click=move |_| revoke.run((id, true))>
                                {texts::invites::REVOKE_AND_REMOVE}
                            </button>
                        })}
                        <button type="button" on:click=move |_| is_revoking.set(false)>{texts::invites::CANCEL}</button>
                    </div>
                }.into_any()
            } else {
                view! {
                    <button type="button" class="quiet" aria-label=label.clone() on:click=move |_| is_revoking.set(true)>
                        {texts::invites::REVOKE}
                    </button>
                }.into_any()
            }}
        </li>
    }
}
