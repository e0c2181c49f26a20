//! Redis servers that tests start on free ports, one at a time or as a Cluster.

pub mod server;
