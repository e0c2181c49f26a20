//! The URL of a Redis store.

use std::fmt;
use std::path::PathBuf;

use url::Url;

/// Where the store is, and how it is used. `Debug` and `Display` show no password.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisAddress {
    /// `host:port`; several only for a Cluster.
    pub(super) hosts: Vec<(String, u16)>,
    pub(super) is_cluster: bool,
    pub(super) is_encrypted: bool,
    pub(super) username: Option<String>,
    pub(super) password: Option<String>,
    /// A file that contains the password.
    pub(super) password_file: Option<PathBuf>,
    /// PEM file with certificate authorities that count instead of the system's.
    pub(super) ca_file: Option<PathBuf>,
    pub(super) database: i64,
    /// What the names of all keys start with.
    pub(super) prefix: String,
    /// Number of replicas that have each commit before it is acknowledged.
    pub(super) replicas: usize,
}

const SCHEMES: [(&str, bool, bool); 4] =
    [("redis", false, false), ("rediss", false, true), ("redis+cluster", true, false), ("rediss+cluster", true, true)];
const DEFAULT_PORT: u16 = 6379;
const DEFAULT_PREFIX: &str = "watch-party";
/// More replicas than anyone has.
const MAX_REPLICAS: usize = 9;

impl RedisAddress {
    /// Whether the text starts as a URL of a Redis store does.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.split_once("://").is_some_and(|(scheme, _)| scheme.starts_with("redis"))
    }

    /// # Errors
    /// What is wrong with the URL, without its password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").unwrap_or((text, ""));
        let known = SCHEMES.iter().find(|(name, ..)| *name == scheme);
        let Some(&(_, is_cluster, is_encrypted)) = known else {
            return Err("must start with redis://, rediss://, redis+cluster:// or rediss+cluster://".into());
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        let (user, hosts) = authority.rsplit_once('@').map_or(("", authority), |(user, hosts)| (user, hosts));
        let read = |host: &str| {
            if host.is_empty() {
                return Err("names no host".to_owned());
            }
            let user = if user.is_empty() { String::new() } else { format!("{user}@") };
            Url::parse(&format!("redis://{user}{host}{tail}")).map_err(|error| format!("is not a URL: {error}"))
        };
        let urls = hosts.split(',').map(|host| read(host.trim())).collect::<Result<Vec<_>, _>>()?;
        if urls.len() > 1 && !is_cluster {
            return Err("names several hosts, which only a Cluster has: start it with redis+cluster://".into());
        }
        let hosts = urls.iter().map(|url| {
            let host = url.host_str().ok_or("names no host")?;
            Ok((host.trim_matches(['[', ']']).to_owned(), url.port().unwrap_or(DEFAULT_PORT)))
        });
        let hosts = hosts.collect::<Result<Vec<_>, String>>()?;
        let url = &urls[0];
        let decoded = |text: &str| percent_decoded(text).ok_or("has a user or a password that is not UTF-8");
        let username = Some(decoded(url.username())?).filter(|name| !name.is_empty());
        let password = url.password().map(decoded).transpose()?;
        let database = match url.path().trim_matches('/') {
            "" => 0,
            number => number.parse().ok().filter(|number| (0..=1_000_000).contains(number)).ok_or_else(|| {
                "must have a number as its path, the database, such as redis://127.0.0.1/0".to_owned()
            })?,
        };
        if is_cluster && database != 0 {
            return Err("must name no database, because a Cluster has only one".into());
        }
        if url.fragment().is_some() {
            return Err("must not contain #".into());
        }
        let mut address = Self {
            hosts,
            is_cluster,
            is_encrypted,
            username,
            password,
            password_file: None,
            ca_file: None,
            database,
            prefix: DEFAULT_PREFIX.into(),
            replicas: 0,
        };
        for (name, value) in url.query_pairs() {
            address.set(&name, &value)?;
        }
        if address.password.is_some() && address.password_file.is_some() {
            return Err("must have either a password or a password-file".into());
        }
        Ok(address)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "durability" => {
                let replicas = value.strip_prefix("wait:").and_then(|number| number.parse().ok());
                self.replicas = replicas
                    .filter(|replicas| (1..=MAX_REPLICAS).contains(replicas))
                    .ok_or_else(|| format!("durability must be wait: and a number from 1 to {MAX_REPLICAS}"))?;
            }
            "prefix" => {
                let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
                if value.is_empty() || value.len() > 64 || !value.chars().all(is_plain) {
                    return Err("prefix must be 1 to 64 of the characters A-Z a-z 0-9 - _ . :".into());
                }
                value.clone_into(&mut self.prefix);
            }
            "password-file" => self.password_file = Some(value.into()),
            "ca-file" if self.is_encrypted => self.ca_file = Some(value.into()),
            "ca-file" => return Err("ca-file is only for rediss:// and rediss+cluster://".into()),
            _ => {
                return Err(format!(
                    "has no parameter '{name}'; there are durability, prefix, password-file and ca-file"
                ));
            }
        }
        Ok(())
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    // As in a form, but a plus sign is itself.
    let query = format!("a={}", text.replace('+', "%2B").replace('&', "%26"));
    let decoded = form_urlencoded::parse(query.as_bytes()).next().map(|(_, value)| value.into_owned());
    decoded.filter(|text| !text.contains(char::REPLACEMENT_CHARACTER))
}

