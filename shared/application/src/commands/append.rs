//! The second phase of a call: appends changes to their streams, and retries until each has an outcome.
//!
//! A conflict or a lost response neither loses nor doubles a change. After a conflict the change is decided again on the
//! new head. An append whose response was lost is repeated unchanged: the store's conflict then names the stored event,
//! which shows whether it is ours.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use annals_domain::definition::Catalog;
use annals_domain::event::{DomainEvent, EventType};
use annals_domain::identity::EntityKey;
use annals_domain::position::Version;
use annals_domain::provider_adapter::ProviderAdapters;
use annals_domain::stream_head::{Admission, StreamHead};
use annals_domain::validation_issue::ValidationIssue;
use tokio::time::{Instant, timeout_at};

use super::caches::{RecentChanges, WarmHeads, lock};
use super::deadline::{in_time, late};
use super::decide::{EventContext, next_event};
use super::error::CommandError;
use super::known_stream::{DecidedEvents, KnownStream};
use super::pending_change::PendingChange;
use super::reader::adapter_of;
use super::waits::{OUTAGE_WAITS, wait_after_loss};
use crate::ports::{AppendError, Clock, DuplicateSearch, EventStore, Ids, PortError, PortErrorKind, StoredEvent};

pub(super) enum AppendOutcome {
    Stored { event: Arc<DomainEvent>, awaits_base: bool },
    Duplicate,
    Rejected(Vec<ValidationIssue>),
}

pub(super) struct AppendedChange {
    pub(super) change: PendingChange,
    pub(super) outcome: AppendOutcome,
}

/// Appends to the event store. Keeps the heads of the streams written last, so that an event in order costs one
/// conditional write.
pub(super) struct Appender {
    pub(super) store: Arc<dyn EventStore>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) adapters: ProviderAdapters,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn Ids>,
    pub(super) heads: WarmHeads,
    pub(super) recent: Arc<RecentChanges>,
}

impl Appender {
    /// Appends the changes, those of one stream in their order. The result has one outcome a change, in the order of
    /// `changes`.
    pub(super) async fn append(
        &self,
        changes: Vec<PendingChange>,
        deadline: Instant,
    ) -> Result<Vec<AppendedChange>, CommandError> {
        AppendLoop::new(self, deadline, changes.len()).run(changes).await
    }

    /// Reads heads, and keeps them for the next append.
    pub(super) async fn heads(
        &self,
        keys: &[EntityKey],
        deadline: Instant,
    ) -> Result<Vec<Option<StreamHead>>, CommandError> {
        let read = self.store.heads(keys);
        let heads = in_time(deadline, PortErrorKind::Unavailable, self.store.name(), read).await?;
        for (key, head) in keys.iter().zip(&heads) {
            self.heads.set(key, head.as_ref());
        }
        Ok(heads)
    }
}

struct Attempt {
    change: PendingChange,
    number: usize,
    /// Set once an append of it may have been written without a response.
    may_be_stored: bool,
}

/// What follows from the store's response to an append.
enum AfterAppend {
    Settled(AppendOutcome),
    DecideAgain,
    /// Another writer stored its event first.
    Lost,
    Repeat,
}

struct AppendLoop<'a> {
    appender: &'a Appender,
    deadline: Instant,
    streams: HashMap<EntityKey, KnownStream>,
    /// Streams that had a conflict: the cached head is outdated. After a second conflict the head is read.
    tried: HashSet<EntityKey>,
    settled: Vec<(Attempt, AppendOutcome)>,
}

impl<'a> AppendLoop<'a> {
    fn new(appender: &'a Appender, deadline: Instant, changes: usize) -> Self {
        let (streams, tried) = (HashMap::new(), HashSet::new());
        Self { appender, deadline, streams, tried, settled: Vec::with_capacity(changes) }
    }

