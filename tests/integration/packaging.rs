//! The files in `packaging/` agree with the documents and with the program.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use toml::{Table, Value};

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Returns the code blocks of `language` in a document.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let text = read(document);
    let begin = format!("```{language}\n");
    text.split(&begin).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_documents_show_the_examples_that_are_packaged() {
    for (document, language, file) in
        [("docs/hosting.md", "nginx", "packaging/nginx.conf"), ("docs/hosting.md", "caddy", "packaging/Caddyfile")]
    {
        assert_eq!(blocks(document, language), [read(file)], "{document} and {file} differ");
    }
}

#[test]
fn the_settings_of_the_service_and_of_the_image_exist() {
    let documented = read("docs/configuration.md");
    let mut named = BTreeSet::new();
    for file in ["packaging/watch-party.service", "packaging/watch-party.default", "Dockerfile", "docs/operating.md"] {
        let text = read(file);
        let words = text.split(|c: char| !c.is_ascii_uppercase() && c != '_');
        named.extend(
            words.filter(|word| word.starts_with("WATCH_PARTY_") || word.starts_with("LEPTOS_")).map(str::to_owned),
        );
    }
    assert!(named.len() > 3, "{named:?}");
    for name in named {
        assert!(documented.contains(&format!("`{name}`")), "{name} is not in docs/configuration.md");
    }
}

#[test]
fn the_package_contains_existing_files() {
    let cargo: Table = read("Cargo.toml").parse().unwrap();
    let package = &cargo["package"]["metadata"]["deb"];
    let sources = package["assets"].as_array().unwrap().iter().map(|asset| asset[0].as_str().unwrap());
    // `make release` makes those in target/.
    for source in sources.filter(|source| !source.starts_with("target/") && !source.contains('*')) {
        read(source);
    }
    let description = package["extended-description"].as_str();
    assert!(description.is_some_and(|text| text.lines().all(|line| line.len() <= 80)), "{description:?}");
    assert_eq!(package["systemd-units"].get("unit-name").and_then(Value::as_str), Some("watch-party"));
}

/// The program raises its limit of open files to what the service may use, and reserves a part of them.
#[test]
fn the_service_may_open_enough_files_for_all_connections() {
    let unit = read("packaging/watch-party.service");
    let files = unit.lines().find_map(|line| line.strip_prefix("LimitNOFILE=")).unwrap().parse().unwrap();
    let most = watch_party::http::Limits::MAX_CONNECTIONS;
    assert_eq!(watch_party::http::connections_within(Some(files), None), most);
}
