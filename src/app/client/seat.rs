//! This browser's seat: kept while the page is in use, got back, given up; and what an owner may do.

use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos::task::spawn_local;
use uuid::Uuid;

use super::api::ChatApi;
use super::conversation::Conversation;
use super::storage::{self, SavedChat};
use super::{alert, api, browser};
use crate::app::server_fns;
use crate::domain::{Admission, Decision, RecoveryCode, Refusal, Role, SessionToken};
use crate::wire::{
    Code, CreateInvite, Invite, InviteWithMembers, Joined, Knock, MemberList, OwnSeat, OwnSession, Problem, Recovered,
    Retention,
};

/// The page is in use for so long after someone did something with it, in milliseconds.
const IN_USE_FOR: f64 = 10.0 * 60_000.0;
/// After so much of a session's life it is renewed, if the page is in use.
const RENEW_AT_AGE: f64 = 0.5;
/// After so much of it, people are told that it ends: ten minutes before the end of six hours.
const WARN_AT_AGE: f64 = 1.0 - 10.0 / 360.0;
/// How long until a server that could not answer is asked again, in milliseconds.
const ASK_AGAIN: u32 = 2_000;
/// Tries to renew are so many milliseconds apart.
const RENEW_EVERY: f64 = 30_000.0;

impl Conversation {
    /// Frees this browser's seat.
    pub(crate) async fn leave(self) -> Result<(), Problem> {
        let (Some(api), Some(saved)) = (self.api(), self.saved()) else { return Ok(()) };
        self.give_up(api.remove_member(saved.member_id, false)).await
    }

    /// Ends this browser's session; the account's other ones go on.
    pub(crate) async fn log_out(self) -> Result<(), Problem> {
        let Some(api) = self.api() else { return Ok(()) };
        self.give_up(api.end_own_session()).await
    }

    /// The browsers in which this account is used.
    pub(crate) async fn sessions(self) -> Result<Vec<OwnSession>, Problem> {
        let Some(api) = self.api() else { return Ok(Vec::new()) };
        Ok(api.list_sessions().await?.sessions)
    }

    /// Logs out another browser of this account. It may hold the owner's way back, which ends with it.
    pub(crate) async fn end_session(self, session_id: Uuid) -> Result<(), Problem> {
        let Some(api) = self.api() else { return Ok(()) };
        api.end_session(session_id).await?;
        self.remember(|saved| saved.recovery_code = None);
        Ok(())
    }

    /// What the server still holds of the chat; `None` where this browser has no seat.
    pub(crate) async fn retention(self) -> Option<Result<Retention, Problem>> {
        Some(self.api()?.show_retention().await)
    }

    /// Removes another member, and revokes the link that they came by if that is wanted; the owner's right.
    pub(crate) async fn remove(self, member_id: Uuid, revokes_invite: bool) -> Result<(), Problem> {
        let Some(api) = self.api() else { return Ok(()) };
        api.remove_member(member_id, revokes_invite).await?;
        if revokes_invite {
            self.check_key().await;
        }
        self.load_roster().await;
        Ok(())
    }

    /// Ends the chat for everyone; the owner's right.
    pub(crate) async fn end(self) -> Result<(), Problem> {
        let Some(api) = self.api() else { return Ok(()) };
        self.give_up(api.end_chat()).await
    }

    async fn give_up(self, call: impl Future<Output = Result<(), Problem>>) -> Result<(), Problem> {
        self.is_leaving.try_set_value(true);
        let answer = call.await;
        if answer.is_err() {
            self.is_leaving.try_set_value(false);
        }
        answer
    }

    /// Changes what this browser remembers of its seat.
    pub(super) fn remember(self, change: impl FnOnce(&mut SavedChat)) {
        let Some(before) = self.saved() else { return };
        let mut saved = before.clone();
        change(&mut saved);
        if saved != before {
            storage::save_chat(self.chat_id, &saved);
            self.seat.try_set(Some(saved));
        }
    }

