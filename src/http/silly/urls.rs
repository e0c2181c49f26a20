//! Chat URLs and link URLs: a path of this site with an opaque end.

use axum::http::Uri;

use super::invalid;
use crate::domain::{ChatId, InviteKey, Refusal};
use crate::http::origin::is_same_host;

pub(super) const CHATS: &str = "/v1/chats/";
pub(super) const LINKS: &str = "/v1/links/";

pub(super) fn chat_in(opaque: &str) -> Result<ChatId, Refusal> {
    opaque.parse().map_err(|_| Refusal::ChatNotFound)
}

pub(super) fn link_in(opaque: &str) -> Result<(ChatId, InviteKey), Refusal> {
    let (chat_id, key) = opaque.split_once('.').ok_or(Refusal::InvalidInvite)?;
    Ok((chat_in(chat_id)?, InviteKey::parse(key).ok_or(Refusal::InvalidInvite)?))
}

pub(super) fn link_url(site: &str, chat_id: ChatId, key: &InviteKey) -> String {
    format!("{site}{LINKS}{chat_id}.{}", key.reveal())
}

/// The part after `path` in a URL of this site.
pub(super) fn opaque_of(field: &'static str, url: &str, site: &str, path: &str) -> Result<String, Refusal> {
    let wrong = || invalid(field, "must be a URL issued by this site");
    let parsed: Uri = url.trim().parse().map_err(|_| wrong())?;
    let own: Uri = site.parse().map_err(|_| wrong())?;
    if !is_same_host(&parsed, &own) {
        return Err(wrong());
    }
    // A proxy may have put the site into a folder.
    let (_, opaque) = parsed.path().split_once(path).ok_or_else(wrong)?;
    Ok(opaque.split('/').next().unwrap_or_default().to_owned())
}
