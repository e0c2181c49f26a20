//! The `OpenAPI` document as a page for people.

use std::sync::Arc;

use axum::Router;
use axum::extract::OriginalUri;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use leptos::either::Either;
use leptos::prelude::*;
use serde_json::Value;

use super::AppState;
use super::origin::relative_root;

/// The page loads its style and its icon, and nothing else.
const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'");

pub(super) const PATH: &str = "/docs";

/// Placeholder for the relative path to the site's root.
const RELATIVE_ROOT: &str = "way-up";

pub(super) fn routes(document: &Value) -> Router<AppState> {
    let page: Arc<str> = render(document).into();
    let show = move |OriginalUri(asked): OriginalUri| async move {
        let page = page.replacen(RELATIVE_ROOT, &relative_root(asked.path()), 1);
        ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(page)).into_response()
    };
    Router::new().route(PATH, get(show))
}

/// Renders text, with the parts between backticks as code.
fn prose(text: &str) -> impl IntoView + use<> {
    let parts = text.split('`').map(str::to_owned).enumerate();
    parts
        .map(|(at, part)| if at % 2 == 1 { Either::Left(view! { <code>{part}</code> }) } else { Either::Right(part) })
        .collect_view()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn entries(value: &Value) -> Vec<(String, Value)> {
    value.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn items(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

/// The name of a schema: `string`, `[Message]`, `integer or null`.
fn type_name(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        return reference.rsplit('/').next().unwrap_or_default().to_owned();
    }
    for one_of in ["oneOf", "anyOf"] {
        let choices = items(&schema[one_of]);
        if !choices.is_empty() {
            return choices.iter().map(type_name).collect::<Vec<_>>().join(" or ");
        }
    }
    match &schema["type"] {
        Value::String(name) if name == "array" => format!("[{}]", type_name(&schema["items"])),
        Value::String(name) => match schema["format"].as_str() {
            Some(format) => format!("{name} ({format})"),
            None => name.clone(),
        },
        Value::Array(names) => names.iter().map(text).collect::<Vec<_>>().join(" or "),
        _ => "any".into(),
    }
}

/// The fields of a schema, including those of the schemas that it combines. Each has its name, its schema, and whether
/// it is required.
fn fields(schema: &Value) -> Vec<(String, Value, bool)> {
    let required = items(&schema["required"]);
    let own = entries(&schema["properties"]);
    let own = own.into_iter().map(|(name, field)| {
        let is_required = required.contains(&Value::String(name.clone()));
        (name, field, is_required)
    });
    own.chain(items(&schema["allOf"]).iter().flat_map(fields)).collect()
}

fn bodies(content: &Value) -> Option<String> {
    let kinds =
        entries(content).into_iter().map(|(media_type, body)| format!("{} ({media_type})", type_name(&body["schema"])));
    let kinds = kinds.collect::<Vec<_>>().join(" or ");
    (!kinds.is_empty()).then_some(kinds)
}

fn operation_view(path: &str, method: &str, operation: &Value) -> impl IntoView + use<> {
    let (path, method) = (path.to_owned(), method.to_uppercase());
    let id = text(&operation["operationId"]);
    let needs_session = operation["security"].is_array();
    let parameters = items(&operation["parameters"]);
    let body = bodies(&operation["requestBody"]["content"]);
    let responses = entries(&operation["responses"]);
    view! {
        <section class="call" aria-labelledby=id.clone()>
            <h3 id=id.clone()><code>{method}" "{path}</code></h3>
            <p>{prose(&text(&operation["summary"]))}</p>
            {operation["description"].as_str().map(|more| view! { <p>{prose(more)}</p> })}
            {needs_session.then(|| view! { <p>"Authentication: "<code>"Authorization: Bearer …"</code></p> })}
            <dl>
                {parameters
                    .iter()
                    .map(|parameter| view! {
                        <dt><code>{text(&parameter["name"])}</code>" in "{text(&parameter["in"])}</dt>
                        <dd>{type_name(&parameter["schema"])}". "{prose(&text(&parameter["description"]))}</dd>
                    })
                    .collect_view()}
                {body.map(|body| view! { <dt>"Body"</dt><dd>{body}</dd> })}
                {responses
                    .iter()
                    .map(|(status, response)| view! {
                        <dt><code>{status.clone()}</code></dt>
                        <dd>{prose(&text(&response["description"]))}" "{bodies(&response["content"]).map(|body| view! { <span class="hint">{body}</span> })}</dd>
                    })
                    .collect_view()}
            </dl>
        </section>
    }
}

fn schema_view(name: &str, schema: &Value) -> impl IntoView + use<> {
    let (id, name) = (format!("body-{name}"), name.to_owned());
    let choices = items(&schema["enum"])
        .into_iter()
        .chain(items(&schema["oneOf"]).into_iter().flat_map(|choice| items(&choice["enum"])))
        .map(|choice| text(&choice))
        .collect::<Vec<_>>()
        .join(", ");
    let fields = fields(schema);
    view! {
        <section class="call" aria-labelledby=id.clone()>
            <h3 id=id.clone()><code>{name}</code></h3>
            {schema["description"].as_str().map(|about| view! { <p>{prose(about)}</p> })}
            {(!choices.is_empty()).then(|| view! { <p>"One of: "<code>{choices.clone()}</code></p> })}
            {(!fields.is_empty()).then(|| view! {
                <dl>
                    {fields
                        .iter()
                        .map(|(field, schema, is_required)| view! {
                            <dt><code>{field.clone()}</code></dt>
                            <dd>
                                {type_name(schema)}{if *is_required { ". " } else { ", optional. " }}
                                {prose(&text(&schema["description"]))}
                            </dd>
                        })
                        .collect_view()}
                </dl>
            })}
        </section>
    }
}

fn render(document: &Value) -> String {
    let calls: Vec<(String, String, Value)> = entries(&document["paths"])
        .into_iter()
        .flat_map(|(path, methods)| {
            entries(&methods).into_iter().map(move |(method, call)| (path.clone(), method, call))
        })
        .collect();
    let page = view! {
        <html lang="en" dir="ltr">
            <head>
                <meta charset="utf-8"/>
                <base href=RELATIVE_ROOT/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <title>"API · Watch Party"</title>
                <link rel="icon" href="assets/icon.svg" type="image/svg+xml"/>
                <link rel="stylesheet" href="pkg/watch-party.css"/>
            </head>
            <body>
                <header class="bar"><a class="brand" href="./">"Watch Party"</a></header>
                <main class="docs">
                    <h1>"API"</h1>
                    <p>{prose(&text(&document["info"]["description"]))}</p>
                    <p>"Machine-readable: "<a href="openapi.json">"openapi.json"</a></p>
                    {items(&document["tags"])
                        .iter()
                        .map(|tag| {
                            let calls = calls.iter().filter(|(.., call)| call["tags"][0] == tag["name"]);
                            view! {
                                <h2>{text(&tag["name"])}</h2>
                                <p>{text(&tag["description"])}"."</p>
                                {calls.map(|(path, method, call)| operation_view(path, method, call)).collect_view()}
                            }
                        })
                        .collect_view()}
                    <h2>"Bodies"</h2>
                    {entries(&document["components"]["schemas"])
                        .iter()
                        .map(|(name, schema)| schema_view(name, schema))
                        .collect_view()}
                </main>
            </body>
        </html>
    };
    format!("<!DOCTYPE html>{}", page.to_html())
}
