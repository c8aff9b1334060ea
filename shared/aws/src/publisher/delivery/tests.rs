//! Delivery on a bus that returns what a test's script says.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use annals_application::contract::samples::key;
use annals_application::ports::NormalizedEntityEvent;
use async_trait::async_trait;

use super::*;

type Script = dyn Fn(usize, &[usize]) -> Result<Vec<EntryOutcome>, PortError> + Send + Sync;

/// A bus whose entries are numbers.
struct Scripted {
    script: Box<Script>,
    calls: Mutex<Vec<Vec<usize>>>,
    duration: Duration,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
}

impl Scripted {
    fn new(script: impl Fn(usize, &[usize]) -> Result<Vec<EntryOutcome>, PortError> + Send + Sync + 'static) -> Self {
        Self {
            script: Box::new(script),
            calls: Mutex::default(),
            duration: Duration::ZERO,
            under_way: AtomicUsize::new(0),
            most_under_way: AtomicUsize::new(0),
        }
    }

    fn calls(&self) -> Vec<Vec<usize>> {
        self.calls.lock().unwrap().clone()
    }
}

#[async_trait]
impl Bus for Scripted {
    type Entry = usize;

    fn resource(&self) -> &'static str {
        "bus `b`"
    }

    fn max_bytes(&self) -> usize {
        100
    }

    fn entry(&self, _: &NormalizedEntityEvent, _: String) -> usize {
        unreachable!("the tests build the entries")
    }

    fn size(&self, _: &usize) -> usize {
        1
    }

    async fn send(&self, entries: Vec<usize>) -> Result<Vec<EntryOutcome>, PortError> {
        let call = {
            let mut calls = self.calls.lock().unwrap();
            calls.push(entries.clone());
            calls.len()
        };
        let under_way = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_under_way.fetch_max(under_way, Ordering::SeqCst);
        tokio::time::sleep(self.duration).await;
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        (self.script)(call, &entries)
    }
}

const FAST: RetryPolicy = RetryPolicy {
    attempts: 3,
    time_limit: Duration::from_secs(20),
    backoff: Backoff::tripling(Duration::from_millis(4), Duration::from_secs(20)),
};

fn throttled() -> EntryOutcome {
    EntryOutcome::Retryable(PortError::new(PortErrorKind::Unavailable, "bus `b`", "Throttling"))
}

fn failed(kind: PortErrorKind) -> PortError {
    PortError::new(kind, "bus `b`", "no").caused_by("the cause")
}

fn entries(count: usize, aggregate: impl Fn(usize) -> usize) -> Vec<PendingEntry<usize>> {
    let entry = |number: usize| PendingEntry {
        index: number,
        aggregate_id: key(&aggregate(number).to_string()).aggregate_id,
        event_id: EventId::of(&["retry", &number.to_string()]),
        size: 1,
        entry: number,
    };
    (0..count).map(entry).collect()
}

/// The kinds of the results, in order; `None` for a delivered entry.
async fn delivered(bus: &Scripted, policy: &RetryPolicy, count: usize) -> Vec<Option<PortErrorKind>> {
    let results = deliver(bus, policy, &entries(count, |number| number)).await;
    assert!(results.keys().copied().eq(0..count), "a result each");
    results.into_values().map(|result| result.err().map(|error| error.kind)).collect()
}

#[tokio::test]
async fn entries_that_failed_in_several_calls_are_sent_again_in_one() {
    let bus = Scripted::new(|call, entries| {
        let fails = |number: &usize| call <= 3 && number % 10 == 1;
        Ok(entries.iter().map(|number| if fails(number) { throttled() } else { EntryOutcome::Accepted }).collect())
    });
    assert_eq!(delivered(&bus, &FAST, 25).await, vec![None; 25]);
    assert_eq!(bus.calls()[3..], [[1, 11, 21]]);
}

#[tokio::test]
async fn a_lasting_failure_is_reported_after_the_last_attempt() {
    let bus = Scripted::new(|_, entries| Ok(entries.iter().map(|_| throttled()).collect()));
    let results = deliver(&bus, &FAST, &entries(1, |_| 0)).await;
    assert_eq!(results[&0].as_ref().unwrap_err().to_string(), "bus `b`: Throttling (attempt 3)");
    assert_eq!(bus.calls().len(), 3);
}

