//! Request bodies: a form if the `Content-Type` says so, otherwise JSON, with errors that name the field.

use std::collections::HashSet;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use serde::Deserializer;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::problem::Failure;
use crate::wire::{Code, PostMessage, Problem};

/// A JSON body, or a form as browsers send it.
#[derive(Debug)]
pub(super) struct RequestBody<T>(pub(super) T);

/// The same, but the body is optional.
#[derive(Debug)]
pub(super) struct OptionalRequestBody<T>(pub(super) T);

/// The same, but field names may be in any letter case, and an empty body is an object without fields.
#[derive(Debug)]
pub(super) struct AnyCaseBody<T>(pub(super) T);

/// The message to post: a JSON body, a form, or its text alone as `text/plain`.
#[derive(Debug)]
pub(super) struct MessageBody(pub(super) PostMessage);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for RequestBody<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let is_form = has_type(request.headers(), FORM);
        Ok(Self(parse(&read(request, state).await?, is_form, FieldNames::Exact)?))
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalRequestBody<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let is_form = has_type(request.headers(), FORM);
        let bytes = read(request, state).await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(T::default()));
        }
        Ok(Self(parse(&bytes, is_form, FieldNames::Exact)?))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for AnyCaseBody<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let is_form = has_type(request.headers(), FORM);
        let bytes = read(request, state).await?;
        let is_empty = bytes.iter().all(u8::is_ascii_whitespace);
        Ok(Self(parse(if is_empty { b"{}" } else { &bytes }, is_form && !is_empty, FieldNames::AnyCase)?))
    }
}

impl<S: Send + Sync> FromRequest<S> for MessageBody {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let headers = request.headers().clone();
        Self::read(&headers, read(request, state).await?)
    }
}

impl MessageBody {
    pub(super) fn read(headers: &HeaderMap, bytes: Bytes) -> Result<Self, Failure> {
        if !has_type(headers, "text/plain") {
            return Ok(Self(parse(&bytes, has_type(headers, FORM), FieldNames::Exact)?));
        }
        let text = String::from_utf8(bytes.into())
            .map_err(|_| Problem::unreadable("The request body is not UTF-8.").about_field("text"))?;
        // A browser's `fetch` sends any string as `text/plain`, JSON too. Text that only resembles such a body is
        // posted unchanged.
        if starts_object(text.as_bytes())
            && let Ok(Value::Object(fields)) = serde_json::from_str(&text)
            && fields.contains_key("text")
        {
            return Ok(Self(from_fields(Value::Object(fields))?));
        }
        Ok(Self(PostMessage { text, client_id: None }))
    }
}

pub(super) const FORM: &str = "application/x-www-form-urlencoded";

fn has_type(headers: &HeaderMap, media_type: &str) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let given = content_type.and_then(|value| value.split(';').next());
    given.is_some_and(|given| given.trim().eq_ignore_ascii_case(media_type))
}

async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Failure> {
    Bytes::from_request(request, state).await.map_err(|_| Problem::unreadable("The request body is incomplete.").into())
}

/// How field names are read.
#[derive(Clone, Copy, Debug)]
enum FieldNames {
    Exact,
    /// `Approval_Status` means `approval_status`.
    AnyCase,
}

impl FieldNames {
    fn read(self, name: &str) -> String {
        match self {
            Self::Exact => name.to_owned(),
            Self::AnyCase => name.to_ascii_lowercase(),
        }
    }
}

/// Parses a form if the request says so, otherwise JSON. A JSON object that is sent as a form is parsed as JSON,
/// because curl sends it that way by default.
fn parse<T: DeserializeOwned>(bytes: &[u8], is_form: bool, names: FieldNames) -> Result<T, Problem> {
    if is_form && !starts_object(bytes) { parse_form(bytes, names) } else { parse_json(bytes, names) }
}

fn starts_object(bytes: &[u8]) -> bool {
    bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}

fn parse_form<T: DeserializeOwned>(bytes: &[u8], names: FieldNames) -> Result<T, Problem> {
    // A part without `=` is a field without a value, which no field of ours is: the body is no form.
    if let Some(part) = bytes.split(|byte| *byte == b'&').find(|part| !part.is_empty() && !part.contains(&b'=')) {
        let part = String::from_utf8_lossy(&part[..part.len().min(40)]).into_owned();
        return Err(Problem::new(Code::InvalidRequest, format!("The form has a field without a value: {part}.")));
    }
    let mut seen = HashSet::new();
    let mut fields = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(bytes) {
        let name = names.read(&name);
        fields.append_pair(&name, &value);
        if !seen.insert(name.clone()) {
            return Err(named_twice(name));
        }
    }
    from_fields(serde_urlencoded::Deserializer::new(form_urlencoded::parse(fields.finish().as_bytes())))
}

