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
pub enum OpenError {
    #[error("{address}: the user or the password is wrong")]
    AccessDenied { address: RedisAddress },
    #[error("{address}: the server has version {found} of Redis, and the store needs {}.{} or newer", OLDEST.0, OLDEST.1)]
    TooOld { address: RedisAddress, found: String },
    #[error("{address}: the server belongs to a Cluster, whose URL starts with redis+cluster://")]
    IsCluster { address: RedisAddress },
    #[error("{address}: the server belongs to no Cluster; its URL starts with redis://")]
    NoCluster { address: RedisAddress },
    #[error("{address}: the server is a replica, which takes no writes; name the primary")]
    IsReplica { address: RedisAddress },
    #[error("{address}: the Cluster serves no slots, or none of its servers can be reached")]
    NoServers { address: RedisAddress },
    #[error("{address}: only {served} of the Cluster's 16384 slots are served")]
    MissingSlots { address: RedisAddress, served: u32 },
    #[error("{address}: the chats with the prefix '{}' are stored with schema {found}; this program supports schema {SCHEMA}", address.prefix)]
    OtherSchema { address: RedisAddress, found: String },
    #[error("{address}: {cause}")]
    Failed { address: RedisAddress, cause: String },
}

impl OpenError {
    pub(super) fn failed(address: &RedisAddress, error: &RedisError) -> Self {
        let address = address.clone();
        let is_denied = |error: &RedisError| {
            error.kind() == ErrorKind::AuthenticationFailed
                || error.code().is_some_and(|code| ["WRONGPASS", "NOAUTH", "NOPERM"].contains(&code))
                || error.to_string().contains("WRONGPASS")
                || error.to_string().contains("NOAUTH")
        };
        if is_denied(error) {
            return Self::AccessDenied { address };
        }
        if error.kind() == ErrorKind::ClusterConnectionNotFound {
            return Self::NoServers { address };
        }
        if error.to_string().contains("cluster support disabled") {
            return Self::NoCluster { address };
        }
        Self::Failed { address, cause: one_line(error) }
    }
}

/// The error without line breaks. The client's messages name hosts and commands, never passwords or arguments.
pub(super) fn one_line(error: &RedisError) -> String {
    error.to_string().replace(char::is_control, " ")
}

/// Checks version, role, slots and schema. Claims the prefix for this schema if it is new.
pub(super) async fn check(address: &RedisAddress, connection: &mut Connection) -> Result<(), OpenError> {
    let failed = |error: RedisError| OpenError::failed(address, &error);
    let address = || address.clone();
    let info = info(connection).await.map_err(failed)?;
    let field = |name: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.map(str::trim).unwrap_or_default()
    };
    let found = field("redis_version");
    if !is_new_enough(found) {
        return Err(OpenError::TooOld { address: address(), found: found.replace(char::is_control, " ") });
    }
    let is_cluster = field("cluster_enabled") == "1" || field("redis_mode") == "cluster";
    match (connection.is_cluster(), is_cluster) {
        (false, true) => return Err(OpenError::IsCluster { address: address() }),
        (true, false) => return Err(OpenError::NoCluster { address: address() }),
        (false, false) if field("role") == "slave" => return Err(OpenError::IsReplica { address: address() }),
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
            return Err(OpenError::MissingSlots { address: address(), served });
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
    let key = connection_schema_key(&address());
    let found = claim_schema(connection, &key).await.map_err(failed)?;
    if found != SCHEMA.to_string() {
        return Err(OpenError::OtherSchema { address: address(), found: found.replace(char::is_control, " ") });
    }
    Ok(())
}

fn connection_schema_key(address: &RedisAddress) -> String {
    format!("{}:schema", address.prefix)
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
