//! The pages, the server functions behind their forms, and the files they load.

mod forms;

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, get_service};
use leptos::nonce::use_nonce;
use leptos::prelude::{provide_context, use_context};
use leptos::server_fn::axum::server_fn_paths;
use leptos_axum::{AxumRouteListing, LeptosRoutes as _, ResponseOptions, generate_route_list_with_exclusions};
use leptos_router::components::provide_server_redirect;
use tower_http::services::{ServeDir, ServeFile};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::app::server_fns::AnswerHead;
use crate::app::{App, PublicUrl, RelativeRoot, is_watched, shell};
use crate::domain::Refusal;
use crate::http::AppState;
use crate::http::accept::wants_page;
use crate::http::chat_app::browser_token;
use crate::http::origin::{relative_root, requested_path};
use crate::http::path::ChatInPath;
use crate::http::problem::{Failure, HandlerResult};
use crate::service::{Caller, Error};
use crate::wire::addresses;
use crate::wire::{Code, Problem};

/// Pages and files contain nothing private. A browser may store them, but must ask whether they are current.
const ASK_FIRST: HeaderValue = HeaderValue::from_static("no-cache");

/// Longer than the path of any file of the pages, and the maximum length of a file name on every disk.
const LONGEST_PATH: usize = 255;

/// A chatroom's page, for which the server checks the browser session before the app renders it.
const CHATROOM: &str = "/chatrooms/{chat_id}/";

/// Where people expect the page that creates a chatroom.
const NEW_CHATROOM: &str = "/chatrooms/new";

/// The app's pages, except a chatroom's.
fn listing() -> Vec<AxumRouteListing> {
    generate_route_list_with_exclusions(App, Some(vec![CHATROOM.trim_end_matches('/').to_owned()]))
}

/// The paths of the pages, and their methods.
pub(super) fn paths() -> impl Iterator<Item = (String, Vec<Method>)> {
    let pages = listing().into_iter().map(|page| page.path().to_owned());
    let pages = pages.filter(|path| path != CHATROOM.trim_end_matches('/'));
    pages.chain([CHATROOM, NEW_CHATROOM].map(str::to_owned)).map(|path| {
        let post = forms::PATHS.contains(&&*path).then_some(Method::POST);
        (path, [Method::GET, Method::HEAD].into_iter().chain(post).collect())
    })
}

/// The paths of the server functions, and their methods.
pub(super) fn server_functions() -> impl Iterator<Item = (String, Vec<Method>)> {
    server_fn_paths().map(|(path, method)| (path.to_owned(), vec![method]))
}

pub(super) fn routes(state: &AppState) -> Router<AppState> {
    let site = Path::new(&*state.leptos.site_root);
    let files = |folder: &str| {
        let files = ServeDir::new(site.join(folder)).precompressed_br().precompressed_gzip();
        get_service(files.append_index_html_on_directories(false)).layer(middleware::from_fn(refuse_long_paths))
    };
    let options = state.leptos.clone();
    Router::new()
        .leptos_routes_with_context(state, listing(), page_context(state), move || shell(options.clone()))
        .merge(forms::routes())
        .route(CHATROOM, get(show_chatroom))
        .route(NEW_CHATROOM, get(redirect_to_start))
        .nest_service("/pkg", files("pkg"))
        .nest_service("/assets", files("assets"))
        .route_service("/robots.txt", ServeFile::new(site.join("robots.txt")))
        .fallback(not_found)
        .layer(SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, ASK_FIRST))
}

/// Refuses a path that is too long for any file. Looking for it would be an error of the disk, and not a missing file.
async fn refuse_long_paths(request: Request<Body>, next: Next) -> Response {
    if request.uri().path().len() > LONGEST_PATH {
        return StatusCode::NOT_FOUND.into_response();
    }
    next.run(request).await
}

