//! What the page asks of the browser itself.

use std::cell::Cell;

use leptos::prelude::{WindowListenerHandle, document, on_cleanup, window, window_event_listener_untyped};
use leptos::task::spawn_local;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::HtmlInputElement;

use crate::domain::{Admission, Timestamp};
use crate::wire::addresses;

/// What stands after the `#` of the address.
pub(crate) fn fragment() -> Option<String> {
    let hash = window().location().hash().ok()?;
    hash.strip_prefix('#').filter(|key| !key.is_empty()).map(str::to_owned)
}

/// Where the site begins, with a slash at its end, as this browser reached it.
fn root() -> String {
    document().base_uri().ok().flatten().unwrap_or_default()
}

/// Keeps addresses beginning where they did on the page that was loaded, for what stands there is the
/// way up from its own address.
pub(crate) fn pin_root() {
    let root = root();
    if let Ok(Some(base)) = document().query_selector("base") {
        let _ = base.set_attribute("href", &root);
    }
}

/// In which folder of its host the site stands: `/chat`, or nothing.
pub(crate) fn read_folder() -> String {
    let root = web_sys::Url::new(&root()).map(|root| root.pathname()).unwrap_or_default();
    root.trim_end_matches('/').to_owned()
}

/// The magic link for a chat: at the address that the one who runs the site gave it, else at the
/// one by which this browser reached it.
pub(crate) fn magic_link(chat_id: uuid::Uuid, key: &str) -> String {
    format!("{}{}", site(), addresses::join(chat_id, key))
}

fn site() -> String {
    let given = document().query_selector("meta[name=site-url]").ok().flatten();
    let given = given.and_then(|meta| meta.get_attribute("content"));
    given.unwrap_or_else(|| root().trim_end_matches('/').to_owned())
}

/// The address of a stream on this site.
pub(crate) fn stream_address(path: &str) -> String {
    // https becomes wss.
    format!("{}{path}", root().replacen("http", "ws", 1))
}

/// Shows on the page's icon whether something is unread.
pub(crate) fn mark_icon(is_unread: bool) {
    let icon = document().query_selector("link[rel=icon]").ok().flatten();
    let file = if is_unread { "assets/icon-unread.svg" } else { "assets/icon.svg" };
    if let Some(icon) = icon.filter(|icon| icon.get_attribute("href").as_deref() != Some(file)) {
        let _ = icon.set_attribute("href", file);
    }
}

/// Milliseconds since 1970.
pub(crate) fn now() -> f64 {
    js_sys::Date::now()
}

thread_local! {
    /// How far the server's clock is ahead of this browser's, in milliseconds.
    static SERVER_AHEAD: Cell<f64> = const { Cell::new(0.0) };
}

/// Notes what time the server says it is, as HTTP writes it.
pub(crate) fn note_server_time(date: &str) {
    let time = js_sys::Date::parse(date);
    if time.is_finite() {
        SERVER_AHEAD.set(time - now());
    }
}

/// Milliseconds since 1970 by the server's clock, to a second or so.
pub(crate) fn server_time() -> f64 {
    now() + SERVER_AHEAD.get()
}

/// Anything between 0 and 1.
pub(crate) fn chance() -> f64 {
    js_sys::Math::random()
}

/// Whether nobody can see the page just now.
pub(crate) fn is_hidden() -> bool {
    document().hidden()
}

/// Takes away what stands after the `#`, which may be secret, and keeps the page.
pub(crate) fn forget_fragment() {
    let path = window().location().pathname().unwrap_or_default();
    if let Ok(history) = window().history() {
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&path));
    }
}

/// Calls `then` when someone does something with the page, until it is left.
pub(crate) fn on_use(then: impl Fn() + Clone + 'static) {
    let listeners = ["pointerdown", "keydown", "wheel", "touchmove"].map(|event| {
        let then = then.clone();
        window_event_listener_untyped(event, move |_| then())
    });
    on_cleanup(move || listeners.into_iter().for_each(WindowListenerHandle::remove));
}

/// Calls `then` when the page is seen again, shown again, or online again, or not any more; until
/// it is left.
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
        // It bubbles up from the document.
        window_event_listener_untyped("visibilitychange", move |_| shown()),
    ];
    on_cleanup(move || listeners.into_iter().for_each(WindowListenerHandle::remove));
}

/// The address by which others enter, where that is all they need.
pub(crate) fn entrance_link(admission: Admission, chat_id: uuid::Uuid) -> Option<String> {
    match admission {
        Admission::Link | Admission::Approval => None,
        Admission::Account => Some(format!("{}{}", site(), addresses::room(chat_id))),
        Admission::Open => Some(format!("{}{}", site(), addresses::chatroom(chat_id))),
    }
}

