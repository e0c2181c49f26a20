//! Random values, the same in every run.

use std::cell::Cell;
use std::fmt::Write as _;

use axum::http::{HeaderName, Method};
use serde_json::{Map, Value, json};
use watch_party::service::Entropy as _;

use crate::app::CountingEntropy;

pub const FORM: &str = "application/x-www-form-urlencoded";

/// Draws random values. Half of all requests are meant to be valid: nothing in them is wrong on purpose.
#[derive(Default)]
pub struct Dice {
    entropy: CountingEntropy,
    is_valid: Cell<bool>,
}

impl Dice {
    pub fn begin_request(&self) {
        self.is_valid.set(self.one_in(2));
    }

    /// Whether to make something wrong here: once in `one_in` times, and never in a valid request.
    pub fn should_err(&self, one_in: usize) -> bool {
        !self.is_valid.get() && self.one_in(one_in)
    }

    /// Draws a number from 0 up to, but not including, `below`.
    pub fn number(&self, below: usize) -> usize {
        let mut drawn = [0; 8];
        self.entropy.fill(&mut drawn);
        usize::try_from(u64::from_le_bytes(drawn) % below as u64).unwrap()
    }

    pub fn one_in(&self, number: usize) -> bool {
        self.number(number) == 0
    }

    pub fn pick<'a, T>(&self, among: &'a [T]) -> &'a T {
        &among[self.number(among.len())]
    }
}

pub fn bytes(dice: &Dice, at_most: usize) -> Vec<u8> {
    (0..dice.number(at_most)).map(|_| u8::try_from(dice.number(256)).unwrap()).collect()
}

/// Draws a text that a person or an attacker might send.
pub fn text(dice: &Dice) -> String {
    const GOOD: [&str; 6] = ["Ann", "Bob", "Zoë 王 👩🏽‍🚀", "correct horse", "مرحبا", "<script>"];
    const BAD: [&str; 5] = ["a\nb", "\u{202e}x", "\u{0}", "", "e\u{301}\u{200b}"];
    if dice.should_err(4) {
        return match dice.number(3) {
            0 => String::from_utf8_lossy(&bytes(dice, 60)).into_owned(),
            1 => "x".repeat(dice.number(2_100)),
            _ => (*dice.pick(&BAD)).to_owned(),
        };
    }
    if dice.one_in(2) { format!("Guest {}", dice.number(1_000)) } else { (*dice.pick(&GOOD)).to_owned() }
}

/// Draws text that can be part of an address but has no meaning there.
pub fn nonsense(dice: &Dice) -> String {
    const NONSENSE: [&str; 16] = [
        "nonsense",
        "1",
        "-1",
        "%00",
        "%ff",
        "%",
        "%F0%9F%8D%BF",
        "..",
        "%2e%2e",
        "..%2Fcreate",
        "a=b&a=c",
        "after=-1",
        "after=99999999999999999999999",
        "members=",
        "=",
        "00000000-0000-0000-0000-000000000000",
    ];
    (*dice.pick(&NONSENSE)).to_owned()
}

/// Escapes `text` for a path or a query.
pub fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(byte.into());
        } else {
            write!(escaped, "%{byte:02X}").unwrap();
        }
        escaped
    })
}

/// Escapes `text` as one segment of a path, sometimes in an unusual way.
pub fn in_path(text: &str, dice: &Dice) -> String {
    let escaped = if text.is_empty() { "%20".into() } else { escaped(text) };
    if !dice.should_err(8) {
        return escaped;
    }
    match dice.number(4) {
        0 => escaped.to_uppercase(),
        1 => escaped.replace('-', ""),
        2 => format!("%{:02X}{}", escaped.as_bytes()[0], &escaped[1..]),
        _ => "%FF".into(),
    }
}

pub fn form(fields: &Map<String, Value>) -> Vec<u8> {
    let written = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let pairs = fields.iter().filter(|(_, value)| !value.is_null());
    let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name}={}", escaped(&written(value)))).collect();
    pairs.join("&").into_bytes()
}

