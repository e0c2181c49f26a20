//! Redis servers that tests start on free ports, one at a time or as a Cluster.

mod faults;
mod forgetting;
pub mod server;
mod starting;
mod writers;