fn parse_json<T: DeserializeOwned>(bytes: &[u8], names: FieldNames) -> Result<T, Problem> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| {
        Problem::unreadable(format!("The request body is not JSON: {error}. A form needs the `Content-Type` {FORM}."))
    })?;
    let Value::Object(given) = value else {
        return Err(Problem::new(Code::InvalidRequest, "The request body must be a JSON object."));
    };
    let mut fields = Map::new();
    for (name, value) in given {
        let name = names.read(&name);
        if fields.insert(name.clone(), whole_number(value)).is_some() {
            return Err(named_twice(name));
        }
    }
    from_fields(Value::Object(fields))
}

/// JSON has one kind of number, so `6.0` is as good a whole number as `6`.
fn whole_number(value: Value) -> Value {
    // 2^53: up to here every whole number has a float of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value.as_f64() {
        #[allow(clippy::cast_possible_truncation)] // it is whole, and in bounds
        Some(number) if value.is_f64() && number.fract() == 0.0 && number.abs() < EXACT => Value::from(number as i64),
        _ => value,
    }
}

/// Refuses a field that occurs twice, because its value is ambiguous.
fn named_twice(name: String) -> Problem {
    Problem::new(Code::InvalidRequest, format!("{name} occurs more than once.")).about_field(name)
}

fn from_fields<'a, T: DeserializeOwned, D: Deserializer<'a>>(fields: D) -> Result<T, Problem> {
    serde_path_to_error::deserialize(fields).map_err(|error| {
        let path = error.path().to_string();
        let message = error.into_inner().to_string();
        // serde names a missing field only in its error message.
        let missing = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
        match (missing, path.as_str()) {
            (Some(field), _) => Problem::new(Code::InvalidRequest, format!("{field} is missing.")).about_field(field),
            (None, ".") => Problem::new(Code::InvalidRequest, format!("The request body is invalid: {message}.")),
            (None, field) => Problem::new(Code::InvalidRequest, format!("{field}: {message}.")).about_field(field),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::CreateChat;

    fn problem(body: &str) -> Problem {
        parse::<CreateChat>(body.as_bytes(), false, FieldNames::Exact).err().expect(body)
    }

    #[test]
    fn malformed_json_and_wrong_types_are_different_refusals() {
        assert_eq!(problem("{").status, 400);
        assert_eq!(problem("[]").status, 422);
        let wrong = problem(r#"{"capacity": "six"}"#);
        assert_eq!((wrong.status, wrong.field.as_deref()), (422, Some("capacity")));
        let whole = parse::<CreateChat>(br#"{"capacity": 6.0}"#, false, FieldNames::Exact).unwrap();
        assert_eq!(whole.capacity, Some(6));
        assert_eq!(problem(r#"{"capacity": 6.5}"#).status, 422);
    }

    #[test]
    fn a_form_is_read_like_an_object_and_its_errors_name_the_field() {
        let form = |text: &str| parse_form::<PostMessage>(text.as_bytes(), FieldNames::Exact);
        assert_eq!(form("text=a+b%20%F0%9F%91%8B&other=1").unwrap().text, "a b 👋");
        assert_eq!(form("").unwrap_err().field.as_deref(), Some("text"));
        assert_eq!(form("text=a&text=b").unwrap_err().field.as_deref(), Some("text"));
        assert!(form("text=a&hello").unwrap_err().detail.contains("hello"));
    }

    #[test]
    fn errors_name_a_missing_field_and_unknown_fields_are_ignored() {
        let missing = parse::<PostMessage>(b"{}", false, FieldNames::Exact).unwrap_err();
        assert_eq!(missing.field.as_deref(), Some("text"));
        assert!(parse::<PostMessage>(br#"{"text": "hi", "colour": "red"}"#, true, FieldNames::Exact).is_ok());
    }

    #[test]
    fn field_names_match_in_any_letter_case_and_occur_once() {
        let any_case = |text: &str, is_form| parse::<PostMessage>(text.as_bytes(), is_form, FieldNames::AnyCase);
        assert_eq!(any_case(r#"{"Text": "Hi"}"#, false).unwrap().text, "Hi");
        assert_eq!(any_case("TEXT=Hi", true).unwrap().text, "Hi");
        for (body, is_form) in [(r#"{"Text": "a", "text": "b"}"#, false), ("Text=a&text=b", true)] {
            assert_eq!(any_case(body, is_form).unwrap_err().field.as_deref(), Some("text"), "{body}");
        }
        assert!(parse::<PostMessage>(b"Text=Hi", true, FieldNames::Exact).is_err());
    }
}
