//! The native API: one chat at `/{chat_id}`.

mod chats;
mod invites;
mod live;
mod members;
mod messages;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use crate::domain::ChatId;
use crate::service::{OpenInvite, Seat};
use crate::wire;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(chats::create_chat))
        .routes(routes!(messages::read_messages, messages::post_message, chats::end_chat))
        .routes(routes!(live::follow_chat))
        .routes(routes!(messages::say_typing))
        .routes(routes!(chats::join_chat))
        .routes(routes!(chats::renew_session))
        .routes(routes!(chats::show_retention))
        .routes(routes!(invites::create_invite))
        .routes(routes!(invites::list_invites))
        .routes(routes!(invites::revoke_invite))
        .routes(routes!(members::list_members))
        .routes(routes!(members::remove_member))
}

/// An invite with its magic link. The key stands in the fragment, which no browser sends.
fn open_invite(site: &str, chat_id: ChatId, OpenInvite { key, invite }: &OpenInvite) -> wire::Invite {
    let key = key.reveal();
    let magic_link = format!("{site}/join/{chat_id}#{key}");
    wire::Invite { key, magic_link, invite: invite.into() }
}

impl From<&Seat> for wire::Joined {
    fn from(Seat { token, member }: &Seat) -> Self {
        Self { session_token: token.reveal(), expires_at: member.session.expires_at, member: member.into() }
    }
}
