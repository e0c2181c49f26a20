//! The chat that an address names, and leading on to another address.

use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_params_map};
use uuid::Uuid;

/// The chat that the page's address names; `None` where that is no id.
pub(super) fn chat_in_address() -> Memo<Option<Uuid>> {
    let params = use_params_map();
    Memo::new(move |_| params.read().get("chat_id").and_then(|id| id.parse().ok()))
}

/// Leads to another address in this one's place; nowhere once the page was left, for an answer may
/// have been on its way.
pub(super) fn leading() -> impl Fn(&str) + Copy {
    let navigate = use_navigate();
    let go = StoredValue::new_local(move |address: &str| {
        navigate(address, NavigateOptions { replace: true, ..Default::default() });
    });
    move |address: &str| {
        go.try_with_value(|go| go(address));
    }
}
