//! Magic links: created, listed and revoked by owners.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::domain::ChatId;
use crate::http::AppState;
use crate::http::auth::Bearer;
use crate::http::body::OptionalRequestBody;
use crate::http::origin::SiteUrl;
use crate::http::path::{ChatInPath, InviteInPath};
use crate::http::problem::HandlerResult;
use crate::http::query::chosen;
use crate::http::responses::{
    ChatNotFound, InvalidField, InvalidJson, OwnerOnly, PayloadTooLarge, SessionRequired, Unavailable,
};
use crate::service::{InviteWithKey, Service, SharedInvite};
use crate::wire::addresses;
use crate::wire::{self, Invite, InviteList, InviteSummary, InviteWithMembers, Member, Problem};

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(create_invite)).routes(routes!(list_invites)).routes(routes!(revoke_invite))
}

/// Create a magic link.
///
/// A chat has at most 100 open links. Owners only.
#[utoipa::path(post, path = "/{chat_id}/invite", tag = "invites",
    params(("chat_id" = uuid::Uuid, Path, description = "The id of the chat")),
    request_body(content = Option<wire::CreateInvite>),
    security(("session_token" = [])),
    responses(
        (status = 201, description = "The invite; no other response contains its key", body = Invite),
        (status = 409, description = "`wrong_admission`: people do not join this chat with links", body = Problem),
        InvalidJson, SessionRequired, OwnerOnly, ChatNotFound, PayloadTooLarge, InvalidField, Unavailable,
    ))]
async fn create_invite(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    Bearer(token): Bearer,
    SiteUrl(site): SiteUrl,
    OptionalRequestBody(request): OptionalRequestBody<wire::CreateInvite>,
) -> HandlerResult<(StatusCode, Json<Invite>)> {
    let invite = service.create_invite(chat_id, &token, request.parse()?).await?;
    Ok((StatusCode::CREATED, Json(invite_body(&site, chat_id, &invite))))
}

/// List the magic links.
///
/// Each link is listed without its key, and with the current members who joined with it. Owners only.
#[utoipa::path(get, path = "/{chat_id}/invites", tag = "invites",
    params(("chat_id" = uuid::Uuid, Path, description = "The id of the chat")),
    security(("session_token" = [])),
    responses(
        (status = 200, description = "The invites, oldest first", body = InviteList),
        SessionRequired, OwnerOnly, ChatNotFound, Unavailable,
    ))]
async fn list_invites(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    Bearer(token): Bearer,
) -> HandlerResult<Json<InviteList>> {
    let invites = service.list_invites(chat_id, &token).await?;
    let with_members = |shared: &SharedInvite| InviteWithMembers {
        invite: InviteSummary::from(&shared.invite),
        members: shared.members.iter().map(Member::from).collect(),
    };
    Ok(Json(InviteList { invites: invites.iter().map(with_members).collect() }))
}

/// Revoke a magic link.
///
/// Declines the guests who knocked with this link. The members who joined with it stay, unless `members` is `go`. Owners
/// only.
#[utoipa::path(delete, path = "/{chat_id}/invites/{invite_id}", tag = "invites",
    params(
        ("chat_id" = uuid::Uuid, Path, description = "The id of the chat"),
        ("invite_id" = uuid::Uuid, Path, description = "The id of the invite"),
        ("members" = Option<String>, Query, description = "`stay` (the default), or `go`: also removes the guests who joined with it"),
    ),
    security(("session_token" = [])),
    responses(
        (status = 204, description = "The link is revoked"),
        (status = 400, description = "`invalid_request`: `members` is neither `stay` nor `go`", body = Problem),
        (status = 404, description = "`chat_not_found`, or `not_found`: no such invite", body = Problem),
        SessionRequired, OwnerOnly, Unavailable,
    ))]
async fn revoke_invite(
    State(service): State<Service>,
    ChatInPath(chat_id): ChatInPath,
    Bearer(token): Bearer,
    InviteInPath(invite_id): InviteInPath,
    Query(query): Query<Vec<(String, String)>>,
) -> HandlerResult<StatusCode> {
    let removes_members = chosen(&query, "members", ["stay", "go"])? == "go";
    service.revoke_invite(chat_id, &token, invite_id, removes_members).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An invite with its magic link. The key is in the fragment, which browsers never send.
pub(super) fn invite_body(site: &str, chat_id: ChatId, InviteWithKey { key, invite }: &InviteWithKey) -> Invite {
    let key = key.reveal();
    let magic_link = format!("{site}{}", addresses::join(chat_id, &key));
    Invite { key, magic_link, invite: invite.into() }
}
