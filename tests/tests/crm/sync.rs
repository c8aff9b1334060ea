//! The scheduled sync, and refetch, schedule and jobs as one run.

use annals_application::ports::JobState;
use annals_application::sync::{CrmSync, SyncSchedule};
use annals_domain::identity::{EntityName, Provider};
use annals_tests::rig::{CrmRig, FORMULA, OBJECT, far, id};
use serde_json::{Map, json};
use tokio::time::Duration;

const MINUTE_MS: i64 = 60_000;

fn named(name: &str) -> Map<String, serde_json::Value> {
    Map::from_iter([("Name".to_owned(), json!(name))])
}

fn every_five_minutes(rig: &CrmRig) -> CrmSync {
    rig.sync(Some(SyncSchedule::every(Duration::from_secs(300))))
}

/// An org with that many records, an hour old and not read yet.
async fn org_of(count: usize) -> (CrmRig, CrmSync) {
    let rig = CrmRig::new().await;
    for number in 1..=count {
        rig.org.put(OBJECT, &id(number), named("old"));
    }
    rig.clock.advance(60 * MINUTE_MS);
    let sync = every_five_minutes(&rig);
    (rig, sync)
}

async fn check_equal(rig: &CrmRig, count: usize) {
    let mut differences = Vec::new();
    for number in 1..=count {
        differences.extend(rig.differences(&id(number)).await);
    }
    assert!(differences.is_empty(), "{differences:#?}");
}

/// Rule 5 of reading CRMs: the first read is a full one.
#[tokio::test]
async fn the_first_sync_reads_everything_and_later_ones_what_was_modified() {
    let (rig, sync) = org_of(20).await;
    let report = sync.run(far()).await.unwrap();
    assert!(report.scheduled >= 1 && report.backfill.read >= 20, "{report:?}");
    check_equal(&rig, 20).await;
    rig.clock.advance(MINUTE_MS);
    assert_eq!(sync.run(far()).await.unwrap().scheduled, 0, "not due yet");
    rig.org.put(OBJECT, &id(3), named("new"));
    rig.org.put(OBJECT, &id(21), named("new"));
    rig.org.delete(OBJECT, &id(4));
    rig.org.take_pages();
    rig.clock.advance(10 * MINUTE_MS);
    sync.run(far()).await.unwrap();
    check_equal(&rig, 21).await;
    let account = (Provider::Salesforce, EntityName::new(OBJECT));
    let note = rig.state.notes.note(&account).await.unwrap();
    assert!(note.synced_until.is_some_and(|until| until > note.sync_started_at.unwrap().plus_millis(-MINUTE_MS)));
}

/// Rule 2 of reading CRMs: rows are committed late with older stamps.
#[tokio::test]
async fn a_row_that_is_committed_late_is_read_by_the_next_sync() {
    let (rig, sync) = org_of(1).await;
    sync.run(far()).await.unwrap();
    let stamp = annals_application::ports::Clock::now(&*rig.clock);
    rig.clock.advance(4 * MINUTE_MS);
    sync.run(far()).await.unwrap();
    rig.org.put_stamped(OBJECT, &id(1), named("late"), stamp.plus_millis(-stamp.millis() % 1_000));
    rig.clock.advance(6 * MINUTE_MS);
    sync.run(far()).await.unwrap();
    check_equal(&rig, 1).await;
}

/// Rule 23 of reading CRMs: the start of the next read moves only once the whole window is stored.
#[tokio::test]
async fn a_sync_that_was_interrupted_is_read_again_from_where_it_began() {
    let (rig, sync) = org_of(20).await;
    sync.run(far()).await.unwrap();
    let account = (Provider::Salesforce, EntityName::new(OBJECT));
    let synced_until = rig.state.notes.note(&account).await.unwrap().synced_until;
    rig.org.put(OBJECT, &id(3), named("new"));
    rig.clock.advance(10 * MINUTE_MS);
    rig.org.set_down(true);
    sync.run(far()).await.unwrap();
    assert_eq!(rig.state.notes.note(&account).await.unwrap().synced_until, synced_until);
    rig.clock.advance(60 * MINUTE_MS);
    rig.org.set_down(false);
    sync.run(far()).await.unwrap();
    check_equal(&rig, 20).await;
    assert!(rig.state.notes.note(&account).await.unwrap().synced_until > synced_until);
}

/// Rules 12 and 16: formulas and hard deletions show once a day.
#[tokio::test]
async fn everything_is_read_once_a_day() {
    let (rig, sync) = org_of(20).await;
    sync.run(far()).await.unwrap();
    rig.org.calculate(OBJECT, &id(7), FORMULA, json!("later"));
    rig.org.purge(OBJECT, &id(8));
    for _ in 0..25 {
        rig.clock.advance(60 * MINUTE_MS);
        sync.run(far()).await.unwrap();
    }
    check_equal(&rig, 20).await;
}

#[tokio::test]
async fn scheduled_jobs_that_have_ended_are_removed_and_requested_ones_stay() {
    let rig = CrmRig::new().await;
    rig.org.put(OBJECT, &id(1), named("a"));
    rig.clock.advance(60 * MINUTE_MS);
    rig.backfill().request("clients", &Default::default()).await.unwrap();
    let sync = every_five_minutes(&rig);
    for _ in 0..50 {
        sync.run(far()).await.unwrap();
        rig.clock.advance(10 * MINUTE_MS);
    }
    let mut jobs = rig.state.jobs.all().await.unwrap();
    jobs.retain(|job| job.entity_name.as_str() == OBJECT);
    assert_eq!((jobs.len(), jobs[1].state, jobs[1].input.as_str()), (2, JobState::Done, ""), "{jobs:?}");
}

/// Live changes without their events, at any moment of a running sync.
#[tokio::test]
async fn without_change_events_the_sync_alone_keeps_up() {
    let rig = CrmRig::new().await;
    let sync = every_five_minutes(&rig);
    for round in 0..40_usize {
        rig.org.put(OBJECT, &id(1 + round % 7), named(&format!("round {round}")));
        rig.clock.advance(2 * MINUTE_MS + 137);
        sync.run(far()).await.unwrap();
    }
    rig.clock.advance(10 * MINUTE_MS);
    sync.run(far()).await.unwrap();
    check_equal(&rig, 7).await;
}
