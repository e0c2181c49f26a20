//! The message box.

use leptos::ev::{KeyboardEvent, SubmitEvent};
use leptos::html::Textarea;
use leptos::prelude::*;

use crate::app::client::browser;
use crate::app::client::conversation::Conversation;
use crate::app::texts;

#[component]
pub(crate) fn Composer(conversation: Conversation) -> impl IntoView {
    let input = NodeRef::<Textarea>::new();
    // Text that was typed before hydration stays in the box, and can be sent from then on.
    let is_ready = RwSignal::new(false);
    Effect::new(move || {
        is_ready.set(true);
        let Some(input) = input.get() else { return };
        browser::fit_to_text(&input);
        if browser::has_keyboard() {
            let _ = input.focus();
        }
    });

    // A refused message goes back into the box, before the text that was typed since.
    Effect::new(move || {
        let Some((unsent, _)) = conversation.refused.get() else { return };
        let Some(input) = input.get_untracked() else { return };
        let typed = input.value();
        let gap = if typed.is_empty() { "" } else { "\n" };
        input.set_value(&format!("{}{gap}{typed}", unsent.text));
        browser::fit_to_text(&input);
    });
    let send = move || {
        let Some(input) = input.get_untracked() else { return };
        let text = input.value();
        if !text.trim().is_empty() {
            input.set_value("");
            browser::fit_to_text(&input);
            conversation.send_message(text);
        }
        let _ = input.focus();
    };
    let on_submit = move |event: SubmitEvent| {
        event.prevent_default();
        send();
    };
    let on_keydown = move |event: KeyboardEvent| {
        // While an input method is composing, Enter picks a word. Older browsers report that as key code 229.
        let is_composing = event.is_composing() || event.key_code() == 229;
        if event.key() == "Enter" && !event.shift_key() && !is_composing {
            event.prevent_default();
            send();
        }
    };
    let on_input = move |_| {
        if let Some(input) = input.get_untracked() {
            browser::fit_to_text(&input);
        }
        conversation.notify_typing();
    };
    view! {
        <form class="composer" method="post" on:submit=on_submit>
            <p class="wrong" role="alert">
                {move || conversation.refused.get().map(|(_, problem)| texts::composer::not_sent(&problem.at_field()))}
            </p>
            <div class="box">
                <label for="message" class="unseen">{texts::MESSAGE}</label>
                <textarea
                    node_ref=input
                    id="message"
                    name="message"
                    rows="1"
                    dir="auto"
                    placeholder=texts::MESSAGE
                    autocomplete="off"
                    enterkeyhint="send"
                    on:keydown=on_keydown
                    on:input=on_input
                ></textarea>
                <button type="submit" class="main-button" disabled=move || !is_ready.get()>{texts::SEND}</button>
            </div>
        </form>
    }
}
