//! The user's choice of alerts for new messages while the page is hidden. All are off by default.

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::app::client::alert;
use crate::app::client::storage::{self, Alerts};
use crate::app::texts;

#[component]
pub(crate) fn AlertChoices() -> impl IntoView {
    let chosen = RwSignal::new(Alerts::default());
    let status = RwSignal::new("");
    Effect::new(move || chosen.set(storage::alerts()));
    let choose = move |change: fn(&mut Alerts, bool), on: bool| {
        chosen.update(|alerts| change(alerts, on));
        storage::save_alerts(chosen.get_untracked());
    };
    let choose_sound = move |on: bool| {
        choose(|alerts, on| alerts.sound = on, on);
        if on {
            // Let the user hear the sound. Browsers also want the first sound to follow a click.
            alert::sound();
        }
    };
    let choose_notification = move |on: bool| {
        status.set("");
        if !on {
            return choose(|alerts, on| alerts.notification = on, false);
        }
        spawn_local(async move {
            let allowed = alert::ask_permission().await;
            choose(|alerts, on| alerts.notification = on, allowed);
            if !allowed {
                status.try_set(texts::alerts::NOT_ALLOWED);
            }
        });
    };
    view! {
        <fieldset class="choices">
            <legend>{texts::alerts::HEADING}</legend>
            <label>
                <input type="checkbox" prop:checked=move || chosen.get().sound
                    on:change=move |event| choose_sound(event_target_checked(&event))/>
                {texts::alerts::SOUND}
            </label>
            <label>
                <input type="checkbox" prop:checked=move || chosen.get().notification
                    on:change=move |event| {
                        choose_notification(event_target_checked(&event));
                        // The box shows the stored choice until the browser has allowed notifications.
                        chosen.update(|_| ());
                    }/>
                {texts::alerts::NOTIFICATION}
            </label>
            <p class="hint" role="status">{status}</p>
        </fieldset>
    }
}
