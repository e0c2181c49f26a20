//! Ids in paths. What is no UUID names nothing, so it is "not found" like any unknown id.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;

use super::problem::Failure;
use crate::domain::{ChatId, InviteId, KnockId, MemberId, Refusal};

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
    /// The knock that the path names.
    KnockInPath(KnockId), "knock_id", Refusal::NotFound("knock")
);

async fn parameter<S: Send + Sync>(parts: &mut Parts, state: &S, name: &str) -> Option<String> {
    let parameters = RawPathParams::from_request_parts(parts, state).await.ok()?;
    parameters.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}
