//! A labelled line of text, and what the server says of it.

use leptos::html::Input;
use leptos::prelude::*;

use crate::app::client::storage;
use crate::wire::Problem;

/// A text input with its label. A problem that names the field is shown at it.
#[component]
pub(crate) fn TextField(
    /// The field's name in problems, and its id.
    name: &'static str,
    label: &'static str,
    node: NodeRef<Input>,
    #[prop(into)] problem: Signal<Option<Problem>>,
    #[prop(optional)] hint: &'static str,
    #[prop(optional)] autocomplete: &'static str,
    #[prop(optional)] is_required: bool,
    /// What is typed is not to be seen.
    #[prop(optional)]
    is_secret: bool,
) -> impl IntoView {
    let hint_id = format!("{name}-hint");
    let own_problem = move || problem.get().filter(|problem| problem.field.as_deref() == Some(name));
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
                aria-describedby=hint_id.clone()
                aria-invalid=move || own_problem().map(|_| "true")
            />
            <p id=hint_id class="hint" class:wrong=move || own_problem().is_some() role="status">
                {move || own_problem().map_or_else(|| hint.to_owned(), |problem| problem.detail)}
            </p>
        </div>
    }
}

/// A problem that is of no one field.
#[component]
pub(crate) fn GeneralProblem(#[prop(into)] problem: Signal<Option<Problem>>) -> impl IntoView {
    view! {
        <p class="wrong" role="alert">
            {move || problem.get().filter(|problem| problem.field.is_none()).map(|problem| problem.detail)}
        </p>
    }
}

/// Fills `node` with the name this browser used last, unless something was typed already.
pub(crate) fn remembered_username(node: NodeRef<Input>) {
    Effect::new(move || {
        if let (Some(input), Some(username)) = (node.get(), storage::username())
            && input.value().is_empty()
        {
            input.set_value(&username);
        }
    });
}
