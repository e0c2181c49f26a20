//! Wrappers around the browser's own APIs.

use std::cell::Cell;

use leptos::prelude::{WindowListenerHandle, document, on_cleanup, window, window_event_listener_untyped};
use leptos::task::spawn_local;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{FormData, HtmlFormElement, HtmlInputElement, SubmitEvent};

use crate::domain::{Admission, Timestamp};
use crate::wire::addresses;

/// Returns the fragment of the page's address, without the `#`.
pub(crate) fn fragment() -> Option<String> {
    let hash = window().location().hash().ok()?;
    hash.strip_prefix('#').filter(|key| !key.is_empty()).map(str::to_owned)
}

/// Returns the URL of the site's root as this browser reached it, with a trailing slash.
fn root() -> String {
    document().base_uri().ok().flatten().unwrap_or_default()
}

/// Makes the page's `<base>` absolute. The server renders it relative to the loaded page's address, so it would point
/// elsewhere after the router has navigated.
pub(crate) fn pin_root() {
    let root = root();
    if let Ok(Some(base)) = document().query_selector("base") {
        let _ = base.set_attribute("href", &root);
    }
}

/// Returns the folder of the host that the site is served from, such as `/chat`; empty at the root.
pub(crate) fn read_folder() -> String {
    let root = web_sys::Url::new(&root()).map(|root| root.pathname()).unwrap_or_default();
    root.trim_end_matches('/').to_owned()
}

/// Returns the text in the state of the current entry of the tab's history.
pub(crate) fn state() -> Option<String> {
    window().history().ok()?.state().ok()?.as_string()
}

/// Sets the state of the current entry of the tab's history. It stays when the document is loaded again.
pub(crate) fn set_state(text: &str) {
    if let Ok(history) = window().history() {
        let _ = history.replace_state_with_url(&JsValue::from_str(text), "", None);
    }
}

/// Lets the file with the pages of a chat replace this page. Returns `false` if this page cannot load it.
pub(crate) fn open_chat_file() -> bool {
    let cancelable = web_sys::EventInit::new();
    cancelable.set_cancelable(true);
    let event = web_sys::Event::new_with_event_init_dict("open-chat", &cancelable);
    // The script of the page cancels the event when it loads the file.
    event.is_ok_and(|event| window().dispatch_event(&event) == Ok(false))
}

/// Loads the document again, at the page's address.
pub(crate) fn reload() {
    let _ = window().location().reload();
}

/// Returns the magic link for a chat. It starts with the public address that the operator has configured, else with the
/// address by which this browser reached the site.
pub(crate) fn magic_link(chat_id: uuid::Uuid, key: &str) -> String {
    format!("{}{}", site(), addresses::join(chat_id, key))
}

fn site() -> String {
    let given = document().query_selector("meta[name=site-url]").ok().flatten();
    let given = given.and_then(|meta| meta.get_attribute("content"));
    given.unwrap_or_else(|| root().trim_end_matches('/').to_owned())
}

/// Returns the WebSocket URL of a path on this site.
pub(crate) fn stream_address(path: &str) -> String {
    // https becomes wss.
    format!("{}{path}", root().replacen("http", "ws", 1))
}

/// Sets the page's icon to show whether something is unread.
pub(crate) fn mark_icon(is_unread: bool) {
    let icon = document().query_selector("link[rel=icon]").ok().flatten();
    let file = if is_unread { "assets/icon-unread.svg" } else { "assets/icon.svg" };
    if let Some(icon) = icon.filter(|icon| icon.get_attribute("href").as_deref() != Some(file)) {
        let _ = icon.set_attribute("href", file);
    }
}

/// Returns the time of this browser's clock, in milliseconds since 1970.
pub(crate) fn now() -> f64 {
    js_sys::Date::now()
}

thread_local! {
    /// How far the server's clock is ahead of this browser's, in milliseconds.
    static SERVER_AHEAD: Cell<f64> = const { Cell::new(0.0) };
}

/// Notes the server's time from the `Date` header of a response.
pub(crate) fn note_server_time(date: &str) {
    let time = js_sys::Date::parse(date);
    if time.is_finite() {
        SERVER_AHEAD.set(time - now());
    }
}

