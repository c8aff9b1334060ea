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
use annals_domain::position::Position;
use annals_domain::provider_adapter::ProviderAdapters;
use annals_domain::stream_head::{Admission, DuplicateSearch, StreamHead};
use annals_domain::validation_issue::ValidationIssue;
use tokio::time::{Instant, timeout_at};

use super::caches::{RecentChanges, WarmHeads, lock};
use super::deadline::{in_time, late};
use super::decide::{EventContext, next_event};
use super::error::CommandError;
use super::pending_change::PendingChange;
use super::reader::adapter_of;
use crate::backoff::Backoff;
use crate::ports::{AppendError, Clock, EventStore, Ids, PortError, PortErrorKind, ReadOptions, StoredEvent};

/// The number of events in one page of the search for a duplicate.
const SEARCH_PAGE: usize = 50;
/// The first and the longest wait between two rounds: at least these, and as multiples of the time that an append
/// takes. If slow appends did not lengthen the wait, every writer would meet every other again; if the longest were
/// longer, the last writers would sleep while the store is idle. Measured with 16 writers of one record.
const FIRST_WAIT: Duration = Duration::from_millis(8);
const FIRST_WAIT_APPENDS: u32 = 8;
const LONGEST_WAIT: Duration = Duration::from_millis(60);
const LONGEST_WAIT_APPENDS: u32 = 24;
/// An append that takes longer than this did not meet other writers but an outage.
const LONGEST_APPEND: Duration = Duration::from_millis(25);
/// The waits after rounds in which the store throttled or did not respond: it is overloaded or down, so there is no
/// other writer to wait for.
const OUTAGE_WAITS: Backoff = Backoff::doubling(Duration::from_millis(100), Duration::from_secs(3));
/// No wait is shorter: a writer that lost a round lets the winner go on.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

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
    Repeat,
}

struct AppendLoop<'a> {
    appender: &'a Appender,
    deadline: Instant,
    /// The heads as far as this call knows them.
    working: HashMap<EntityKey, Option<StreamHead>>,
    /// Streams for which the head of a conflict was used already; after the next conflict the head is read.
    tried: HashSet<EntityKey>,
    settled: Vec<(Attempt, AppendOutcome)>,
}

