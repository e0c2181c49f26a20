//! The calls in the API's document.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use leptos::server_fn::axum::server_fn_paths;
use serde_json::Value;
use watch_party::http::api_document;

/// A call of the API.
#[derive(Debug)]
pub struct Operation {
    pub name: String,
    pub method: Method,
    /// With parameter names in braces: `/{chat_id}/members`.
    pub path: String,
    pub in_path: Vec<String>,
    pub query: Vec<String>,
    /// The fields of the body, each with its schema.
    pub fields: BTreeMap<String, Value>,
    /// The names of the security schemes that the document lists for the call.
    pub proofs: Vec<String>,
    pub takes_json: bool,
    pub takes_forms: bool,
    /// The content types that each status can have.
    pub answers: BTreeMap<u16, BTreeSet<String>>,
    /// Whether it refuses in its own format: `succeeded` and `explanation`.
    pub has_own_format: bool,
}

/// Resolves a reference in the document.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
        None => schema,
    }
}

/// Returns the schema without references, down to the depth at which values are generated.
fn whole(document: &Value, schema: &Value) -> Value {
    let mut schema = resolved(document, schema).clone();
    for choice in ["oneOf", "anyOf", "allOf"] {
        for part in schema[choice].as_array_mut().into_iter().flatten() {
            *part = resolved(document, part).clone();
        }
    }
    schema
}

fn fields(document: &Value, body: &Value) -> BTreeMap<String, Value> {
    let schemas = body["content"].as_object().into_iter().flat_map(|content| content.values());
    let schemas = schemas.map(|content| resolved(document, &content["schema"]));
    let properties = schemas.filter_map(|schema| schema["properties"].as_object()).flatten();
    properties.map(|(name, schema)| (name.clone(), whole(document, schema))).collect()
}

pub fn operations() -> Vec<Operation> {
    let document = api_document();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, call) in methods.as_object().unwrap() {
            let parameters = call["parameters"].as_array().cloned().unwrap_or_default();
            let named = |location: &str| -> Vec<String> {
                let at_location = parameters.iter().filter(|parameter| parameter["in"] == location);
                at_location.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
            };
            let takes = |kind: &str| call["requestBody"]["content"].get(kind).is_some();
            let responses = call["responses"].as_object().unwrap();
            let kinds = |response: &Value| -> BTreeSet<String> {
                response["content"].as_object().into_iter().flat_map(|content| content.keys().cloned()).collect()
            };
            let schemes = call["security"].as_array().into_iter().flatten();
            let has_own_format = call["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].as_str();
            operations.push(Operation {
                name: call["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                in_path: named("path"),
                query: named("query"),
                fields: fields(&document, &call["requestBody"]),
                proofs: schemes.flat_map(|scheme| scheme.as_object().unwrap().keys().cloned()).collect(),
                takes_json: takes("application/json"),
                takes_forms: takes("application/x-www-form-urlencoded"),
                answers: responses.iter().map(|(status, answer)| (status.parse().unwrap(), kinds(answer))).collect(),
                has_own_format: has_own_format
                    .is_some_and(|schema| schema.ends_with("/Outcome") || schema.ends_with("/Login")),
            });
        }
    }
    operations
}

/// Returns the calls of the pages' forms. Their fields are not documented, so each may get any field.
pub fn server_functions(operations: &[Operation]) -> Vec<Operation> {
    let any = Value::Null;
    let known = operations.iter().flat_map(|operation| operation.fields.clone());
    let fields: BTreeMap<String, Value> =
        known.chain(["chat_id", "session_token"].map(|name| (name.to_owned(), any.clone()))).collect();
    let functions = server_fn_paths().map(|(path, method)| Operation {
        name: path.to_owned(),
        method,
        path: path.to_owned(),
        in_path: Vec::new(),
        query: Vec::new(),
        fields: fields.clone(),
        proofs: Vec::new(),
        takes_json: false,
        takes_forms: true,
        answers: BTreeMap::new(),
        has_own_format: false,
    });
    let mut functions: Vec<Operation> = functions.collect();
    functions.sort_by(|one, other| one.name.cmp(&other.name));
    assert!(!functions.is_empty());
    functions
}