    /// Takes over what is known of this browser's own seat.
    pub(super) fn note_role(self, roster: &MemberList) {
        let Some(saved) = self.saved() else { return };
        let own = roster.members.iter().find(|summary| summary.member.member_id == saved.member_id);
        let Some(own) = own.map(|summary| &summary.member) else { return };
        let role = own.role;
        self.remember(|saved| {
            saved.role = role;
            saved.username.clone_from(&own.username);
            saved.name.clone_from(&roster.name);
            saved.admission = Some(roster.admission);
            if role == Role::Guest {
                // It ended with the ownership.
                saved.recovery_code = None;
            }
        });
        if role == Role::Owner {
            spawn_local(self.load_knocks());
            // An account's holder comes back by the password, as owner too.
            if roster.admission != Admission::Account {
                self.get_recovery_code();
            }
        } else {
            self.knocks.try_set(Vec::new());
        }
    }

    /// Sees to it that this owner has a way back.
    fn get_recovery_code(self) {
        let lacks_code = self.saved().is_some_and(|saved| saved.recovery_code.is_none() && !saved.is_borrowed);
        if !lacks_code || self.is_getting_code.try_get_value() != Some(false) {
            return;
        }
        self.is_getting_code.set_value(true);
        spawn_local(async move {
            // Without one now, the next look at the members asks again.
            let _ = self.renew_recovery().await;
            let _ = self.is_getting_code.try_set_value(false);
        });
    }

    /// A new way back for this owner; the one before ends.
    pub(crate) async fn renew_recovery(self) -> Result<String, Problem> {
        let api = self.api().ok_or_else(api::unreachable)?;
        let code = api.renew_recovery().await?.recovery_code;
        self.remember(|saved| saved.recovery_code = Some(code.clone()));
        Ok(code)
    }

    /// Notes that someone does something with the page.
    pub(super) fn note_use(self) {
        self.last_use.try_set_value(browser::now());
    }

    /// Renews the session while the page is in use, and warns before it ends.
    pub(super) fn keep_session(self, now: f64) {
        let Some(saved) = self.saved() else { return };
        let age = saved.age(browser::server_time());
        let warns = (WARN_AT_AGE..1.0).contains(&age);
        if self.ends_soon.try_get_untracked() != Some(warns) {
            self.ends_soon.try_set(warns);
        }
        let is_used = !browser::is_hidden() && now - self.last_use.get_value() < IN_USE_FOR;
        if (RENEW_AT_AGE..1.0).contains(&age)
            && is_used
            && !saved.is_borrowed
            && now - self.tried_renewal.get_value() >= RENEW_EVERY
        {
            self.tried_renewal.set_value(now);
            spawn_local(async move {
                // It is tried again in a while.
                let _ = self.renew().await;
            });
        }
    }

    /// A whole lifetime more for this seat.
    pub(crate) async fn renew(self) -> Result<(), Problem> {
        let SavedChat { token, .. } = self.saved().ok_or_else(api::unreachable)?;
        self.remember(|saved| saved.is_renewing = true);
        match ChatApi::new(self.chat_id, &token).renew_session().await {
            Ok(session) => {
                let now = browser::server_time();
                self.remember(|saved| saved.renew(session, now));
                self.ends_soon.try_set(false);
                Ok(())
            }
            // The server may have done it all the same.
            Err(problem) if api::is_passing(&problem) => Err(problem),
            Err(problem) => {
                self.remember(|saved| saved.is_renewing = false);
                storage::note_refused(self.chat_id, &token);
                Err(problem)
            }
        }
    }

