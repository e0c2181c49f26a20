//! Fuzz targets: every parser of outside input, with random input and a property that must hold for each.
//!
//! `cargo test` runs each target with the inputs of its corpus and with a fixed series of random ones. `make fuzz` runs
//! them as long as it is told to, with other random inputs in each run. `inputs.rs` says how inputs are made, and how to
//! repeat a failure; docs/testing.md says what is covered.

#![allow(clippy::unwrap_used)] // a test that finds nothing to unwrap has failed

#[path = "../integration/app.rs"]
#[allow(dead_code)] // the other tests use the rest
mod app;
mod configuration;
mod database;
#[path = "../integration/fuzz/document.rs"]
#[allow(dead_code)]
mod document;
mod frames;
mod headers;
mod inputs;
mod json;
mod page;
mod requests;
mod site;
mod text;
mod tokens;
