//! Two files hold settings of cargo-leptos and of the server; they must not drift apart.

use std::fs;
use std::path::Path;

use toml::{Table, Value};

fn leptos_table(file: &str) -> Table {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let table: Table = text.parse().unwrap();
    table["package"]["metadata"]["leptos"].as_table().unwrap().clone()
}

#[test]
fn leptos_toml_says_what_cargo_toml_says() {
    let (server, build) = (leptos_table("Leptos.toml"), leptos_table("Cargo.toml"));
    for (name, value) in &server {
        assert_eq!(build.get(name), Some(value), "{name}");
    }
    for name in ["output-name", "site-root", "site-pkg-dir", "site-addr", "reload-port"] {
        assert!(server.contains_key(name), "{name}");
    }
}

#[test]
fn the_page_and_the_command_that_prepares_it_agree_on_wasm_bindgen() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cargo: Table = fs::read_to_string(root.join("Cargo.toml")).unwrap().parse().unwrap();
    let pinned = cargo["dependencies"]["wasm-bindgen"].as_str().and_then(|version| version.strip_prefix('='));
    let makefile = fs::read_to_string(root.join("Makefile")).unwrap();
    let installed = makefile.lines().find_map(|line| line.strip_prefix("WASM_BINDGEN_VERSION := "));
    assert_eq!(pinned, installed);
    let locked: Table = fs::read_to_string(root.join("Cargo.lock")).unwrap().parse().unwrap();
    let packages = locked["package"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"].as_str() == Some("wasm-bindgen")).unwrap();
    assert_eq!(package.get("version").and_then(Value::as_str), pinned);
}