impl<'a> AppendLoop<'a> {
    fn new(appender: &'a Appender, deadline: Instant, changes: usize) -> Self {
        let (working, tried) = (HashMap::new(), HashSet::new());
        Self { appender, deadline, working, tried, settled: Vec::with_capacity(changes) }
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
            let mut outage = None;
            for ((attempt, stored), response) in decided.into_iter().zip(responses) {
                match self.after_append(&attempt, &stored, response, &mut outage)? {
                    AfterAppend::Settled(outcome) => self.settled.push((attempt, outcome)),
                    AfterAppend::DecideAgain => pending.push(attempt),
                    AfterAppend::Repeat => unanswered.push((Attempt { may_be_stored: true, ..attempt }, stored)),
                }
            }
            if pending.is_empty() && unanswered.is_empty() {
                break;
            }
            outages = if outage.is_some() { outages + 1 } else { 0 };
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
            if self.working.contains_key(&change.key) {
                continue;
            }
            let known = self.appender.heads.get(&change.key);
            let is_creation = change.incoming.event_type == EventType::Created && !self.tried.contains(&change.key);
            if known.is_none() && !is_creation {
                missing.push(change.key.clone());
            }
            self.working.insert(change.key.clone(), known);
        }
        if missing.is_empty() {
            return Ok(());
        }
        let heads = self.read(self.appender.store.heads(&missing)).await?;
        for (key, head) in missing.into_iter().zip(heads) {
            // If the append is throttled, the head need not be read again.
            self.set_warm(&key, head.as_ref());
            self.working.insert(key, head);
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
        let mut added: HashMap<EntityKey, Vec<(Position, StreamHead)>> = HashMap::new();
        for (attempt, stored) in decided.iter() {
            added.entry(attempt.change.key.clone()).or_default().push((stored.event.position, stored.head.clone()));
        }
        for attempt in pending {
            let change = &attempt.change;
            let head = self.working.get(&change.key).and_then(Option::as_ref);
            let meets_image = match self.admit(change, head, added.get(&change.key)).await? {
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
            match next_event(head, change, &context) {
                Err(errors) => self.settled.push((attempt, AppendOutcome::Rejected(errors))),
                Ok(stored) => {
                    added.entry(change.key.clone()).or_default().push((stored.event.position, stored.head.clone()));
                    self.working.insert(change.key.clone(), Some(stored.head.clone()));
                    decided.push((attempt, stored));
                }
            }
        }
        Ok(())
    }

    /// Whether the change is new in its stream. A change newer than the head is; for an older one, the events that
    /// this call adds and then those in the store are searched, newest first.
    async fn admit(
        &self,
        change: &PendingChange,
        head: Option<&StreamHead>,
        added: Option<&Vec<(Position, StreamHead)>>,
    ) -> Result<Admission, CommandError> {
        let position = change.incoming.change.position;
        if let Some(admission) = StreamHead::admit(head, &position) {
            return Ok(admission);
        }
        let mut search = DuplicateSearch::new(position);
        for (stored, head) in added.into_iter().flatten().rev() {
            if let Some(admission) = search.visit(stored, head) {
                return Ok(admission);
            }
        }
        let lowest_added = added.and_then(|added| added.first()).map(|(_, head)| head.version);
        let mut below = lowest_added.or_else(|| head.map(|head| head.version.next()));
        while let Some(version) = below.filter(|version| version.get() > 1) {
            let options = ReadOptions::back_from(Some(version.previous()), SEARCH_PAGE);
            let events = self.read(self.appender.store.read(&change.key, &options)).await?;
            for stored in &events {
                if let Some(admission) = search.visit(&stored.event.position, &stored.head) {
                    return Ok(admission);
                }
            }
            below = events.last().filter(|_| events.len() == SEARCH_PAGE).map(|stored| stored.event.version);
        }
        Ok(search.finish())
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
                // What is decided next follows that event as it is stored, or newer ones.
                let next = if attempt.may_be_stored {
                    self.stored(&attempt.change, stored, &head)
                } else {
                    self.set_warm(key, Some(&head));
                    AfterAppend::Settled(AppendOutcome::Duplicate)
                };
                self.working.insert(key.clone(), Some(*head));
                Ok(next)
            }
            Err(AppendError::Conflict { head, .. }) => {
                self.set_warm(key, None);
                if self.tried.insert(key.clone()) {
                    self.working.insert(key.clone(), Some(*head));
                } else {
                    self.working.remove(key);
                }
                Ok(AfterAppend::DecideAgain)
            }
            Err(AppendError::NotTried) => Ok(AfterAppend::DecideAgain),
            Err(AppendError::NotApplied(error)) if error.is_retryable() => {
                // The warm head is the one before this append, and still right.
                self.working.remove(key);
                *outage = Some(error);
                Ok(AfterAppend::DecideAgain)
            }
            Err(AppendError::OutcomeUnknown(error)) => {
                self.set_warm(key, None);
                self.working.insert(key.clone(), Some(stored.head.clone()));
                *outage = Some(error);
                Ok(AfterAppend::Repeat)
            }
            Err(AppendError::NotApplied(error)) if error.kind == PortErrorKind::Rejected => {
                self.set_warm(key, None);
                self.working.remove(key);
                Ok(AfterAppend::Settled(AppendOutcome::Rejected(vec![ValidationIssue::new("", error.message)])))
            }
            Err(AppendError::NotApplied(error)) => Err(CommandError::Port(error)),
        }
    }

    /// Remembers a change that is stored, with the head that is stored there.
    fn stored(&self, change: &PendingChange, stored: &StoredEvent, head: &StreamHead) -> AfterAppend {
        self.set_warm(&change.key, Some(head));
        lock(&self.appender.recent).put(stored.event.event_id(), Arc::clone(&change.incoming.change));
        let awaits_base = head.base.is_none();
        AfterAppend::Settled(AppendOutcome::Stored { event: Arc::clone(&stored.event), awaits_base })
    }

    fn set_warm(&self, key: &EntityKey, head: Option<&StreamHead>) {
        match head {
            Some(head) => self.appender.heads.put(key, head),
            None => self.appender.heads.remove(key),
        }
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
            0 => SHORTEST_WAIT + contention_backoff(append_time).full_jitter(round.saturating_add(1), random),
            outages => OUTAGE_WAITS.half_jitter(outages, random),
        };
        if Instant::now() + wait >= self.deadline {
            return Err(last_error.take().map_or(CommandError::Contended, CommandError::Port));
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

/// The waits after rounds that other writers won.
fn contention_backoff(append_time: Duration) -> Backoff {
    let append_time = append_time.min(LONGEST_APPEND);
    let first = FIRST_WAIT.max(append_time * FIRST_WAIT_APPENDS);
    Backoff::doubling(first, LONGEST_WAIT.max(append_time * LONGEST_WAIT_APPENDS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(append_ms: u64, longest_ms: [u64; 4]) {
        let backoff = contention_backoff(Duration::from_millis(append_ms));
        let longest = [1, 2, 5, u32::MAX].map(|round| backoff.wait(round).as_millis() as u64);
        assert_eq!(longest, longest_ms, "an append of {append_ms} ms");
    }

    #[test]
    fn waits_grow_from_round_to_round_and_with_the_time_of_an_append() {
        check(0, [8, 16, 60, 60]);
        check(1, [8, 16, 60, 60]);
        check(10, [80, 160, 240, 240]);
        check(5_000, [200, 400, 600, 600]);
    }

    #[test]
    fn waits_after_an_outage_double_from_a_tenth_of_a_second_to_three() {
        let waits = [1, 2, 5, 6, u32::MAX].map(|outages| {
            let least = OUTAGE_WAITS.half_jitter(outages, uuid::Uuid::nil());
            assert_eq!(least, OUTAGE_WAITS.wait(outages) / 2, "at least half of the longest");
            OUTAGE_WAITS.wait(outages).as_millis()
        });
        assert_eq!(waits, [100, 200, 1_600, 3_000, 3_000]);
    }
}
