//! Work that ends with the component that started it.

use futures_util::future::{AbortHandle, abortable};
use leptos::prelude::*;
use leptos::task::spawn_local;

/// Runs one future at a time. Copies refer to the same task.
#[derive(Clone, Copy)]
pub(crate) struct Task {
    handle: StoredValue<Option<AbortHandle>>,
}

impl Task {
    /// Creates a task that ends with the current component.
    pub(crate) fn new() -> Self {
        let task = Self { handle: StoredValue::new(None) };
        on_cleanup(move || task.end());
        task
    }

    /// Starts `work`, and aborts the work that was started before.
    pub(crate) fn begin(self, work: impl Future<Output = ()> + 'static) {
        self.end();
        let (work, handle) = abortable(work);
        self.handle.try_set_value(Some(handle));
        spawn_local(async move {
            // It is no error if the work was aborted.
            let _ = work.await;
        });
    }

    fn end(self) {
        if let Some(Some(handle)) = self.handle.try_update_value(Option::take) {
            handle.abort();
        }
    }
}
