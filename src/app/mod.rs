//! The web app, which the server renders and the browser hydrates.

mod client;
mod components;
mod folder;
mod forms;
mod hydration;
pub mod links;
mod notice;
mod pages;
pub mod server_fns;
mod texts;

use std::collections::HashMap;
use std::sync::Arc;

use leptos::config::LeptosOptions;
use leptos::hydration::AutoReload;
use leptos::prelude::*;
use leptos_meta::{MetaTags, Title, provide_meta_context};
use leptos_router::components::{FlatRoutes, Route, Router};
use leptos_router::path;

pub use client::events::EventReader;
pub use folder::set_base_path;
pub use forms::{NewChatForm, NextPage, RefusedForm, join_problem};

pub use hydration::is_watched;

use hydration::{HydrationFiles, HydrationNotice};
use pages::{
    ChatPage, HomePage, JoinPage, LoginPage, NotFoundPage, OpenChatPage, SessionPage, in_chat_file, in_start_file,
};

/// The site's public address, if the operator has configured one.
#[derive(Clone, Debug)]
pub struct PublicUrl(pub Option<String>);

/// The relative path from the page's address to the site's root, such as `./` or `../`. It is the same on every host
/// and in every folder of a host.
#[derive(Clone, Debug)]
pub struct RelativeRoot(pub String);

/// The addresses of the page's files, relative to the site's root, where these differ from their names.
#[derive(Clone, Debug, Default)]
pub struct FileAddresses(pub Arc<HashMap<String, String>>);

impl FileAddresses {
    /// Returns the address of the file `name`, such as `pkg/app.js`.
    #[must_use]
    pub fn of(&self, name: &str) -> String {
        self.0.get(name).map_or_else(|| name.to_owned(), Clone::clone)
    }
}

/// Returns the HTML document around the app. Only the server renders it.
#[must_use]
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let files = use_context::<FileAddresses>().unwrap_or_default();
    let relative_root = use_context().map_or_else(|| "/".into(), |RelativeRoot(way)| way);
    view! {
        <!DOCTYPE html>
        <html lang="en" dir="ltr">
            <head>
                <meta charset="utf-8"/>
                // All addresses below, and those in the pages, are relative to this.
                <base href=relative_root/>
                <meta name="viewport" content="width=device-width, initial-scale=1, interactive-widget=resizes-content"/>
                <meta name="color-scheme" content="light dark"/>
                <meta name="description" content=texts::DESCRIPTION/>
                {use_context::<PublicUrl>().and_then(|PublicUrl(url)| url).map(|url| view! { <meta name="site-url" content=url/> })}
                <link rel="icon" href="assets/icon.svg" type="image/svg+xml"/>
                <link rel="manifest" href="assets/manifest.webmanifest"/>
                <link rel="stylesheet" href=files.of(&format!("{}/{}.css", options.site_pkg_dir, options.output_name))/>
                <AutoReload options=options.clone()/>
                <HydrationFiles options files/>
                <MetaTags/>
            </head>
            <body>
                <App/>
                {forms::refusal_element()}
                <HydrationNotice/>
            </body>
        </html>
    }
}

/// Routes each address to its page.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    Effect::new(client::browser::fit_to_visible_height);
    view! {
        <Title formatter=|page: String| texts::window_title(&page)/>
        <Router base=folder::folder()>
            <FlatRoutes fallback=NotFoundPage>
                <Route path=path!("/") view=in_start_file(HomePage)/>
                <Route path=path!("/join/:chat_id") view=in_start_file(JoinPage)/>
                <Route path=path!("/room/:chat_id") view=in_chat_file(LoginPage)/>
                <Route path=path!("/chatrooms/:chat_id") view=in_chat_file(OpenChatPage)/>
                <Route path=path!("/sessions/new") view=in_chat_file(SessionPage)/>
                <Route path=path!("/chat/:chat_id") view=in_chat_file(ChatPage)/>
            </FlatRoutes>
        </Router>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If the two differed, the page would be loaded again and again.
    #[test]
    fn each_route_shows_a_page_of_the_file_that_its_address_loads() {
        let lines = include_str!("mod.rs").lines().filter_map(|line| line.trim().strip_prefix("<Route path=path!(\""));
        let routes: Vec<_> = lines.filter_map(|line| line.split_once('"')).collect();
        assert_eq!(routes.len(), 6);
        for (path, rest) in routes {
            let is_first = pages::file_of(path, "app", false) == "app";
            assert!(rest.contains(if is_first { "in_start_file(" } else { "in_chat_file(" }), "{path}");
        }
    }
}
