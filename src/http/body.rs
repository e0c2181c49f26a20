//! Bodies of requests: JSON whatever the `Content-Type` says, errors that name the field.

use std::collections::HashSet;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use serde::Deserializer;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::problem::Failure;
use crate::wire::{Code, PostMessage, Problem};

/// A body of JSON.
#[derive(Debug)]
pub(super) struct JsonBody<T>(pub(super) T);

/// A body of JSON that may be left out.
#[derive(Debug)]
pub(super) struct OptionalJsonBody<T>(pub(super) T);

/// A body of JSON, or a form as browsers send them.
#[derive(Debug)]
pub(super) struct FormOrJsonBody<T>(pub(super) T);

/// What is to be said: a body of JSON, or bare words as `text/plain`.
#[derive(Debug)]
pub(super) struct MessageBody(pub(super) PostMessage);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        Ok(Self(parse(&read(request, state).await?)?))
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalJsonBody<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let bytes = read(request, state).await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(T::default()));
        }
        Ok(Self(parse(&bytes)?))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for FormOrJsonBody<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let is_form = has_type(&request, "application/x-www-form-urlencoded");
        let bytes = read(request, state).await?;
        // A body that says it is a form but is an object is what curl sends by default.
        let is_object = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
        if is_form && !is_object {
            return Ok(Self(parse_form(&bytes)?));
        }
        let neither = |problem: Problem| match problem.status {
            400 => Problem::unreadable("The body is neither JSON nor a form (application/x-www-form-urlencoded)."),
            _ => problem,
        };
        Ok(Self(parse(&bytes).map_err(neither)?))
    }
}

impl<S: Send + Sync> FromRequest<S> for MessageBody {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let is_plain = has_type(&request, "text/plain");
        let bytes = read(request, state).await?;
        if !is_plain {
            return Ok(Self(parse(&bytes)?));
        }
        let text = String::from_utf8(bytes.into())
            .map_err(|_| Problem::unreadable("The body is not UTF-8.").about_field("text"))?;
        Ok(Self(PostMessage { text, client_id: None }))
    }
}

fn has_type(request: &Request, media_type: &str) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let given = content_type.and_then(|value| value.split(';').next());
    given.is_some_and(|given| given.trim().eq_ignore_ascii_case(media_type))
}

/// A field that is there twice says nothing clear, so it is refused.
fn parse_form<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut names = HashSet::new();
    for (name, _) in form_urlencoded::parse(bytes) {
        if !names.insert(name.clone()) {
            let problem = Problem::new(Code::InvalidRequest, format!("{name} is there more than once."));
            return Err(problem.about_field(name));
        }
    }
    from_fields(serde_urlencoded::Deserializer::new(form_urlencoded::parse(bytes)))
}

async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Failure> {
    Bytes::from_request(request, state).await.map_err(|_| Problem::unreadable("The body broke off.").into())
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| Problem::unreadable(format!("The body is not JSON: {error}.")))?;
    if !value.is_object() {
        return Err(Problem::new(Code::InvalidRequest, "The body must be a JSON object."));
    }
    from_fields(value)
}

fn from_fields<'a, T: DeserializeOwned, D: Deserializer<'a>>(fields: D) -> Result<T, Problem> {
    serde_path_to_error::deserialize(fields).map_err(|error| {
        let path = error.path().to_string();
        let message = error.into_inner().to_string();
        // serde names a missing field only in its message.
        let missing = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
        match (missing, path.as_str()) {
            (Some(field), _) => Problem::new(Code::InvalidRequest, format!("{field} is missing.")).about_field(field),
            (None, ".") => Problem::new(Code::InvalidRequest, format!("The body is wrong: {message}.")),
            (None, field) => Problem::new(Code::InvalidRequest, format!("{field}: {message}.")).about_field(field),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::CreateChat;

    fn problem(body: &str) -> Problem {
        parse::<CreateChat>(body.as_bytes()).expect_err(body)
    }

    #[test]
    fn broken_json_is_told_from_wrong_types() {
        assert_eq!(problem("{").status, 400);
        assert_eq!(problem("[]").status, 422);
        let wrong = problem(r#"{"capacity": "six"}"#);
        assert_eq!((wrong.status, wrong.field.as_deref()), (422, Some("capacity")));
    }

    #[test]
    fn a_form_is_read_like_an_object_and_names_what_is_wrong() {
        let form = |text: &str| parse_form::<PostMessage>(text.as_bytes());
        assert_eq!(form("text=a+b%20%F0%9F%91%8B&other=1").unwrap().text, "a b 👋");
        assert_eq!(form("").unwrap_err().field.as_deref(), Some("text"));
        assert_eq!(form("text=a&text=b").unwrap_err().field.as_deref(), Some("text"));
    }

    #[test]
    fn a_missing_field_is_named_and_an_unknown_one_ignored() {
        let missing = parse::<PostMessage>(b"{}").unwrap_err();
        assert_eq!(missing.field.as_deref(), Some("text"));
        assert!(parse::<PostMessage>(br#"{"text": "hi", "colour": "red"}"#).is_ok());
    }
}
