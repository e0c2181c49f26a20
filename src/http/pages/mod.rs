//! The pages, the server functions behind their forms, and the files they load.

mod forms;
mod start;

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use leptos::nonce::use_nonce;
use leptos::prelude::{provide_context, use_context};
use leptos::server_fn::axum::server_fn_paths;
use leptos_axum::{AxumRouteListing, LeptosRoutes as _, ResponseOptions, generate_route_list};
use leptos_router::components::provide_server_redirect;
use leptos_router::location::RequestUrl;
use tower_http::set_header::SetResponseHeaderLayer;

pub(super) use start::StartPage;

use crate::app::server_fns::AnswerHead;
use crate::app::{App, FileAddresses, PublicUrl, RelativeRoot, is_watched, shell};
use crate::domain::Refusal;
use crate::http::AppState;
use crate::http::accept::wants_page;
use crate::http::calls::Other;
use crate::http::chat_app::browser_token;
use crate::http::files::{ASK_FIRST, FILES};
use crate::http::layers::note_refusal;
use crate::http::origin::{relative_root, requested_path};
use crate::http::path::ChatInPath;
use crate::http::problem::{Failure, HandlerResult};
use crate::service::{Caller, Error};
use crate::wire::addresses;
use crate::wire::{Code, Problem};

const X_FORWARDED_PROTO: &str = "x-forwarded-proto";

pub(super) const START: &str = "/";

/// A chatroom's page, for which the server checks the browser session before the app renders it.
const CHATROOM: &str = "/chatrooms/{chat_id}/";

/// Where people expect the page that creates a chatroom.
const NEW_CHATROOM: &str = "/chatrooms/new";

/// The app's pages, except the start page and a chatroom's.
fn listing() -> Vec<AxumRouteListing> {
    let others = [START, CHATROOM.trim_end_matches('/')];
    generate_route_list(App).into_iter().filter(|page| !others.contains(&page.path())).collect()
}

/// The paths of the pages and of their files, and their methods.
pub(super) fn paths() -> impl Iterator<Item = Other> {
    let pages = listing().into_iter().map(|page| page.path().to_owned());
    let pages = pages.chain([START, CHATROOM, NEW_CHATROOM].map(str::to_owned)).map(|pattern| {
        let post = forms::PATHS.contains(&&*pattern).then_some(Method::POST);
        Other { pattern, methods: [Method::GET, Method::HEAD].into_iter().chain(post).collect(), is_page: true }
    });
    let files = FILES.map(|pattern| Other {
        pattern: pattern.to_owned(),
        methods: vec![Method::GET, Method::HEAD],
        is_page: false,
    });
    pages.chain(files)
}

/// The paths of the server functions, and their methods.
pub(super) fn server_functions() -> impl Iterator<Item = Other> {
    server_fn_paths().map(|(path, method)| Other { pattern: path.to_owned(), methods: vec![method], is_page: false })
}

pub(super) fn routes(state: &AppState, start_page: StartPage) -> Router<AppState> {
    let options = state.leptos.clone();
    Router::new()
        .leptos_routes_with_context(state, listing(), page_context(state), move || shell(options.clone()))
        .merge(forms::routes())
        .merge(start_page.routes())
        .route(CHATROOM, get(show_chatroom))
        .route(NEW_CHATROOM, get(redirect_to_start))
        .merge(state.files.routes(Path::new(&*state.leptos.site_root)))
        .fallback(not_found)
        .layer(SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, ASK_FIRST))
        .layer(middleware::map_request(ignore_wrong_host))
}

/// Removes a host that is none, such as an empty one: Leptos makes a URL of it, and would panic.
async fn ignore_wrong_host(mut request: Request<Body>) -> Request<Body> {
    let (uri, headers) = (request.uri(), request.headers());
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host = uri.authority().map(Authority::as_str).or_else(|| text(header::HOST.as_str()));
    let scheme = uri.scheme_str().or_else(|| text(X_FORWARDED_PROTO)).unwrap_or("http");
    let is_url = host.is_none_or(|host| RequestUrl::new(&format!("{scheme}://{host}/")).parse().is_ok());
    if !is_url {
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map_or_else(|| Uri::from_static("/"), Uri::from);
        request.headers_mut().remove(header::HOST);
        request.headers_mut().remove(X_FORWARDED_PROTO);
    }
    request
}

/// Provides the context of pages and server functions.
fn page_context(state: &AppState) -> impl Fn() + Clone + Send + Sync + 'static {
    let AppState { service, config, files, .. } = state.clone();
    let addresses = FileAddresses(files.addresses());
    move || {
        provide_context(addresses.clone());
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
            note_refusal(problem.code);
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
