//! The owner's magic links.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;

use super::open_invite;
use crate::http::auth::Bearer;
use crate::http::body::OptionalRequestBody;
use crate::http::origin::SiteUrl;
use crate::http::path::{ChatInPath, InviteInPath};
use crate::http::problem::Answer;
use crate::http::query::chosen;
use crate::service::{Service, SharedInvite};
use crate::wire::{self, Invite, InviteList, InviteSummary, InviteWithMembers, Member, Problem};

/// Make another magic link.
#[utoipa::path(post, path = "/{chat_id}/invite", tag = "invites",
    params(("chat_id" = uuid::Uuid, Path, description = "The chat")),
    request_body(content = Option<wire::CreateInvite>),
    security(("session_token" = [])),
    responses(
        (status = 201, description = "The invite; the only answer that holds its key", body = Invite),
        (status = 400, description = "`invalid_request`: not JSON", body = Problem),
        (status = 401, description = "`session_required` or `session_expired`", body = Problem),
        (status = 403, description = "`owner_only`", body = Problem),
        (status = 404, description = "`chat_not_found`", body = Problem),
        (status = 409, description = "`wrong_admission`: a chat that is not entered by links", body = Problem),
        (status = 413, description = "`payload_too_large`", body = Problem),
        (status = 422, description = "`invalid_request`: a field is wrong", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
pub(super) async fn create_invite(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    Bearer(token): Bearer,
    SiteUrl(site): SiteUrl,
    OptionalRequestBody(request): OptionalRequestBody<wire::CreateInvite>,
) -> Answer<(StatusCode, Json<Invite>)> {
    let invite = service.create_invite(chat_id, &token, request.parse()?).await?;
    Ok((StatusCode::CREATED, Json(open_invite(&site, chat_id, &invite))))
}

/// List the magic links, without their keys, each with those who came by it and are here.
#[utoipa::path(get, path = "/{chat_id}/invites", tag = "invites",
    params(("chat_id" = uuid::Uuid, Path, description = "The chat")),
    security(("session_token" = [])),
    responses(
        (status = 200, description = "The invites, oldest first", body = InviteList),
        (status = 401, description = "`session_required` or `session_expired`", body = Problem),
        (status = 403, description = "`owner_only`", body = Problem),
        (status = 404, description = "`chat_not_found`", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
pub(super) async fn list_invites(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    Bearer(token): Bearer,
) -> Answer<Json<InviteList>> {
    let invites = service.list_invites(chat_id, &token).await?;
    let with_members = |shared: &SharedInvite| InviteWithMembers {
        invite: InviteSummary::from(&shared.invite),
        members: shared.members.iter().map(Member::from).collect(),
    };
    Ok(Json(InviteList { invites: invites.iter().map(with_members).collect() }))
}

/// Revoke a magic link. Who waits by it is declined; who came by it stays, or goes with it.
#[utoipa::path(delete, path = "/{chat_id}/invites/{invite_id}", tag = "invites",
    params(
        ("chat_id" = uuid::Uuid, Path, description = "The chat"),
        ("invite_id" = uuid::Uuid, Path, description = "The invite"),
        ("members" = Option<String>, Query, description = "`stay`, which it is where left out, or `go`: the guests who came by it lose their seats"),
    ),
    security(("session_token" = [])),
    responses(
        (status = 204, description = "The link opens nothing any more"),
        (status = 400, description = "`invalid_request`: `members` is neither `stay` nor `go`", body = Problem),
        (status = 401, description = "`session_required` or `session_expired`", body = Problem),
        (status = 403, description = "`owner_only`", body = Problem),
        (status = 404, description = "`chat_not_found` or `not_found`", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
pub(super) async fn revoke_invite(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    Bearer(token): Bearer,
    InviteInPath(invite_id): InviteInPath,
    Query(query): Query<Vec<(String, String)>>,
) -> Answer<StatusCode> {
    let members_go = chosen(&query, "members", ["stay", "go"])? == "go";
    service.revoke_invite(chat_id, &token, invite_id, members_go).await?;
    Ok(StatusCode::NO_CONTENT)
}
