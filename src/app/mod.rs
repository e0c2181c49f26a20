//! The web app: rendered first on the server, then alive in the browser.

mod client;
mod components;
mod folder;
mod hydration;
mod notice;
mod pages;
pub mod server_fns;

use leptos::config::LeptosOptions;
use leptos::hydration::AutoReload;
use leptos::prelude::*;
use leptos_meta::{MetaTags, Title, provide_meta_context};
use leptos_router::components::{FlatRoutes, Route, Router};
use leptos_router::path;

pub use folder::settle_in_folder;

use hydration::{HydrationFiles, HydrationNotice};
use pages::{ChatPage, HomePage, JoinPage, LoginPage, NotFoundPage, OpenChatPage, SessionPage};

/// Where visitors find the site, if the one who runs it has said so.
#[derive(Clone, Debug)]
pub struct PublicUrl(pub Option<String>);

/// The way from the page's address up to where the site begins, on whatever host and in whatever
/// folder of it: `./`, `../` …
#[derive(Clone, Debug)]
pub struct RelativeRoot(pub String);

/// The HTML around the app, which only the server renders.
#[must_use]
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let relative_root = use_context().map_or_else(|| "/".into(), |RelativeRoot(way)| way);
    view! {
        <!DOCTYPE html>
        <html lang="en" dir="ltr">
            <head>
                <meta charset="utf-8"/>
                // All addresses below, and in the pages, begin here.
                <base href=relative_root/>
                <meta name="viewport" content="width=device-width, initial-scale=1, interactive-widget=resizes-content"/>
                <meta name="color-scheme" content="light dark"/>
                <meta name="description" content="Private group chat that leaves nothing behind."/>
                {use_context::<PublicUrl>().and_then(|PublicUrl(url)| url).map(|url| view! { <meta name="site-url" content=url/> })}
                <link rel="icon" href="assets/icon.svg" type="image/svg+xml"/>
                <link rel="manifest" href="assets/manifest.webmanifest"/>
                <link rel="stylesheet" href=format!("pkg/{}.css", options.output_name)/>
                <AutoReload options=options.clone()/>
                <HydrationFiles options/>
                <MetaTags/>
            </head>
            <body>
                <App/>
                <HydrationNotice/>
            </body>
        </html>
    }
}

/// The pages and their addresses.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    Effect::new(client::browser::fit_to_visible_height);
    view! {
        <Title formatter=|page: String| if page.is_empty() { "Watch Party".into() } else { format!("{page} · Watch Party") }/>
        <Router base=folder::folder()>
            <FlatRoutes fallback=NotFoundPage>
                <Route path=path!("/") view=HomePage/>
                <Route path=path!("/join/:chat_id") view=JoinPage/>
                <Route path=path!("/room/:chat_id") view=LoginPage/>
                <Route path=path!("/chatrooms/:chat_id") view=OpenChatPage/>
                <Route path=path!("/sessions/new") view=SessionPage/>
                <Route path=path!("/chat/:chat_id") view=ChatPage/>
            </FlatRoutes>
        </Router>
    }
}
