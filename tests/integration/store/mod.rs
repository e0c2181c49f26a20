//! The contract of all stores, run on each of them, and the further guarantees of each.

mod contract;
pub mod redis;
pub mod sqlite;

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
        mod redis_server {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    let server = crate::redis::server::RedisServer::start();
                    contract::$test(redis::open(&server.url()).await.into()).await;
                }
            )*
        }
        /// All on one Cluster, because starting one takes seconds.
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn redis_cluster_keeps_the_contract() {
            let cluster = crate::redis::server::RedisCluster::start();
            let mut number = 0;
            $(
                number += 1;
                println!("{number}: {}", stringify!($test));
                let url = format!("{}?prefix=test-{number}", cluster.url());
                contract::$test(redis::open(&url).await.into()).await;
            )*
        }
    };
}

contract!(
    a_chat_that_was_never_created_is_not_found,
    committed_changes_are_loaded,
    any_sequence_of_changes_is_stored_faithfully,
    changes_that_are_committed_together_are_stored_as_if_one_by_one,
    a_removal_and_the_return_of_another_guest_are_stored_together,
    a_room_without_an_owner_keeps_its_accounts,
    a_stale_revision_conflicts_and_changes_nothing,
    a_new_chat_cannot_replace_an_existing_chat,
    an_ended_chat_is_deleted,
    a_chat_is_restored_whole_in_the_place_of_the_expected_one,
    all_chats_and_browser_sessions_are_listed,
    only_one_of_many_concurrent_writers_commits_a_revision,
    a_conflicting_commit_does_not_fail_concurrent_commits,
    many_writers_on_one_chat_produce_consecutive_unique_ids,
    chats_become_due_when_a_session_expires_or_the_grace_period_ends,
    a_browser_session_is_kept_until_it_expires_or_is_deleted,
    a_browser_sessions_name_and_entered_chats_are_stored_with_it,
    two_hundred_accounts_are_seated_at_once,
    an_available_store_answers_ping_and_scrub,
    a_store_tells_subscribers_what_other_nodes_do_or_needs_no_telling,
);
