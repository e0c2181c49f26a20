//! Dependencies between the modules: these tests read the source, and fail if a module names one that it may not.

use std::fs;
use std::path::{Path, PathBuf};

/// The modules that each module may name. A file belongs to the longest entry that its path starts with.
const ALLOWED: [(&str, &[&str]); 13] = [
    ("domain", &[]),
    ("wire", &["domain"]),
    ("metrics", &[]),
    ("store", &["metrics", "domain"]),
    ("service", &["store", "metrics", "domain"]),
    ("config", &["service", "store", "domain"]),
    ("cli", &["wire", "domain"]),
    ("operator", &["config", "service", "store"]),
    ("telemetry", &["config"]),
    ("http", &["service", "store", "metrics", "wire", "domain", "config"]),
    ("http/pages", &["app", "service", "wire", "domain"]),
    ("app/server_fns", &["service", "wire", "domain"]),
    ("app", &["wire", "domain"]),
];

const MODULES: [&str; 11] =
    ["domain", "wire", "metrics", "store", "service", "config", "operator", "cli", "telemetry", "http", "app"];

pub fn sources() -> Vec<(PathBuf, String)> {
    fn collect(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    collect(&root, &mut found);
    found.iter().map(|(path, text)| (path.strip_prefix(&root).unwrap().to_owned(), text.clone())).collect()
}

/// The code without its comments, which may name any module.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with("//"))
}

fn named_modules(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("crate::").map(|(at, word)| {
        let rest = &line[at + word.len()..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    })
}

#[test]
fn modules_depend_only_on_allowed_modules() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let file = path.with_extension("").to_string_lossy().into_owned();
        let owner = ALLOWED
            .iter()
            .filter(|(owner, _)| file == *owner || file.starts_with(&format!("{owner}/")))
            .max_by_key(|(owner, _)| owner.len());
        let Some((owner, may_name)) = owner else {
            assert!(["lib", "main"].contains(&file.as_str()), "{file} is in no module of the architecture");
            continue;
        };
        let module = owner.split('/').next().unwrap();
        for line in code(&text) {
            for name in named_modules(line).filter(|name| MODULES.contains(name)) {
                if name != module && !may_name.contains(&name) {
                    wrong.push(format!("{file} uses {name}: {}", line.trim()));
                }
            }
            assert!(!line.contains("use crate::{") && !line.contains("crate::*"), "{file}: use one module per line");
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn pages_use_no_server_only_crates() {
    let pages = sources().into_iter().filter(|(path, _)| path.starts_with("app") && !path.ends_with("server_fns.rs"));
    for (path, text) in pages {
        for server in ["axum", "tokio", "leptos_axum", "dashmap", "governor", "tower"] {
            let names = code(&text).any(|line| line.contains(&format!("{server}::")));
            assert!(!names, "{} uses {server}", path.display());
        }
    }
}

#[test]
fn feature_gates_appear_only_in_the_crate_roots() {
    for (path, text) in sources() {
        let gates = code(&text).filter(|line| line.contains("feature =")).count();
        assert!(
            gates == 0 || [Path::new("lib.rs"), Path::new("main.rs")].contains(&&*path),
            "{} has a feature gate",
            path.display()
        );
    }
}

#[test]
fn no_file_has_a_vague_name() {
    for (path, _) in sources() {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        for vague in ["util", "utils", "helper", "helpers", "common", "misc", "types", "manager"] {
            assert_ne!(name, vague, "{}", path.display());
        }
    }
}

#[test]
fn the_domain_uses_no_clock_randomness_or_io() {
    let domain = sources().into_iter().filter(|(path, _)| path.starts_with("domain"));
    for (path, text) in domain {
        for word in ["SystemTime", "Instant::now", "getrandom", "now_utc", "new_v4", "async fn", "std::fs", "std::net"]
        {
            assert!(!code(&text).any(|line| line.contains(word)), "{} uses {word}", path.display());
        }
    }
}