#[tokio::test]
async fn no_wait_ends_after_the_time_limit() {
    let bus = Scripted::new(|_, entries| Ok(entries.iter().map(|_| throttled()).collect()));
    let backoff = Backoff::tripling(Duration::from_secs(60), Duration::from_secs(60));
    let policy = RetryPolicy { backoff, time_limit: Duration::from_secs(5), ..FAST };
    assert_eq!(delivered(&bus, &policy, 1).await, [Some(PortErrorKind::Unavailable)]);
    assert_eq!(bus.calls().len(), 1);
}

#[tokio::test]
async fn a_call_that_never_ends_is_abandoned_and_no_further_one_is_made() {
    let mut bus = Scripted::new(|_, _| unreachable!("it never responds"));
    bus.duration = Duration::from_secs(600);
    let policy = RetryPolicy { time_limit: Duration::from_millis(50), ..FAST };
    let results = deliver(&bus, &policy, &entries(11, |_| 0)).await;
    let kinds: Vec<_> = results.values().map(|result| result.as_ref().unwrap_err().kind).collect();
    assert_eq!(kinds[..10], [PortErrorKind::OutcomeUnknown; 10]);
    assert_eq!(kinds[10..], [PortErrorKind::Unavailable]);
    assert_eq!(bus.calls().len(), 1);
}

#[tokio::test]
async fn a_refused_call_is_split_and_only_the_bad_entry_fails() {
    let bus = Scripted::new(|_, entries| {
        if entries.contains(&2) {
            return Err(failed(PortErrorKind::Rejected));
        }
        Ok(entries.iter().map(|_| EntryOutcome::Accepted).collect())
    });
    assert_eq!(delivered(&bus, &FAST, 4).await, [None, None, Some(PortErrorKind::Rejected), None]);
    assert_eq!(bus.calls(), [vec![0, 1, 2, 3], vec![0], vec![1], vec![2], vec![3]]);
}

#[tokio::test]
async fn a_call_that_fails_as_a_whole_is_not_retried_and_each_entry_has_its_error() {
    for kind in [PortErrorKind::Misconfigured, PortErrorKind::Unavailable, PortErrorKind::OutcomeUnknown] {
        let bus = Scripted::new(move |_, _| Err(failed(kind)));
        let results = deliver(&bus, &FAST, &entries(3, |number| number)).await;
        for result in results.into_values() {
            let error = result.unwrap_err();
            assert_eq!((error.kind, error.to_string().as_str()), (kind, "bus `b`: no"));
            assert_eq!(error.source.unwrap().to_string(), "the cause");
        }
        assert_eq!(bus.calls().len(), 1);
    }
}

#[tokio::test]
async fn an_entry_without_a_result_is_sent_again() {
    let bus = Scripted::new(|_, _| Ok(vec![EntryOutcome::Accepted]));
    assert_eq!(delivered(&bus, &FAST, 3).await, [None; 3]);
    assert_eq!(bus.calls(), [vec![0, 1, 2], vec![1, 2], vec![2]]);
}

#[tokio::test]
async fn calls_run_concurrently_up_to_a_bound_but_one_by_one_for_one_aggregate() {
    let accepting = || {
        let mut bus = Scripted::new(|_, entries| Ok(entries.iter().map(|_| EntryOutcome::Accepted).collect()));
        bus.duration = Duration::from_millis(20);
        bus
    };
    let bus = accepting();
    deliver(&bus, &FAST, &entries(100, |number| number)).await;
    assert_eq!((bus.calls().len(), bus.most_under_way.into_inner()), (10, CONCURRENT_CALLS));
    let bus = accepting();
    deliver(&bus, &FAST, &entries(100, |_| 0)).await;
    assert_eq!((bus.calls().len(), bus.most_under_way.into_inner()), (10, 1));
}

#[test]
fn waits_grow_and_differ_from_event_to_event() {
    let mut waits = Vec::new();
    for number in 0..20 {
        let event_id = EventId::of(&["wait", &number.to_string()]);
        for (attempt, millis) in [(1, 100..=200), (2, 300..=600)] {
            let wait = PUBLISH_RETRIES.backoff.half_jitter(attempt, event_id.uuid());
            assert!(millis.contains(&wait.as_millis()), "{wait:?}");
            waits.push(wait);
        }
    }
    waits.sort();
    waits.dedup();
    assert!(waits.len() > 30, "{waits:?}");
}
