//! The members of a chat.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::AppState;
use crate::http::auth::Bearer;
use crate::http::body::RequestBody;
use crate::http::path::{ChatInPath, MemberInPath};
use crate::http::problem::HandlerResult;
use crate::http::query::chosen;
use crate::http::responses::{ChatNotFound, InvalidJson, OwnerOnly, PayloadTooLarge, SessionRequired, Unavailable};
use crate::service::Service;
use crate::wire::{self, Member, MemberList, MemberSummary, Problem};

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_members)).routes(routes!(remove_member, change_member))
}

/// List the members.
///
/// Longest-seated first, with the chat's name and settings.
#[utoipa::path(get, path = "/{chat_id}/members", tag = "members",
    params(("chat_id" = uuid::Uuid, Path, description = "The id of the chat")),
    security(("session_token" = [])),
    responses(
        (status = 200, description = "The members", body = MemberList),
        SessionRequired, ChatNotFound, Unavailable,
    ))]
async fn list_members(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    Bearer(token): Bearer,
) -> HandlerResult<Json<MemberList>> {
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

/// Remove a member.
///
/// Members may remove themselves, which leaves the chat. Owners may remove any guest. A removed guest who uses the same
/// link with the same `join_id` again must wait for an owner's approval. From another browser, or
/// with another `join_id`, they can still use the link, so `invite=revoke` also revokes it. `GET /{chat_id}/invites` shows which link they
/// joined with, and who else did.
#[utoipa::path(delete, path = "/{chat_id}/members/{member_id}", tag = "members",
    params(
        ("chat_id" = uuid::Uuid, Path, description = "The id of the chat"),
        ("member_id" = uuid::Uuid, Path, description = "The id of the member"),
        ("invite" = Option<String>, Query, description = "`keep` (the default), or `revoke`: also revokes the link that the member joined with"),
    ),
    security(("session_token" = [])),
    responses(
        (status = 204, description = "The seat is free, and its sessions have ended"),
        (status = 400, description = "`invalid_request`: `invite` is neither `keep` nor `revoke`", body = Problem),
        (status = 404, description = "`chat_not_found`, or `not_found`: no such member", body = Problem),
        (status = 422, description = "`invalid_request`: the member is another owner", body = Problem),
        SessionRequired, OwnerOnly, Unavailable,
    ))]
async fn remove_member(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    Bearer(token): Bearer,
    MemberInPath(member_id): MemberInPath,
    Query(query): Query<Vec<(String, String)>>,
) -> HandlerResult<StatusCode> {
    let revokes_invite = chosen(&query, "invite", ["keep", "revoke"])? == "revoke";
    service.remove_member(chat_id, &token, member_id, revokes_invite).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Change a member's role.
///
/// Owners may make a member an owner, and may become guests themselves while the chat has another owner.
#[utoipa::path(patch, path = "/{chat_id}/members/{member_id}", tag = "members",
    params(
        ("chat_id" = uuid::Uuid, Path, description = "The id of the chat"),
        ("member_id" = uuid::Uuid, Path, description = "The id of the member"),
    ),
    request_body = wire::ChangeMember,
    security(("session_token" = [])),
    responses(
        (status = 200, description = "The changed member", body = Member),
        (status = 404, description = "`chat_not_found`, or `not_found`: no such member", body = Problem),
        (status = 422, description = "`invalid_request`: the member is another owner, or the only one", body = Problem),
        InvalidJson, SessionRequired, OwnerOnly, PayloadTooLarge, Unavailable,
    ))]
async fn change_member(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    Bearer(token): Bearer,
    MemberInPath(member_id): MemberInPath,
    RequestBody(request): RequestBody<wire::ChangeMember>,
) -> HandlerResult<Json<Member>> {
    let member = service.set_role(chat_id, &token, member_id, request.role).await?;
    Ok(Json(Member::from(&member)))
}
