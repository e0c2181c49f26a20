//! Following a chat: first the messages after a cursor, then live events, without a gap or a duplicate. Every
//! transport reads from a [`Follower`].

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

use super::active_chats::{ActiveChat, Broadcast, State, StreamPresence, Subscription, Typing};
use super::published::SharedEvent;
use super::stream_limits::StreamPermit;
use super::{Caller, Result, Service};
use crate::domain::{
    Audience, ChatId, Departure, Event, MemberId, Message, MessageId, MessagesAfter, Refusal, Role, SessionDigest,
    SessionToken,
};

/// One item of a stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Update {
    /// The start of the stream: the newest id, and how many messages after the cursor are already deleted, and
    /// whether others may have been lost. The stored messages follow.
    Opened {
        last_id: MessageId,
        missed: u64,
        is_incomplete: bool,
    },
    /// An event of the chat that the follower may learn of ([`Event::audience`]).
    Event(SharedEvent),
    Typing {
        member_id: MemberId,
    },
    /// Members or knocks may have changed without an event.
    MembersChanged,
}

/// Why a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The chat has ended.
    ChatEnded,
    /// The follower's session has ended.
    SessionEnded(Departure),
    /// An owner recovered this seat: reconnect with the new token.
    TakenBack,
    /// The follower misses something, because it was too slow or because the store has lost it: reconnect with the
    /// cursor.
    Behind,
    /// The server stops: reconnect in a moment.
    Stopping,
}

/// A stream of one chat for one session. Dropping it closes the stream.
#[derive(Debug)]
pub struct Follower {
    service: Service,
    active_chat: Arc<ActiveChat>,
    member_id: MemberId,
    is_owner: bool,
    session: SessionDigest,
    /// The id of the last message that was sent.
    cursor: MessageId,
    waiting: VecDeque<Update>,
    ending: Option<Ending>,
    subscription: Subscription,
    presence: StreamPresence,
    stopping: watch::Receiver<bool>,
    /// `None` if streams are not limited.
    _permit: Option<StreamPermit>,
}

/// The first of the two queues that has something.
enum Received {
    Broadcast(Broadcast),
    Typing(Option<Typing>),
}

impl Service {
    /// Follows the chat from the message after `after`.
    pub async fn follow(
        &self,
        caller: Caller,
        chat_id: ChatId,
        token: &SessionToken,
        after: MessageId,
    ) -> Result<Follower> {
        let by = token.digest();
        let active_chat = self.active_chat(chat_id).await?;
        let member_id =
            self.query_in(&active_chat, chat_id, |state, now| Ok(state.chat.authenticate(by, now)?.id)).await?;
        let permit = self.open_stream(caller, Some(member_id))?;
        let begin = |state: &State, now| {
            let member = state.chat.authenticate(by, now)?;
            let (member_id, is_owner) = (member.id, state.chat.role(member, now) == Role::Owner);
            state.touch_presence(member_id, now);
            // Read and subscribe under one lock, so that no later commit is missed.
            Ok::<_, Refusal>((member_id, is_owner, state.chat.messages_after(after), state.follow(member_id)))
        };
        if active_chat.read(|state| state.chat.last_id()) < after && self.shared_store().is_some() {
            self.catch_up_to(chat_id, after).await?;
        }
        let (member_id, is_owner, MessagesAfter { messages, last_id, missed, is_incomplete }, (subscription, presence)) =
            self.query_in(&active_chat, chat_id, begin).await?;
        self.inner.metrics.resumed_streams.record(after, messages.len(), missed);
        let opened = Update::Opened { last_id, missed, is_incomplete };
        Ok(Follower {
            service: self.clone(),
            active_chat,
            member_id,
            is_owner,
            session: by,
            cursor: last_id,
            waiting: std::iter::once(opened).chain(messages.into_iter().map(posted).map(Update::Event)).collect(),
            ending: None,
            subscription,
            presence,
            stopping: self.inner.stopping.subscribe(),
            _permit: permit,
        })
    }

    /// Reserves one more stream, if streams are limited.
    pub(super) fn open_stream(
        &self,
        caller: Caller,
        member: Option<MemberId>,
    ) -> Result<Option<StreamPermit>, Refusal> {
        self.inner.limits.as_ref().map(|limits| limits.streams.open(caller, member)).transpose()
    }

    /// Shows the other followers that the caller is typing; never stored.
    pub async fn notify_typing(&self, chat_id: ChatId, token: &SessionToken) -> Result<()> {
        let by = token.digest();
        self.query(chat_id, |state, now| {
            let member_id = state.chat.authenticate(by, now)?.id;
            state.touch_presence(member_id, now);
            self.limit(|limits| limits.check_typing(member_id))?;
            let last_id = state.chat.last_id();
            state.publish_typing(member_id, last_id);
            Ok((member_id, last_id))
        })
        .await
        .map(|(member_id, last_id)| self.send_typing(chat_id, member_id, last_id))
    }

