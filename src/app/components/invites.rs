//! The owner's magic links: made with a life of their own, listed, revoked.

use leptos::ev::SubmitEvent;
use leptos::html::{Div, Input, Select};
use leptos::prelude::*;
use leptos::task::spawn_local;
use uuid::Uuid;
use wasm_bindgen::JsCast as _;
use web_sys::HtmlElement;

use super::{GeneralProblem, NumberField, TextField, number_in};
use crate::app::client::browser;
use crate::app::client::conversation::Conversation;
use crate::wire::{CreateInvite, InviteWithMembers, Problem};

/// How long a link may hold, in seconds, and how people call it.
const LIVES: [(u64, &str); 4] = [(600, "10 minutes"), (3_600, "1 hour"), (86_400, "1 day"), (604_800, "1 week")];

#[component]
pub(crate) fn Invites(
    conversation: Conversation,
    /// The key of the link that was made last.
    made: RwSignal<Option<String>>,
    /// Tells when the list is to be loaded anew.
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
        // Who comes, comes by a link.
        conversation.roster.track();
        load();
    });
    let revoke = Callback::new(move |(invite_id, members_go): (Uuid, bool)| {
        spawn_local(async move {
            problem.try_set(conversation.revoke_invite(invite_id, members_go).await.err());
            // The link that is shown may be the one.
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
            <summary>"New link"</summary>
            <NewInvite conversation made=reloaded/>
        </details>
        <h2>"Links"</h2>
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
    // What the box says once it was touched; until then it is as the chat has it.
    let asks_first = RwSignal::new(None::<bool>);
    let life = NodeRef::<Select>::new();
    let problem = RwSignal::new(None::<Problem>);
    let is_making = RwSignal::new(false);
    let make = move |event: SubmitEvent| {
        event.prevent_default();
        let text = |node: NodeRef<Input>| {
            let value = node.get_untracked().map(|input| input.value()).unwrap_or_default();
            Some(value).filter(|value| !value.trim().is_empty())
        };
        let max_uses_given = match number_in(max_uses, "max_uses") {
            Ok(uses) => uses,
            Err(wrong) => return problem.set(Some(wrong)),
        };
        let terms = CreateInvite {
            label: text(label),
            max_uses: max_uses_given,
            expires_in: life.get_untracked().and_then(|life| life.value().parse().ok()),
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
                Err(refusal) => {
                    problem.try_set(Some(refusal));
                }
            }
            is_making.try_set(false);
        });
    };
    view! {
        <form class="fields" method="post" on:submit=make>
            <TextField name="label" label="For whom (only you see it)" node=label problem autocomplete="off"/>
            <NumberField name="max_uses" label="How many may come by it" node=max_uses problem max=1_000_u32 placeholder="Any number".to_owned()/>
            <div class="field">
                <label for="life">"It works for"</label>
                <select node_ref=life id="life" name="life">
                    <option value="">"as long as the chat"</option>
                    {LIVES.map(|(seconds, name)| view! { <option value=seconds.to_string()>{name}</option> }).collect_view()}
                </select>
            </div>
            <label class="choice">
                <input type="checkbox" name="asks_first"
                    prop:checked=move || asks_first.get().unwrap_or_else(|| conversation.asks_first())
                    on:change=move |event| asks_first.set(Some(event_target_checked(&event)))/>
                "Ask me before someone comes in"
            </label>
            <GeneralProblem problem/>
            <button type="submit" disabled=move || is_making.get()>"Make link"</button>
        </form>
    }
}

#[component]
fn InviteRow(shared: InviteWithMembers, revoke: Callback<(Uuid, bool)>) -> impl IntoView {
    let InviteWithMembers { invite, members } = shared;
    let is_revoking = RwSignal::new(false);
    let id = invite.invite_id;
    let name = invite.label.clone().unwrap_or_else(|| "Without a name".into());
    let mut about = vec![match (invite.uses, invite.max_uses) {
        (uses, Some(max)) => format!("{uses} of {max} used"),
        (0, None) => "not used yet".into(),
        (1, None) => "used once".into(),
        (uses, None) => format!("used {uses} times"),
    }];
    if let Some(end) = invite.expires_at {
        about.push(format!("until {}", browser::date_and_time(end)));
    }
    if invite.asks_first {
        about.push("asks first".into());
    }
    if invite.by_address {
        about.push("made by someone who knows the chat's address".into());
    }
    let came = members.iter().map(|member| member.username.clone()).collect::<Vec<_>>();
    let has_members = !came.is_empty();
    let names = came.into_iter().enumerate().map(|(at, name)| {
        let gap = if at > 0 { ", " } else { "" };
        view! { {gap}<bdi>{name}</bdi> }
    });
    let names = names.collect_view();
    let label = format!("Revoke the link {name}");
    let group = NodeRef::<Div>::new();
    Effect::new(move || {
        // What was pressed is gone: its answers take the focus.
        if let Some(Ok(Some(first))) = group.get().map(|group| group.query_selector("button")) {
            let _ = first.unchecked_into::<HtmlElement>().focus();
        }
    });
    view! {
        <li>
            <p class="name"><bdi>{name}</bdi></p>
            <p class="hint">{about.join(" · ")}</p>
            {has_members.then(|| view! { <p class="hint">"Came by it: "{names}</p> })}
            {move || if is_revoking.get() {
                view! {
                    <div node_ref=group class="buttons" role="group" aria-label=label.clone()>
                        <button type="button" class="danger" on:click=move |_| revoke.run((id, false))>
                            {if has_members { "Revoke, people stay" } else { "Revoke" }}
                        </button>
                        {has_members.then(|| view! {
                            <button type="button" class="danger" on:click=move |_| revoke.run((id, true))>"Revoke, people go"</button>
                        })}
                        <button type="button" on:click=move |_| is_revoking.set(false)>"Keep"</button>
                    </div>
                }.into_any()
            } else {
                view! {
                    <button type="button" class="quiet" aria-label=label.clone() on:click=move |_| is_revoking.set(true)>"Revoke"</button>
                }.into_any()
            }}
        </li>
    }
}