/// Returns the time of the server's clock, in milliseconds since 1970, to within about a second.
pub(crate) fn server_time() -> f64 {
    now() + SERVER_AHEAD.get()
}

/// Returns a random number from 0 to 1.
pub(crate) fn random_fraction() -> f64 {
    js_sys::Math::random()
}

/// Whether the page is hidden.
pub(crate) fn is_hidden() -> bool {
    document().hidden()
}

/// Removes the fragment, which may contain a secret, from the address. The page stays.
pub(crate) fn forget_fragment() {
    let path = window().location().pathname().unwrap_or_default();
    if let Ok(history) = window().history() {
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&path));
    }
}

/// Calls `then` whenever the user does something on the page, until they leave it.
pub(crate) fn on_use(then: impl Fn() + Clone + 'static) {
    let listeners = ["pointerdown", "keydown", "wheel", "touchmove"].map(|event| {
        let then = then.clone();
        window_event_listener_untyped(event, move |_| then())
    });
    on_cleanup(move || listeners.into_iter().for_each(WindowListenerHandle::remove));
}

/// Calls `then` when the page becomes visible or is shown again, and when the browser goes online or offline, until the
/// user leaves the page.
pub(crate) fn on_wake(then: impl Fn() + Clone + 'static) {
    let shown = {
        let then = then.clone();
        move || {
            if !is_hidden() {
                then();
            }
        }
    };
    let listeners = [
        window_event_listener_untyped("online", {
            let then = then.clone();
            move |_| then()
        }),
        window_event_listener_untyped("offline", move |_| then()),
        window_event_listener_untyped("pageshow", {
            let shown = shown.clone();
            move |_| shown()
        }),
        // This event bubbles from the document to the window.
        window_event_listener_untyped("visibilitychange", move |_| shown()),
    ];
    on_cleanup(move || listeners.into_iter().for_each(WindowListenerHandle::remove));
}

/// Returns the link with which others join the chat; `None` if they need an invite.
pub(crate) fn entry_link(admission: Admission, chat_id: uuid::Uuid) -> Option<String> {
    addresses::entry(admission, chat_id).map(|address| format!("{}{address}", site()))
}

/// Returns the value of the selected radio button with this name.
pub(crate) fn chosen(name: &str) -> Option<String> {
    let chosen = document().query_selector(&format!("input[name={name}]:checked")).ok().flatten()?;
    Some(chosen.unchecked_into::<HtmlInputElement>().value())
}

/// Removes the element with this id, and returns its text.
pub(crate) fn take_text(id: &str) -> Option<String> {
    let element = document().get_element_by_id(id)?;
    element.remove();
    element.text_content()
}

/// Returns a function that returns the values of the submitted form's fields. Like the browser itself, it leaves out
/// disabled fields and unchecked boxes.
pub(crate) fn fields(event: &SubmitEvent) -> impl Fn(&str) -> Option<String> + use<> {
    let form = event.target().map(wasm_bindgen::JsCast::unchecked_into::<HtmlFormElement>);
    let fields = form.and_then(|form| FormData::new_with_form(&form).ok());
    move |name| fields.as_ref()?.get(name).as_string()
}

/// Scrolls `element` into view.
pub(crate) fn show(element: &web_sys::Element) {
    element.scroll_into_view_with_bool(false);
}

/// Makes a text box as high as its text, in browsers without the CSS property `field-sizing`, such as older versions of
/// `WebKit`.
pub(crate) fn fit_to_text(text_box: &web_sys::HtmlElement) {
    let style = text_box.style();
    if js_sys::Reflect::has(&style, &JsValue::from_str("fieldSizing")).unwrap_or(false) {
        return;
    }
    let _ = style.set_property("height", "auto");
    let borders = text_box.offset_height() - text_box.client_height();
    let _ = style.set_property("height", &format!("{}px", text_box.scroll_height() + borders));
}

/// Opens the closed `<details>` around `element`, so that the problem with it is visible.
pub(crate) fn reveal(element: &web_sys::Element) {
    if let Ok(Some(hidden)) = element.closest("details:not([open])") {
        let _ = hidden.set_attribute("open", "");
    }
}

/// Returns the link that recovers the owner's seat in any browser.
pub(crate) fn recovery_link(chat_id: uuid::Uuid, code: &str) -> String {
    format!("{}{}#{code}", site(), addresses::chat(chat_id))
}

