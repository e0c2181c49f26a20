//! An example request with curl for each call of the API, made from its document.
//!
//! The examples use shell variables with the names of the document's parameters and security schemes. The commands in
//! [`FIRST`] and [`setup`] set them, so every example runs as it is.

use std::iter;

use serde_json::Value;

use super::body::FORM;
use super::document::resolved;

/// Variables that are set once for all examples.
pub(super) const FIRST: &str = r#"SITE={site}
field() { sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/"; }
"#;

/// Returns the commands that set the variables of the examples under `tag`.
pub(super) fn setup(tag: &str) -> Option<&'static str> {
    Some(match tag {
        "chats" => {
            r#"chat=$(curl -s "$SITE/create" -d username=Zoe -d public_access=read)
chat_id=$(echo "$chat" | field chat_id)
session_token=$(echo "$chat" | field session_token)
session_id=$(curl -s "$SITE/$chat_id/sessions" -H "Authorization: Bearer $session_token" | field session_id)
recovery_code=$(echo "$chat" | field recovery_code)
invite_id=$(echo "$chat" | field invite_id)
key=$(echo "$chat" | field key)
guest=$(curl -s "$SITE/$chat_id/join" -d key="$key" -d username=Yan)
member_id=$(echo "$guest" | field member_id)
ask=$(curl -s "$SITE/$chat_id/invite" -H "Authorization: Bearer $session_token" -d asks_first=true)
knock=$(curl -s "$SITE/$chat_id/join" -d key="$(echo "$ask" | field key)" -d username=Xin)
knock_id=$(echo "$knock" | field knock_id)
ticket=$(echo "$knock" | field ticket)
"#
        }
        "silly chat" => {
            r#"chat=$(curl -s -X POST "$SITE/v1/chats")
chat_url=$(echo "$chat" | field chat_url)
author_id=$(echo "$chat" | field author_id)
link_url=$(curl -s "$SITE/v1/links" -d chat_url="$chat_url" -d author_id="$author_id" | field link_url)
client_id=$(curl -s "$link_url" | field client_id)
"#
        }
        "flask-chat" => {
            r#"chat_id=$(curl -s -X POST "$SITE/createroom" | field roomid)
curl -s -o /dev/null "$SITE/$chat_id/register" -d username=Ann --data-urlencode "password=correct horse"
token=$(curl -s "$SITE/$chat_id/login" -d username=Ann --data-urlencode "password=correct horse" | field token)
"#
        }
        "chat app" => {
            r#"browser_session=$(curl -s "$SITE/sessions" -d username=Zoe | field token)
hash_key=$(curl -s "$SITE/chats" --data-urlencode "name=Film night" | field hash_key)
curl -s -o /dev/null -X POST "$SITE/chats/$hash_key/enter" -H "Authorization: Bearer $browser_session"
"#
        }
        _ => return None,
    })
}

/// Fields that hold something secret or created before: their examples are variables.
const VARIABLES: [&str; 7] = ["key", "token", "recovery_code", "chat_url", "link_url", "author_id", "client_id"];

/// Fields that an example shows although they are optional, or with another value than usual.
const SHOWN: [(&str, &[(&str, &str)]); 9] = [
    ("create_chat", &[("username", "Ann")]),
    ("create_invite", &[("label", "For the family"), ("expires_in", "3600")]),
    ("flask_create_room", &[("alias", "Film night")]),
    ("flask_register", &[("username", "Bob")]),
    ("silly_create_link", &[("author_id", "$author_id")]),
    ("silly_post_message", &[("author_id", "$author_id")]),
    ("silly_approve", &[("client_id", "$client_id")]),
    ("silly_show_approval", &[("client_id", "$client_id")]),
    ("silly_read_chat", &[("author_id", "$author_id")]),
];

/// The headers that open a WebSocket; curl then prints what arrives until it is stopped.
const WEBSOCKET: &str = "--http1.1 --no-buffer -H 'Connection: Upgrade' -H 'Upgrade: websocket' \
    -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg=='";

/// Returns the curl command for `call`, which the document has at `path`.
pub(super) fn curl(document: &Value, path: &str, method: &str, call: &Value) -> String {
    let id = call["operationId"].as_str().unwrap_or_default();
    let shown = SHOWN.iter().find(|(shown, _)| *shown == id).map_or(&[][..], |(_, fields)| fields);
    let body = fields(document, &call["requestBody"]["content"][FORM]["schema"], shown);
    let queried: Vec<_> =
        call["parameters"].as_array().into_iter().flatten().filter(|it| it["in"] == "query").collect();
    let queried = queried.into_iter().filter_map(|parameter| {
        let name = parameter["name"].as_str()?;
        let is_required = parameter["required"] == true;
        value(document, name, &parameter["schema"], is_required, shown).map(|value| (name.to_owned(), value))
    });
    let queried: Vec<_> = queried.collect();
    // curl itself chooses GET without data, and POST with it.
    let how = match method {
        "get" if !queried.is_empty() => " -G".into(),
        "get" => String::new(),
        "post" if !body.is_empty() => String::new(),
        _ => format!(" -X {}", method.to_uppercase()),
    };
    let mut schemes = call["security"].as_array().into_iter().flatten();
    let scheme = schemes.find_map(|scheme| scheme.as_object()?.keys().next());
    let authorization = scheme.map(|scheme| {
        let variable = if scheme == "invite_key" { "key" } else { scheme };
        format!("-H \"Authorization: Bearer ${variable}\"")
    });
    let websocket = (id == "follow_chat").then(|| WEBSOCKET.to_owned());
    let data = queried.into_iter().chain(body).map(|(name, value)| datum(&name, &value));
    iter::once(format!("curl{how} \"{}\"", address(path)))
        .chain(authorization)
        .chain(websocket)
        .chain(data)
        .collect::<Vec<_>>()
        .join(" \\\n  ")
}

/// The address of a call. Silly Chat's chats and links are URLs already.
fn address(path: &str) -> String {
    match path {
        "/v1/chats/{opaque}" => "$chat_url".into(),
        "/v1/links/{opaque}" => "$link_url".into(),
        path => format!("$SITE{}", path.replace('{', "$").replace('}', "")),
    }
}

/// The fields of a body's schema that its example shows, with their values.
fn fields(document: &Value, schema: &Value, shown: &[(&str, &str)]) -> Vec<(String, String)> {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let all = schema["properties"].as_object().into_iter().flatten();
    let fields = all.filter_map(|(name, field)| {
        let is_required = required.iter().any(|required| required == name);
        value(document, name, field, is_required, shown).map(|value| (name.clone(), value))
    });
    fields.collect()
}

/// The value that an example shows for a field; `None` if it leaves the field out.
fn value(document: &Value, name: &str, schema: &Value, is_required: bool, shown: &[(&str, &str)]) -> Option<String> {
    if let Some((_, value)) = shown.iter().find(|(shown, _)| *shown == name) {
        return Some((*value).to_owned());
    }
    if !is_required {
        return None;
    }
    if VARIABLES.contains(&name) {
        return Some(format!("${name}"));
    }
    let schema = resolved(document, schema);
    let value = schema.get("example").or_else(|| schema["enum"].get(0)).unwrap_or(&Value::Null);
    Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// The option that sends a field. A value with characters that a form encodes is left to curl.
fn datum(name: &str, value: &str) -> String {
    if value.starts_with('$') {
        format!("-d {name}=\"{value}\"")
    } else if value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')) {
        format!("-d {name}={value}")
    } else {
        format!("--data-urlencode \"{name}={value}\"")
    }
}
