//! Ids in paths. An id that is not a UUID is "not found", like any unknown id.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;

use super::problem::Failure;
use crate::domain::{ChatId, InviteId, KnockId, MemberId, Refusal, SessionId};

macro_rules! id_in_path {
    ($(#[$doc:meta])* $name:ident($id:ty), $parameter:literal, $refusal:expr) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(super) struct $name(pub(super) $id);

        impl<S: Send + Sync> FromRequestParts<S> for $name {
            type Rejection = Failure;

            async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
                parameter(parts, state, $parameter)
                    .await
                    .and_then(|text| text.parse().ok())
                    .map(Self)
                    .ok_or_else(|| $refusal.into())
            }
        }
    };
}

id_in_path!(
    /// The chat that the path names.
    ChatInPath(ChatId), "chat_id", Refusal::ChatNotFound
);
id_in_path!(
    /// The chat whose `hash_key` the path names.
    HashKeyInPath(ChatId), "hash_key", Refusal::ChatNotFound
);
id_in_path!(
    /// The member that the path names.
    MemberInPath(MemberId), "member_id", Refusal::NotFound("member")
);
id_in_path!(
    /// The invite that the path names.
    InviteInPath(InviteId), "invite_id", Refusal::NotFound("invite")
);
id_in_path!(
    /// The session that the path names.
    SessionInPath(SessionId), "session_id", Refusal::NotFound("session")
);
id_in_path!(
    /// The knock that the path names.
    KnockInPath(KnockId), "knock_id", Refusal::NotFound("knock")
);

/// The last part of a URL that this site issued. Empty if it is not UTF-8.
#[derive(Debug)]
pub(super) struct OpaqueInPath(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for OpaqueInPath {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Self(parameter(parts, state, "opaque").await.unwrap_or_default()))
    }
}

async fn parameter<S: Send + Sync>(parts: &mut Parts, state: &S, name: &str) -> Option<String> {
    let parameters = RawPathParams::from_request_parts(parts, state).await.ok()?;
    parameters.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}
