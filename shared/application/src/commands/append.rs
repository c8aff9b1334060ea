//! Appends changes to their streams and retries until each has an outcome.
//!
//! A conflict or a lost response neither loses nor doubles a change. After a conflict the change is
//! decided again on the new head. An append whose response was lost is repeated unchanged: the store's
//! conflict then names the stored event, which shows whether it is ours.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use annals_domain::event::{DomainEvent, EventType};
use annals_domain::identity::EntityKey;
use annals_domain::position::Position;
use annals_domain::stream_head::{Admission, DuplicateSearch, StreamHead};
use annals_domain::validation_issue::ValidationIssue;
use std::sync::Arc;
use tokio::time::{Instant, timeout_at};

use super::Command;
use super::deadline::{in_time, late};
use super::decide::{Circumstances, Pending, event_behind};
use super::handler::{CommandError, CommandHandler};
use crate::ports::{AppendError, PortError, PortErrorKind, ReadOptions, StoredEvent};

/// The number of events in one page of a look back.
const LOOK_BACK_PAGE: usize = 50;
/// The first and the longest wait between two rounds, at least and as multiples of what an append
/// takes. Where appends are slow, a wait that did not grow with them would have every writer meet
/// every other again; where the longest were longer, the last writers would sleep while the store has
/// nothing to do. Measured with 16 writers of one record.
const FIRST_WAIT: Duration = Duration::from_millis(8);
const FIRST_WAIT_APPENDS: u32 = 8;
const LONGEST_WAIT: Duration = Duration::from_millis(60);
const LONGEST_WAIT_APPENDS: u32 = 24;
/// An append that takes longer than this met no other writer but an outage.
const LONGEST_APPEND: Duration = Duration::from_millis(25);
/// The first and the longest wait behind a round in which the store was throttled or did not answer:
/// it has too much to do already, or is not there, and nobody else's success is waited for.
const FIRST_OUTAGE_WAIT: Duration = Duration::from_millis(100);
const LONGEST_OUTAGE_WAIT: Duration = Duration::from_secs(3);

/// What became of a pending change.
pub(super) enum Settled {
    Stored { event: Arc<DomainEvent>, awaits_base: bool },
    Duplicate,
    Refused(Vec<ValidationIssue>),
}

/// The rounds of one call.
pub(super) struct Rounds<'a> {
    handler: &'a CommandHandler,
    commands: &'a [Command],
    deadline: Instant,
    /// The heads as far as this call knows them.
    working: HashMap<EntityKey, Option<StreamHead>>,
    /// Streams whose conflict's own head was tried already; the next conflict reads.
    tried: HashSet<EntityKey>,
    settled: Vec<(Pending, Settled)>,
}

impl<'a> Rounds<'a> {
    pub(super) fn new(handler: &'a CommandHandler, commands: &'a [Command], deadline: Instant) -> Self {
        Self { handler, commands, deadline, working: HashMap::new(), tried: HashSet::new(), settled: Vec::new() }
    }

