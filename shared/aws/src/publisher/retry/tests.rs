//! Delivery, on a bus that answers as a test says.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use annals_application::contract::samples::key;
use annals_application::ports::NormalizedEntityEvent;
use async_trait::async_trait;

use super::*;

type Script = dyn Fn(usize, &[usize]) -> Result<Vec<Answer>, PortError> + Send + Sync;

/// A bus that takes numbers.
struct Scripted {
    script: Box<Script>,
    calls: Mutex<Vec<Vec<usize>>>,
    takes: Duration,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
}

impl Scripted {
    fn new(script: impl Fn(usize, &[usize]) -> Result<Vec<Answer>, PortError> + Send + Sync + 'static) -> Self {
        Self {
            script: Box::new(script),
            calls: Mutex::default(),
            takes: Duration::ZERO,
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
        unreachable!("entries are made by the tests")
    }

    fn size(&self, _: &usize) -> usize {
        1
    }

    async fn send(&self, entries: Vec<usize>) -> Result<Vec<Answer>, PortError> {
        let call = {
            let mut calls = self.calls.lock().unwrap();
            calls.push(entries.clone());
            calls.len()
        };
        let under_way = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_under_way.fetch_max(under_way, Ordering::SeqCst);
        tokio::time::sleep(self.takes).await;
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        (self.script)(call, &entries)
    }
}

const FAST: Patience = Patience { attempts: 3, pause: Duration::from_millis(4), total: Duration::from_secs(20) };

fn throttled() -> Answer {
    Answer::Again(PortError::new(PortErrorKind::Unavailable, "bus `b`", "Throttling"))
}

fn failed(kind: PortErrorKind) -> PortError {
    PortError::new(kind, "bus `b`", "no").caused_by("the cause")
}

fn items(count: usize, aggregate: impl Fn(usize) -> usize) -> Vec<Item<usize>> {
    let item = |number: usize| Item {
        number,
        aggregate_id: key(&aggregate(number).to_string()).aggregate_id,
        event_id: EventId::of(&["retry", &number.to_string()]),
        size: 1,
        entry: number,
    };
    (0..count).map(item).collect()
}

/// The kinds of the answers, in order; `None` for a delivered item.
async fn delivered(bus: &Scripted, patience: &Patience, count: usize) -> Vec<Option<PortErrorKind>> {
    let answers = deliver(bus, patience, &items(count, |number| number)).await;
    assert!(answers.keys().copied().eq(0..count), "an answer each");
    answers.into_values().map(|answer| answer.err().map(|error| error.kind)).collect()
}

#[tokio::test]
async fn what_failed_in_several_calls_is_sent_again_in_one() {
    let bus = Scripted::new(|call, entries| {
        let fails = |number: &usize| call <= 3 && number % 10 == 1;
        Ok(entries.iter().map(|number| if fails(number) { throttled() } else { Answer::Taken }).collect())
    });
    assert_eq!(delivered(&bus, &FAST, 25).await, vec![None; 25]);
    assert_eq!(bus.calls()[3..], [[1, 11, 21]]);
}

#[tokio::test]
async fn a_failure_without_end_ends() {
    let bus = Scripted::new(|_, entries| Ok(entries.iter().map(|_| throttled()).collect()));
    let answers = deliver(&bus, &FAST, &items(1, |_| 0)).await;
    assert_eq!(answers[&0].as_ref().unwrap_err().to_string(), "bus `b`: Throttling (attempt 3)");
    assert_eq!(bus.calls().len(), 3);
}

#[tokio::test]
async fn no_pause_goes_past_the_end_of_patience() {
    let bus = Scripted::new(|_, entries| Ok(entries.iter().map(|_| throttled()).collect()));
    let patience = Patience { pause: Duration::from_secs(60), total: Duration::from_secs(5), ..FAST };
    assert_eq!(delivered(&bus, &patience, 1).await, [Some(PortErrorKind::Unavailable)]);
    assert_eq!(bus.calls().len(), 1);
}

#[tokio::test]
async fn a_call_that_never_ends_is_left_and_what_waits_for_it_is_not_sent() {
    let mut bus = Scripted::new(|_, _| unreachable!("it never answers"));
    bus.takes = Duration::from_secs(600);
    let patience = Patience { total: Duration::from_millis(50), ..FAST };
    let answers = deliver(&bus, &patience, &items(11, |_| 0)).await;
    let kinds: Vec<_> = answers.values().map(|answer| answer.as_ref().unwrap_err().kind).collect();
    assert_eq!(kinds[..10], [PortErrorKind::OutcomeUnknown; 10]);
    assert_eq!(kinds[10..], [PortErrorKind::Unavailable]);
    assert_eq!(bus.calls().len(), 1);
}

#[tokio::test]
async fn a_refused_call_is_taken_apart_and_only_the_entry_at_fault_is_refused() {
    let bus = Scripted::new(|_, entries| {
        if entries.contains(&2) {
            return Err(failed(PortErrorKind::Rejected));
        }
        Ok(entries.iter().map(|_| Answer::Taken).collect())
    });
    assert_eq!(delivered(&bus, &FAST, 4).await, [None, None, Some(PortErrorKind::Rejected), None]);
    assert_eq!(bus.calls(), [vec![0, 1, 2, 3], vec![0], vec![1], vec![2], vec![3]]);
}

#[tokio::test]
async fn a_call_that_fails_as_a_whole_is_not_made_again_and_each_entry_has_its_failure() {
    for kind in [PortErrorKind::Misconfigured, PortErrorKind::Unavailable, PortErrorKind::OutcomeUnknown] {
        let bus = Scripted::new(move |_, _| Err(failed(kind)));
        let answers = deliver(&bus, &FAST, &items(3, |number| number)).await;
        for answer in answers.into_values() {
            let error = answer.unwrap_err();
            assert_eq!((error.kind, error.to_string().as_str()), (kind, "bus `b`: no"));
            assert_eq!(error.source.unwrap().to_string(), "the cause");
        }
        assert_eq!(bus.calls().len(), 1);
    }
}

#[tokio::test]
async fn what_a_call_leaves_unanswered_is_sent_again() {
    let bus = Scripted::new(|_, _| Ok(vec![Answer::Taken]));
    assert_eq!(delivered(&bus, &FAST, 3).await, [None; 3]);
    assert_eq!(bus.calls(), [vec![0, 1, 2], vec![1, 2], vec![2]]);
}

#[tokio::test]
async fn calls_go_at_once_up_to_a_bound_and_those_of_one_aggregate_one_after_the_other() {
    let taking = || {
        let mut bus = Scripted::new(|_, entries| Ok(entries.iter().map(|_| Answer::Taken).collect()));
        bus.takes = Duration::from_millis(20);
        bus
    };
    let bus = taking();
    deliver(&bus, &FAST, &items(100, |number| number)).await;
    assert_eq!((bus.calls().len(), bus.most_under_way.into_inner()), (10, AT_ONCE));
    let bus = taking();
    deliver(&bus, &FAST, &items(100, |_| 0)).await;
    assert_eq!((bus.calls().len(), bus.most_under_way.into_inner()), (10, 1));
}

#[test]
fn pauses_grow_and_differ_from_event_to_event() {
    let patience = Patience::default();
    let mut seen = Vec::new();
    for number in 0..20 {
        let event_id = EventId::of(&["pause", &number.to_string()]);
        for (attempt, millis) in [(1, 100..=200), (2, 300..=600)] {
            let pause = patience.pause_after(attempt, event_id);
            assert!(millis.contains(&pause.as_millis()), "{pause:?}");
            seen.push(pause);
        }
    }
    seen.sort();
    seen.dedup();
    assert!(seen.len() > 30, "{seen:?}");
}