    /// Gets back a seat that seems lost: the session may have been renewed without the answer
    /// coming through, and an owner has a code. Where the server cannot say, it is asked again.
    ///
    /// # Errors
    /// Why it is lost.
    pub(crate) async fn regain(self) -> Result<(), Problem> {
        // A token that was refused is refused again, unless it was renewed.
        let may_renew = |saved: &SavedChat| !saved.is_borrowed && (!saved.is_refused || saved.is_renewing);
        if self.saved().as_ref().is_some_and(may_renew) && persist(|| self.renew()).await.is_ok() {
            return Ok(());
        }
        let saved = self.saved().ok_or_else(|| Problem::from(Refusal::SessionRequired))?;
        let code = saved.recovery_code.clone().ok_or_else(|| Problem::from(Refusal::SessionExpired))?;
        match persist(|| recover(self.chat_id, code.clone(), Some(&saved))).await {
            Ok(saved) => {
                self.seat.try_set(Some(saved));
                Ok(())
            }
            Err(problem) => {
                if problem.code == Code::InvalidRecovery {
                    // Another browser has used it, or the ownership was given up.
                    self.remember(|saved| saved.recovery_code = None);
                }
                Err(problem)
            }
        }
    }

    /// Goes on with the seat that was got back.
    pub(crate) fn resume(self) {
        self.lost.try_set(None);
        self.ends_soon.try_set(false);
    }

    /// Makes a member an owner too, or oneself a guest.
    pub(crate) async fn set_role(self, member_id: Uuid, role: Role) -> Result<(), Problem> {
        let Some(api) = self.api() else { return Ok(()) };
        api.set_role(member_id, role).await?;
        self.load_roster().await;
        Ok(())
    }

    pub(super) async fn load_knocks(self) {
        let Some(api) = self.api() else { return };
        if let Ok(list) = api.list_knocks().await {
            self.show_knocks(list.knocks);
        }
    }

    /// Shows who waits, and tells of those who are new.
    pub(super) fn show_knocks(self, waiting: Vec<Knock>) {
        let new = self.knocks.try_with_untracked(|shown| {
            let is_new = |knock: &&Knock| shown.iter().all(|known| known.knock_id != knock.knock_id);
            waiting.iter().rfind(is_new).cloned()
        });
        if let Some(Some(knock)) = new {
            self.alert(&format!("{} wants to come in", knock.username), true);
        }
        if self.knocks.try_with_untracked(|shown| *shown != waiting) == Some(true) {
            self.knocks.try_set(waiting);
        }
    }

    /// Lets someone in, or does not.
    pub(crate) async fn decide(self, knock_id: Uuid, decision: Decision) -> Result<(), Problem> {
        let Some(api) = self.api() else { return Ok(()) };
        match api.decide_knock(knock_id, decision).await {
            // It was answered or withdrawn meanwhile: it is no more, either way.
            Err(problem) if problem.code != Code::NotFound => return Err(problem),
            _ => {}
        }
        self.forget_knock(knock_id);
        Ok(())
    }

    pub(super) fn forget_knock(self, knock_id: Uuid) {
        self.knocks.try_update(|knocks| knocks.retain(|knock| knock.knock_id != knock_id));
    }

    pub(crate) async fn invites(self) -> Result<Vec<InviteWithMembers>, Problem> {
        let Some(api) = self.api() else { return Ok(Vec::new()) };
        Ok(api.list_invites().await?.invites)
    }

    pub(crate) async fn create_invite(self, terms: CreateInvite) -> Result<Invite, Problem> {
        let api = self.api().ok_or_else(api::unreachable)?;
        api.create_invite(&terms).await
    }

    pub(crate) async fn revoke_invite(self, invite_id: Uuid, members_go: bool) -> Result<(), Problem> {
        let Some(api) = self.api() else { return Ok(()) };
        api.revoke_invite(invite_id, members_go).await
    }

    /// Forgets this browser's magic link if it opens nothing any more.
    pub(crate) async fn check_key(self) {
        let Some(key) = self.saved().and_then(|saved| saved.key) else { return };
        // Asked as a stranger: what counts is whether others can come by it.
        let answer = server_fns::preview_invite(self.chat_id, key, Uuid::new_v4()).await;
        if answer.is_err_and(|problem| problem.code == Code::InvalidInvite) {
            self.remember(|saved| saved.key = None);
        }
    }