    /// Runs rounds until every change is settled, or the deadline.
    pub(super) async fn run(mut self, mut pending: Vec<Pending>) -> Result<Vec<(Pending, Settled)>, CommandError> {
        let mut unanswered: Vec<(Pending, StoredEvent)> = Vec::new();
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
            let answers = self.append(events).await;
            let an_append = asked.elapsed() / count.max(1);
            let mut outage = None;
            for ((change, stored), answer) in decided.into_iter().zip(answers) {
                match self.take_answer(&change, &stored, answer, &mut outage)? {
                    Next::Settled(settled) => self.settled.push((change, settled)),
                    Next::Decide => pending.push(change),
                    Next::Repeat => unanswered.push((Pending { may_be_stored: true, ..change }, stored)),
                }
            }
            if pending.is_empty() && unanswered.is_empty() {
                break;
            }
            outages = if outage.is_some() { outages + 1 } else { 0 };
            last_error = outage.or(last_error);
            let wait = match outages {
                0 => writers_wait(round, an_append),
                outages => outage_wait(outages),
            };
            self.wait(wait, &mut last_error).await?;
        }
        Ok(self.settled)
    }

    /// Reads the heads that neither this call nor the warm ones know. A creation needs none: where
    /// its stream is there already, the conflict brings the head.
    async fn load_heads(&mut self, pending: &[Pending]) -> Result<(), CommandError> {
        let mut missing = Vec::new();
        for change in pending {
            if self.working.contains_key(&change.key) {
                continue;
            }
            let known = self.handler.warm_head(&change.key);
            let is_creation = change.incoming.event_type == EventType::Created && !self.tried.contains(&change.key);
            if known.is_none() && !is_creation {
                missing.push(change.key.clone());
            }
            self.working.insert(change.key.clone(), known);
        }
        if missing.is_empty() {
            return Ok(());
        }
        let heads = self.read(self.handler.store.heads(&missing)).await?;
        for (key, head) in missing.into_iter().zip(heads) {
            // Should the store be throttled, it is not asked for the head again.
            self.handler.keep_warm(&key, head.as_ref());
            self.working.insert(key, head);
        }
        Ok(())
    }

    /// Appends. Beyond the deadline no answer is waited for, so that the outcome is unknown.
    async fn append(&self, events: Vec<StoredEvent>) -> Vec<Result<(), AppendError>> {
        let (store, count) = (&self.handler.store, events.len());
        let answers = timeout_at(self.deadline, store.append(events)).await;
        let unknown = || AppendError::OutcomeUnknown(late(PortErrorKind::OutcomeUnknown, store.name()));
        answers.unwrap_or_else(|_| (0..count).map(|_| Err(unknown())).collect())
    }

    /// What the event store reads, until the deadline.
    async fn read<T>(&self, read: impl Future<Output = Result<T, PortError>>) -> Result<T, CommandError> {
        Ok(in_time(self.deadline, PortErrorKind::Unavailable, self.handler.store.name(), read).await?)
    }

    async fn decide(
        &mut self,
        pending: Vec<Pending>,
        decided: &mut Vec<(Pending, StoredEvent)>,
    ) -> Result<(), CommandError> {
        let mut added: HashMap<EntityKey, Vec<(Position, StreamHead)>> = HashMap::new();
        for (change, stored) in decided.iter() {
            added.entry(change.key.clone()).or_default().push((stored.event.position, stored.head.clone()));
        }
        for change in pending {
            let head = self.working.get(&change.key).and_then(Option::as_ref);
            let meets_image = match self.admit(&change, head, added.get(&change.key)).await? {
                Admission::New { at_image } => at_image,
                Admission::Duplicate => {
                    self.settled.push((change, Settled::Duplicate));
                    continue;
                }
            };
            let command = &self.commands[change.command];
            let provider = change.incoming.metadata.provider;
            let with = Circumstances {
                catalog: &self.handler.catalog,
                adapter: self.handler.adapter(provider)?,
                now: self.handler.clock.now(),
                command_id: command.id,
                metadata: &command.metadata,
                meets_image,
            };
            match event_behind(head, &change, &with) {
                Err(errors) => self.settled.push((change, Settled::Refused(errors))),
                Ok(stored) => {
                    added.entry(change.key.clone()).or_default().push((stored.event.position, stored.head.clone()));
                    self.working.insert(change.key.clone(), Some(stored.head.clone()));
                    decided.push((change, stored));
                }
            }
        }
        Ok(())
    }

    async fn admit(
        &self,
        change: &Pending,
        head: Option<&StreamHead>,
        added: Option<&Vec<(Position, StreamHead)>>,
    ) -> Result<Admission, CommandError> {
        let position = change.incoming.change.position;
        if let Some(answer) = StreamHead::admit(head, &position) {
            return Ok(answer);
        }
        let mut search = DuplicateSearch::new(position);
        for (stored, head) in added.into_iter().flatten().rev() {
            if let Some(answer) = search.visit(stored, head) {
                return Ok(answer);
            }
        }
        let lowest_added = added.and_then(|added| added.first()).map(|(_, head)| head.version);
        let mut below = lowest_added.or_else(|| head.map(|head| head.version.next()));
        while let Some(version) = below.filter(|version| version.get() > 1) {
            let options = ReadOptions::back_from(Some(version.previous()), LOOK_BACK_PAGE);
            let events = self.read(self.handler.store.read(&change.key, &options)).await?;
            for stored in &events {
                if let Some(answer) = search.visit(&stored.event.position, &stored.head) {
                    return Ok(answer);
                }
            }
            below = events.last().filter(|_| events.len() == LOOK_BACK_PAGE).map(|stored| stored.event.version);
        }
        Ok(search.finish())
    }

    fn take_answer(
        &mut self,
        change: &Pending,
        stored: &StoredEvent,
        answer: Result<(), AppendError>,
        outage: &mut Option<PortError>,
    ) -> Result<Next, CommandError> {
        match answer {
            Ok(()) => Ok(self.stored(change, stored, &stored.head)),
            Err(AppendError::Conflict { event_id, head }) if event_id == stored.event.event_id() => {
                // Whatever is decided again stands behind that event as it is there, or behind newer ones.
                let next = if change.may_be_stored {
                    self.stored(change, stored, &head)
                } else {
                    self.handler.keep_warm(&change.key, Some(&head));
                    Next::Settled(Settled::Duplicate)
                };
                self.working.insert(change.key.clone(), Some(*head));
                Ok(next)
            }
            Err(AppendError::Conflict { head, .. }) => {
                self.handler.keep_warm(&change.key, None);
                if self.tried.insert(change.key.clone()) {
                    self.working.insert(change.key.clone(), Some(*head));
                } else {
                    self.working.remove(&change.key);
                }
                Ok(Next::Decide)
            }
            Err(AppendError::NotTried) => Ok(Next::Decide),
            Err(AppendError::NotApplied(error)) if error.is_retryable() => {
                // What is warm is the head before, and still right.
                self.working.remove(&change.key);
                *outage = Some(error);
                Ok(Next::Decide)
            }
            Err(AppendError::OutcomeUnknown(error)) => {
                self.handler.keep_warm(&change.key, None);
                self.working.insert(change.key.clone(), Some(stored.head.clone()));
                *outage = Some(error);
                Ok(Next::Repeat)
            }
            Err(AppendError::NotApplied(error)) if error.kind == PortErrorKind::Rejected => {
                self.forget(&change.key);
                Ok(Next::Settled(Settled::Refused(vec![ValidationIssue::new("", error.message)])))
            }
            Err(AppendError::NotApplied(error)) => Err(CommandError::Port(error)),
        }
    }

    /// A change that is stored, with the head that is stored there.
    fn stored(&self, change: &Pending, stored: &StoredEvent, head: &StreamHead) -> Next {
        self.handler.keep_warm(&change.key, Some(head));
        self.handler.remember(stored, &change.incoming.change);
        let awaits_base = head.base.is_none();
        Next::Settled(Settled::Stored { event: Arc::clone(&stored.event), awaits_base })
    }

    fn forget(&mut self, key: &EntityKey) {
        self.handler.keep_warm(key, None);
        self.working.remove(key);
    }

    /// Waits, each call by a chance of its own; gives up where the deadline would pass meanwhile.
    async fn wait(&self, wait: Wait, last_error: &mut Option<PortError>) -> Result<(), CommandError> {
        let jitter = self.handler.ids.fresh().as_u128() % wait.spread.as_micros().max(1);
        let wait = wait.least + Duration::from_micros(u64::try_from(jitter).unwrap_or_default());
        if Instant::now() + wait >= self.deadline {
            return Err(last_error.take().map_or(CommandError::Contended, CommandError::Port));
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

/// How long to wait behind a round: so long at least, and by chance up to so much longer.
struct Wait {
    least: Duration,
    spread: Duration,
}

/// Behind a round that other writers won: longer from round to round.
fn writers_wait(round: u32, an_append: Duration) -> Wait {
    let an_append = an_append.min(LONGEST_APPEND);
    let first = FIRST_WAIT.max(an_append * FIRST_WAIT_APPENDS);
    let spread = (first * (1 << round.min(10))).min(LONGEST_WAIT.max(an_append * LONGEST_WAIT_APPENDS));
    Wait { least: Duration::from_millis(1), spread }
}

/// Behind so many rounds in a row in which the store was throttled or did not answer.
fn outage_wait(outages: u32) -> Wait {
    let longest = (FIRST_OUTAGE_WAIT * (1 << outages.saturating_sub(1).min(10))).min(LONGEST_OUTAGE_WAIT);
    Wait { least: longest / 2, spread: longest / 2 }
}

/// What is to be done with a change after an answer.
enum Next {
    Settled(Settled),
    Decide,
    Repeat,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(append_ms: u64, longest_ms: [u64; 4]) {
        let longest = [0, 1, 4, u32::MAX].map(|round| writers_wait(round, Duration::from_millis(append_ms)));
        let longest = longest.map(|wait| wait.spread.as_millis() as u64);
        assert_eq!(longest, longest_ms, "an append of {append_ms} ms");
    }

    #[test]
    fn waits_grow_from_round_to_round_and_with_what_an_append_takes() {
        check(0, [8, 16, 60, 60]);
        check(1, [8, 16, 60, 60]);
        check(10, [80, 160, 240, 240]);
        check(5_000, [200, 400, 600, 600]);
    }

    #[test]
    fn waits_behind_an_outage_double_from_a_tenth_of_a_second_to_three() {
        let longest = [1, 2, 5, 6, u32::MAX].map(|outages| {
            let wait = outage_wait(outages);
            assert_eq!(wait.least, wait.spread, "at least half of the longest");
            (wait.least + wait.spread).as_millis()
        });
        assert_eq!(longest, [100, 200, 1_600, 3_000, 3_000]);
    }
}
