//! Who is in a chat.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;

use crate::http::auth::Bearer;
use crate::http::body::RequestBody;
use crate::http::path::{ChatInPath, MemberInPath};
use crate::http::problem::Answer;
use crate::http::query::chosen;
use crate::service::Service;
use crate::wire::{self, Member, MemberList, MemberSummary, Problem};

/// List who holds a seat, longest-seated first.
#[utoipa::path(get, path = "/{chat_id}/members", tag = "members",
    params(("chat_id" = uuid::Uuid, Path, description = "The chat")),
    security(("session_token" = [])),
    responses(
        (status = 200, description = "The members", body = MemberList),
        (status = 401, description = "`session_required` or `session_expired`", body = Problem),
        (status = 404, description = "`chat_not_found`", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
pub(super) async fn list_members(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    Bearer(token): Bearer,
) -> Answer<Json<MemberList>> {
    let roster = service.list_members(chat_id, &token).await?;
    let members = roster.members.iter();
    Ok(Json(MemberList {
        members: members.map(|(member, online)| MemberSummary { member: member.into(), online: *online }).collect(),
        capacity: roster.settings.capacity,
        history: roster.settings.history,
        admission: roster.settings.admission,
        name: roster.name.map(|name| name.as_str().to_owned()),
    }))
}

/// Free a seat: leave with one's own id, or remove a guest as an owner.
///
/// Whoever was removed and comes back by the same link is not let in by it alone: they knock, and an owner
/// decides. They may hold the link under another name or in another browser, so `invite=revoke` revokes it as
/// well; `GET /{chat_id}/invites` says by which link they came and who else did.
#[utoipa::path(delete, path = "/{chat_id}/members/{member_id}", tag = "members",
    params(
        ("chat_id" = uuid::Uuid, Path, description = "The chat"),
        ("member_id" = uuid::Uuid, Path, description = "The member"),
        ("invite" = Option<String>, Query, description = "`keep`, which it is where left out, or `revoke`: the link that the member came by opens nothing any more"),
    ),
    security(("session_token" = [])),
    responses(
        (status = 204, description = "The seat is free and its session has ended"),
        (status = 400, description = "`invalid_request`: `invite` is neither `keep` nor `revoke`", body = Problem),
        (status = 401, description = "`session_required` or `session_expired`", body = Problem),
        (status = 403, description = "`owner_only`", body = Problem),
        (status = 404, description = "`chat_not_found` or `not_found`", body = Problem),
        (status = 422, description = "`invalid_request`: the member is an owner too", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
pub(super) async fn remove_member(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    Bearer(token): Bearer,
    MemberInPath(member_id): MemberInPath,
    Query(query): Query<Vec<(String, String)>>,
) -> Answer<StatusCode> {
    let revokes_invite = chosen(&query, "invite", ["keep", "revoke"])? == "revoke";
    service.remove_member(chat_id, &token, member_id, revokes_invite).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make a member an owner too, or give up being one oneself.
#[utoipa::path(patch, path = "/{chat_id}/members/{member_id}", tag = "members",
    params(
        ("chat_id" = uuid::Uuid, Path, description = "The chat"),
        ("member_id" = uuid::Uuid, Path, description = "The member"),
    ),
    request_body = wire::ChangeMember,
    security(("session_token" = [])),
    responses(
        (status = 200, description = "The member as they are now", body = Member),
        (status = 400, description = "`invalid_request`: not JSON", body = Problem),
        (status = 401, description = "`session_required` or `session_expired`", body = Problem),
        (status = 403, description = "`owner_only`", body = Problem),
        (status = 404, description = "`chat_not_found` or `not_found`", body = Problem),
        (status = 413, description = "`payload_too_large`", body = Problem),
        (status = 422, description = "`invalid_request`: another's ownership, or the only one", body = Problem),
        (status = 503, description = "`unavailable`", body = Problem),
    ))]
pub(super) async fn change_member(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    Bearer(token): Bearer,
    MemberInPath(member_id): MemberInPath,
    RequestBody(request): RequestBody<wire::ChangeMember>,
) -> Answer<Json<Member>> {
    let member = service.set_role(chat_id, &token, member_id, request.role).await?;
    Ok(Json(Member::from(&member)))
}
