//! Sources of settings: flags, then environment variables, then the table in `Leptos.toml`.

use super::Error;

/// The sources of settings besides the flags.
pub(super) struct Sources<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
    table: toml::Table,
}

impl<'a> Sources<'a> {
    /// `variable` looks up an environment variable; `file` is the text of `Leptos.toml`, if that file exists.
    pub(super) fn new(variable: &'a dyn Fn(&str) -> Option<String>, file: Option<&str>) -> Result<Self, Error> {
        Ok(Self { variable, table: file.map_or(Ok(toml::Table::new()), read_table)? })
    }

    /// Returns the setting's value from the first source that has it.
    pub(super) fn get<T>(
        &self,
        name: &str,
        flag: Option<String>,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Error> {
        let variable = match name {
            "site-addr" => "LEPTOS_SITE_ADDR".to_owned(),
            _ => format!("WATCH_PARTY_{}", name.replace('-', "_").to_uppercase()),
        };
        let found = flag
            .map(|value| (format!("--{name}"), value))
            .or_else(|| (self.variable)(&variable).map(|value| (variable, value)))
            .or_else(|| self.table.get(name).map(|value| (format!("{name} in Leptos.toml"), as_text(value))));
        found
            .map(|(from, value)| {
                let refused = |problem: String| Error::Value {
                    from,
                    value: plain(&without_credentials(&value)),
                    problem: plain(&problem),
                };
                parse(value.trim()).map_err(refused)
            })
            .transpose()
    }
}

/// Hides the user and the password of a URL, because messages end up in logs.
fn without_credentials(value: &str) -> String {
    match value.split_once("://") {
        Some((scheme, rest)) if rest.contains('@') => {
            let (_, place) = rest.rsplit_once('@').unwrap_or(("", rest));
            format!("{scheme}://…@{place}")
        }
        _ => value.to_owned(),
    }
}

/// The settings that the `[watch-party]` table can contain.
pub(super) const TABLE_NAMES: [&str; 15] = [
    "site-addr",
    "listen",
    "store",
    "public-url",
    "session-ttl",
    "forget-after",
    "rate-limit",
    "requests-per-second",
    "max-chats",
    "max-connections",
    "max-connections-per-address",
    "trusted-proxies",
    "metrics-addr",
    "metrics-public",
    "log-format",
];

fn read_table(text: &str) -> Result<toml::Table, Error> {
    let file: toml::Table = text.parse().map_err(|error: toml::de::Error| Error::File(first_line(error.message())))?;
    let table = match file.get("watch-party") {
        None => toml::Table::new(),
        Some(toml::Value::Table(table)) => table.clone(),
        Some(_) => return Err(Error::File("[watch-party] must be a table".into())),
    };
    match table.keys().find(|name| !TABLE_NAMES.contains(&name.as_str())) {
        Some(name) => Err(Error::File(plain(&format!("[watch-party] has no setting '{name}'")))),
        None => Ok(table),
    }
}

fn as_text(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Boolean(true) => "on".into(),
        toml::Value::Boolean(false) => "off".into(),
        toml::Value::Array(items) => items.iter().map(as_text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

pub(super) fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    plain(line.strip_prefix("error: ").unwrap_or(line))
}

/// Escapes the control characters of a value, so that a message that quotes it is one line of text.
fn plain(text: &str) -> String {
    text.chars().fold(String::new(), |mut plain, c| {
        if c.is_control() {
            plain.extend(c.escape_debug());
        } else {
            plain.push(c);
        }
        plain
    })
}
