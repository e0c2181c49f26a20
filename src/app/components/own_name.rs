//! Who this browser is in chats that are entered by their address, and how to be someone else.

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::app::client::chatrooms;
use crate::wire::Problem;

#[component]
pub(crate) fn OwnName(
    /// Called when this browser is nobody any more.
    forgotten: Callback<()>,
) -> impl IntoView {
    let name = RwSignal::new(None::<String>);
    let problem = RwSignal::new(None::<Problem>);
    Effect::new(move || {
        spawn_local(async move {
            name.try_set(chatrooms::own_name().await);
        });
    });
    let forget = move |_| {
        problem.set(None);
        spawn_local(async move {
            match chatrooms::end_session().await {
                Ok(()) => {
                    forgotten.try_run(());
                }
                Err(refusal) => {
                    problem.try_set(Some(refusal));
                }
            }
        });
    };
    move || {
        name.get().map(|name| {
            view! {
                <p class="own-name">
                    "Where anyone picks a name, you are "<bdi>{name}</bdi>". "
                    <button type="button" class="quiet" on:click=forget>"Use another name"</button>
                    <span class="wrong" role="alert">{move || problem.get().map(|problem| problem.detail)}</span>
                </p>
            }
        })
    }
}
