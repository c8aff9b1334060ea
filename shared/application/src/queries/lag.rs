//! The lag of the projections: from the event feed, or from the notes of those who project.

use std::sync::Arc;

use annals_domain::identity::{EntityKey, EntityName};
use annals_domain::timestamp::Timestamp;
use futures::join;

use super::dependency::{DependencyState, Health, in_time, unused_id};
use super::feed_health::FeedHealth;
use super::lag_report::Lag;
use crate::ports::{EventStore, LagNote, LagNotes};

/// The time for which a worker's note counts, in milliseconds. A worker tries failed events again within
/// a minute and writes a new note then.
const NOTE_VALID_MS: i64 = 5 * 60_000;

/// Where the lag of the projections is read.
#[derive(Clone)]
pub enum LagSource {
    /// The feed that this process projects. It counts the events that are not projected.
    Feed(FeedHealth),
    /// The notes of all workers that project. The largest lag counts; it is unknown if no worker wrote a
    /// note in the last five minutes.
    Notes(Arc<dyn LagNotes>),
}

impl LagSource {
    pub(super) async fn read(&self, store: &dyn EventStore, now: Timestamp) -> Lag {
        match self {
            Self::Feed(feed) => feed.read(now).await,
            Self::Notes(notes) => from_notes(&**notes, store, now).await,
        }
    }
}

async fn from_notes(notes: &dyn LagNotes, store: &dyn EventStore, now: Timestamp) -> Lag {
    let unused_key = EntityKey { entity_name: EntityName::new("none"), aggregate_id: unused_id() };
    let unused_key = [unused_key];
    let (heads, notes) = join!(in_time(store.heads(&unused_key)), in_time(notes.lag_notes()));
    let event_store = DependencyState::of_read("event_store", heads);
    let notes = notes.map(|notes| recent(notes, now));
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
