//! Who asks: the session token in the `Authorization` header.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use super::problem::Failure;
use crate::domain::{Refusal, SessionToken};

/// The session token of the caller, as `Bearer <token>` or bare. What cannot be a token is
/// refused here; whether it proves a seat, the chat decides.
#[derive(Debug)]
pub(super) struct Bearer(pub(super) SessionToken);

impl<S: Send + Sync> FromRequestParts<S> for Bearer {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        Ok(Self(session_token(&parts.headers)?))
    }
}

pub(super) fn session_token(headers: &HeaderMap) -> Result<SessionToken, Refusal> {
    let credentials = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = credentials.map(|credentials| match credentials.trim().split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token,
        _ => credentials,
    });
    token.and_then(SessionToken::parse).ok_or(Refusal::SessionRequired)
}
