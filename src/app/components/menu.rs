//! A button that opens a panel; Escape and a click elsewhere close it.

use leptos::ev::{self, KeyboardEvent, MouseEvent};
use leptos::html::Details;
use leptos::prelude::*;
use wasm_bindgen::JsCast as _;
use web_sys::HtmlElement;

#[component]
pub(crate) fn Menu(
    /// The button's label.
    #[prop(into)]
    label: ViewFn,
    /// Called each time the panel opens.
    #[prop(optional)]
    on_open: Option<Callback<()>>,
    children: Children,
) -> impl IntoView {
    let node = NodeRef::<Details>::new();
    // Closes the menu, and returns it if it was open.
    let close = move || {
        let menu = node.try_get_untracked().flatten().filter(|menu| menu.has_attribute("open"))?;
        menu.remove_attribute("open").ok().map(|()| menu)
    };
    let on_keydown = move |event: KeyboardEvent| {
        if event.key() == "Escape"
            && let Some(menu) = close()
            && let Ok(Some(button)) = menu.query_selector("summary")
        {
            let _ = button.unchecked_into::<HtmlElement>().focus();
        }
    };
    let on_toggle = move |_| {
        if let Some(on_open) = on_open
            && node.get_untracked().is_some_and(|menu| menu.has_attribute("open"))
        {
            on_open.run(());
        }
    };
    Effect::new(move || {
        let elsewhere = move |event: MouseEvent| {
            // The clicked element may be gone by now, but the event keeps its path.
            let menu = node.try_get_untracked().flatten();
            let is_inside = menu.is_some_and(|menu| event.composed_path().includes(menu.as_ref(), 0));
            if !is_inside {
                close();
            }
        };
        let listener = window_event_listener(ev::click, elsewhere);
        on_cleanup(move || listener.remove());
    });
    view! {
        <details class="menu" name="menu" node_ref=node on:keydown=on_keydown on:toggle=on_toggle>
            <summary>{label.run()}</summary>
            <div class="panel">{children()}</div>
        </details>
    }
}
