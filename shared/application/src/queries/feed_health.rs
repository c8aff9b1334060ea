//! The health of a process that projects its own event feed, from facts: the last failure of its writes and of each
//! consumer of the feed, and how long the oldest event waits.

use std::sync::Arc;

use annals_domain::timestamp::Timestamp;
use futures::join;

use super::dependency::{DependencyState, Health, in_time};
use super::lag_report::Lag;
use crate::ports::{CommitPosition, EventFeed, FeedConsumer, PortError};
use crate::work_status::{WorkFailure, WorkStatus};

/// A consumer is degraded if an event waits longer for it, in milliseconds.
const LONGEST_WAIT_MS: u64 = 10_000;

/// How long a failed write counts if nothing was written since, and a task that ended unexpectedly, in milliseconds.
const FAILURE_COUNTS_MS: i64 = 10 * 60_000;

/// The feed, and how the work on it goes.
#[derive(Clone)]
pub struct FeedHealth {
    /// Read for what is not projected.
    pub feed: Arc<dyn EventFeed>,
    /// Storing what comes in.
    pub writes: Arc<WorkStatus>,
    /// Indexing.
    pub read_model: Arc<WorkStatus>,
    /// Publishing.
    pub publisher: Arc<WorkStatus>,
    /// Reading the connected CRMs; part of the report once it has begun.
    pub crm: Arc<WorkStatus>,
}

/// What a consumer has not processed: the number of events, and the age of the oldest in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Backlog {
    events: u64,
    oldest_ms: u64,
}

impl FeedHealth {
    pub(super) async fn read(&self, now: Timestamp) -> Lag {
        let (indexing, publishing) = join!(
            in_time(self.backlog(FeedConsumer::ReadModel, now)),
            in_time(self.backlog(FeedConsumer::Publisher, now)),
        );
        let (events, millis) = indexing.as_ref().ok().map(|backlog| (backlog.events, backlog.oldest_ms)).unzip();
        let event_store = match &indexing {
            Ok(_) => DependencyState::of("event_store", Ok(writes(&self.writes, now))),
            Err(error) => DependencyState::unreachable("event_store", error),
        };
        let consumer = |name, backlog: Result<Backlog, PortError>, undone, status| {
            DependencyState::of(name, backlog.map(|backlog| consumer(backlog, undone, status, now)))
        };
        let mut dependencies = vec![
            event_store,
            consumer("projection", indexing, "projected", &*self.read_model),
            consumer("publisher", publishing, "published", &*self.publisher),
        ];
        if self.crm.has_begun() {
            dependencies.push(DependencyState::of("crm", Ok(crm(&self.crm, now))));
        }
        Lag { dependencies, events, millis }
    }

    async fn backlog(&self, consumer: FeedConsumer, now: Timestamp) -> Result<Backlog, PortError> {
        let checkpoint = self.feed.checkpoint(consumer).await?;
        let last = self.feed.last_commit().await?.map_or(CommitPosition::default(), |(position, _)| position);
        let oldest = self.feed.after(checkpoint, 1).await?;
        let age = oldest.first().map_or(0, |(_, stored)| now.millis() - stored.event.recorded_at.millis());
        let oldest_ms = u64::try_from(age).unwrap_or(0);
        Ok(Backlog { events: last.0.saturating_sub(checkpoint.0), oldest_ms })
    }
}

fn writes(status: &WorkStatus, now: Timestamp) -> (String, Health) {
    match status.failure().filter(|failure| counts(failure.at, now)) {
        Some(failure) => (format!("the last write failed {}", failure_text(&failure, now)), Health::Degraded),
        None => ("it can be reached".to_owned(), Health::Ok),
    }
}

/// `undone` names what the events still need.
fn consumer(backlog: Backlog, undone: &str, status: &WorkStatus, now: Timestamp) -> (String, Health) {
    let Backlog { events, oldest_ms } = backlog;
    let mut detail = format!("{events} events not {undone}");
    let mut health = if oldest_ms > LONGEST_WAIT_MS { Health::Degraded } else { Health::Ok };
    if events > 0 {
        detail = format!("{detail}, the oldest for {} s", oldest_ms / 1_000);
    }
    if let Some(failure) = status.failure().filter(|_| events > 0) {
        detail = format!("{detail}; the last attempt failed {}", failure_text(&failure, now));
        health = Health::Degraded;
    }
    if let Some(restarted) = restart_text(status, now) {
        detail = format!("{detail}; {restarted}");
        health = Health::Degraded;
    }
    (detail, health)
}

