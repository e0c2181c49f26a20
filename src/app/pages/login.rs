//! The page where members with a password register and log in.

use leptos::ev::SubmitEvent;
use leptos::html::Input;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use uuid::Uuid;

use super::address::{chat_in_address, use_replace};
use crate::app::client::api::{self, held_seat};
use crate::app::client::read_only::{ReadOnlyConversation, Reader};
use crate::app::client::storage::{self, SavedChat};
use crate::app::components::{
    GeneralProblem, PageFrame, ReadOnlyMessages, TextField, remembered_username, window_title,
};
use crate::app::notice::{Notice, NoticeFromAddress, RedirectHome};
use crate::app::server_fns::{LogIn, Register};
use crate::app::texts;
use crate::domain::{Admission, PublicAccess};
use crate::wire::addresses;
use crate::wire::{Code, Preview, Problem};

#[component]
pub(crate) fn LoginPage() -> impl IntoView {
    let chat_id = chat_in_address();
    view! {
        <PageFrame>
            {move || match chat_id.get() {
                Some(chat_id) => view! { <LoginForm chat_id/> }.into_any(),
                None => view! { <RedirectHome because=Notice::ChatNotFound/> }.into_any(),
            }}
        </PageFrame>
    }
}

#[component]
fn LoginForm(chat_id: Uuid) -> impl IntoView {
    let (username, password, again) = (NodeRef::<Input>::new(), NodeRef::<Input>::new(), NodeRef::<Input>::new());
    let problem = RwSignal::new(None::<Problem>);
    let is_new = RwSignal::new(false);
    // Before hydration, the browser itself would submit the form.
    let is_ready = RwSignal::new(false);
    remembered_username(username);
    let replace = use_replace();
    let preview = RwSignal::new(None::<Preview>);
    Effect::new(move || {
        spawn_local(async move {
            if held_seat(chat_id).await.is_some() {
                return replace(&addresses::chat(chat_id));
            }
            is_ready.try_set(true);
            match api::preview_chat(chat_id).await {
                Ok(found) => {
                    preview.try_set(Some(found));
                }
                Err(refusal) if refusal.code == Code::ChatNotFound => replace(&Notice::ChatNotFound.home()),
                // The form works without the preview.
                Err(_) => {}
            }
        });
    });

    let enter = move |ends_oldest: bool| {
        let value = |node: NodeRef<Input>| node.get_untracked().map(|input| input.value()).unwrap_or_default();
        let (name, password) = (value(username), value(password));
        if is_new.get_untracked() && value(again) != password {
            let differs = Problem::new(Code::InvalidRequest, texts::login::PASSWORDS_DIFFER);
            return problem.set(Some(differs.about_field("again")));
        }
        is_ready.set(false);
        problem.set(None);
        spawn_local(async move {
            let register = Register { chat_id, username: name.clone(), password: password.clone() };
            if is_new.get_untracked()
                && let Err(refusal) = api::call(&register).await
            {
                let taken = refusal.code == Code::UsernameTaken;
                problem.try_set(Some(if taken { refusal.about_field("username") } else { refusal }));
                is_ready.try_set(true);
                return;
            }
            // The account exists from here on.
            is_new.try_set(false);
            let log_in = LogIn {
                chat_id,
                username: name,
                password,
                join_id: storage::join_id(chat_id),
                ends_oldest: Some(ends_oldest),
            };
            match api::call(&log_in).await {
                Ok(seat) => {
                    storage::remember_username(&seat.member.username);
                    let admission = Some(Admission::Account);
                    storage::save_chat(chat_id, &SavedChat { admission, ..SavedChat::new(seat, None, None) });
                    replace(&addresses::chat(chat_id));
                }
                Err(refusal) if refusal.code == Code::ChatNotFound => replace(&Notice::ChatNotFound.home()),
                Err(refusal) => {
                    problem.try_set(Some(refusal));
                    is_ready.try_set(true);
                }
            }
        });
    };
    let has_too_many =
        move || problem.with(|problem| problem.as_ref().is_some_and(|problem| problem.code == Code::TooManySessions));
    let name = move || preview.with(|preview| preview.as_ref().and_then(|preview| preview.name.clone()));
    let is_readable = Memo::new(move |_| {
        preview.with(|preview| preview.as_ref().is_some_and(|preview| preview.public_access >= PublicAccess::Read))
    });
    let verb = move || if is_new.get() { texts::login::REGISTER_AND_JOIN } else { texts::login::LOG_IN };
    let heading = move || if is_new.get() { texts::login::REGISTER } else { texts::login::LOG_IN };
    view! {
        <NoticeFromAddress/>
        <Title text=window_title(move || name().unwrap_or_else(|| texts::login::LOG_IN.into()))/>
        <h1>{move || name().map_or_else(|| heading().into_any(), |name| view! { <bdi>{name}</bdi> }.into_any())}</h1>
        <div class="room">
            {move || is_readable.get().then(|| view! { <ReadOnlyMessages conversation=ReadOnlyConversation::new(chat_id, Reader::Anyone)/> })}
            <form class="card" method="post" on:submit=move |event: SubmitEvent| {
                event.prevent_default();
                enter(false);
            }>
                {move || name().map(|_| view! { <h2>{heading}</h2> })}
                <p class="hint">
                    {move || if is_readable.get() {
                        texts::login::READABLE
                    } else {
                        texts::login::MEMBERS_ONLY
                    }}
                </p>
                <TextField name="username" label=texts::YOUR_NAME node=username problem autocomplete="username" is_required=true/>
                <TextField name="password" label=texts::login::PASSWORD node=password problem is_required=true is_secret=true
                    autocomplete=Signal::derive(move || if is_new.get() { "new-password" } else { "current-password" })/>
                <div hidden=move || !is_new.get()>
                    <TextField name="again" label=texts::login::REPEAT_PASSWORD node=again problem autocomplete="new-password" is_secret=true
                        hint=texts::login::PASSWORD_HINT/>
                </div>
                <GeneralProblem problem/>
                {move || has_too_many().then(|| view! {
                    <button type="button" disabled=move || !is_ready.get() on:click=move |_| enter(true)>
                        {texts::login::END_OLDEST}
                    </button>
                })}
                <button type="submit" class="main-button" disabled=move || !is_ready.get()>{verb}</button>
                <button type="button" class="quiet" on:click=move |_| {
                    problem.set(None);
                    is_new.update(|is_new| *is_new = !*is_new);
                }>
                    {move || if is_new.get() { texts::login::HAS_ACCOUNT } else { texts::login::HAS_NO_ACCOUNT }}
                </button>
            </form>
        </div>
    }
}
