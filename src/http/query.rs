//! Query parameters.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::problem::Failure;
use crate::domain::MessageId;
use crate::wire::Problem;

/// The parameters of the query. Their names may be in any letter case, and are in lower case here.
#[derive(Debug)]
pub(super) struct AnyCaseQuery(pub(super) Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for AnyCaseQuery {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let pairs = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        Ok(Self(pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.into_owned())).collect()))
    }
}

/// The value of the parameter `name`, which must be one of `choices`; by default the first.
pub(super) fn chosen(
    query: &[(String, String)],
    name: &'static str,
    choices: [&'static str; 2],
) -> Result<&'static str, Failure> {
    let given = query.iter().find(|(given, _)| given == name).map(|(_, value)| &**value);
    let Some(given) = given else { return Ok(choices[0]) };
    let chosen = choices.into_iter().find(|choice| *choice == given);
    let [first, second] = choices;
    let unknown = || Problem::unreadable(format!("{name} must be {first} or {second}.")).about_field(name);
    Ok(chosen.ok_or_else(unknown)?)
}

/// The id of the last message that the reader has seen; by default 0.
pub(super) fn cursor(query: &[(String, String)]) -> Result<MessageId, Failure> {
    let after = query.iter().find(|(name, _)| name == "after").map_or(Ok(0), |(_, value)| value.parse());
    let unreadable = |_| Problem::unreadable("after must be a message id, a whole number.").about_field("after");
    Ok(after.map_err(unreadable)?)
}
