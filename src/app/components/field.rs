//! Labelled inputs, with the server's problems about their values.

use leptos::html::Input;
use leptos::prelude::*;

use crate::app::client::{browser, storage};
use crate::app::forms::typed;
use crate::wire::Problem;

/// A text input with its label. A problem that names the field is shown below it.
#[component]
pub(crate) fn TextField(
    /// The field's name in problems, and its id.
    name: &'static str,
    #[prop(into)] label: Signal<&'static str>,
    #[prop(optional)] node: NodeRef<Input>,
    #[prop(into)] problem: Signal<Option<Problem>>,
    #[prop(optional)] hint: &'static str,
    #[prop(into, optional)] autocomplete: Signal<&'static str>,
    #[prop(optional)] is_required: bool,
    /// Whether the input hides the typed text.
    #[prop(optional)]
    is_secret: bool,
) -> impl IntoView {
    let own_problem = problem_of(name, problem);
    view! {
        <div class="field">
            <label for=name>{label}</label>
            <input
                node_ref=node
                id=name
                name=name
                type=if is_secret { "password" } else { "text" }
                dir="auto"
                maxlength="1000"
                autocomplete=autocomplete
                autocapitalize="off"
                required=is_required
                value=typed(name)
                autofocus=own_problem.with_untracked(Option::is_some)
                aria-describedby=hint_id(name)
                aria-invalid=move || own_problem.with(Option::is_some).then_some("true")
            />
            <Hint name hint own_problem/>
        </div>
    }
}

fn hint_id(name: &str) -> String {
    format!("{name}-hint")
}

/// Returns the problem with the field of that name, as a sentence.
fn problem_of(name: &'static str, problem: Signal<Option<Problem>>) -> Memo<Option<String>> {
    Memo::new(move |_| {
        let own = problem.get().filter(|problem| problem.field.as_deref() == Some(name));
        own.map(|problem| problem.at_field())
    })
}

/// Shows the problem with a field, or else its hint.
#[component]
fn Hint(name: &'static str, hint: &'static str, own_problem: Memo<Option<String>>) -> impl IntoView {
    view! {
        <p id=hint_id(name) class="hint" class:wrong=move || own_problem.with(Option::is_some) role="status">
            {move || own_problem.get().unwrap_or_else(|| hint.to_owned())}
        </p>
    }
}

/// An input for an optional whole number.
#[component]
pub(crate) fn NumberField(
    /// The field's name in problems, and its id.
    name: &'static str,
    label: &'static str,
    #[prop(optional)] node: NodeRef<Input>,
    #[prop(into)] problem: Signal<Option<Problem>>,
    #[prop(into)] max: Signal<u32>,
    /// What an empty field means.
    #[prop(into)]
    placeholder: Signal<String>,
) -> impl IntoView {
    let own_problem = problem_of(name, problem);
    // Not in the HTML: before hydration, the page does not know which maximum applies, and the server checks it.
    Effect::new(move || {
        if let Some(input) = node.get() {
            input.set_max(&max.get().to_string());
        }
    });
    let reveal = move || {
        if let Some(input) = node.get_untracked() {
            browser::reveal(&input);
        }
    };
    Effect::new(move || {
        if own_problem.with(Option::is_some) {
            reveal();
        }
    });
    view! {
        <div class="field">
            <label for=name>{label}</label>
            <input
                node_ref=node
                on:invalid=move |_| reveal()
                id=name
                name=name
                type="number"
                min="1"
                inputmode="numeric"
                value=typed(name)
                autofocus=own_problem.with_untracked(Option::is_some)
                placeholder=move || placeholder.get()
                aria-describedby=hint_id(name)
                aria-invalid=move || own_problem.with(Option::is_some).then_some("true")
            />
            <Hint name hint="" own_problem/>
        </div>
    }
}

/// Shows a problem that names no field.
#[component]
pub(crate) fn GeneralProblem(#[prop(into)] problem: Signal<Option<Problem>>) -> impl IntoView {
    // A problem that the page arrives with is no news to a screen reader, which reads what has the focus.
    let has_focus = problem.with_untracked(|problem| problem.as_ref().is_some_and(|problem| problem.field.is_none()));
    view! {
        <p class="wrong" role="alert" tabindex="-1" autofocus=has_focus>
            {move || problem.get().filter(|problem| problem.field.is_none()).map(|problem| problem.detail)}
        </p>
    }
}

/// Fills `node` with the username that this browser used last, unless the user has already typed something.
pub(crate) fn remembered_username(node: NodeRef<Input>) {
    Effect::new(move || {
        if let (Some(input), Some(username)) = (node.get(), storage::username())
            && input.value().is_empty()
        {
            input.set_value(&username);
        }
    });
}
