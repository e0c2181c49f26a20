//! The contract of all stores, run on each of them, and the further guarantees of each.

mod contract;
mod sqlite;

use watch_party::store::MemoryStore;

macro_rules! contract {
    ($($test:ident),* $(,)?) => {
        mod memory {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    contract::$test(MemoryStore::default().into()).await;
                }
            )*
        }
        mod sqlite_file {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    let folder = tempfile::tempdir().unwrap();
                    contract::$test(sqlite::open(&folder).into()).await;
                }
            )*
        }
    };
}

contract!(
    a_chat_that_was_never_made_is_not_there,
    what_was_committed_is_loaded,
    any_sequence_of_changes_is_kept_as_the_rules_made_it,
    a_room_without_an_owner_keeps_its_accounts,
    a_stale_revision_conflicts_and_changes_nothing,
    a_new_chat_cannot_take_the_place_of_another,
    an_ended_chat_is_gone,
    only_one_of_many_writers_gets_a_revision,
    a_commit_that_fails_does_not_fail_its_neighbours,
    many_writers_on_one_chat_leave_no_id_twice_and_no_gap,
    chats_are_due_when_time_alone_has_changed_them,
    a_browsers_session_is_kept_until_it_ends,
    a_browsers_name_and_the_chats_that_it_entered_are_kept_with_its_session,
    two_hundred_accounts_are_seated_at_once,
    a_store_that_is_there_answers,
);