/// The value of the radio button of this name that is chosen.
pub(crate) fn chosen(name: &str) -> Option<String> {
    let chosen = document().query_selector(&format!("input[name={name}]:checked")).ok().flatten()?;
    Some(chosen.unchecked_into::<HtmlInputElement>().value())
}

/// Brings `element` into sight.
pub(crate) fn show(element: &web_sys::Element) {
    element.scroll_into_view_with_bool(false);
}

/// Makes a box as high as its text, where the browser's styles cannot: `WebKit` learned `field-sizing`
/// late.
pub(crate) fn fit_to_text(text_box: &web_sys::HtmlElement) {
    let style = text_box.style();
    if js_sys::Reflect::has(&style, &JsValue::from_str("fieldSizing")).unwrap_or(false) {
        return;
    }
    let _ = style.set_property("height", "auto");
    let borders = text_box.offset_height() - text_box.client_height();
    let _ = style.set_property("height", &format!("{}px", text_box.scroll_height() + borders));
}

/// Opens what hides `element`: what is wrong with it must be seen.
pub(crate) fn reveal(element: &web_sys::Element) {
    if let Ok(Some(hidden)) = element.closest("details:not([open])") {
        let _ = hidden.set_attribute("open", "");
    }
}

/// The address that brings an owner back from any browser.
pub(crate) fn recovery_link(chat_id: uuid::Uuid, code: &str) -> String {
    format!("{}{}#{code}", site(), addresses::chat(chat_id))
}

/// Copies what stands in `input`, then calls `then` with whether it worked.
pub(crate) fn copy_from(input: HtmlInputElement, then: impl FnOnce(bool) + 'static) {
    input.select();
    // The clipboard exists only where the page was served securely; the older way works anywhere.
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

/// Whether the browser can hand links to other programs.
pub(crate) fn can_share() -> bool {
    js_sys::Reflect::has(&window().navigator(), &JsValue::from_str("share")).unwrap_or(false)
}

/// Hands a link to another program; that someone changes their mind is no error.
pub(crate) fn share(title: &str, url: &str) {
    let data = web_sys::ShareData::new();
    data.set_title(title);
    data.set_url(url);
    let shared = window().navigator().share_with_data(&data);
    spawn_local(async move {
        let _ = JsFuture::from(shared).await;
    });
}

/// Moves the focus to the first element that `selector` names; where it would bring up a keyboard on
/// the screen, it stays.
pub(crate) fn focus_first(selector: &str) {
    let first = document().query_selector(selector).ok().flatten();
    if let Some(element) = first.filter(|_| has_keyboard()) {
        let _ = element.unchecked_into::<web_sys::HtmlElement>().focus();
    }
}

/// Whether people here type on keys of their own: then a focused box brings up no keyboard that
/// would cover half the screen.
pub(crate) fn has_keyboard() -> bool {
    let query = window().match_media("(hover: hover) and (pointer: fine)");
    query.ok().flatten().is_some_and(|query| query.matches())
}

/// Asks a yes-or-no question.
pub(crate) fn confirm(question: &str) -> bool {
    window().confirm_with_message(question).unwrap_or(false)
}

/// The time of day as people write it where this browser is set up.
pub(crate) fn time_of_day(moment: Timestamp) -> String {
    let options = options(&[("hour", "2-digit"), ("minute", "2-digit")]);
    date(moment).to_locale_time_string_with_options("default", &options).into()
}

/// The day and the time of day, as people write them where this browser is set up.
pub(crate) fn date_and_time(moment: Timestamp) -> String {
    let options = options(&[("dateStyle", "medium"), ("timeStyle", "short")]);
    date(moment).to_locale_string("default", &options).into()
}

fn date(moment: Timestamp) -> js_sys::Date {
    #[allow(clippy::cast_precision_loss)] // milliseconds since 1970 are exact for ages to come
    js_sys::Date::new(&JsValue::from_f64(moment.as_millis() as f64))
}

fn options(named: &[(&str, &str)]) -> js_sys::Object {
    let options = js_sys::Object::new();
    for (name, value) in named {
        let _ = js_sys::Reflect::set(&options, &(*name).into(), &(*value).into());
    }
    options
}

/// Keeps the page as high as what is visible of it: a phone's keyboard covers the rest, and not
/// every browser makes room by itself.
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
    // The page listens as long as it lives.
    on_resize.forget();
}
