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
use super::document::{SAME_AS, SITE, resolved};
use super::examples;
use super::origin::{SiteUrl, relative_root};

/// The page loads its style and its icon, and nothing else.
const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'");

pub(super) const PATH: &str = "/docs";

/// The media type of errors, which have the same fields everywhere.
const PROBLEM: &str = "application/problem+json";

/// Placeholder for the relative path to the site's root.
const RELATIVE_ROOT: &str = "way-up";

pub(super) fn routes(document: &Value) -> Router<AppState> {
    let page: Arc<str> = render(document).into();
    let show = move |OriginalUri(asked): OriginalUri, SiteUrl(site): SiteUrl| async move {
        let page = page.replacen(RELATIVE_ROOT, &relative_root(asked.path()), 1).replacen(SITE, &site, 1);
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

/// Joins words as in a sentence: `a, b or c`.
fn alternatives(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [word] => word.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// A schema's values in words: `1 to 64 characters`, `whole number from 1 to 50`, `list`.
fn values(document: &Value, schema: &Value) -> String {
    let schema = resolved(document, schema);
    let (mut choices, mut is_nullable) = (Vec::new(), false);
    for choice in ["oneOf", "anyOf"].into_iter().flat_map(|key| items(&schema[key])) {
        match &choice["type"] {
            Value::String(name) if name == "null" => is_nullable = true,
            _ => choices.push(values(document, &choice)),
        }
    }
    choices.dedup();
    let bound = |key: &str| schema[key].as_u64();
    let names = items(&schema["type"]);
    is_nullable |= names.iter().any(|name| name == "null");
    let name = names.iter().find(|name| *name != "null").unwrap_or(&schema["type"]);
    let values = match name.as_str().unwrap_or_default() {
        _ if !choices.is_empty() => alternatives(&choices),
        _ if schema["enum"].is_array() => {
            alternatives(&items(&schema["enum"]).iter().map(|value| format!("`{}`", plain(value))).collect::<Vec<_>>())
        }
        "string" => match (schema["format"].as_str(), bound("minLength"), bound("maxLength")) {
            (Some("uuid"), ..) => "UUID".into(),
            (Some("date-time"), ..) => "time".into(),
            (_, Some(min), Some(max)) if min == max => format!("{min} characters"),
            (_, Some(min), Some(max)) => format!("{min} to {max} characters"),
            _ => "text".into(),
        },
        "integer" => match (bound("minimum"), bound("maximum")) {
            (Some(min), Some(max)) if max < u64::MAX => format!("whole number from {min} to {max}"),
            _ => "whole number".into(),
        },
        "boolean" => "`true` or `false`".into(),
        "array" => format!("list of: {}", values(document, &schema["items"])),
        _ => "object".into(),
    };
    if is_nullable { format!("{values}, or `null`") } else { values }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The fields of a schema, including those of the schemas that it combines. Each has its name, its schema, and whether
/// it is required.
fn fields(document: &Value, schema: &Value) -> Vec<(String, Value, bool)> {
    let schema = resolved(document, schema);
    let required = items(&schema["required"]);
    let own = entries(&schema["properties"]);
    let own = own.into_iter().map(|(name, field)| {
        let is_required = required.contains(&Value::String(name.clone()));
        (name, field, is_required)
    });
    own.chain(items(&schema["allOf"]).iter().flat_map(|part| fields(document, part))).collect()
}

/// A field's description, and the values that it can have.
fn field_text(document: &Value, field: &Value, is_required: bool) -> String {
    let optional = if is_required { "" } else { " Optional." };
    let description = [field, resolved(document, field)].map(|schema| text(&schema["description"]));
    let description = description.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
    format!("{}.{optional} {description}", capitalized(&values(document, field)))
}

fn capitalized(sentence: &str) -> String {
    let mut rest = sentence.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

/// The fields of a body, with those of the objects in it; for a body of several forms, those of each.
fn body_view(document: &Value, schema: &Value) -> AnyView {
    let schema = resolved(document, schema);
    if schema["type"] == "array" {
        return body_view(document, &schema["items"]);
    }
    let forms = items(&schema["oneOf"]).into_iter().filter(|form| form["type"] != "null").collect::<Vec<_>>();
    if !forms.is_empty() {
        let forms = forms.into_iter().map(|form| {
            let about = form["type"]
                .is_string()
                .then(|| text(&form["description"]))
                .map(|about| view! { <p>{prose(&about)}</p> });
            view! { {about}{body_view(document, &form)} }
        });
        return forms.collect_view().into_any();
    }
    let fields = fields(document, schema);
    if fields.is_empty() {
        return ().into_any();
    }
    view! {
        <dl>
            {fields
                .iter()
                .map(|(name, field, is_required)| view! {
                    <dt><code>{name.clone()}</code></dt>
                    <dd>{prose(&field_text(document, field, *is_required))}{body_view(document, field)}</dd>
                })
                .collect_view()}
        </dl>
    }
    .into_any()
}

/// A response: what it means, and the fields of its body.
fn response_view(document: &Value, status: &str, response: &Value) -> impl IntoView + use<> {
    let bodies = entries(&response["content"]);
    let bodies = bodies.iter().filter(|(media_type, _)| media_type != PROBLEM).map(|(media_type, body)| {
        let is_simple = resolved(document, &body["schema"])["type"] == "array";
        view! {
            <details>
                <summary><code>{media_type.clone()}</code></summary>
                {is_simple.then(|| view! { <p>{prose(&capitalized(&values(document, &body["schema"])))}"."</p> })}
                {body_view(document, &body["schema"])}
            </details>
        }
    });
    view! {
        <dt><code>{status.to_owned()}</code></dt>
        <dd>{prose(&text(&response["description"]))}{bodies.collect_view()}</dd>
    }
}

fn call_view(document: &Value, path: &str, method: &str, call: &Value) -> impl IntoView + use<> {
    let id = text(&call["operationId"]);
    let name = format!("{} {path}", method.to_uppercase());
    let example = examples::curl(document, path, method, call);
    let body = entries(&call["requestBody"]["content"]);
    let kinds = body.iter().map(|(media_type, _)| format!("`{media_type}`")).collect::<Vec<_>>();
    let body = body.first().map(|(_, body)| {
        view! {
            <h4>"Body"</h4>
            <p>{prose(&alternatives(&kinds))}</p>
            {body_view(document, &body["schema"])}
        }
    });
    let parameters = items(&call["parameters"]);
    let parameters = (!parameters.is_empty()).then(|| {
        view! {
            <h4>"Parameters"</h4>
            <dl>
                {parameters
                    .iter()
                    .map(|parameter| {
                        let about = field_text(document, &parameter["schema"], parameter["required"] == true);
                        view! {
                            <dt><code>{text(&parameter["name"])}</code>" in "{text(&parameter["in"])}</dt>
                            <dd>{prose(&about)}{prose(&text(&parameter["description"]))}"."</dd>
                        }
                    })
                    .collect_view()}
            </dl>
        }
    });
    let responses = entries(&call["responses"]);
    view! {
        <section class="call" aria-labelledby=id.clone()>
            <h3 id=id.clone()><code>{name}</code></h3>
            <p>{prose(&text(&call["summary"]))}</p>
            {call["description"].as_str().map(|more| view! { <p>{prose(more)}</p> })}
            <pre class="example" tabindex="0"><code>{example}</code></pre>
            {parameters}
            {body}
            <h4>"Responses"</h4>
            <dl>
                {responses
                    .iter()
                    .map(|(status, response)| response_view(document, status, response))
                    .collect_view()}
            </dl>
        </section>
    }
}

/// The calls under one heading, after the commands that their examples need.
fn group_view(document: &Value, tag: &Value) -> impl IntoView + use<> {
    let paths = entries(&document["paths"]);
    let calls = paths.iter().flat_map(|(path, calls)| {
        let calls = entries(calls).into_iter().filter(|(_, call)| call["tags"][0] == tag["name"]);
        let own = calls.filter(|(_, call)| call.get(SAME_AS).is_none());
        own.map(|(method, call)| call_view(document, path, &method, &call)).collect::<Vec<_>>()
    });
    let setup = examples::setup(tag["name"].as_str().unwrap_or_default()).map(|setup| {
        view! {
            <p>"The examples need these commands first:"</p>
            <pre class="setup" tabindex="0"><code>{setup}</code></pre>
        }
    });
    view! {
        <h2>{text(&tag["name"])}</h2>
        <p>{prose(&text(&tag["description"]))}"."</p>
        {setup}
        {calls.collect_view()}
    }
}

fn render(document: &Value) -> String {
    let problem = &document["components"]["schemas"]["Problem"];
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
                    <p>"For programs: "<a href="openapi.json">"openapi.json"</a></p>
                    <p>"Each call has an example for a shell with curl. All of them need these two lines first:"</p>
                    <pre class="setup" tabindex="0"><code>{examples::FIRST}</code></pre>
                    {items(&document["tags"]).iter().map(|tag| group_view(document, tag)).collect_view()}
                    <h2>"Errors"</h2>
                    <p>{prose(&text(&problem["description"]))}</p>
                    {body_view(document, problem)}
                </main>
            </body>
        </html>
    };
    // The marks where hydration would find text have no use here.
    format!("<!DOCTYPE html>{}", page.to_html().replace("<!>", ""))
}
