//! Two files contain the settings of cargo-leptos and of the server; these tests keep them consistent.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use toml::{Table, Value};

fn leptos_table(file: &str) -> Table {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let table: Table = text.parse().unwrap();
    table["package"]["metadata"]["leptos"].as_table().unwrap().clone()
}

#[test]
fn leptos_toml_agrees_with_cargo_toml() {
    let (server, build) = (leptos_table("Leptos.toml"), leptos_table("Cargo.toml"));
    for (name, value) in &server {
        assert_eq!(build.get(name), Some(value), "{name}");
    }
    for name in ["output-name", "site-root", "site-pkg-dir", "site-addr", "reload-port"] {
        assert!(server.contains_key(name), "{name}");
    }
}

#[test]
fn cargo_and_the_makefile_agree_on_the_wasm_bindgen_version() {
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

#[test]
fn an_invalid_setting_stops_startup_with_one_line_that_names_it() {
    let start = |flag: Option<&str>, variable: (&str, &str)| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_watch-party"));
        program.current_dir(env!("CARGO_MANIFEST_DIR")).args(flag).env(variable.0, variable.1);
        let output = program.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let wrong = [
        (None, ("WATCH_PARTY_SESSION_TTL", "x"), "WATCH_PARTY_SESSION_TTL"),
        (None, ("WATCH_PARTY_LOG", "=="), "WATCH_PARTY_LOG"),
        (None, ("LEPTOS_SITE_ADDR", "nowhere"), "LEPTOS_SITE_ADDR"),
        (None, ("LEPTOS_SITE_ADDR", taken.as_str()), "LEPTOS_SITE_ADDR"),
        (Some("--store=floppy"), ("WATCH_PARTY_STORE", "memory"), "--store"),
        (None, ("WATCH_PARTY_METRICS_ADDR", "nowhere"), "WATCH_PARTY_METRICS_ADDR"),
        (None, ("WATCH_PARTY_METRICS_ADDR", "0.0.0.0:0"), "metrics-public"),
        (Some("--site-addr=127.0.0.1:0"), ("WATCH_PARTY_METRICS_ADDR", taken.as_str()), "WATCH_PARTY_METRICS_ADDR"),
        (None, ("WATCH_PARTY_METRICS_PUBLIC", "yes"), "WATCH_PARTY_METRICS_PUBLIC"),
        (None, ("WATCH_PARTY_LOG_FORMAT", "xml"), "WATCH_PARTY_LOG_FORMAT"),
    ];
    for (flag, variable, name) in wrong {
        let (code, stderr) = start(flag, variable);
        assert_eq!(code, Some(2), "{stderr}");
        assert!(
            stderr.starts_with("watch-party: ") && stderr.contains(name) && stderr.lines().count() == 1,
            "{stderr}"
        );
    }
}
