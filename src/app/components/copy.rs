//! Copies a link that stands on the page.

use leptos::html::Input;
use leptos::prelude::*;

use crate::app::client::browser;

/// Copies what stands in `input`, and says in `said` whether it worked.
pub(super) fn copy_link(input: NodeRef<Input>, said: RwSignal<&'static str>) {
    if let Some(input) = input.get_untracked() {
        browser::copy_from(input, move |copied| {
            said.try_set(if copied { "Copied." } else { "Could not copy. The link is selected: copy it by hand." });
        });
    }
}