    /// Ends all streams, and waits until the last one is closed.
    pub async fn end_streams(&self) {
        self.inner.stopping.send_replace(true);
        self.inner.stopping.closed().await;
    }
}

impl Follower {
    /// The next item. Cancel safe: dropping the future loses nothing.
    ///
    /// # Errors
    /// Why the stream ends.
    pub async fn next(&mut self) -> std::result::Result<Update, Ending> {
        loop {
            if let Some(update) = self.waiting.pop_front() {
                self.service.inner.metrics.stream_events.inc();
                return Ok(update);
            }
            if let Some(ending) = self.ending {
                return Err(ending);
            }
            let received = tokio::select! {
                biased;
                broadcast = self.subscription.broadcasts.recv() => broadcast.map(Received::Broadcast).map_err(|error| match error {
                    RecvError::Lagged(_) => Ending::Behind,
                    RecvError::Closed => Ending::ChatEnded,
                }),
                // Signals that were dropped are outdated.
                typing = self.subscription.typing.recv() => Ok(Received::Typing(typing.ok())),
                _ = self.stopping.wait_for(|stopping| *stopping) => Err(Ending::Stopping),
            };
            match received {
                Ok(Received::Broadcast(broadcast)) => self.take(broadcast),
                Ok(Received::Typing(typing)) => typing.into_iter().for_each(|typing| self.take_typing(typing)),
                Err(ending) => self.ending = Some(ending),
            }
        }
    }

    fn take(&mut self, broadcast: Broadcast) {
        match broadcast {
            Broadcast::Changed(events) => {
                for event in events.iter() {
                    self.take_event(&event);
                    if self.ending.is_some() {
                        return;
                    }
                }
            }
            Broadcast::Reloaded => self.catch_up(),
        }
    }

    fn take_typing(&mut self, Typing { member_id, last_id }: Typing) {
        if member_id != self.member_id && last_id >= self.cursor {
            self.waiting.push_back(Update::Typing { member_id });
        }
    }

    fn take_event(&mut self, shared: &SharedEvent) {
        let event = &**shared;
        match event {
            Event::MessagePosted { message } => return self.take_message(message.id, shared),
            Event::MemberLeft { member_id, why, .. } if *member_id == self.member_id => {
                self.ending = Some(Ending::SessionEnded(*why));
            }
            Event::ChatEnded => self.ending = Some(Ending::ChatEnded),
            Event::HistoryLost { .. } => self.ending = Some(Ending::Behind),
            Event::SessionRenewed { ended, session, .. } if *ended == self.session => self.session = session.digest,
            Event::SessionEnded { ended, why, .. } if *ended == self.session => {
                self.ending = Some(Ending::SessionEnded(*why));
            }
            Event::SeatTakenBack { member_id, .. } if *member_id == self.member_id => {
                self.ending = Some(Ending::TakenBack);
            }
            Event::RoleChanged { member_id, role } if *member_id == self.member_id => {
                self.is_owner = *role == Role::Owner;
            }
            _ => {}
        }
        let is_meant = match event.audience() {
            Audience::Members => true,
            Audience::Owners => self.is_owner,
            Audience::Nobody => false,
        };
        if is_meant && self.ending.is_none() {
            self.waiting.push_back(Update::Event(shared.clone()));
        }
    }

    fn take_message(&mut self, id: MessageId, shared: &SharedEvent) {
        if id > self.cursor {
            self.cursor = id;
            self.waiting.push_back(Update::Event(shared.clone()));
        }
    }

    /// Catches up with a reloaded state, for which there were no events.
    fn catch_up(&mut self) {
        let now = self.service.now();
        let (unseen, own) = self.active_chat.read(|state| {
            let own = state.chat.live_members(now).find(|member| member.id == self.member_id);
            let own = own.map(|member| (state.chat.role(member, now), member.session(self.session).is_some()));
            (state.chat.messages_after(self.cursor), own)
        });
        let Some((role, holds)) = own else {
            self.ending = Some(Ending::SessionEnded(Departure::Expired));
            return;
        };
        self.is_owner = role == Role::Owner;
        if !holds {
            // The session was renewed, ended or replaced: a client with a good token reconnects.
            self.ending = Some(Ending::TakenBack);
            return;
        }
        if unseen.missed > 0 || unseen.is_incomplete {
            self.ending = Some(Ending::Behind);
            return;
        }
        unseen.messages.into_iter().for_each(|message| self.take_message(message.id, &posted(message)));
        self.waiting.push_back(Update::MembersChanged);
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.presence.end(self.service.now());
    }
}

fn posted(message: Arc<Message>) -> SharedEvent {
    SharedEvent::new(Event::MessagePosted { message })
}
