//! Tests of Watch Party from outside: its API, its stores, and the structure of its source.

#![allow(clippy::unwrap_used)] // a test that finds nothing to unwrap has failed

mod acceptance;
mod account_sessions;
mod api;
mod app;
mod architecture;
mod backup;
mod chaos;
mod chat_app;
mod clocks;
mod configuration;
mod conformance;
mod connection;
mod cors;
mod crash;
mod doctor;
mod documents;
mod domain;
mod edge;
mod faults;
mod flask;
mod forms;
mod fuzz;
mod limits;
mod listening;
mod live;
mod logging;
mod logins;
mod metrics;
mod nodes;
mod packaging;
mod pages;
mod program;
mod redis;
mod secrecy;
mod service;
mod serving;
mod silly;
mod store;
mod streams;
mod subpath;
mod transfer;
mod two_nodes;
