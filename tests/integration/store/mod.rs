//! What every store must keep to, run on each of them.

mod contract;

use std::sync::Arc;

use watch_party::store::MemoryStore;

macro_rules! contract {
    ($store:ident, $make:expr, [$($test:ident),* $(,)?]) => {
        mod $store {
            use super::*;
            $(
                #[tokio::test]
                async fn $test() {
                    contract::$test($make).await;
                }
            )*
        }
    };
}

contract!(
    memory,
    Arc::new(MemoryStore::default()),
    [
        a_chat_that_was_never_made_is_not_there,
        what_was_committed_is_loaded,
        a_stale_revision_conflicts_and_changes_nothing,
        a_new_chat_cannot_take_the_place_of_another,
        an_ended_chat_is_gone,
        only_one_of_many_writers_gets_a_revision,
        chats_are_due_when_time_alone_has_changed_them,
        a_store_that_is_there_answers,
    ]
);
