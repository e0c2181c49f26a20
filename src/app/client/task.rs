//! Work that ends with the effect that started it.

use futures_util::FutureExt as _;
use leptos::task::spawn_local_scoped_with_cancellation;

/// Runs `work` until the current effect runs again, or the user leaves its component.
pub(crate) fn spawn_in_effect(work: impl Future<Output = ()> + 'static) {
    // Boxed, so that the page contains one copy of Leptos's task and not one for each type of `work`.
    spawn_local_scoped_with_cancellation(work.boxed_local());
}
