//! Work that ends when what began it is left.

use futures_util::future::{AbortHandle, abortable};
use leptos::prelude::*;
use leptos::task::spawn_local;

/// One piece of work at a time; copies are the same.
#[derive(Clone, Copy)]
pub(crate) struct Task {
    handle: StoredValue<Option<AbortHandle>>,
}

impl Task {
    /// Of the component that makes it, and ended with it.
    pub(crate) fn new() -> Self {
        let task = Self { handle: StoredValue::new(None) };
        on_cleanup(move || task.end());
        task
    }

    /// Begins `work`, in place of what was begun before.
    pub(crate) fn begin(self, work: impl Future<Output = ()> + 'static) {
        self.end();
        let (work, handle) = abortable(work);
        self.handle.try_set_value(Some(handle));
        spawn_local(async move {
            // That it was ended is no news.
            let _ = work.await;
        });
    }

    fn end(self) {
        if let Some(Some(handle)) = self.handle.try_update_value(Option::take) {
            handle.abort();
        }
    }
}
