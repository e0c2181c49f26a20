//! Whole requests to every call, page, form and server function. The examples that are changed come from the API's
//! document, so a new call is covered without a change here.

use serde_json::Value;

use crate::document::{Operation, operations, server_functions};
use crate::inputs::Target;
use crate::site::{FuzzedSite, Sent};

/// The value of a field in an example: a known one, or what the document gives as an example.
fn example(name: &str, schema: &Value) -> String {
    match name {
        "key" | "recovery_code" | "session_token" | "token" | "author_id" | "client_id" | "chat_url" | "link_url"
        | "chat_id" => {
            format!("{{{name}}}")
        }
        "join_id" => "8e03978e-40d5-43dd-bc93-6894a57f9324".into(),
        // Too short, because a hash takes longer than a thousand requests.
        "password" => "secret".into(),
        _ => {
            let value = schema.get("example").or_else(|| schema["enum"].get(0)).unwrap_or(&Value::Null);
            value.as_str().map_or_else(|| value.to_string(), str::to_owned)
        }
    }
}

fn credential(operation: &Operation) -> Option<String> {
    let is_of_knocks = operation.path.contains("/knocks");
    let scheme = operation.proofs.first()?;
    let value = match scheme.as_str() {
        "session_token" if is_of_knocks => "{approval_token}",
        "session_token" => "{session_token}",
        "ticket" => "{ticket}",
        "invite_key" => "{key}",
        _ => "{browser}",
    };
    Some(if scheme == "browser_cookie" {
        format!("cookie: watch-party-session={value}\n")
    } else {
        format!("authorization: Bearer {value}\n")
    })
}

/// The call as a request in JSON, and as one with a form.
fn written(operation: &Operation) -> Vec<Vec<u8>> {
    let path = operation.path.replace("/v1/links/{opaque}", "/v1/links/{link}");
    let path = if path.contains("/knocks") { path.replace("{chat_id}", "{approval_id}") } else { path };
    let is_of_room = ["/register", "/login", "/message", "/get_conversation"].iter().any(|end| path.ends_with(end));
    let path = if is_of_room { path.replace("{chat_id}", "{roomid}") } else { path };
    let query = if operation.query.iter().any(|name| name == "after") { "?after=0" } else { "" };
    let head = format!("{} {path}{query}\n{}", operation.method, credential(operation).unwrap_or_default());
    let fields = || operation.fields.iter().map(|(name, schema)| (name, example(name, schema)));
    let form: Vec<String> = fields().map(|(name, value)| format!("{name}={value}")).collect();
    let form = format!("{head}content-type: application/x-www-form-urlencoded\n\n{}", form.join("&"));
    let json: Vec<String> = fields()
        .map(|(name, value)| {
            let is_bare = value.parse::<f64>().is_ok() || ["true", "false", "null"].contains(&&*value);
            format!("\"{name}\": {}", if is_bare { value } else { format!("\"{value}\"") })
        })
        .collect();
    let json = format!("{head}content-type: application/json\n\n{{{}}}", json.join(", "));
    [json, form, format!("{head}accept: text/event-stream\n\n")].map(String::into_bytes).to_vec()
}

const PAGES: [&str; 8] = [
    "GET /\naccept: text/html\n\n",
    "GET /join/{chat_id}?notice=left\nhost: chat.test:80\nx-forwarded-proto: https\naccept: text/html\n\n",
    "GET /room/{roomid}\naccept: text/html\naccept-language: ar\n\n",
    "GET /chatrooms/{hash_key}/\naccept: text/html\ncookie: watch-party-session={browser}\n\n",
    "GET /sessions/new?chatroom={hash_key}&rename=yes\naccept: text/html\n\n",
    "GET /pkg/watch-party.js\naccept-encoding: br;q=0.5, gzip\nrange: bytes=0-9\nif-none-match: \"x\"\n\n",
    "POST /\naccept: text/html\ncontent-type: application/x-www-form-urlencoded\n\nusername=%3Cx-fuzz%3E&name=%22%3E%3Cx-fuzz&admission=link&capacity=x",
    "POST /join/{chat_id}\naccept: text/html\n\nkey={key}&join_id=8e03978e-40d5-43dd-bc93-6894a57f9324&username=%3C%2Fscript%3E%3Cx-fuzz%3E",
];

const WORDS: [&str; 63] = [
    "GET ",
    "HEAD ",
    "POST ",
    "PUT ",
    "PATCH ",
    "DELETE ",
    "OPTIONS ",
    "/",
    "?",
    "&",
    "=",
    "\n",
    "\n\n",
    "after=",
    "members=go",
    "invite=revoke",
    "0",
    "7",
    "{chat_id}",
    "{approval_id}",
    "{roomid}",
    "{hash_key}",
    "{opaque}",
    "{link}",
    "{session_token}",
    "{bob_token}",
    "{approval_token}",
    "{key}",
    "{ticket}",
    "{token}",
    "{author_id}",
    "{client_id}",
    "{browser}",
    "{member_id}",
    "{knock_id}",
    "{recovery_code}",
    "{chat_url}",
    "{link_url}",
    "authorization: Bearer ",
    "cookie: watch-party-session=",
    "content-type: text/plain\n",
    "content-type: application/json\n",
    "content-type: application/x-www-form-urlencoded\n",
    "content-length: 99999999\n",
    "accept: text/html\n",
    "accept: text/event-stream\n",
    "idempotency-key: ",
    "origin: http://evil.example\n",
    "sec-fetch-site: cross-site\n",
    "x-forwarded-for: ",
    "x-forwarded-host: ",
    "x-forwarded-proto: ",
    "last-event-id: ",
    "upgrade: websocket\n",
    "host: ",
    "user-agent: Twitterbot\n",
    "accept-encoding: gzip\n",
    "{\"",
    "\": ",
    "\"}",
    "null",
    "%3Cx-fuzz%3E",
    "<x-fuzz>",
];

#[test]
fn requests() {
    let site = FuzzedSite::new();
    let operations = operations();
    let functions = server_functions(&operations);
    let examples = operations.iter().chain(&functions).flat_map(written);
    let examples = examples.chain(PAGES.map(|page| page.as_bytes().to_vec()));
    Target::new("requests", 400).words(WORDS).examples(examples).check(|text| {
        if let Some(sent) = Sent::read(&site.filled(text)) {
            site.ask(&sent);
        }
    });
}
