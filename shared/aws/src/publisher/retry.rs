//! Delivery of entries: in rounds, each of which sends what the round before was asked to send again.
//!
//! Promises an end: after [`Patience::attempts`] rounds or [`Patience::total`], whichever is first,
//! every entry has an answer. A call that fails as a whole is not made again, since the client has
//! tried it already; one that is refused for its content is taken apart, so that an entry at fault
//! holds up no other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use annals_application::ports::{PortError, PortErrorKind};
use annals_domain::position::EventId;
use futures::{StreamExt, stream};
use tokio::time::Instant;

use super::batch::{pack, waves};
use super::bus::{Bus, Item};

/// How many calls are under way at once.
const AT_ONCE: usize = 4;

/// A service's answer for one entry.
#[derive(Debug)]
pub(crate) enum Answer {
    /// It has it.
    Taken,
    /// It may take it later.
    Again(PortError),
    /// It never will, or not without someone's help.
    Refused(PortError),
}

impl Answer {
    /// The service answered the call, but not this entry.
    pub(crate) fn unanswered(resource: &str) -> Self {
        Self::Again(PortError::new(PortErrorKind::OutcomeUnknown, resource, "an entry was not answered"))
    }
}

/// How long entries that may be taken later are tried.
#[derive(Debug, Clone)]
pub(crate) struct Patience {
    /// How often an entry is sent at most.
    pub(crate) attempts: u32,
    /// The longest first pause; each further one is three times as long.
    pub(crate) pause: Duration,
    /// How long a whole delivery may take, calls and pauses.
    pub(crate) total: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        // The client gives one call 15 s; a function that publishes has a minute and more.
        Self { attempts: 3, pause: Duration::from_millis(200), total: Duration::from_secs(20) }
    }
}

impl Patience {
    /// The pause after an attempt: half of it fixed, half by chance, for which an event's id, itself a
    /// hash, stands in. Publishers that were throttled together do not come back together.
    fn pause_after(&self, attempt: u32, event_id: EventId) -> Duration {
        let longest = self.pause * 3_u32.saturating_pow(attempt - 1);
        let chance = u32::try_from(event_id.uuid().as_u128() % 1_000).unwrap_or_default();
        longest / 2 + longest / 2_000 * chance
    }
}

/// Items, each with the answer that it got.
type Sent<'a, E> = Vec<(&'a Item<E>, Answer)>;

/// Each item's answer, by its number.
pub(crate) type Answers = BTreeMap<usize, Result<(), PortError>>;

/// Delivers the items, which stand in their events' order.
pub(crate) async fn deliver<B: Bus>(bus: &B, patience: &Patience, items: &[Item<B::Entry>]) -> Answers {
    let deadline = Instant::now() + patience.total;
    let mut answers = Answers::new();
    let mut open: Vec<&Item<B::Entry>> = items.iter().collect();
    for attempt in 1..=patience.attempts {
        let mut again = Vec::new();
        for (item, answer) in round(bus, open, deadline).await {
            let answer = match answer {
                Answer::Taken => Ok(()),
                Answer::Refused(error) => Err(error),
                Answer::Again(error) => {
                    again.push(item);
                    Err(tried(error, attempt))
                }
            };
            answers.insert(item.number, answer);
        }
        let Some(first) = again.first() else { break };
        let pause = patience.pause_after(attempt, first.event_id);
        if attempt == patience.attempts || Instant::now() + pause >= deadline {
            break;
        }
        tracing::warn!(bus = bus.resource(), entries = again.len(), attempt, "entries are sent again");
        tokio::time::sleep(pause).await;
        open = again;
    }
    answers
}

fn tried(mut error: PortError, attempts: u32) -> PortError {
    error.message = format!("{} (attempt {attempts})", error.message);
    error
}

/// Sends each item once.
async fn round<'a, B: Bus>(bus: &B, items: Vec<&'a Item<B::Entry>>, deadline: Instant) -> Sent<'a, B::Entry> {
    let mut answered = Vec::with_capacity(items.len());
    for wave in waves(pack(items, bus.max_bytes(), |item| item.size), |item| item.aggregate_id) {
        let calls: Vec<_> = wave.into_iter().map(|call| send(bus, call, deadline)).collect();
        let mut calls = stream::iter(calls).buffered(AT_ONCE);
        while let Some(call) = calls.next().await {
            answered.extend(call);
        }
    }
    answered
}

async fn send<'a, B: Bus>(bus: &B, items: Vec<&'a Item<B::Entry>>, deadline: Instant) -> Sent<'a, B::Entry> {
    let mut answers = match call(bus, &items, deadline).await {
        Ok(answers) => answers,
        Err(error) if error.kind == PortErrorKind::Rejected && items.len() > 1 => {
            tracing::warn!(bus = bus.resource(), entries = items.len(), %error, "a call is refused and taken apart");
            alone(bus, &items, deadline).await
        }
        Err(error) => of_all(error, items.len()),
    };
    answers.resize_with(items.len(), || Answer::unanswered(bus.resource()));
    items.into_iter().zip(answers).collect()
}

async fn alone<B: Bus>(bus: &B, items: &[&Item<B::Entry>], deadline: Instant) -> Vec<Answer> {
    let mut answers = Vec::with_capacity(items.len());
    for item in items {
        let answer = match call(bus, &[item], deadline).await {
            Ok(answers) => answers.into_iter().next().unwrap_or_else(|| Answer::unanswered(bus.resource())),
            Err(error) => Answer::Refused(error),
        };
        answers.push(answer);
    }
    answers
}

async fn call<B: Bus>(bus: &B, items: &[&Item<B::Entry>], deadline: Instant) -> Result<Vec<Answer>, PortError> {
    if Instant::now() >= deadline {
        return Err(PortError::new(PortErrorKind::Unavailable, bus.resource(), "not sent, since no time was left"));
    }
    let entries = items.iter().map(|item| item.entry.clone()).collect();
    let late = || PortError::new(PortErrorKind::OutcomeUnknown, bus.resource(), "no answer in time");
    tokio::time::timeout_at(deadline, bus.send(entries)).await.unwrap_or_else(|_| Err(late()))
}

/// One failure for each of a call's entries, with the one cause.
fn of_all(error: PortError, count: usize) -> Vec<Answer> {
    let PortError { kind, resource, message, source } = error;
    let source: Option<Arc<dyn std::error::Error + Send + Sync>> = source.map(Arc::from);
    let copy = || {
        let error = PortError::new(kind, &resource, &message);
        Answer::Refused(match &source {
            Some(source) => error.caused_by(Arc::clone(source)),
            None => error,
        })
    };
    std::iter::repeat_with(copy).take(count).collect()
}

#[cfg(test)]
mod tests;
