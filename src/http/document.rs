//! Completes the generated API document with what the handlers' types cannot say: the fields' bounds, forms, and the
//! paths that two calls share.

use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

use super::body::FORM;
use super::fields::keywords;
use crate::domain::Admission;

/// Stands in patterns for the site's URL, which each request names.
pub(super) const SITE: &str = "{site}";
/// Marks a call that is documented at its other path already.
pub(super) const SAME_AS: &str = "x-same-as";

const JSON: &str = "application/json";

/// Returns the document as JSON; patterns hold [`SITE`] until [`at_site`] fills it in.
pub(super) fn complete(generated: &OpenApi) -> Value {
    let mut document = serde_json::to_value(generated).expect("the document is JSON");
    for call in calls_mut(&mut document) {
        require_objects(call);
        for parameter in items_mut(call.get_mut("parameters")) {
            let name = parameter["name"].as_str().unwrap_or_default().to_owned();
            let Some(schema) = parameter.get_mut("schema") else { continue };
            remove_null(schema);
            extend(schema, keywords("", &name));
            extend(schema, address_pattern(&name));
        }
    }
    for name in request_schemas(&document) {
        let Some(schema) = document.pointer_mut(&format!("/components/schemas/{name}")) else { continue };
        for (field, schema) in fields_mut(schema) {
            if schema["format"] == "uuid" {
                extend(schema, Some(json!({"minLength": 36, "maxLength": 36})));
            }
            extend(schema, keywords(&name, field));
            extend(schema, address_pattern(field));
        }
        if name == "CreateChat" {
            extend(schema, Some(by_admission()));
        }
    }
    let schemas = document["components"]["schemas"].clone();
    for call in calls_mut(&mut document) {
        add_form(call, &schemas);
    }
    share_paths(&mut document);
    document
}

/// Returns the document's text for the site at `site`.
pub(super) fn at_site(document: &str, site: &str) -> String {
    // Escaped for the pattern, and again for the JSON text.
    document.replace(SITE, &site.replace('.', "\\\\."))
}

/// Follows the reference of `schema`, if it is one.
pub(super) fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let target = schema["$ref"].as_str().and_then(|reference| document.pointer(reference.strip_prefix('#')?));
    target.unwrap_or(schema)
}

fn calls_mut(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut);
    paths.filter_map(Value::as_object_mut).flat_map(Map::values_mut)
}

// Indexing by a missing key would insert `null`, so these look before.
fn items_mut(value: Option<&mut Value>) -> impl Iterator<Item = &mut Value> {
    value.and_then(Value::as_array_mut).into_iter().flatten()
}

fn fields_mut(schema: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten()
}

fn contents_mut(call: &mut Value) -> Option<&mut Map<String, Value>> {
    call.pointer_mut("/requestBody/content")?.as_object_mut()
}

fn extend(schema: &mut Value, keywords: Option<Value>) {
    if let (Some(schema), Some(Value::Object(keywords))) = (schema.as_object_mut(), keywords) {
        schema.extend(keywords);
    }
}

/// An optional body may be left out, but it is never `null`.
fn require_objects(call: &mut Value) {
    for content in contents_mut(call).into_iter().flat_map(Map::values_mut) {
        let mut choices = items_mut(content.pointer_mut("/schema/oneOf"));
        let body = choices.find(|schema| schema.get("$ref").is_some()).map(Value::take);
        drop(choices);
        if let Some(body) = body {
            content["schema"] = body;
        }
    }
}

/// The pattern of Silly Chat's URLs, which must belong to this site.
fn address_pattern(field: &str) -> Option<Value> {
    let id = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
    let path = match field {
        "chat_url" => format!("/v1/chats/{id}"),
        "link_url" => format!("/v1/links/{id}\\.[A-Za-z0-9_-]{{43}}"),
        _ => return None,
    };
    Some(json!({"pattern": format!("^{SITE}{path}$")}))
}

/// What a new chat may have depends on its admission.
fn by_admission() -> Value {
    let others = Admission::Link.rules().max_capacity;
    json!({
        "if": {"properties": {"admission": {"const": "account"}}, "required": ["admission"]},
        "else": {"properties": {"capacity": {"maximum": others}, "password": {"type": "null"}}},
    })
}

/// The names of the schemas that request bodies are made of.
fn request_schemas(document: &Value) -> Vec<String> {
    let paths = document["paths"].as_object().into_iter().flat_map(Map::values);
    let calls = paths.filter_map(Value::as_object).flat_map(Map::values);
    let schemas = calls.filter_map(|call| call.pointer("/requestBody/content")?[JSON]["schema"]["$ref"].as_str());
    let names = schemas.filter_map(|reference| reference.rsplit('/').next()).map(str::to_owned);
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Documents that a JSON body may also be a form, because one extractor reads both. A form has no `null`.
fn add_form(call: &mut Value, schemas: &Value) {
    let Some(content) = contents_mut(call) else { return };
    let reference = content.get(JSON).and_then(|json| json["schema"]["$ref"].as_str());
    let Some(schema) = reference.and_then(|reference| schemas.get(reference.rsplit('/').next()?)) else { return };
    let mut schema = schema.clone();
    fields_mut(&mut schema).for_each(|(_, field)| remove_null(field));
    // Unknown fields are ignored, but no field may occur twice, as it would for an array.
    extend(&mut schema, Some(json!({"additionalProperties": {"type": ["string", "number", "boolean"]}})));
    if let Some(password) = schema.pointer_mut("/else/properties/password") {
        *password = Value::Bool(false);
    }
    content.insert(FORM.to_owned(), json!({"schema": schema}));
}

fn remove_null(schema: &mut Value) {
    let Some(keywords) = schema.as_object_mut() else { return };
    keywords.remove("default");
    if let Some(Value::Array(types)) = keywords.get_mut("type") {
        types.retain(|name| name != "null");
    }
    if let Some(Value::Array(choices)) = keywords.get_mut("oneOf") {
        choices.retain(|choice| choice["type"] != "null");
    }
}

/// Of two paths that differ in the slash at their end, each takes the methods of the other too.
fn share_paths(document: &mut Value) {
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else { return };
    let pairs: Vec<(String, String)> = paths
        .keys()
        .filter_map(|path| Some((path.strip_suffix('/')?.to_owned(), path.clone())))
        .filter(|(plain, _)| paths.contains_key(plain))
        .collect();
    for (plain, slashed) in pairs {
        let calls = paths[&plain].as_object().cloned().unwrap_or_default();
        for (method, mut call) in calls {
            let Some(others) = paths[&slashed].as_object_mut().filter(|others| !others.contains_key(&method)) else {
                continue;
            };
            let id = call["operationId"].take();
            call["operationId"] = format!("{}_with_slash", id.as_str().unwrap_or_default()).into();
            call[SAME_AS] = id;
            others.insert(method, call);
        }
    }
}
