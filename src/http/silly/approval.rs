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
use crate::http::problem::{Answer, Failure};
use crate::http::query::AnyCaseQuery;
use crate::service::{Error, Joiner, Service, Standing};
use crate::wire::silly::{ApproveGuest, IsApproved};
use crate::wire::{Code, Problem};

/// Whether a guest's request is approved: the one of `client_id`, or without it the newest by this link.
#[utoipa::path(get, path = "/v1/approval/", tag = "silly chat", operation_id = "silly_show_approval",
    params(
        ("link_url" = String, Query, description = "The link"),
        ("client_id" = Option<Uuid>, Query, description = "The guest's credential; better as `Authorization: Bearer`"),
    ),
    responses(
        (status = 200, description = "Whether it is", body = IsApproved),
        (status = 403, description = "`invalid_invite`: no such link", body = Problem),
        (status = 404, description = "`chat_not_found`, or `not_found`: nobody asked with this `client_id`", body = Problem),
        (status = 422, description = "`invalid_request`: the URL is of another site, or a parameter is missing", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
pub(super) async fn show_approval(
    State(service): State<Service>,
    SiteUrl(site): SiteUrl,
    AnyCaseQuery(query): AnyCaseQuery,
    headers: HeaderMap,
) -> Answer<Json<IsApproved>> {
    let given = query.iter().find(|(name, _)| name == "link_url").map(|(_, value)| value);
    let given = given.ok_or_else(|| invalid("link_url", "is missing"))?;
    let (chat_id, key) = link_in(opaque_of("link_url", given, &site, LINKS)?)?;
    let standing = match credential(&query, "client_id", &headers)? {
        Some(client_id) => {
            let standing = service.find_standing(chat_id, &key, Joiner::Credential(client_id)).await?;
            Some(standing.ok_or(Refusal::NotFound("request"))?)
        }
        // Nobody needs approval where the chat's URL is enough.
        None if is_public(&service, chat_id).await? => Some(Standing::Seated),
        None => service.find_newest_standing(chat_id, &key).await?,
    };
    Ok(Json(IsApproved { approval_status: standing == Some(Standing::Seated) }))
}

/// Approve a guest; the owner's right. The guest is told at once.
#[utoipa::path(post, path = "/v1/approval/", tag = "silly chat", operation_id = "silly_approve", request_body = ApproveGuest,
    responses(
        (status = 200, description = "The guest is in", body = IsApproved),
        (status = 400, description = "`invalid_request`: not JSON", body = Problem),
        (status = 401, description = "`session_required` or `session_expired`", body = Problem),
        (status = 403, description = "`owner_only`, or `invalid_invite`: no such link", body = Problem),
        (status = 404, description = "`chat_not_found`", body = Problem),
        (status = 409, description = "`nothing_to_approve`: nobody asks by this link; or `chat_full`", body = Problem),
        (status = 413, description = "`payload_too_large`", body = Problem),
        (status = 422, description = "`invalid_request`: a field is wrong, or the URL is of another site", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
pub(super) async fn approve(
    State(service): State<Service>,
    SiteUrl(site): SiteUrl,
    AnyCaseBody(request): AnyCaseBody<ApproveGuest>,
) -> Answer<Json<IsApproved>> {
    let (chat_id, key) = link_in(opaque_of("link_url", &request.link_url, &site, LINKS)?)?;
    if !request.approval_status {
        return Err(invalid("approval_status", "must be true: what is not approved is left pending").into());
    }
    let token = SessionToken::from_uuid(request.author_id);
    let invites = service.list_invites(chat_id, &token).await.map_err(as_author)?;
    let shared = invites.iter().find(|shared| shared.invite.digest == key.digest()).ok_or(Refusal::InvalidInvite)?;
    let invite_id = shared.invite.id;
    let by_client = match request.client_id {
        None => None,
        Some(id) => match service.find_standing(chat_id, &key, Joiner::Credential(id)).await? {
            Some(Standing::Knocked { knock_id, .. }) => Some(knock_id),
            // Approved before: it stays so.
            Some(Standing::Seated) => return Ok(Json(IsApproved { approval_status: true })),
            None if shared.members.iter().any(|member| member.id == id.into()) => {
                return Ok(Json(IsApproved { approval_status: true }));
            }
            None => Some(KnockId::from(id)),
        },
    };
    let waiting = service.list_knocks(chat_id, &token).await.map_err(as_author)?;
    let mut waiting = waiting.iter().filter(|knock| knock.invite_id == invite_id);
    let knock = waiting.find(|knock| by_client.is_none_or(|id| id == knock.id)).ok_or_else(nobody_asks)?;
    let decided = service.decide_knock(chat_id, &token, knock.id, Decision::Approve).await;
    decided.map_err(|error| match error {
        // Someone else has answered it meanwhile.
        Error::Refused(Refusal::NotFound(_)) => nobody_asks(),
        error => as_author(error),
    })?;
    Ok(Json(IsApproved { approval_status: true }))
}

fn nobody_asks() -> Failure {
    Problem::new(Code::NothingToApprove, "Nobody asks to be let in by this link.").into()
}
