//! Watch Party from outside: its API, its stores, its source's shape.

mod api;
mod app;
mod architecture;
mod configuration;
mod documents;
mod domain;
mod fuzz;
mod pages;
mod service;
mod serving;
mod store;
