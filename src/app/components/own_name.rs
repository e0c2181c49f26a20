//! Who this browser is in chats that are entered by their address, and the way to be someone else.

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::app::client::browser_sessions;
use crate::wire::addresses;

#[component]
pub(crate) fn OwnName() -> impl IntoView {
    let name = RwSignal::new(None::<String>);
    Effect::new(move || {
        spawn_local(async move {
            name.try_set(browser_sessions::own_name().await);
        });
    });
    move || {
        name.get().map(|name| {
            view! {
                <p>
                    "Where anyone picks a name, you are "<bdi>{name}</bdi>". "
                    <a href=format!(".{}", addresses::SESSION)>"Use another name"</a>
                </p>
            }
        })
    }
}
