//! Copies a link from an input on the page.

use leptos::html::Input;
use leptos::prelude::*;

use crate::app::client::browser;
use crate::app::texts;

/// Copies the value of `input`, and reports in `status` whether that worked.
pub(super) fn copy_link(input: NodeRef<Input>, status: RwSignal<&'static str>) {
    if let Some(input) = input.get_untracked() {
        browser::copy_from(input, move |copied| {
            status.try_set(if copied { texts::copy::COPIED } else { texts::copy::NOT_COPIED });
        });
    }
}
