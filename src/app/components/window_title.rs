//! The title of the browser's window.

use leptos::prelude::*;

/// Makes a title that follows signals. The server reads titles after a page is rendered, on a thread that may not have
/// the page's arena of signals; the signal of this title is outside of it.
pub(crate) fn window_title(title: impl Fn() -> String + 'static) -> impl Fn() -> String + Clone + Send + Sync {
    let shown = ArcRwSignal::new(untrack(&title));
    let changed = shown.clone();
    Effect::new(move || changed.set(title()));
    move || shown.get()
}
