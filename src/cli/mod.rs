//! The program as a client of a site.

mod address;
mod client;
pub mod doctor;
mod tls;
