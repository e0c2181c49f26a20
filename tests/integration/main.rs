//! Tests of Watch Party from outside: its API, its stores, and the structure of its source.

#![allow(clippy::unwrap_used)] // a test that finds nothing to unwrap has failed

mod acceptance;
mod account_sessions;
mod api;
mod app;
mod architecture;
mod chaos;
mod chat_app;
mod clocks;
mod configuration;
mod conformance;
mod crash;
mod documents;
mod domain;
mod edge;
mod faults;
mod flask;
mod forms;
mod fuzz;
mod live;
mod logins;
mod pages;
mod program;
mod service;
mod serving;
mod silly;
mod store;
mod streams;
mod subpath;
