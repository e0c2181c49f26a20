//! Checks, before the program starts, that the server is one on which the store works.

use redis::{ErrorKind, RedisError, RedisResult, cmd};
use thiserror::Error;

use super::SCHEMA;
use super::address::RedisAddress;
use super::connection::Connection;

/// The oldest Redis with sharded channels, which a Cluster needs. Valkey and others report a version of Redis too.
const OLDEST: (u32, u32) = (7, 0);

/// Why the store cannot be used. The message is one line without secrets.
#[derive(Debug, Error)]
#[error("{address}: {problem}")]
pub struct OpenError {
    /// The URL without user and password.
    address: String,
    problem: Problem,
}

#[derive(Debug, Error)]
pub(super) enum Problem {
    #[error("the user or the password is wrong")]
    AccessDenied,
    #[error("the server has version {found} of Redis, and the store needs {}.{} or newer", OLDEST.0, OLDEST.1)]
    TooOld { found: String },
    #[error("the server belongs to a Cluster, whose URL starts with redis+cluster://")]
    IsCluster,
    #[error("the server belongs to no Cluster; its URL starts with redis://")]
    NoCluster,
    #[error("the server is a replica, which takes no writes; name the primary")]
    IsReplica,
    #[error("the Cluster serves no slots, or none of its servers can be reached")]
    NoServers,
    #[error("only {0} of the Cluster's 16384 slots are served")]
    MissingSlots(u32),
    #[error(
        "the chats with the prefix '{prefix}' are stored with schema {found}; this program supports schema {SCHEMA}"
    )]
    OtherSchema { prefix: String, found: String },
    #[error("{0}")]
    Failed(String),
}

impl OpenError {
    pub(super) fn new(address: &RedisAddress, problem: Problem) -> Self {
        Self { address: address.to_string(), problem }
    }

    pub(super) fn failed(address: &RedisAddress, error: &RedisError) -> Self {
        let text = error.to_string();
        let problem = if error.kind() == ErrorKind::AuthenticationFailed
            || ["WRONGPASS", "NOAUTH", "NOPERM"].iter().any(|code| text.contains(code))
        {
            Problem::AccessDenied
        } else if error.kind() == ErrorKind::ClusterConnectionNotFound {
            Problem::NoServers
        } else if text.contains("cluster support disabled") {
            Problem::NoCluster
        } else {
            Problem::Failed(one_line(error))
        };
        Self::new(address, problem)
    }
}

/// The error without line breaks. The client's messages name hosts and commands, never passwords or arguments.
pub(super) fn one_line(error: &RedisError) -> String {
    error.to_string().replace(char::is_control, " ")
}

/// Checks version, role, slots and schema. Claims the prefix for this schema if it is new.
pub(super) async fn check(address: &RedisAddress, connection: &mut Connection) -> Result<(), OpenError> {
    let failed = |error: RedisError| OpenError::failed(address, &error);
    let refused = |problem| Err(OpenError::new(address, problem));
    let info = info(connection).await.map_err(failed)?;
    let field = |name: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.map(str::trim).unwrap_or_default()
    };
    let found = field("redis_version");
    if !is_new_enough(found) {
        return refused(Problem::TooOld { found: found.replace(char::is_control, " ") });
    }
    let is_cluster = field("cluster_enabled") == "1" || field("redis_mode") == "cluster";
    match (connection.is_cluster(), is_cluster) {
        (false, true) => return refused(Problem::IsCluster),
        (true, false) => return refused(Problem::NoCluster),
        (false, false) if field("role") == "slave" => return refused(Problem::IsReplica),
        _ => {}
    }
    if is_cluster {
        let state: String = cmd("CLUSTER").arg("INFO").query_async(connection).await.map_err(failed)?;
        let number = |name: &str| {
            let line = state.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|number| number.trim().parse::<u32>().ok())
        };
        let served = number("cluster_slots_ok").unwrap_or(0);
        if served < 16_384 {
            return refused(Problem::MissingSlots(served));
        }
    }
    if let "allkeys-lru" | "allkeys-lfu" | "allkeys-random" | "volatile-lru" | "volatile-lfu" | "volatile-random"
    | "volatile-ttl" = field("maxmemory_policy")
    {
        tracing::warn!(
            "Redis deletes chats when its memory is full: its maxmemory-policy is {}; set it to noeviction",
            field("maxmemory_policy")
        );
    }
    let found = claim_schema(connection, &format!("{}:schema", address.prefix)).await.map_err(failed)?;
    if found != SCHEMA.to_string() {
        let (prefix, found) = (address.prefix.clone(), found.replace(char::is_control, " "));
        return refused(Problem::OtherSchema { prefix, found });
    }
    Ok(())
}

async fn claim_schema(connection: &mut Connection, key: &str) -> RedisResult<String> {
    let _: bool = cmd("SETNX").arg(key).arg(SCHEMA).query_async(connection).await?;
    cmd("GET").arg(key).query_async(connection).await
}

/// Returns what one server says of itself.
async fn info(connection: &mut Connection) -> RedisResult<String> {
    let mut all = String::new();
    for section in ["server", "replication", "cluster", "memory"] {
        let text = connection.ask_one_server(redis::cmd("INFO").arg(section)).await?;
        all.push_str(&text);
        all.push('\n');
    }
    Ok(all)
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split('.').map_while(|number| number.parse::<u32>().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= OLDEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for new in ["7.0.0", "7.0.15", "7.2", "8.0.1", "10.0.0"] {
            assert!(is_new_enough(new), "{new}");
        }
        for old in ["6.2.14", "2.8", "", "unstable", "6"] {
            assert!(!is_new_enough(old), "{old}");
        }
    }
}