    /// Runs rounds until every change is settled, or until the deadline.
    async fn run(mut self, changes: Vec<PendingChange>) -> Result<Vec<AppendedChange>, CommandError> {
        let attempt = |(number, change)| Attempt { change, number, may_be_stored: false };
        let mut pending: Vec<Attempt> = changes.into_iter().enumerate().map(attempt).collect();
        let mut unanswered: Vec<(Attempt, StoredEvent)> = Vec::new();
        let (mut outages, mut last_error) = (0, None);
        for round in 0_u32.. {
            self.load_heads(&pending).await?;
            let mut decided = std::mem::take(&mut unanswered);
            self.decide(std::mem::take(&mut pending), &mut decided).await?;
            if decided.is_empty() {
                break;
            }
            let events: Vec<StoredEvent> = decided.iter().map(|(_, stored)| stored.clone()).collect();
            let (count, asked) = (u32::try_from(events.len()).unwrap_or(u32::MAX), Instant::now());
            let responses = self.append(events).await;
            let append_time = asked.elapsed() / count.max(1);
            let (mut outage, mut has_lost) = (None, false);
            for ((attempt, stored), response) in decided.into_iter().zip(responses) {
                match self.after_append(&attempt, &stored, response, &mut outage)? {
                    AfterAppend::Settled(outcome) => self.settled.push((attempt, outcome)),
                    AfterAppend::DecideAgain => pending.push(attempt),
                    AfterAppend::Lost => {
                        has_lost = true;
                        pending.push(attempt);
                    }
                    AfterAppend::Repeat => unanswered.push((Attempt { may_be_stored: true, ..attempt }, stored)),
                }
            }
            if pending.is_empty() && unanswered.is_empty() {
                break;
            }
            outages = if outage.is_some() { outages + 1 } else { 0 };
            if outages == 0 && !has_lost {
                continue;
            }
            last_error = outage.or(last_error);
            self.wait(round, append_time, outages, &mut last_error).await?;
        }
        self.settled.sort_by_key(|(attempt, _)| attempt.number);
        let appended = |(attempt, outcome): (Attempt, _)| AppendedChange { change: attempt.change, outcome };
        Ok(self.settled.into_iter().map(appended).collect())
    }

    /// Reads the heads that neither this call nor the process knows. A creation needs none: if its stream exists
    /// already, the conflict brings the head.
    async fn load_heads(&mut self, pending: &[Attempt]) -> Result<(), CommandError> {
        let mut missing = Vec::new();
        for change in pending.iter().map(|attempt| &attempt.change) {
            if self.streams.contains_key(&change.key) {
                continue;
            }
            let is_tried = self.tried.contains(&change.key);
            let known = if is_tried { None } else { self.appender.heads.get(&change.key) };
            let is_first = change.incoming.event_type == EventType::Created || change.context.is_first;
            let is_creation = is_first && !is_tried;
            if known.is_none() && !is_creation {
                missing.push(change.key.clone());
            }
            self.streams.insert(change.key.clone(), KnownStream::at(known));
        }
        if missing.is_empty() {
            return Ok(());
        }
        // If the append is throttled, they need not be read again.
        let heads = self.appender.heads(&missing, self.deadline).await?;
        for (key, head) in missing.into_iter().zip(heads) {
            self.streams.insert(key, KnownStream::at(head));
        }
        Ok(())
    }

    /// Appends. Past the deadline the loop does not wait for the response, so the outcome is unknown.
    async fn append(&self, events: Vec<StoredEvent>) -> Vec<Result<(), AppendError>> {
        let (store, count) = (&self.appender.store, events.len());
        let responses = timeout_at(self.deadline, store.append(events)).await;
        let unknown = || AppendError::OutcomeUnknown(late(PortErrorKind::OutcomeUnknown, store.name()));
        responses.unwrap_or_else(|_| (0..count).map(|_| Err(unknown())).collect())
    }

    /// Reads from the event store, until the deadline.
    async fn read<T>(&self, read: impl Future<Output = Result<T, PortError>>) -> Result<T, CommandError> {
        Ok(in_time(self.deadline, PortErrorKind::Unavailable, self.appender.store.name(), read).await?)
    }

    /// Makes the next event of each change, after the head that this call knows; changes that need no event are settled.
    async fn decide(
        &mut self,
        pending: Vec<Attempt>,
        decided: &mut Vec<(Attempt, StoredEvent)>,
    ) -> Result<(), CommandError> {
        let admissions = self.admissions(&pending).await?;
        let mut added: HashMap<EntityKey, DecidedEvents> = HashMap::new();
        for (attempt, stored) in decided.iter() {
            added.entry(attempt.change.key.clone()).or_default().add(&stored.event.position);
        }
        for (attempt, admission) in pending.into_iter().zip(admissions) {
            let change = &attempt.change;
            let added = added.entry(change.key.clone()).or_default();
            let meets_image = match added.admit(&change.incoming.change.position, admission) {
                Admission::New { at_image } => at_image,
                Admission::Duplicate => {
                    self.settled.push((attempt, AppendOutcome::Duplicate));
                    continue;
                }
            };
            let context = EventContext {
                catalog: &self.appender.catalog,
                adapter: adapter_of(&self.appender.adapters, change.incoming.metadata.provider)?,
                now: self.appender.clock.now(),
                meets_image,
            };
            let stream = self.streams.entry(change.key.clone()).or_insert_with(|| KnownStream::at(None));
            match next_event(stream.next.as_ref(), change, &context) {
                Err(errors) => self.settled.push((attempt, AppendOutcome::Rejected(errors))),
                Ok(stored) => {
                    added.add(&stored.event.position);
                    stream.next = Some(stored.head.clone());
                    decided.push((attempt, stored));
                }
            }
        }
        Ok(())
    }

