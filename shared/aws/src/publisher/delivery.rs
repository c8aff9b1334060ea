//! Publishing events on a bus, in rounds: each round sends again what the round before could not deliver.
//!
//! Every event gets a result within the time limit of the retry policy. A call that fails as a whole is not made
//! again, because the SDK's client has tried it already. A call that is refused for its content is split into its
//! entries, so that one bad entry does not hold up the others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use annals_application::backoff::{Backoff, RetryPolicy};
use annals_application::ports::{NormalizedEntityEvent, PortError, PortErrorKind};
use annals_domain::identity::AggregateId;
use annals_domain::position::EventId;
use futures::{StreamExt, stream};
use tokio::time::Instant;

use super::batch::{pack, waves};
use super::bus::{Bus, EntryOutcome};
use super::message::entry_within;

/// How many calls are under way at once.
const CONCURRENT_CALLS: usize = 4;

/// The SDK's client gives one call 15 s; a function that publishes runs for a minute and more.
const PUBLISH_RETRIES: RetryPolicy = RetryPolicy {
    attempts: 3,
    time_limit: Duration::from_secs(20),
    backoff: Backoff::tripling(Duration::from_millis(200), Duration::from_secs(20)),
};

struct PendingEntry<E> {
    index: usize,
    aggregate_id: AggregateId,
    event_id: EventId,
    size: usize,
    entry: E,
}

impl<E> PendingEntry<E> {
    fn new<B: Bus<Entry = E>>(bus: &B, index: usize, event: &NormalizedEntityEvent) -> Result<Self, PortError> {
        let to_entry = |message| bus.entry(event, message);
        let entry = entry_within(bus.max_bytes(), bus.resource(), event, to_entry, |entry| bus.size(entry))?;
        let (aggregate_id, event_id) = (event.entity.aggregate_id, event.event_id);
        Ok(Self { index, aggregate_id, event_id, size: bus.size(&entry), entry })
    }
}

type SentEntries<'a, E> = Vec<(&'a PendingEntry<E>, EntryOutcome)>;

type EventResults = BTreeMap<usize, Result<(), PortError>>;

/// Publishes the events. Returns a result for each, in their order.
pub(crate) async fn publish<B: Bus>(bus: &B, events: Vec<NormalizedEntityEvent>) -> Vec<Result<(), PortError>> {
    let (mut entries, mut refused) = (Vec::with_capacity(events.len()), Vec::new());
    // Each event is dropped as soon as its entry is built, so that memory never holds all of both.
    for (index, event) in events.into_iter().enumerate() {
        match PendingEntry::new(bus, index, &event) {
            Ok(entry) => entries.push(entry),
            Err(error) => refused.push((index, Err(error))),
        }
    }
    let mut results = deliver(bus, &PUBLISH_RETRIES, &entries).await;
    results.extend(refused);
    results.into_values().collect()
}

/// Delivers entries, which are in the order of their events.
async fn deliver<B: Bus>(bus: &B, policy: &RetryPolicy, entries: &[PendingEntry<B::Entry>]) -> EventResults {
    let start = Instant::now();
    let deadline = start + policy.time_limit;
    let mut results = EventResults::new();
    let mut open: Vec<&PendingEntry<B::Entry>> = entries.iter().collect();
    for attempt in 1.. {
        let mut retryable = Vec::new();
        for (entry, outcome) in send_round(bus, open, deadline).await {
            let result = match outcome {
                EntryOutcome::Accepted => Ok(()),
                EntryOutcome::Failed(error) => Err(error),
                EntryOutcome::Retryable(error) => {
                    retryable.push(entry);
                    Err(with_attempt(error, attempt))
                }
            };
            results.insert(entry.index, result);
        }
        let Some(first) = retryable.first() else { break };
        // An event id is a hash, so it serves as the randomness.
        let Some(wait) = policy.next_wait(attempt, start.elapsed(), first.event_id.uuid()) else { break };
        tracing::warn!(bus = bus.resource(), entries = retryable.len(), attempt, "sending entries again");
        tokio::time::sleep(wait).await;
        open = retryable;
    }
    results
}

fn with_attempt(mut error: PortError, attempt: u32) -> PortError {
    error.message = format!("{} (attempt {attempt})", error.message);
    error
}

async fn send_round<'a, B: Bus>(
    bus: &B,
    entries: Vec<&'a PendingEntry<B::Entry>>,
    deadline: Instant,
) -> SentEntries<'a, B::Entry> {
    let mut sent = Vec::with_capacity(entries.len());
    for wave in waves(pack(entries, bus.max_bytes(), |entry| entry.size), |entry| entry.aggregate_id) {
        let calls: Vec<_> = wave.into_iter().map(|entries| send_call(bus, entries, deadline)).collect();
        let mut calls = stream::iter(calls).buffered(CONCURRENT_CALLS);
        while let Some(call) = calls.next().await {
            sent.extend(call);
        }
    }
    sent
}

async fn send_call<'a, B: Bus>(
    bus: &B,
    entries: Vec<&'a PendingEntry<B::Entry>>,
    deadline: Instant,
) -> SentEntries<'a, B::Entry> {
    let mut outcomes = match call_in_time(bus, &entries, deadline).await {
        Ok(outcomes) => outcomes,
        Err(error) if error.kind == PortErrorKind::Rejected && entries.len() > 1 => {
            let count = entries.len();
            tracing::warn!(bus = bus.resource(), entries = count, %error, "call refused; sending its entries one by one");
            send_one_by_one(bus, &entries, deadline).await
        }
        Err(error) => fail_all(error, entries.len()),
    };
    outcomes.resize_with(entries.len(), || EntryOutcome::missing(bus.resource()));
    entries.into_iter().zip(outcomes).collect()
}

async fn send_one_by_one<B: Bus>(bus: &B, entries: &[&PendingEntry<B::Entry>], deadline: Instant) -> Vec<EntryOutcome> {
    let mut outcomes = Vec::with_capacity(entries.len());
    for entry in entries {
        let outcome = match call_in_time(bus, &[entry], deadline).await {
            Ok(outcomes) => outcomes.into_iter().next().unwrap_or_else(|| EntryOutcome::missing(bus.resource())),
            Err(error) => EntryOutcome::Failed(error),
        };
        outcomes.push(outcome);
    }
    outcomes
}

async fn call_in_time<B: Bus>(
    bus: &B,
    entries: &[&PendingEntry<B::Entry>],
    deadline: Instant,
) -> Result<Vec<EntryOutcome>, PortError> {
    if Instant::now() >= deadline {
        return Err(PortError::new(PortErrorKind::Unavailable, bus.resource(), "not sent: no time was left"));
    }
    let entries = entries.iter().map(|pending| pending.entry.clone()).collect();
    let late = || PortError::new(PortErrorKind::OutcomeUnknown, bus.resource(), "no response in time");
    tokio::time::timeout_at(deadline, bus.send(entries)).await.unwrap_or_else(|_| Err(late()))
}

/// The failure of a whole call, as the outcome of each of its entries.
fn fail_all(error: PortError, count: usize) -> Vec<EntryOutcome> {
    let PortError { kind, resource, message, source } = error;
    let source: Option<Arc<dyn std::error::Error + Send + Sync>> = source.map(Arc::from);
    let copy = || {
        let error = PortError::new(kind, &resource, &message);
        EntryOutcome::Failed(match &source {
            Some(source) => error.caused_by(Arc::clone(source)),
            None => error,
        })
    };
    std::iter::repeat_with(copy).take(count).collect()
}

#[cfg(test)]
mod tests;