/// What a CRM refuses is in its jobs; this is whether they are run at all.
fn crm(status: &WorkStatus, now: Timestamp) -> (String, Health) {
    let failed = status.failure().filter(|failure| counts(failure.at, now));
    let failed = failed.map(|failure| format!("the last run failed {}", failure_text(&failure, now)));
    match restart_text(status, now).or(failed) {
        Some(detail) => (detail, Health::Degraded),
        None => ("due reads are run".to_owned(), Health::Ok),
    }
}

fn restart_text(status: &WorkStatus, now: Timestamp) -> Option<String> {
    let at = status.last_panic().filter(|at| counts(*at, now))?;
    Some(format!("it ended unexpectedly {} s ago and was started again", seconds_since(at, now)))
}

fn failure_text(failure: &WorkFailure, now: Timestamp) -> String {
    format!("{} s ago: {}", seconds_since(failure.at, now), failure.reason)
}

fn counts(at: Timestamp, now: Timestamp) -> bool {
    now.millis() - at.millis() <= FAILURE_COUNTS_MS
}

fn seconds_since(at: Timestamp, now: Timestamp) -> i64 {
    (now.millis() - at.millis()).max(0) / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::Clock;

    struct At(i64);

    impl Clock for At {
        fn now(&self) -> Timestamp {
            timestamp(self.0)
        }
    }

    fn timestamp(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).expect("a valid timestamp")
    }

    fn status(report: impl Fn(&WorkStatus)) -> WorkStatus {
        let status = WorkStatus::new(Arc::new(At(100_000)));
        report(&status);
        status
    }

    #[track_caller]
    fn check(events: u64, oldest_ms: u64, status: &WorkStatus, detail: &str, health: Health) {
        let backlog = Backlog { events, oldest_ms };
        assert_eq!(consumer(backlog, "projected", status, timestamp(105_000)), (detail.to_owned(), health));
    }

    #[test]
    fn a_consumer_is_degraded_by_a_long_wait_by_a_failure_and_by_a_panic() {
        let well = status(|_| {});
        check(0, 0, &well, "0 events not projected", Health::Ok);
        check(3, 10_000, &well, "3 events not projected, the oldest for 10 s", Health::Ok);
        check(3, 10_001, &well, "3 events not projected, the oldest for 10 s", Health::Degraded);
        let failing = status(|status| status.failed("the disk is full"));
        let detail = "1 events not projected, the oldest for 0 s; the last attempt failed 5 s ago: the disk is full";
        check(1, 40, &failing, detail, Health::Degraded);
        check(0, 0, &failing, "0 events not projected", Health::Ok);
        let again = status(|status| {
            status.panicked();
            status.succeeded();
        });
        let detail = "0 events not projected; it ended unexpectedly 5 s ago and was started again";
        check(0, 0, &again, detail, Health::Degraded);
    }

    #[test]
    fn reading_a_crm_is_degraded_by_a_failed_run_and_by_a_panic() {
        assert!(!status(|_| {}).has_begun(), "nobody reads one");
        let check = |status: WorkStatus, expected: &str, health| {
            assert!(status.has_begun());
            assert_eq!(crm(&status, timestamp(105_000)), (expected.to_owned(), health));
        };
        check(status(WorkStatus::succeeded), "due reads are run", Health::Ok);
        let failing = status(|status| status.failed("the disk is full"));
        check(failing, "the last run failed 5 s ago: the disk is full", Health::Degraded);
        let again = status(|status| {
            status.panicked();
            status.succeeded();
        });
        check(again, "it ended unexpectedly 5 s ago and was started again", Health::Degraded);
    }

    #[test]
    fn a_failed_write_counts_until_one_succeeds_and_for_some_minutes_at_most() {
        let failing = status(|status| status.failed("the disk is full"));
        let failed = "the last write failed 5 s ago: the disk is full".to_owned();
        assert_eq!(writes(&failing, timestamp(105_000)), (failed, Health::Degraded));
        assert_eq!(writes(&failing, timestamp(100_001 + FAILURE_COUNTS_MS)).1, Health::Ok);
        failing.succeeded();
        assert_eq!(writes(&failing, timestamp(105_000)).1, Health::Ok);
    }
}