impl fmt::Display for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (is_cluster, is_encrypted) = (self.is_cluster, self.is_encrypted);
        let scheme =
            SCHEMES.iter().find(|(_, cluster, encrypted)| (*cluster, *encrypted) == (is_cluster, is_encrypted));
        let hosts: Vec<String> = self
            .hosts
            .iter()
            .map(|(host, port)| if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") })
            .collect();
        write!(f, "{}://{}", scheme.map_or("redis", |(name, ..)| name), hosts.join(","))
    }
}

impl fmt::Debug for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisAddress({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        RedisAddress::parse(text).unwrap_err()
    }

    #[test]
    fn a_url_names_hosts_a_user_and_parameters() {
        let address = RedisAddress::parse("redis://chat.example").unwrap();
        assert_eq!(address.hosts, [("chat.example".to_owned(), 6379)]);
        assert_eq!((address.database, &*address.prefix, address.replicas), (0, "watch-party", 0));
        let text = "rediss+cluster://ann:p%40ss+%26@a:1, b:2,[::1]:3/?durability=wait:2&prefix=x:y&ca-file=/ca.pem";
        let address = RedisAddress::parse(text).unwrap();
        assert_eq!(address.to_string(), "rediss+cluster://a:1,b:2,[::1]:3");
        assert_eq!((address.username.as_deref(), address.password.as_deref()), (Some("ann"), Some("p@ss+&")));
        assert_eq!((address.replicas, &*address.prefix), (2, "x:y"));
        assert_eq!(address.ca_file, Some("/ca.pem".into()));
        assert_eq!(RedisAddress::parse("redis://:secret@h/3").unwrap().database, 3);
    }

    #[test]
    fn a_wrong_url_is_refused_and_no_message_contains_the_password() {
        let wrong = [
            ("redis://", "names no host"),
            ("redis://:secret@", "names no host"),
            ("redis:///0", "names no host"),
            ("redis+sentinel://h", "must start with"),
            ("redis://h:port", "is not a URL"),
            ("redis://:secret@h:99999", "is not a URL"),
            ("redis://a,b", "several hosts"),
            ("redis://h/one", "must have a number"),
            ("redis://h/-1", "must have a number"),
            ("redis+cluster://h/1", "no database"),
            ("redis://h#x", "must not contain #"),
            ("redis://h?durability=wait", "durability must be"),
            ("redis://h?durability=wait:0", "durability must be"),
            ("redis://h?prefix=a%20b", "prefix must be"),
            ("redis://h?prefix={x}", "prefix must be"),
            ("redis://h?ca-file=x", "ca-file is only"),
            ("redis://:secret@h?password-file=x", "either a password"),
            ("redis://h?timeout=1", "no parameter 'timeout'"),
        ];
        for (text, expected) in wrong {
            let problem = problem(text);
            assert!(problem.contains(expected), "{text}: {problem}");
            assert!(!problem.contains("secret"), "{problem}");
        }
        let address = RedisAddress::parse("redis://ann:secret@h?password-file=").unwrap_err();
        assert!(!address.contains("secret"));
        let shown = format!("{:?}", RedisAddress::parse("redis://ann:secret@h").unwrap());
        assert!(!shown.contains("secret") && shown.contains("redis://h:6379"), "{shown}");
    }
}
