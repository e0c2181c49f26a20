//! This browser's seat: renewing its session, recovering it, giving it up, and what an owner can do with it.

use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos::task::spawn_local;
use uuid::Uuid;

use super::api::ChatApi;
use super::conversation::Conversation;
use super::storage::{self, SavedChat};
use super::{alert, api, browser};
use crate::app::server_fns;
use crate::app::texts;
use crate::domain::{Admission, AdmissionRules, Decision, RecoveryCode, Refusal, Role, SessionToken};
use crate::wire::{
    Code, CreateInvite, Invite, InviteWithMembers, Joined, Knock, MemberList, OwnSeat, OwnSession, Problem, Recovered,
    Retention,
};

/// How long the page counts as in use after the user did something on it, in milliseconds.
const IN_USE_FOR: f64 = 10.0 * 60_000.0;
/// The fraction of a session's lifetime after which it is renewed, if the page is in use.
const RENEW_AT_AGE: f64 = 0.5;
/// The fraction after which the user is warned: ten minutes before the end of six hours.
const WARN_AT_AGE: f64 = 1.0 - 10.0 / 360.0;
/// Minimum wait before a call is retried, in milliseconds.
const RETRY_EVERY: u32 = 2_000;
/// Minimum interval between attempts to renew the session, in milliseconds.
const RENEW_EVERY: f64 = 30_000.0;

impl Conversation {
    /// Leaves the chat, which frees this browser's seat.
    pub(crate) async fn leave(self) -> Result<(), Problem> {
        let (Some(api), Some(saved)) = (self.api(), self.saved()) else { return Ok(()) };
        self.give_up(api.remove_member(saved.member_id, false)).await
    }

    /// Ends this browser's session. The account's other sessions stay.
    pub(crate) async fn log_out(self) -> Result<(), Problem> {
        let Some(api) = self.api() else { return Ok(()) };
        self.give_up(api.end_own_session()).await
    }

    /// Returns the account's sessions.
    pub(crate) async fn sessions(self) -> Result<Vec<OwnSession>, Problem> {
        let Some(api) = self.api() else { return Ok(Vec::new()) };
        Ok(api.list_sessions().await?.sessions)
    }

    /// Logs out another browser of this account. The owner's recovery code ends too, because that browser may have it.
    pub(crate) async fn end_session(self, session_id: Uuid) -> Result<(), Problem> {
        let Some(api) = self.api() else { return Ok(()) };
        api.end_session(session_id).await?;
        self.remember(|saved| saved.recovery_code = None);
        Ok(())
    }

    /// Returns which data of the chat the server stores; `None` if this browser has no seat.
    pub(crate) async fn retention(self) -> Option<Result<Retention, Problem>> {
        Some(self.api()?.show_retention().await)
    }

    /// Removes another member, and revokes the link that they joined with if `revokes_invite`. Only an owner can.
    pub(crate) async fn remove(self, member_id: Uuid, revokes_invite: bool) -> Result<(), Problem> {
        let Some(api) = self.api() else { return Ok(()) };
        api.remove_member(member_id, revokes_invite).await?;
        if revokes_invite {
            self.check_key().await;
        }
        self.load_roster().await;
        Ok(())
    }

    /// Ends the chat for everyone. Only an owner can.
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

    /// Changes the stored seat.
    pub(super) fn remember(self, change: impl FnOnce(&mut SavedChat)) {
        let Some(before) = self.saved() else { return };
        let mut saved = before.clone();
        change(&mut saved);
        if saved != before {
            storage::save_chat(self.chat_id, &saved);
            self.seat.try_set(Some(saved));
        }
    }