/// Copies the value of `input`, then calls `then` with whether it worked.
pub(crate) fn copy_from(input: HtmlInputElement, then: impl FnOnce(bool) + 'static) {
    input.select();
    // The clipboard API exists only in secure contexts; `execCommand` works everywhere.
    let clipboard = js_sys::Reflect::get(&window().navigator(), &JsValue::from_str("clipboard"));
    let clipboard = clipboard.ok().and_then(|value| value.dyn_into::<web_sys::Clipboard>().ok());
    let Some(clipboard) = clipboard else {
        return then(copy_selection());
    };
    let text = input.value();
    spawn_local(async move {
        let copied = JsFuture::from(clipboard.write_text(&text)).await.is_ok();
        then(copied || copy_selection());
    });
}

fn copy_selection() -> bool {
    let document: web_sys::HtmlDocument = document().unchecked_into();
    document.exec_command("copy").unwrap_or(false)
}

/// Whether the browser can share links with other apps.
pub(crate) fn can_share() -> bool {
    js_sys::Reflect::has(&window().navigator(), &JsValue::from_str("share")).unwrap_or(false)
}

/// Shares a link with another app. It is no error if the user cancels.
pub(crate) fn share(title: &str, url: &str) {
    let data = web_sys::ShareData::new();
    data.set_title(title);
    data.set_url(url);
    let shared = window().navigator().share_with_data(&data);
    spawn_local(async move {
        let _ = JsFuture::from(shared).await;
    });
}

/// Moves the focus to the first element that matches `selector`, unless that may open an on-screen keyboard.
pub(crate) fn focus_first(selector: &str) {
    let first = document().query_selector(selector).ok().flatten();
    if let Some(element) = first.filter(|_| has_keyboard()) {
        let _ = element.unchecked_into::<web_sys::HtmlElement>().focus();
    }
}

/// Whether the device seems to have a physical keyboard, so that a focused text box opens no on-screen keyboard, which
/// would cover half the screen.
pub(crate) fn has_keyboard() -> bool {
    let query = window().match_media("(hover: hover) and (pointer: fine)");
    query.ok().flatten().is_some_and(|query| query.matches())
}

/// Asks a yes-or-no question.
pub(crate) fn confirm(question: &str) -> bool {
    window().confirm_with_message(question).unwrap_or(false)
}

/// Formats the time of day in the browser's locale.
pub(crate) fn time_of_day(moment: Timestamp) -> String {
    let options = options(&[("hour", "2-digit"), ("minute", "2-digit")]);
    date(moment).to_locale_time_string_with_options("default", &options).into()
}

/// Formats the date and the time of day in the browser's locale.
pub(crate) fn date_and_time(moment: Timestamp) -> String {
    let options = options(&[("dateStyle", "medium"), ("timeStyle", "short")]);
    date(moment).to_locale_string("default", &options).into()
}

fn date(moment: Timestamp) -> js_sys::Date {
    #[allow(clippy::cast_precision_loss)] // exact for milliseconds since 1970
    js_sys::Date::new(&JsValue::from_f64(moment.as_millis() as f64))
}

fn options(named: &[(&str, &str)]) -> js_sys::Object {
    let options = js_sys::Object::new();
    for (name, value) in named {
        let _ = js_sys::Reflect::set(&options, &(*name).into(), &(*value).into());
    }
    options
}

/// Keeps the page as high as its visible part. A phone's keyboard covers the rest, and not every browser resizes the
/// page for it.
pub(crate) fn fit_to_visible_height() {
    let Some(viewport) = window().visual_viewport() else { return };
    let fit = {
        let viewport = viewport.clone();
        move || {
            let root = document().document_element().map(wasm_bindgen::JsCast::unchecked_into::<web_sys::HtmlElement>);
            if let Some(root) = root {
                let height = format!("{}px", viewport.height());
                let _ = root.style().set_property("--visible-height", &height);
            }
        }
    };
    fit();
    let on_resize = wasm_bindgen::closure::Closure::<dyn FnMut()>::new(fit);
    let _ = viewport.add_event_listener_with_callback("resize", on_resize.as_ref().unchecked_ref());
    // The listener stays for the life of the page.
    on_resize.forget();
}
