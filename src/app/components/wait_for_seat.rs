//! Tells a visitor of a full chat when a seat is free. No seat is reserved.

use std::ops::ControlFlow;

use leptos::prelude::*;
use leptos_meta::Title;
use uuid::Uuid;

use super::sentence::sentence;
use crate::app::client::events::listen;
use crate::app::client::task::spawn_in_effect;
use crate::app::client::{alert, browser, json};
use crate::app::texts;
use crate::wire::Seats;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Asked,
    Waiting,
    Free,
    Over,
}

/// Returns the chat and the key in the fragment of the page's address.
fn chat_and_key() -> Option<(Uuid, String)> {
    let fragment = browser::fragment()?;
    let (chat_id, key) = fragment.split_once('/')?;
    Some((chat_id.parse().ok()?, key.to_owned()))
}

#[component]
pub(crate) fn WaitForSeat() -> impl IntoView {
    let place = RwSignal::new(None::<(Uuid, String)>);
    let state = RwSignal::new(State::Asked);
    Effect::new(move || place.set(chat_and_key()));
    let listen_again = Trigger::new();
    Effect::new(move || {
        listen_again.track();
        if !matches!(state.get_untracked(), State::Waiting | State::Free) {
            return;
        }
        let Some((chat_id, key)) = place.get_untracked() else { return };
        spawn_in_effect(async move {
            let address = format!("{chat_id}/seats");
            let listening = listen(&address, &key, |name, data| match name {
                "seats" => {
                    let is_free = json::read::<Seats>(data).is_some_and(|seats| seats.free > 0);
                    let now = if is_free { State::Free } else { State::Waiting };
                    if state.try_get_untracked() != Some(now) {
                        // If someone else has taken the seat, this waits again.
                        state.try_set(now);
                        if is_free {
                            alert::alert_user(None, texts::wait_for_seat::FREE, chat_id, true);
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
            if listening.await.is_err() {
                state.try_set(State::Over);
            }
        });
    });
    let wait = move |_| {
        state.set(State::Waiting);
        listen_again.notify();
    };
    // The connection may have died while the page was hidden.
    browser::on_wake(move || listen_again.notify());
    let link = move || place.get().map(|(chat_id, key)| format!("join/{chat_id}#{key}"));
    move || {
        place.get()?;
        Some(match state.get() {
            State::Asked => view! {
                <button type="button" on:click=wait>{texts::wait_for_seat::ASK}</button>
            }
            .into_any(),
            State::Waiting => view! {
                <p class="hint" role="status">{texts::wait_for_seat::WAITING}</p>
            }
            .into_any(),
            State::Free => {
                let join = view! { <a href=link rel="external">{texts::wait_for_seat::JOIN}</a> }.into_any();
                view! {
                    <Title text=texts::wait_for_seat::FREE/>
                    <p role="alert">{sentence(texts::wait_for_seat::FREE_JOIN, [("{join}", join)])}</p>
                }
                .into_any()
            }
            State::Over => view! { <p class="hint" role="status">{texts::wait_for_seat::OVER}</p> }.into_any(),
        })
    }
}
