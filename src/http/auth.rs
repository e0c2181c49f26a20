//! The caller's session token, from the `Authorization` header.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use super::problem::Failure;
use crate::domain::{Refusal, Secret, SessionToken};

/// The caller's session token, as `Bearer <token>` or bare. A malformed token is refused here; the chat decides whether
/// a token belongs to a seat.
#[derive(Debug)]
pub(super) struct Bearer(pub(super) SessionToken);

/// The caller of a chat that may allow access without a session. A malformed token is refused here too.
#[derive(Debug)]
pub(super) enum MaybeMember {
    Member(SessionToken),
    /// The request has no `Authorization` header.
    Anonymous,
}

impl<S: Send + Sync> FromRequestParts<S> for MaybeMember {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        Self::read(&parts.headers)
    }
}

impl MaybeMember {
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, Failure> {
        if !headers.contains_key(header::AUTHORIZATION) {
            return Ok(Self::Anonymous);
        }
        Ok(Self::Member(session_token(headers)?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Bearer {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        Ok(Self(session_token(&parts.headers)?))
    }
}

pub(super) fn session_token(headers: &HeaderMap) -> Result<SessionToken, Refusal> {
    secret(headers).ok_or(Refusal::SessionRequired)
}

/// The secret of any kind in the header, as `Bearer <secret>` or bare.
pub(super) fn secret<Kind>(headers: &HeaderMap) -> Option<Secret<Kind>> {
    secret_text(headers).and_then(Secret::parse)
}

/// The same as text, unparsed.
pub(super) fn secret_text(headers: &HeaderMap) -> Option<&str> {
    let credentials = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    credentials.map(|credentials| match credentials.trim().split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token,
        _ => credentials,
    })
}