    /// Whether each change is new among the events that are stored for certain. Those that their stream's head cannot
    /// tell are searched for in one call.
    async fn admissions(&self, pending: &[Attempt]) -> Result<Vec<Admission>, CommandError> {
        let mut searches = Vec::new();
        let mut by_head = Vec::with_capacity(pending.len());
        for Attempt { change, .. } in pending {
            let head = self.streams.get(&change.key).and_then(|stream| stream.stored.as_ref());
            let position = change.incoming.change.position;
            let admission = StreamHead::admit(head, &position);
            if let (None, Some(head)) = (admission, head) {
                searches.push(DuplicateSearch { key: change.key.clone(), position, head: head.clone() });
            }
            by_head.push(admission);
        }
        if searches.is_empty() {
            return Ok(by_head.into_iter().flatten().collect());
        }
        let mut found = self.read(self.appender.store.search(&searches)).await?.into_iter();
        let of_search =
            |admission: Option<Admission>| admission.or_else(|| found.next()).expect("a store answers each search");
        Ok(by_head.into_iter().map(of_search).collect())
    }

    fn after_append(
        &mut self,
        attempt: &Attempt,
        stored: &StoredEvent,
        response: Result<(), AppendError>,
        outage: &mut Option<PortError>,
    ) -> Result<AfterAppend, CommandError> {
        let key = &attempt.change.key;
        match response {
            Ok(()) => Ok(self.stored(&attempt.change, stored, &stored.head)),
            Err(AppendError::Conflict { event_id, head }) if event_id == stored.event.event_id() => {
                if !attempt.may_be_stored {
                    // After a creation the stream may be much longer by now; else few events follow.
                    self.appender.heads.set(key, Some(&*head).filter(|_| stored.event.version > Version::FIRST));
                    self.tried.insert(key.clone());
                    self.streams.remove(key);
                    return Ok(AfterAppend::Settled(AppendOutcome::Duplicate));
                }
                // What is decided next follows that event as it is stored, or newer ones.
                let next = self.stored(&attempt.change, stored, &head);
                self.streams.insert(key.clone(), KnownStream::at(Some(*head)));
                Ok(next)
            }
            Err(AppendError::Conflict { head, .. }) => {
                self.appender.heads.set(key, None);
                if self.tried.insert(key.clone()) {
                    self.streams.insert(key.clone(), KnownStream::at(Some(*head)));
                } else {
                    self.streams.remove(key);
                }
                Ok(AfterAppend::Lost)
            }
            Err(AppendError::NotTried) => Ok(AfterAppend::DecideAgain),
            Err(AppendError::NotApplied(error)) if error.is_retryable() => {
                // The warm head is the one before this append, and still right.
                self.streams.remove(key);
                *outage = Some(error);
                Ok(AfterAppend::DecideAgain)
            }
            Err(AppendError::OutcomeUnknown(error)) => {
                self.appender.heads.set(key, None);
                if let Some(stream) = self.streams.get_mut(key) {
                    stream.next = Some(stored.head.clone());
                }
                *outage = Some(error);
                Ok(AfterAppend::Repeat)
            }
            Err(AppendError::NotApplied(error)) if error.kind == PortErrorKind::Rejected => {
                self.appender.heads.set(key, None);
                self.streams.remove(key);
                Ok(AfterAppend::Settled(AppendOutcome::Rejected(vec![ValidationIssue::new("", error.message)])))
            }
            Err(AppendError::NotApplied(error)) => Err(CommandError::Port(error)),
        }
    }

    /// Remembers a change that is stored, with the head that is stored there.
    fn stored(&mut self, change: &PendingChange, stored: &StoredEvent, head: &StreamHead) -> AfterAppend {
        self.appender.heads.set(&change.key, Some(head));
        if let Some(stream) = self.streams.get_mut(&change.key) {
            stream.stored = Some(head.clone());
        }
        lock(&self.appender.recent).put(stored.event.event_id(), Arc::clone(&change.incoming.change));
        let awaits_base = head.base.is_none();
        AfterAppend::Settled(AppendOutcome::Stored { event: Arc::clone(&stored.event), awaits_base })
    }

    /// Waits a random time before the next round, so that writers who met do not meet again; gives up if the deadline
    /// would pass meanwhile.
    async fn wait(
        &self,
        round: u32,
        append_time: Duration,
        outages: u32,
        last_error: &mut Option<PortError>,
    ) -> Result<(), CommandError> {
        let random = self.appender.ids.fresh();
        let wait = match outages {
            0 => wait_after_loss(round.saturating_add(1), append_time, random),
            outages => OUTAGE_WAITS.half_jitter(outages, random),
        };
        if Instant::now() + wait >= self.deadline {
            return Err(last_error.take().map_or(CommandError::Contended, CommandError::Port));
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }
}
