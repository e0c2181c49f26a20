//! For one whom a full chat has sent home: to be told when a seat is free. None is held.

use std::ops::ControlFlow;

use leptos::prelude::*;
use leptos_meta::Title;
use uuid::Uuid;

use crate::app::client::events::listen;
use crate::app::client::task::Task;
use crate::app::client::{alert, browser};
use crate::wire::Seats;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Asked,
    Waiting,
    Free,
    Over,
}

/// The chat and the key that stand after the `#` of the address.
fn chat_and_key() -> Option<(Uuid, String)> {
    let fragment = browser::fragment()?;
    let (chat_id, key) = fragment.split_once('/')?;
    Some((chat_id.parse().ok()?, key.to_owned()))
}

#[component]
pub(crate) fn WaitForSeat() -> impl IntoView {
    let place = RwSignal::new(None::<(Uuid, String)>);
    let state = RwSignal::new(State::Asked);
    let waiting = Task::new();
    Effect::new(move || place.set(chat_and_key()));
    let listen_for_seats = move || {
        let Some((chat_id, key)) = place.get_untracked() else { return };
        waiting.begin(async move {
            let address = format!("{chat_id}/seats");
            let heard = listen(&address, &key, |name, data| match name {
                "seats" => {
                    let is_free = serde_json::from_str::<Seats>(data).is_ok_and(|seats| seats.free > 0);
                    let now = if is_free { State::Free } else { State::Waiting };
                    if state.try_get_untracked() != Some(now) {
                        // Waiting again, where someone else was quicker.
                        state.try_set(now);
                        if is_free {
                            alert::tell(None, "A seat is free", chat_id, true);
                        }
                    }
                    ControlFlow::Continue(())
                }
                "ended" => {
                    state.try_set(State::Over);
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            });
            if heard.await.is_err() {
                state.try_set(State::Over);
            }
        });
    };
    let wait = move |_| {
        state.set(State::Waiting);
        listen_for_seats();
    };
    // A connection may have died while nobody looked.
    browser::on_wake(move || {
        if matches!(state.get_untracked(), State::Waiting | State::Free) {
            listen_for_seats();
        }
    });
    let link = move || place.get().map(|(chat_id, key)| format!("join/{chat_id}#{key}"));
    move || {
        place.get()?;
        Some(match state.get() {
            State::Asked => view! {
                <button type="button" on:click=wait>"Tell me when a seat is free"</button>
            }
            .into_any(),
            State::Waiting => view! {
                <p class="hint" role="status">"Waiting for a seat. Keep this page open; no seat is held for you."</p>
            }
            .into_any(),
            State::Free => view! {
                <Title text="A seat is free"/>
                <p role="alert">"A seat is free. "<a href=link rel="external">"Join now"</a></p>
            }
            .into_any(),
            State::Over => {
                view! { <p class="hint" role="status">"That invite link does not work any more."</p> }.into_any()
            }
        })
    }
}
