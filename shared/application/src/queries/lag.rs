//! The lag of the projections: from the event feed, or from the notes of those who project.

use std::sync::Arc;

use annals_domain::identity::{EntityKey, EntityName};
use annals_domain::timestamp::Timestamp;

use super::dependency::{DependencyState, Health, unused_id};
use crate::ports::{CommitPosition, EventFeed, EventStore, LagNote, LagNotes, PortError};

/// The time for which a worker's note counts, in milliseconds. A worker tries failed events again within
/// a minute and writes a new note then.
const NOTE_VALID_MS: i64 = 5 * 60_000;

/// Where the lag of the projections is read.
#[derive(Clone)]
pub enum LagSource {
    /// The feed that this process projects. It counts the events that are not projected.
    Feed(Arc<dyn EventFeed>),
    /// The notes of all workers that project. The largest lag counts; it is unknown if no worker wrote a
    /// note in the last five minutes.
    Notes(Arc<dyn LagNotes>),
}

/// The lag of the projections, and the state of the dependencies that it was read from.
pub(super) struct Lag {
    pub(super) dependencies: Vec<DependencyState>,
    pub(super) events: Option<u64>,
    pub(super) millis: Option<u64>,
}

impl LagSource {
    pub(super) async fn read(&self, store: &dyn EventStore, now: Timestamp) -> Lag {
        match self {
            Self::Feed(feed) => from_feed(&**feed, now).await,
            Self::Notes(notes) => from_notes(&**notes, store, now).await,
        }
    }
}

async fn from_feed(feed: &dyn EventFeed, now: Timestamp) -> Lag {
    let lag = feed_lag(feed, now).await;
    let (events, millis) = lag.as_ref().ok().copied().unzip();
    let check = lag.map(|(events, _)| (format!("{events} events not projected"), Health::Ok));
    Lag { dependencies: vec![DependencyState::of("event_store", check)], events, millis }
}

/// The number of commits that are not projected, and the age of the oldest of them in milliseconds.
async fn feed_lag(feed: &dyn EventFeed, now: Timestamp) -> Result<(u64, u64), PortError> {
    let checkpoint = feed.checkpoint().await?;
    let last = feed.last_commit().await?.map_or(CommitPosition::default(), |(position, _)| position);
    let oldest = feed.after(checkpoint, 1).await?;
    let age = oldest.first().map_or(0, |(_, stored)| now.millis() - stored.event.recorded_at.millis());
    Ok((last.0.saturating_sub(checkpoint.0), u64::try_from(age).unwrap_or(0)))
}

async fn from_notes(notes: &dyn LagNotes, store: &dyn EventStore, now: Timestamp) -> Lag {
    let unused_key = EntityKey { entity_name: EntityName::new("none"), aggregate_id: unused_id() };
    let event_store = DependencyState::of_read("event_store", store.heads(&[unused_key]).await);
    let notes = notes.lag_notes().await.map(|notes| recent(notes, now));
    let millis = notes.iter().flatten().map(|note| note.lag_at(now)).max();
    let projection = DependencyState::of("projection", notes.map(|notes| projection_status(&notes)));
    Lag { dependencies: vec![event_store, projection], events: None, millis }
}

fn recent(mut notes: Vec<LagNote>, now: Timestamp) -> Vec<LagNote> {
    notes.retain(|note| now.millis() - note.noted_at.millis() <= NOTE_VALID_MS);
    notes
}

fn projection_status(notes: &[LagNote]) -> (String, Health) {
    let has_outage = notes.iter().any(|note| note.waits_since.is_some());
    let (detail, status) = match notes {
        [] => ("nothing was projected in the last five minutes", Health::Ok),
        _ if has_outage => ("an outage delays events; they are tried again", Health::Degraded),
        _ => ("no event is delayed", Health::Ok),
    };
    (detail.to_owned(), status)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const NOW: i64 = 1_000_000;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).unwrap()
    }

    /// Notes by how long ago they were made, their lag, and since how long ago something waits.
    #[track_caller]
    fn check(notes: &[(i64, u64, Option<i64>)], lag: Option<u64>, status: Health) {
        let note = |(ago, lag_ms, waits): &(i64, u64, Option<i64>)| LagNote {
            worker: Uuid::nil(),
            noted_at: at(NOW - ago),
            lag_ms: *lag_ms,
            waits_since: waits.map(|ago| at(NOW - ago)),
        };
        let recent = recent(notes.iter().map(note).collect(), at(NOW));
        assert_eq!(recent.iter().map(|note| note.lag_at(at(NOW))).max(), lag, "{notes:?}");
        assert_eq!(projection_status(&recent).1, status, "{notes:?}");
    }

    #[test]
    fn the_lag_is_that_of_the_slowest_worker() {
        check(&[(1_000, 40, None), (9_000, 350, None)], Some(350), Health::Ok);
        check(&[(1_000, 40, None), (2_000, 0, Some(60_000))], Some(60_000), Health::Degraded);
    }

    #[test]
    fn the_lag_of_a_delayed_event_grows_with_time() {
        check(&[(50_000, 10, Some(70_000))], Some(70_000), Health::Degraded);
    }

    #[test]
    fn without_a_recent_note_the_lag_is_unknown() {
        check(&[], None, Health::Ok);
        check(&[(NOTE_VALID_MS + 1, 90_000, Some(900_000))], None, Health::Ok);
        check(&[(NOTE_VALID_MS, 90_000, None)], Some(90_000), Health::Ok);
    }
}
