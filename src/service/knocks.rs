//! Knocks: listed, decided, watched, withdrawn.

use super::watch::Watcher;
use super::{Caller, Result, Seat, Service, with_current_role};
use crate::domain::{
    Chat, ChatId, Command, Decision, Knock, KnockId, Member, Randomness, Refusal, SessionToken, Ticket, TicketDigest,
    Timestamp,
};

/// A knock as the guest sees it.
#[derive(Debug)]
pub struct KnockView {
    pub knock: Knock,
    /// The approved guest's seat, until its session is renewed.
    pub seat: Option<Seat>,
}

impl Service {
    /// Lists the waiting knocks, oldest first; owners only.
    pub async fn list_knocks(&self, chat_id: ChatId, token: &SessionToken) -> Result<Vec<Knock>> {
        let by = token.digest();
        self.query(chat_id, |state, now| {
            let owner = state.chat.authenticate_owner(by, now)?;
            state.touch_presence(owner.id, now);
            Ok(state.chat.waiting_knocks(now).cloned().collect())
        })
        .await
    }

    /// Approves or declines a knock; owners only.
    pub async fn decide_knock(
        &self,
        chat_id: ChatId,
        token: &SessionToken,
        knock_id: KnockId,
        decision: Decision,
    ) -> Result<Knock> {
        let command = Command::DecideKnock { by: token.digest(), knock_id, decision };
        self.execute(chat_id, command, Randomness::NONE).await?;
        self.query(chat_id, |state, _| {
            let knock = state.chat.knocks().iter().find(|knock| knock.id == knock_id);
            knock.cloned().ok_or(Refusal::NotFound("knock"))
        })
        .await
    }

    /// Shows a knock to the holder of its ticket.
    pub async fn show_knock(&self, chat_id: ChatId, knock_id: KnockId, ticket: &Ticket) -> Result<KnockView> {
        let digest = ticket.digest();
        let (knock, member) =
            self.query(chat_id, |state, now| knock_and_member(&state.chat, knock_id, digest, now)).await?;
        Ok(knock_view(knock, member, ticket))
    }

    /// The same, each time it changes.
    pub async fn watch_knock(
        &self,
        caller: Caller,
        chat_id: ChatId,
        knock_id: KnockId,
        ticket: &Ticket,
    ) -> Result<Watcher<(Knock, Option<Member>)>> {
        let digest = ticket.digest();
        self.watch(caller, chat_id, move |chat, now| knock_and_member(chat, knock_id, digest, now)).await
    }

    /// Withdraws a knock.
    pub async fn withdraw_knock(&self, chat_id: ChatId, knock_id: KnockId, ticket: &Ticket) -> Result<()> {
        let command = Command::WithdrawKnock { ticket: ticket.digest(), knock_id };
        self.execute(chat_id, command, Randomness::NONE).await.map(drop)
    }
}

/// A knock and its member, as the holder of `ticket` sees them.
#[must_use]
pub fn knock_view(knock: Knock, member: Option<Member>, ticket: &Ticket) -> KnockView {
    let token = ticket.session(&knock.salt);
    // A guest who joined with a credential of their own gets no other token.
    let member = member.filter(|_| token.digest() == knock.session);
    KnockView { seat: member.map(|member| Seat { token, member }), knock }
}

fn knock_and_member(
    chat: &Chat,
    knock_id: KnockId,
    ticket: TicketDigest,
    now: Timestamp,
) -> Result<(Knock, Option<Member>), Refusal> {
    let knock = chat.knock(knock_id, ticket, now)?;
    let member = chat.member_by_knock(knock, now).map(|member| with_current_role(chat, member, now));
    Ok((knock.clone(), member))
}
