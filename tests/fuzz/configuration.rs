//! Settings: flags, environment variables and Leptos.toml.

use std::ffi::OsString;

use watch_party::config::{Config, Error, StoreChoice, plain_folder};

use crate::inputs::Target;

/// Separates the flags, one a line, from the variables, one a line, and those from the text of Leptos.toml.
const THEN: &str = "\n----\n";

fn read(input: &str) -> Result<Config, Error> {
    let mut parts = input.splitn(3, THEN);
    let flags = parts.next().unwrap_or_default().lines().map(OsString::from);
    let variables = parts.next().unwrap_or_default();
    let variable = |name: &str| {
        let mut variables = variables.split('\n').filter_map(|line| line.split_once('='));
        // A variable's value may contain line breaks, which stand as `\n` here.
        variables.find_map(|(key, value)| (key == name).then(|| value.replace("\\n", "\n")))
    };
    Config::read("1", [OsString::from("watch-party")].into_iter().chain(flags), variable, parts.next())
}

#[test]
fn settings() {
    let names = ["site-addr", "store", "public-url", "session-ttl", "forget-after", "rate-limit", "max-connections"];
    let names = names.into_iter().chain(["trusted-proxies"]);
    let spelled = names.flat_map(|name| {
        let variable = format!("WATCH_PARTY_{}=", name.replace('-', "_").to_uppercase());
        [format!("--{name}="), variable, format!("\n{name} = ")]
    });
    let values = [
        "on",
        "off",
        "memory",
        "sqlite:",
        "sqlite:a.db",
        "0",
        "1",
        "21600",
        "-1",
        "99999999999999999999",
        "\"x\"",
        "127.0.0.1:3000",
        "[::1]:0",
        "10.0.0.0/8",
        "::/0",
        "https://chat.example",
        "http://a/b/",
        "?q",
        "#f",
        "u@",
        "..",
        "[watch-party]",
        "[\"",
        "\"]",
        ",",
        "\\n",
        "\n",
        THEN,
        "LEPTOS_SITE_ADDR=",
        "backup",
        "doctor",
        "--help",
    ];
    let examples = [
        "--session-ttl\n60\n----\nWATCH_PARTY_STORE=sqlite:a.db\nLEPTOS_SITE_ADDR=127.0.0.1:0\n----\n[watch-party]\nrate-limit = false",
        "--public-url=https://example.org/some/path/\n----\n----\n[watch-party]\ntrusted-proxies = [\"10.0.0.0/8\", \"::1\"]",
        "doctor\nhttps://chat.example\n--json\n----\n----\n",
        "----\nWATCH_PARTY_STORE=two\\nlines\n----\n",
    ];
    let examples = examples.map(|text| text.as_bytes().to_vec());
    let target = Target::new("settings", 150).words(spelled).words(values).examples(examples);
    target.check_text(|input| match read(input) {
        Ok(config) => {
            assert!((1..=21_600).contains(&config.policy.session_lifetime.as_secs()));
            assert!(config.policy.forget_after.as_secs() <= 2_592_000);
            assert!(config.max_connections.is_none_or(|most| (1..=1_000_000).contains(&most)));
            if let Some(url) = &config.public_url {
                assert!(url.starts_with("http") && !url.ends_with('/'), "{url}");
                assert!(!url.contains(|c: char| c.is_whitespace() || "\"'<>?#@\\".contains(c)), "{url}");
                let again = read(&format!("--public-url={url}/")).unwrap();
                assert_eq!(again.public_url.as_ref(), Some(url));
            }
            if let StoreChoice::Sqlite(path) = &config.store {
                assert!(!path.as_os_str().is_empty());
            }
        }
        Err(Error::Asked(text)) => assert!(!text.is_empty()),
        Err(error) => {
            let line = error.to_string();
            assert!(!line.is_empty() && !line.contains(char::is_control), "not one line: {line:?}");
        }
    });
}

#[test]
fn folders() {
    let target = Target::new("folders", 400).words(["/", "//", "..", ".", "~", "chat", "%2e", "?", "#", "\\", " "]);
    target.check_text(|path| {
        let Some(folder) = plain_folder(path) else { return };
        assert!(folder.is_empty() || folder.starts_with('/'), "{folder:?}");
        assert!(!folder.ends_with('/') && !folder.contains("//") && !folder.split('/').any(|part| part == ".."));
        assert!(!folder.contains(|c: char| !c.is_ascii_graphic() || "\"'<>?#%\\@:".contains(c)), "{folder:?}");
        assert_eq!(plain_folder(folder), Some(folder));
    });
}