    /// Whether links of this chat ask an owner first, where they do not say otherwise.
    pub(crate) fn asks_first(self) -> bool {
        self.admission() == Some(Admission::Approval)
    }

    /// How others enter, once it is known.
    pub(crate) fn admission(self) -> Option<Admission> {
        let from_roster = self.roster.with(|roster| roster.as_ref().map(|roster| roster.admission));
        from_roster.or_else(|| self.seat.with(|seat| seat.as_ref().and_then(|seat| seat.admission)))
    }

    /// Tells of something in the ways that were chosen; what is for an owner to answer sounds even
    /// while the page is seen.
    pub(super) fn alert(self, what: &str, is_urgent: bool) {
        let name = self.saved().and_then(|saved| saved.name);
        alert::tell(name.as_deref(), what, self.chat_id, is_urgent);
    }
}

/// Comes back with an owner's code, and remembers the seat. `before` is what this browser knows of
/// the chat already.
pub(crate) async fn recover(chat_id: Uuid, code: String, before: Option<&SavedChat>) -> Result<SavedChat, Problem> {
    let own_name = before.map(|before| before.username.clone()).or_else(storage::username);
    // Someone may have taken the name meanwhile.
    let other_name = format!("Owner {:.0}", 100.0 + browser::chance() * 900.0);
    let names = own_name.into_iter().chain(["Owner".to_owned(), other_name]);
    let mut answer = Err(api::unreachable());
    for name in names {
        answer = api::recover(chat_id, code.clone(), name).await;
        if !answer.as_ref().is_err_and(|problem| problem.code == Code::UsernameTaken) {
            break;
        }
    }
    let Recovered { seat, recovery_code } = answer?;
    let name = before.and_then(|before| before.name.clone());
    let key = before.and_then(|before| before.key.clone());
    let saved = SavedChat {
        recovery_code: Some(recovery_code),
        admission: before.and_then(|before| before.admission),
        cursor: before.map_or(0, |before| before.cursor),
        ..SavedChat::new(seat, name, key)
    };
    storage::save_chat(chat_id, &saved);
    Ok(saved)
}

/// Does `call` again while the server cannot be reached or asks to wait.
pub(crate) async fn persist<T, F: Future<Output = Result<T, Problem>>>(call: impl Fn() -> F) -> Result<T, Problem> {
    persist_telling(call, |_| ()).await
}

/// The same, and `tell` hears each time why it is not done yet.
pub(crate) async fn persist_telling<T, F: Future<Output = Result<T, Problem>>>(
    call: impl Fn() -> F,
    tell: impl Fn(Problem),
) -> Result<T, Problem> {
    loop {
        match call().await {
            Err(problem) if api::is_passing(&problem) => {
                let wait = problem.retry_after.map_or(0, |seconds| u32::try_from(seconds * 1_000).unwrap_or(u32::MAX));
                tell(problem);
                TimeoutFuture::new(wait.max(ASK_AGAIN)).await;
            }
            answer => return answer,
        }
    }
}

/// Takes the seat whose token stands for `credential`, which others go on using. Once the session
/// has ended, an owner's brings that owner back.
pub(crate) async fn borrow(chat_id: Uuid, credential: Uuid) -> Result<SavedChat, Problem> {
    match take_over(chat_id, credential).await {
        Err(problem) if problem.status == 401 => {
            recover(chat_id, RecoveryCode::from_uuid(credential).reveal(), None).await
        }
        taken => taken,
    }
}

async fn take_over(chat_id: Uuid, credential: Uuid) -> Result<SavedChat, Problem> {
    let token = SessionToken::from_uuid(credential).reveal();
    let OwnSeat { expires_at, member } = ChatApi::new(chat_id, &token).show_seat().await?;
    let seat = Joined { session_token: token, expires_at, member };
    let saved = SavedChat { is_borrowed: true, ..SavedChat::new(seat, None, None) };
    storage::save_chat(chat_id, &saved);
    Ok(saved)
}