/// Changes, removes or inserts one byte.
pub fn corrupted(mut text: Vec<u8>, dice: &Dice) -> Vec<u8> {
    if text.is_empty() {
        return text;
    }
    let (at, byte) = (dice.number(text.len()), u8::try_from(dice.number(256)).unwrap());
    match dice.number(3) {
        0 => text[at] = byte,
        1 => {
            text.remove(at);
        }
        _ => text.insert(at, byte),
    }
    text
}

/// Draws an arbitrary value that fits no field.
pub fn json(dice: &Dice) -> Value {
    match dice.number(10) {
        0 => json!(null),
        1 => json!([]),
        2 => json!({}),
        3 => json!(true),
        4 => json!(i64::MIN),
        5 => json!(u64::MAX),
        6 => json!(1.5e300),
        7 => json!([{"text": [null]}]),
        _ => json!(text(dice)),
    }
}

/// Draws a value of the kind that `schema` describes.
pub fn of_schema(schema: &Value, dice: &Dice) -> Value {
    if let Some(choices) = ["oneOf", "anyOf", "allOf"].iter().find_map(|choice| schema[*choice].as_array()) {
        return of_schema(dice.pick(choices), dice);
    }
    if let Some(values) = schema["enum"].as_array() {
        return dice.pick(values).clone();
    }
    let kinds = match &schema["type"] {
        Value::Array(kinds) => kinds.clone(),
        kind => vec![kind.clone()],
    };
    match dice.pick(&kinds).as_str() {
        Some("string") if schema["format"] == "uuid" => json!(uuid::Uuid::from_u128(dice.number(4) as u128)),
        Some("string") => json!(text(dice)),
        Some("integer") if dice.should_err(3) => json!(*dice.pick(&[-1_i64, 0, 1_001, 4_294_967_296, i64::MAX])),
        Some("integer") => json!(1 + dice.number(60)),
        Some("boolean") => json!(dice.one_in(2)),
        Some("array") => json!([]),
        Some("null") => json!(null),
        _ => json(dice),
    }
}

pub fn method(dice: &Dice) -> Method {
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"];
    dice.pick(&methods).parse().unwrap()
}

/// Draws a header that has a meaning for this or other servers.
pub fn header(dice: &Dice) -> (HeaderName, Vec<u8>) {
    const HEADERS: [(&str, &[&str]); 17] = [
        ("accept", &["text/event-stream", "text/html", "application/json", "*/*"]),
        ("content-type", &["text/plain", "application/json", FORM, "multipart/form-data; boundary=x"]),
        ("content-length", &["0", "99999999", "x"]),
        ("idempotency-key", &["order-66", "\"order-66\"", "00000000-0000-4000-8000-000000000000"]),
        ("host", &["chat.test", "evil.example", "[::1]:3000"]),
        ("origin", &["http://chat.test", "https://evil.example", "null"]),
        ("sec-fetch-site", &["same-origin", "cross-site", "none"]),
        ("x-forwarded-for", &["192.0.2.1", "2001:db8::1", "192.0.2.1, 127.0.0.1", "unknown"]),
        ("x-forwarded-host", &["outer.example", "a@b"]),
        ("x-forwarded-proto", &["https", "gopher"]),
        ("x-forwarded-prefix", &["/some/path", "//evil.example"]),
        ("x-request-id", &["request-7"]),
        ("last-event-id", &["0", "2", "x"]),
        ("upgrade", &["websocket"]),
        ("user-agent", &["Twitterbot/1.0"]),
        ("range", &["bytes=0-", "bytes=9-1"]),
        ("if-none-match", &["*", "\"x\""]),
    ];
    let (name, values) = dice.pick(&HEADERS);
    let value = if dice.one_in(3) { bytes(dice, 60) } else { dice.pick(values).as_bytes().to_vec() };
    (HeaderName::from_static(name), value)
}
