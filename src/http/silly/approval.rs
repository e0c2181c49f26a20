//! The owner's approval of guests.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;

use super::links::is_public;
use super::urls::{LINKS, link_in, opaque_of};
use super::{as_author, credential, invalid};
use crate::domain::{Decision, KnockId, Refusal, SessionToken};
use crate::http::body::AnyCaseBody;
use crate::http::origin::SiteUrl;
use crate::http::problem::{Failure, HandlerResult};
use crate::http::query::AnyCaseQuery;
use crate::http::responses::{ChatNotFound, InvalidJson, PayloadTooLarge, SessionRequired, Unavailable};
use crate::service::{Error, JoinIdentity, JoinStatus, Service};
use crate::wire::silly::{ApproveGuest, IsApproved};
use crate::wire::{Code, Problem};

/// Show whether a guest's request is approved.
///
/// This is the request of `client_id`, or without it the newest with this link.
#[utoipa::path(get, path = "/v1/approval/", tag = "silly chat", operation_id = "silly_show_approval",
    params(
        ("link_url" = String, Query, description = "The link URL"),
        ("client_id" = Option<Uuid>, Query, description = "The guest's credential; safer as `Authorization: Bearer`"),
    ),
    responses(
        (status = 200, description = "Whether the request is approved", body = IsApproved),
        (status = 403, description = "`invalid_invite`: there is no such link", body = Problem),
        (status = 404, description = "`chat_not_found`, or `not_found`: no request has this `client_id`", body = Problem),
        (status = 422, description = "`invalid_request`: a parameter is missing or invalid, or the URL is of another site", body = Problem),
        Unavailable,
    ))]
pub(super) async fn show_approval(
    State(service): State<Service>,
    SiteUrl(site): SiteUrl,
    AnyCaseQuery(query): AnyCaseQuery,
    headers: HeaderMap,
) -> HandlerResult<Json<IsApproved>> {
    let given = query.iter().find(|(name, _)| name == "link_url").map(|(_, value)| value);
    let given = given.ok_or_else(|| invalid("link_url", "is missing"))?;
    let (chat_id, key) = link_in(&opaque_of("link_url", given, &site, LINKS)?)?;
    let join_status = match credential(&query, "client_id", &headers)? {
        Some(client_id) => {
            let join_status = service.find_join_status(chat_id, &key, JoinIdentity::Credential(client_id)).await?;
            Some(join_status.ok_or(Refusal::NotFound("request"))?)
        }
        // Nobody needs approval if the chat's URL is enough.
        None if is_public(&service, chat_id).await? => Some(JoinStatus::Seated),
        None => service.find_newest_join_status(chat_id, &key).await?,
    };
    Ok(Json(IsApproved { approval_status: join_status == Some(JoinStatus::Seated) }))
}

/// Approve a guest.
///
/// For the owner, with the `author_id`. The guest is notified at once.
#[utoipa::path(post, path = "/v1/approval/", tag = "silly chat", operation_id = "silly_approve", request_body = ApproveGuest,
    responses(
        (status = 200, description = "The guest is approved", body = IsApproved),
        (status = 403, description = "`owner_only`, or `invalid_invite`: there is no such link", body = Problem),
        (status = 409, description = "`nothing_to_approve`: no guest is waiting with this link; or `chat_full`", body = Problem),
        (status = 422, description = "`invalid_request`: a field is missing or invalid, or the URL is of another site", body = Problem),
        InvalidJson, SessionRequired, ChatNotFound, PayloadTooLarge, Unavailable,
    ))]
pub(super) async fn approve(
    State(service): State<Service>,
    SiteUrl(site): SiteUrl,
    AnyCaseBody(request): AnyCaseBody<ApproveGuest>,
) -> HandlerResult<Json<IsApproved>> {
    let (chat_id, key) = link_in(&opaque_of("link_url", &request.link_url, &site, LINKS)?)?;
    if !request.approval_status {
        return Err(invalid("approval_status", "must be true: leave a request that you do not approve pending").into());
    }
    let token = SessionToken::from_uuid(request.author_id);
    let invites = service.list_invites(chat_id, &token).await.map_err(as_author)?;
    let shared = invites.iter().find(|shared| shared.invite.digest == key.digest()).ok_or(Refusal::InvalidInvite)?;
    let invite_id = shared.invite.id;
    let by_client = match request.client_id {
        None => None,
        Some(id) => match service.find_join_status(chat_id, &key, JoinIdentity::Credential(id)).await? {
            Some(JoinStatus::Knocked { knock_id, .. }) => Some(knock_id),
            // Already approved.
            Some(JoinStatus::Seated) => return Ok(Json(IsApproved { approval_status: true })),
            None if shared.members.iter().any(|member| member.id == id.into()) => {
                return Ok(Json(IsApproved { approval_status: true }));
            }
            None => Some(KnockId::from(id)),
        },
    };
    let waiting = service.list_knocks(chat_id, &token).await.map_err(as_author)?;
    let mut waiting = waiting.iter().filter(|knock| knock.invite_id == invite_id);
    let knock = waiting.find(|knock| by_client.is_none_or(|id| id == knock.id)).ok_or_else(no_request)?;
    let decided = service.decide_knock(chat_id, &token, knock.id, Decision::Approve).await;
    decided.map_err(|error| match error {
        // It was decided in the meantime.
        Error::Refused(Refusal::NotFound(_)) => no_request(),
        error => as_author(error),
    })?;
    Ok(Json(IsApproved { approval_status: true }))
}

fn no_request() -> Failure {
    Problem::new(Code::NothingToApprove, "No guest is waiting for approval with this link.").into()
}
