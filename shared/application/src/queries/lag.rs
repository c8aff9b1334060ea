//! How far projection is behind: counted by the feed that it reads, or noted by those who project.
//!
//! Promises the lag of the one that is furthest behind. Where nothing was projected of late there is
//! nothing to tell it by: it is not known then, not zero.

use std::sync::Arc;

use annals_domain::identity::{EntityKey, EntityName};
use annals_domain::timestamp::Timestamp;

use super::health::{DependencyState, Health, dependency, nobody};
use crate::ports::{CommitPosition, EventFeed, EventStore, LagNote, LagNotes, PortError};

/// For how long a worker's note says how it stands, in milliseconds: what is kept back is tried again
/// within a minute, and noted again.
const NOTE_STANDS_MS: i64 = 5 * 60_000;

/// What tells how far projection is behind.
#[derive(Clone)]
pub enum LagSource {
    /// The feed that the process projects from.
    Feed(Arc<dyn EventFeed>),
    /// What those who project note.
    Notes(Arc<dyn LagNotes>),
}

/// How far behind projection is, and the state of what tells it.
pub(super) struct Lag {
    pub(super) dependencies: Vec<DependencyState>,
    pub(super) events: Option<u64>,
    pub(super) millis: Option<u64>,
}

impl LagSource {
    pub(super) async fn look(&self, store: &dyn EventStore, now: Timestamp) -> Lag {
        match self {
            Self::Feed(feed) => by_feed(&**feed, now).await,
            Self::Notes(notes) => by_notes(&**notes, store, now).await,
        }
    }
}

async fn by_feed(feed: &dyn EventFeed, now: Timestamp) -> Lag {
    let lag = of_feed(feed, now).await;
    let (events, millis) = lag.as_ref().ok().copied().unzip();
    let told = lag.map(|(events, _)| (format!("{events} events not projected"), Health::Ok));
    Lag { dependencies: vec![dependency("event_store", told)], events, millis }
}

/// Commits not projected, and the age of the oldest of them in milliseconds.
async fn of_feed(feed: &dyn EventFeed, now: Timestamp) -> Result<(u64, u64), PortError> {
    let checkpoint = feed.checkpoint().await?;
    let last = feed.last_commit().await?.map_or(CommitPosition::default(), |(position, _)| position);
    let oldest = feed.after(checkpoint, 1).await?;
    let age = oldest.first().map_or(0, |(_, stored)| now.millis() - stored.event.recorded_at.millis());
    Ok((last.0.saturating_sub(checkpoint.0), u64::try_from(age).unwrap_or(0)))
}

async fn by_notes(notes: &dyn LagNotes, store: &dyn EventStore, now: Timestamp) -> Lag {
    let nobody = EntityKey { entity_name: EntityName::new("none"), aggregate_id: nobody() };
    let answers = store.heads(&[nobody]).await.map(|_| ("it answers".to_owned(), Health::Ok));
    let notes = notes.lag_notes().await.map(|notes| recent(notes, now));
    let millis = notes.iter().flatten().map(|note| note.behind_ms(now)).max();
    let projection = dependency("projection", notes.map(|notes| standing(&notes)));
    Lag { dependencies: vec![dependency("event_store", answers), projection], events: None, millis }
}

fn recent(mut notes: Vec<LagNote>, now: Timestamp) -> Vec<LagNote> {
    notes.retain(|note| now.millis() - note.noted_at.millis() <= NOTE_STANDS_MS);
    notes
}

/// How those who project stand.
fn standing(notes: &[LagNote]) -> (String, Health) {
    let keeps_back = notes.iter().any(|note| note.waits_since.is_some());
    let (detail, status) = match notes {
        [] => ("nothing was projected in the last five minutes", Health::Ok),
        _ if keeps_back => ("an outage keeps events back; they are tried again", Health::Degraded),
        _ => ("nothing is kept back", Health::Ok),
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
        assert_eq!(recent.iter().map(|note| note.behind_ms(at(NOW))).max(), lag, "{notes:?}");
        assert_eq!(standing(&recent).1, status, "{notes:?}");
    }

    #[test]
    fn the_one_that_is_furthest_behind_tells_the_lag() {
        check(&[(1_000, 40, None), (9_000, 350, None)], Some(350), Health::Ok);
        check(&[(1_000, 40, None), (2_000, 0, Some(60_000))], Some(60_000), Health::Degraded);
    }

    #[test]
    fn what_waits_grows_older_by_itself() {
        check(&[(50_000, 10, Some(70_000))], Some(70_000), Health::Degraded);
    }

    #[test]
    fn without_a_recent_note_the_lag_is_not_known() {
        check(&[], None, Health::Ok);
        check(&[(NOTE_STANDS_MS + 1, 90_000, Some(900_000))], None, Health::Ok);
        check(&[(NOTE_STANDS_MS, 90_000, None)], Some(90_000), Health::Ok);
    }
}