    /// Updates the stored seat from the roster.
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
                // The code ended with the ownership.
                saved.recovery_code = None;
            }
        });
        if role == Role::Owner {
            spawn_local(self.load_knocks());
            // An owner with an account returns with the password, and needs no code.
            if !roster.admission.rules().has_accounts {
                self.get_recovery_code();
            }
        } else {
            self.knocks.try_set(Vec::new());
        }
    }

    /// Makes sure that this owner has a recovery code.
    fn get_recovery_code(self) {
        let lacks_code = self.saved().is_some_and(|saved| saved.recovery_code.is_none() && !saved.is_borrowed);
        if !lacks_code || self.is_getting_code.try_get_value() != Some(false) {
            return;
        }
        self.is_getting_code.set_value(true);
        spawn_local(async move {
            // If this fails, the next load of the roster tries again.
            let _ = self.renew_recovery().await;
            let _ = self.is_getting_code.try_set_value(false);
        });
    }

    /// Gets a new recovery code for this owner, and stores it. The old code ends.
    pub(crate) async fn renew_recovery(self) -> Result<String, Problem> {
        let api = self.api().ok_or_else(api::unreachable)?;
        let code = api.renew_recovery().await?.recovery_code;
        self.remember(|saved| saved.recovery_code = Some(code.clone()));
        Ok(code)
    }

    /// Notes that the user did something on the page.
    pub(super) fn note_use(self) {
        self.last_use.try_set_value(browser::now());
    }

    /// Renews the session while the page is in use, and warns before it ends.
    pub(super) fn maintain_session(self, now: f64) {
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
            && now - self.renewal_tried_at.get_value() >= RENEW_EVERY
        {
            self.renewal_tried_at.set_value(now);
            spawn_local(async move {
                // After a failure, this is tried again in [`RENEW_EVERY`] milliseconds.
                let _ = self.renew().await;
            });
        }
    }

    /// Renews the session for another whole lifetime.
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
            // The server may have renewed it nevertheless.
            Err(problem) if api::is_transient(&problem) => Err(problem),
            Err(problem) => {
                self.remember(|saved| saved.is_renewing = false);
                storage::note_refused(self.chat_id, &token);
                Err(problem)
            }
        }
    }

    /// Recovers a seat that seems lost: the session may have been renewed although the answer was lost, and an owner
    /// has a recovery code. Retries while the server cannot be reached or asks to wait.
    ///
    /// # Errors
    /// Why the seat is lost.
    pub(crate) async fn recover_seat(self) -> Result<(), Problem> {
        // A refused token stays refused, unless a renewal got no answer: the server may have made that renewal.
        let may_renew = |saved: &SavedChat| !saved.is_borrowed && (!saved.is_refused || saved.is_renewing);
        if self.saved().as_ref().is_some_and(may_renew) && retry_transient(|| self.renew()).await.is_ok() {
            return Ok(());
        }
        let saved = self.saved().ok_or_else(|| Problem::from(Refusal::SessionRequired))?;
        let code = saved.recovery_code.clone().ok_or_else(|| Problem::from(Refusal::SessionExpired))?;
        match retry_transient(|| recover(self.chat_id, code.clone(), Some(&saved))).await {
            Ok(saved) => {
                self.seat.try_set(Some(saved));
                Ok(())
            }
            Err(problem) => {
                if problem.code == Code::InvalidRecovery {
                    // Another browser has used the code, or this member is no longer an owner.
                    self.remember(|saved| saved.recovery_code = None);
                }
                Err(problem)
            }
        }
    }

    /// Continues with the recovered seat.
    pub(crate) fn resume(self) {
        self.lost.try_set(None);
        self.ends_soon.try_set(false);
    }

    /// Makes a member an owner too, or this browser's own member a guest.
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

    /// Shows the waiting guests, and alerts the owner if one of them is new.
    pub(super) fn show_knocks(self, waiting: Vec<Knock>) {
        let new = self.knocks.try_with_untracked(|shown| {
            let is_new = |knock: &&Knock| shown.iter().all(|known| known.knock_id != knock.knock_id);
            waiting.iter().rfind(is_new).cloned()
        });
        if let Some(Some(knock)) = new {
            self.alert(&texts::knocks::wants_to_join(&knock.username), true);
        }
        if self.knocks.try_with_untracked(|shown| *shown != waiting) == Some(true) {
            self.knocks.try_set(waiting);
        }
    }

    /// Approves or declines a knock.
    pub(crate) async fn decide(self, knock_id: Uuid, decision: Decision) -> Result<(), Problem> {
        let Some(api) = self.api() else { return Ok(()) };
        match api.decide_knock(knock_id, decision).await {
            // The knock was decided or withdrawn meanwhile, so it is gone either way.
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

    /// Forgets this browser's invite key if it no longer works.
    pub(crate) async fn check_key(self) {
        let Some(key) = self.saved().and_then(|saved| saved.key) else { return };
        // With a new join id this asks as a stranger, because the question is whether others can join with the link.
        let answer = server_fns::preview_invite(self.chat_id, key, Uuid::new_v4()).await;
        if answer.is_err_and(|problem| problem.code == Code::InvalidInvite) {
            self.remember(|saved| saved.key = None);
        }
    }

    /// Returns how others join the chat, once that is known.
    pub(crate) fn admission(self) -> Option<Admission> {
        let from_roster = self.roster.with(|roster| roster.as_ref().map(|roster| roster.admission));
        from_roster.or_else(|| self.seat.with(|seat| seat.as_ref().and_then(|seat| seat.admission)))
    }

    /// Whether the rules of the chat's admission pass `test`; `false` until the admission is known.
    pub(crate) fn has_rule(self, test: impl FnOnce(AdmissionRules) -> bool) -> bool {
        self.admission().is_some_and(|admission| test(admission.rules()))
    }

    /// Alerts the user in the ways that they have chosen. Urgent alerts play the sound even while the page is visible.
    pub(super) fn alert(self, what: &str, is_urgent: bool) {
        let name = self.saved().and_then(|saved| saved.name);
        alert::alert_user(name.as_deref(), what, self.chat_id, is_urgent);
    }
}

/// Recovers an owner's seat with a recovery code, and stores it. `before` is the seat that this browser remembers.
pub(crate) async fn recover(chat_id: Uuid, code: String, before: Option<&SavedChat>) -> Result<SavedChat, Problem> {
    let own_name = before.map(|before| before.username.clone()).or_else(storage::username);
    // Someone may have taken the owner's name meanwhile.
    let other_name = texts::seat::numbered_owner(100.0 + browser::random_fraction() * 900.0);
    let names = own_name.into_iter().chain([texts::seat::OWNER.to_owned(), other_name]);
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

/// Repeats `call` while the server cannot be reached or asks to wait.
pub(crate) async fn retry_transient<T, F: Future<Output = Result<T, Problem>>>(
    call: impl Fn() -> F,
) -> Result<T, Problem> {
    retry_reporting(call, |_| ()).await
}

/// The same, and calls `on_wait` with the problem before each wait.
pub(crate) async fn retry_reporting<T, F: Future<Output = Result<T, Problem>>>(
    call: impl Fn() -> F,
    on_wait: impl Fn(Problem),
) -> Result<T, Problem> {
    loop {
        match call().await {
            Err(problem) if api::is_transient(&problem) => {
                let wait = problem.retry_after.map_or(0, |seconds| u32::try_from(seconds * 1_000).unwrap_or(u32::MAX));
                on_wait(problem);
                TimeoutFuture::new(wait.max(RETRY_EVERY)).await;
            }
            answer => return answer,
        }
    }
}

/// Takes the seat whose token is made from `credential`, which other programs keep using. If its session has ended, an
/// owner's credential recovers that owner's seat.
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
