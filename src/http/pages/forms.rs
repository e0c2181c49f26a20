//! The forms that a browser posts before the page is hydrated. The answer is a page in any case: the next one, or the
//! form's own with the problem and with what the user typed.

use std::sync::LazyLock;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Extension, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use leptos::prelude::provide_context;
use sha2::{Digest as _, Sha256};

use super::{START, render_with};
use crate::app::server_fns::Started;
use crate::app::{NewChatForm, NextPage, RefusedForm, join_problem};
use crate::domain::ChatId;
use crate::http::AppState;
use crate::http::MAX_BODY_BYTES;
use crate::http::layers::note_refusal;
use crate::http::origin::{SiteUrl, check_origin, relative_root, requested_path};
use crate::http::path::ChatInPath;
use crate::http::problem::HandlerResult;
use crate::service::{self, Caller, Creator, JoinIdentity, Password, Service};
use crate::wire::{CreateChat, Entered, JoinChat, Problem};

const JOIN: &str = "/join/{chat_id}";

/// The pages with these forms.
pub(super) const PATHS: [&str; 2] = [START, JOIN];

/// The names of the fields that a refused form's page must not contain.
const SECRETS: [&str; 3] = ["password", "key", "join_id"];

pub(super) fn routes() -> Router<AppState> {
    Router::new().route(START, post(start_chat)).route(JOIN, post(join_chat))
}

/// Starts the chat that the home page's form describes.
async fn start_chat(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    site: SiteUrl,
    request: Request,
) -> HandlerResult<Response> {
    check_origin(request.headers(), &site)?;
    let form = PostedForm::read(request).await?;
    match start(&state.service, caller, &form).await {
        Ok(next) => Ok(form.next_page(&next)),
        Err(problem) => Ok(form.refused_page(&state, problem).await),
    }
}

async fn start(service: &Service, caller: Caller, form: &PostedForm) -> Result<NextPage, Problem> {
    match NewChatForm::read(|name| form.field(name))? {
        NewChatForm::Open(chatroom) => {
            let (name, settings) = chatroom.parse()?;
            let chat_id = service.open_chat(caller, None, Some(name), settings).await?;
            Ok(NextPage::open_chat(chat_id.as_uuid()))
        }
        NewChatForm::Owned(request) => {
            let (username, name, settings) = request.parse()?;
            let CreateChat { name: given_name, admission, password, .. } = request;
            let password = password.as_deref().map(Password::parse).transpose()?;
            let new = service.create_chat(caller, Creator { username, password }, name, settings).await?;
            Ok(NextPage::started(new.into(), given_name, admission))
        }
    }
}

impl From<service::NewChat> for Started {
    fn from(new: service::NewChat) -> Self {
        Self {
            chat_id: new.chat_id.as_uuid(),
            key: new.invite.map(|invite| invite.key.reveal()),
            recovery_code: new.recovery.reveal(),
            seat: (&new.seat).into(),
        }
    }
}

/// Joins the chat, or knocks, with the key that a script has put into the form.
async fn join_chat(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    ChatInPath(chat_id): ChatInPath,
    site: SiteUrl,
    request: Request,
) -> HandlerResult<Response> {
    check_origin(request.headers(), &site)?;
    let form = PostedForm::read(request).await?;
    let (id, key) = (chat_id.as_uuid(), form.field("key").unwrap_or_default());
    if key.is_empty() {
        return Ok(form.next_page(&NextPage::without_key()));
    }
    let next = match join(&state.service, caller, chat_id, &form).await {
        Ok(entered) => NextPage::entered(entered, id, key, None),
        Err(problem) => match NextPage::refused(&problem, id, &key, form.notice().as_deref()) {
            Some(next) => {
                note_refusal(problem.code);
                next
            }
            None => return Ok(form.refused_page(&state, join_problem(problem)).await),
        },
    };
    Ok(form.next_page(&next))
}

async fn join(service: &Service, caller: Caller, chat_id: ChatId, form: &PostedForm) -> Result<Entered, Problem> {
    let text = |name| form.field(name).unwrap_or_default();
    let join_id = text("join_id").parse().ok();
    let request = JoinChat { key: text("key"), username: text("username"), join_id };
    let (key, username) = request.parse()?;
    let joiner = join_id.map_or(JoinIdentity::Unknown, JoinIdentity::JoinId);
    Ok((&service.join(caller, chat_id, &key, username, joiner).await?).into())
}

/// A posted form and the request that posted it.
struct PostedForm {
    parts: Parts,
    fields: Vec<(String, String)>,
}

impl PostedForm {
    async fn read(request: Request) -> HandlerResult<Self> {
        let (parts, body) = request.into_parts();
        let incomplete = |_| Problem::unreadable("The request body is incomplete.");
        let bytes = to_bytes(body, MAX_BODY_BYTES).await.map_err(incomplete)?;
        Ok(Self { parts, fields: form_urlencoded::parse(&bytes).into_owned().collect() })
    }

    fn field(&self, name: &str) -> Option<String> {
        self.fields.iter().find_map(|(field, value)| (field == name).then(|| value.clone()))
    }

    /// Returns the name of the notice that the page showed.
    fn notice(&self) -> Option<String> {
        let query = self.parts.uri.query().unwrap_or_default().as_bytes();
        form_urlencoded::parse(query).find_map(|(name, value)| (name == "notice").then(|| value.into_owned()))
    }

    fn next_page(&self, next: &NextPage) -> Response {
        static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
            let script = STANDARD.encode(Sha256::digest(NextPage::SCRIPT));
            let policy = format!(
                "default-src 'none'; script-src 'sha256-{script}'; img-src 'self'; base-uri 'self'; form-action 'none'; \
                 frame-ancestors 'none'"
            );
            HeaderValue::try_from(policy).expect("base64 is ASCII")
        });
        let root = relative_root(&requested_path(&self.parts.extensions, &self.parts.uri));
        let headers = [(header::CONTENT_SECURITY_POLICY, POLICY.clone()), (header::CACHE_CONTROL, NO_STORE)];
        (headers, Html(next.document(&root))).into_response()
    }

    /// Renders the form's page again, with the problem.
    async fn refused_page(self, state: &AppState, problem: Problem) -> Response {
        let Self { mut parts, fields } = self;
        note_refusal(problem.code);
        parts.method = Method::GET;
        let (status, retry_after) = (StatusCode::from_u16(problem.status), problem.retry_after);
        let fields = fields.into_iter().filter(|(name, _)| !SECRETS.contains(&&**name)).collect();
        let refused = RefusedForm { problem, fields };
        let page = Request::from_parts(parts, Body::empty());
        let mut response = render_with(state, page, move || provide_context(refused.clone())).await;
        *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// These answers contain what the user typed, or a session token.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
