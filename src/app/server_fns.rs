//! The server functions that the app's forms call, under `/sf`. They run the same use cases as the API.

use std::fmt;
use std::sync::Arc;

use leptos::prelude::*;
use leptos::server_fn::codec::JsonEncoding;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::texts;
use crate::domain::{Admission, PublicAccess};
use crate::wire::{Code, Entered, Joined, Message, Problem};

/// Sets the HTTP status and the headers of a server function's response to match a problem.
#[derive(Clone)]
pub struct AnswerHead(pub Arc<dyn Fn(&Problem) + Send + Sync>);

impl fmt::Debug for AnswerHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnswerHead")
    }
}

/// A new chat, with what the page stores about it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Started {
    pub chat_id: Uuid,
    /// The key of the chat's first invite; `None` if people join this chat without invites.
    pub key: Option<String>,
    /// The code with which the owner recovers the seat.
    pub recovery_code: String,
    pub seat: Joined,
}

/// The facts that a visitor may see before joining a chat.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InvitePreview {
    pub name: Option<String>,
    /// Whether an owner must approve the guest.
    pub asks_first: bool,
}

impl FromServerFnError for Problem {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        let is_on_server = use_context::<AnswerHead>().is_some();
        match error {
            ServerFnErrorErr::Args(detail) | ServerFnErrorErr::MissingArg(detail) => {
                refused(Self::new(Code::InvalidRequest, format!("{detail}.")))
            }
            ServerFnErrorErr::Deserialization(_) if is_on_server => {
                refused(Self::unreadable(texts::server_fns::UNREADABLE))
            }
            ServerFnErrorErr::Request(_) | ServerFnErrorErr::Deserialization(_) => {
                Self::new(Code::Unavailable, texts::api::UNREACHABLE)
            }
            _ => Self::new(Code::InternalError, texts::server_fns::INTERNAL_ERROR),
        }
    }
}

/// Creates a chat.
#[server(prefix = "/sf", endpoint = "create_chat")]
pub async fn create_chat(
    username: String,
    name: Option<String>,
    admission: Option<Admission>,
    capacity: Option<u32>,
    history: Option<u32>,
    public_access: Option<PublicAccess>,
    password: Option<String>,
) -> Result<Started, Problem> {
    let service: crate::service::Service = expect_context();
    let username = Some(username);
    let request =
        crate::wire::CreateChat { username, name, admission, capacity, history, public_access, password: None };
    let (username, name, settings) = request.parse().map_err(refused)?;
    let password = password.as_deref().map(crate::service::Password::parse).transpose().map_err(refused)?;
    let creator = crate::service::Creator { username, password };
    Ok(service.create_chat(expect_context(), creator, name, settings).await.map_err(refused)?.into())
}

/// Previews the chat of a magic link, without redeeming the link.
#[server(prefix = "/sf", endpoint = "preview_invite")]
pub async fn preview_invite(chat_id: Uuid, key: String, join_id: Uuid) -> Result<InvitePreview, Problem> {
    let service: crate::service::Service = expect_context();
    let key = crate::domain::InviteKey::parse(&key).ok_or(crate::domain::Refusal::InvalidInvite).map_err(refused)?;
    let preview = service
        .preview_invite(expect_context(), chat_id.into(), &key, crate::service::JoinIdentity::JoinId(join_id))
        .await;
    let (name, asks_first) = preview.map_err(refused)?;
    Ok(InvitePreview { name: name.map(|name| name.as_str().to_owned()), asks_first })
}

/// Joins a chat with a magic link, or knocks. A repeated call with the same `join_id` returns the same seat or knock.
#[server(prefix = "/sf", endpoint = "join_chat")]
pub async fn join_chat(chat_id: Uuid, key: String, username: String, join_id: Uuid) -> Result<Entered, Problem> {
    let service: crate::service::Service = expect_context();
    let request = crate::wire::JoinChat { key, username, join_id: Some(join_id) };
    let (key, username) = request.parse().map_err(refused)?;
    let joiner = crate::service::JoinIdentity::JoinId(join_id);
    let entrance = service.join(expect_context(), chat_id.into(), &key, username, joiner).await.map_err(refused)?;
    Ok((&entrance).into())
}

/// Creates an account in a chat whose members have passwords.
#[server(prefix = "/sf", endpoint = "register")]
pub async fn register(chat_id: Uuid, username: String, password: String) -> Result<(), Problem> {
    let service: crate::service::Service = expect_context();
    let username = crate::domain::Username::parse(&username).map_err(refused)?;
    let password = crate::service::Password::parse(&password).map_err(refused)?;
    service.register(expect_context(), chat_id.into(), username, password).await.map_err(refused)
}

/// Logs in: takes the account's seat, or starts one more session in it. A repeated call with the same `join_id` returns
/// the same session.
#[server(prefix = "/sf", endpoint = "log_in")]
pub async fn log_in(
    chat_id: Uuid,
    username: String,
    password: String,
    join_id: Uuid,
    ends_oldest: Option<bool>,
) -> Result<Joined, Problem> {
    let service: crate::service::Service = expect_context();
    let wrong = |_| refused(crate::domain::Refusal::WrongPassword);
    let username = crate::domain::Username::parse(&username).map_err(wrong)?;
    let password = crate::service::Password::parse(&password).map_err(wrong)?;
    let join = crate::domain::JoinSecret::from_uuid(join_id);
    let ends_oldest = ends_oldest.unwrap_or_default();
    let login = crate::service::Login { username, password, join: &join, ends_oldest };
    let (seat, _) = service.log_in(expect_context(), chat_id.into(), login).await.map_err(refused)?;
    Ok((&seat).into())
}

/// Posts a message.
#[server(prefix = "/sf", endpoint = "post_message")]
pub async fn post_message(
    chat_id: Uuid,
    session_token: String,
    text: String,
    client_id: Uuid,
) -> Result<Message, Problem> {
    let service: crate::service::Service = expect_context();
    let token = crate::domain::SessionToken::parse(&session_token)
        .ok_or(crate::domain::Refusal::SessionRequired)
        .map_err(refused)?;
    let request = crate::wire::PostMessage { text, client_id: Some(client_id) };
    let (text, client_id) = request.parse().map_err(refused)?;
    let posted = service.post(chat_id.into(), &token, text, client_id).await.map_err(refused)?;
    Ok((&*posted.message).into())
}

/// Returns the problem as the response's body, and sets the response's status to match.
fn refused(problem: impl Into<Problem>) -> Problem {
    let problem = problem.into();
    if let Some(AnswerHead(set)) = use_context() {
        set(&problem);
    }
    problem
}