/// Provides the context of pages and server functions.
fn page_context(state: &AppState) -> impl Fn() + Clone + Send + Sync + 'static {
    let AppState { service, config, .. } = state.clone();
    move || {
        provide_context(service.clone());
        provide_context(PublicUrl(config.public_url.clone()));
        if let Some(parts) = use_context::<Parts>() {
            provide_context(RelativeRoot(relative_root(&requested_path(&parts.extensions, &parts.uri))));
            if let Some(caller) = parts.extensions.get::<Caller>().copied() {
                provide_context(caller);
            }
        }
        let Some(response) = use_context::<ResponseOptions>() else { return };
        match use_nonce() {
            Some(nonce) => {
                response.insert_header(header::CONTENT_SECURITY_POLICY, page_policy(&nonce));
                // With `no-referrer`, browsers would not say that the forms of these pages come from this site.
                response.insert_header(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
                let response = response.clone();
                provide_server_redirect(move |address, _| redirect_to(&response, address));
            }
            // A server function, whose response may contain a token.
            None => response.insert_header(header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        }
        provide_context(AnswerHead(Arc::new(move |problem| {
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            response.set_status(status);
            if let Some(seconds) = problem.retry_after {
                response.insert_header(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
        })));
    }
}

/// Redirects a page request to another page, before any script runs. Leptos itself redirects only clients that accept
/// HTML.
fn redirect_to(response: &ResponseOptions, address: &str) {
    if let Ok(address) = HeaderValue::try_from(address) {
        response.insert_header(header::LOCATION, address);
        response.set_status(StatusCode::SEE_OTHER);
    }
}

/// The content security policy of a page: it loads its own files and nothing else. While `cargo leptos watch` runs, the
/// page also listens there for changes.
fn page_policy(nonce: &str) -> HeaderValue {
    let reload = if is_watched() { " ws:" } else { "" };
    let policy = format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self' data:; connect-src 'self'{reload}; manifest-src 'self'; \
         base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).expect("a nonce is base64")
}

/// Answers 404, with a page for a browser and a problem for a program.
async fn not_found(State(state): State<AppState>, request: Request<Body>) -> Response {
    if !wants_page(request.headers()) {
        return Failure(Problem::new(Code::NotFound, "There is nothing at this address.")).into_response();
    }
    let mut page = render(&state, request).await;
    *page.status_mut() = StatusCode::NOT_FOUND;
    page
}

/// Redirects to the start page, which creates all kinds of chats.
async fn redirect_to_start() -> Redirect {
    Redirect::to("/")
}

/// Shows a chatroom's page. A browser without a session is redirected to the page that asks for a name, and returns
/// from there.
async fn show_chatroom(
    State(state): State<AppState>,
    chat: HandlerResult<ChatInPath>,
    request: Request<Body>,
) -> HandlerResult<Response> {
    let chat_id = match chat {
        Ok(ChatInPath(chat_id)) => chat_id,
        Err(_) if wants_page(request.headers()) => {
            return Ok(Redirect::to(addresses::NO_SUCH_CHAT).into_response());
        }
        Err(failure) => return Err(failure),
    };
    let session = match browser_token(request.headers()) {
        Some(token) => state.service.show_browser_session(&token).await,
        None => Err(Refusal::BrowserSessionRequired.into()),
    };
    match session {
        Err(Error::Refused(_)) => {
            let address = match state.service.check_entered_by_address(chat_id).await {
                Err(Error::Refused(Refusal::ChatNotFound)) => addresses::NO_SUCH_CHAT.into(),
                _ => addresses::session_for(chat_id),
            };
            Ok(Redirect::to(&address).into_response())
        }
        // The page itself repeats the request until the store answers.
        Err(Error::Unavailable(_) | Error::Busy(_)) | Ok(_) => Ok(render(&state, request).await),
    }
}

async fn render(state: &AppState, request: Request<Body>) -> Response {
    render_with(state, request, || ()).await
}

async fn render_with(
    state: &AppState,
    request: Request<Body>,
    context: impl Fn() + Clone + Send + Sync + 'static,
) -> Response {
    let (options, page_context) = (state.leptos.clone(), page_context(state));
    let context = move || {
        page_context();
        context();
    };
    leptos_axum::render_app_to_stream_with_context(context, move || shell(options.clone()))(request).await
}
