//! The chat in the page's address, and navigation to another address.

use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_params_map};
use uuid::Uuid;

use crate::app::folder::folder;

/// Returns the chat that the page's address names; `None` if that is not an id.
pub(super) fn chat_in_address() -> Memo<Option<Uuid>> {
    let params = use_params_map();
    Memo::new(move |_| params.read().get("chat_id").and_then(|id| id.parse().ok()))
}

/// Returns a function that navigates to another address, and replaces this page in the history. It does nothing once
/// the user has left the page, because an answer may arrive after that.
pub(super) fn use_replace() -> impl Fn(&str) + Copy {
    navigating(true)
}

/// The same, but the browser's back button returns to this page.
pub(super) fn use_push() -> impl Fn(&str) + Copy {
    navigating(false)
}

fn navigating(replace: bool) -> impl Fn(&str) + Copy {
    let navigate = use_navigate();
    let go = StoredValue::new(move |address: &str| {
        // Resolving the address in the router would lose the slash after the folder.
        let options = NavigateOptions { replace, resolve: false, ..Default::default() };
        navigate(&format!("{}{address}", folder()), options);
    });
    move |address: &str| {
        go.try_with_value(|go| go(address));
    }
}
