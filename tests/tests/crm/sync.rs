//! The scheduled sync, and refetch, schedule and jobs as one run.

use annals_application::backfill::BackfillRequest;
use annals_application::ports::JobState;
use annals_application::sync::{CrmSync, SyncSchedule};
use annals_domain::identity::{EntityName, Provider};
use annals_tests::rig::{CrmRig, FORMULA, OBJECT, far, id};
use serde_json::{Map, json};

const MINUTE_MS: i64 = 60_000;

fn named(name: &str) -> Map<String, serde_json::Value> {
    Map::from_iter([("Name".to_owned(), json!(name))])
}

fn every_five_minutes(rig: &CrmRig) -> CrmSync {
    rig.sync(Some("salesforce=5m".parse().unwrap()))
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

/// The number of jobs that a run asks for, after so many minutes.
async fn asked_after(rig: &CrmRig, sync: &CrmSync, minutes: i64) -> usize {
    rig.clock.advance(minutes * MINUTE_MS);
    sync.run(far()).await.unwrap().scheduled
}

#[tokio::test]
async fn a_type_is_read_at_the_interval_of_its_definition_without_a_setting() {
    let rig = CrmRig::with_clients_and("[sync]\nmodified = \"10m\"\neverything = \"6h\"").await;
    rig.org.put(OBJECT, &id(1), named("old"));
    let sync = rig.sync(Some(SyncSchedule::default()));
    assert_eq!(asked_after(&rig, &sync, 60).await, 1);
    rig.org.calculate(OBJECT, &id(1), FORMULA, json!("later"));
    assert_eq!((asked_after(&rig, &sync, 9).await, asked_after(&rig, &sync, 1).await), (0, 1));
    assert!(!rig.differences(&id(1)).await.is_empty(), "a formula changes no stamp");
    assert_eq!(asked_after(&rig, &sync, 351).await, 1);
    check_equal(&rig, 1).await;
    let set = rig.sync(Some("clients=2m".parse().unwrap()));
    assert_eq!((asked_after(&rig, &set, 1).await, asked_after(&rig, &set, 1).await), (0, 1), "a setting counts first");
}

#[tokio::test]
async fn without_a_schedule_nothing_is_read_that_nobody_asked_for() {
    let rig = CrmRig::with_clients_and("[sync]\nmodified = \"10m\"").await;
    rig.org.put(OBJECT, &id(1), named("old"));
    assert_eq!(asked_after(&rig, &rig.sync(None), 60).await, 0);
    assert_eq!(rig.org.calls(), 0);
}

/// A schedule outside of the process asks, for example at night.
#[tokio::test]
async fn everything_is_read_when_a_schedule_asks_for_it_unless_the_type_has_its_own_interval() {
    let (rig, _) = org_of(20).await;
    let sync = rig.sync(Some(SyncSchedule::default()));
    let defined = rig.catalog.definitions().len();
    for formula in ["first", "second"] {
        rig.org.calculate(OBJECT, &id(7), FORMULA, json!(formula));
        assert_eq!(sync.request_everything().await.unwrap(), defined);
        assert_eq!(sync.request_everything().await.unwrap(), 0, "it is asked for already");
        sync.run(far()).await.unwrap();
        check_equal(&rig, 20).await;
        for job in rig.state.jobs.all().await.unwrap().iter().filter(|job| !job.state.has_ended()) {
            // The org has no other objects.
            rig.backfill().cancel(job.entity_name.as_str()).await.unwrap();
        }
        rig.clock.advance(60 * MINUTE_MS);
    }
    let own = CrmRig::with_clients_and("[sync]\neverything = \"6h\"").await;
    assert_eq!(own.sync(Some(SyncSchedule::default())).request_everything().await.unwrap(), 0);
}

#[tokio::test]
async fn a_scheduled_read_of_everything_waits_for_a_job_that_is_another_read() {
    for is_paused in [false, true] {
        let rig = CrmRig::with_clients_and("").await;
        for number in 1..=20 {
            rig.org.put(OBJECT, &id(number), named("old"));
        }
        rig.clock.advance(60 * MINUTE_MS);
        let sync = rig.sync(Some(SyncSchedule::default()));
        assert_eq!(sync.request_everything().await.unwrap(), 1);
        sync.run(far()).await.unwrap();
        rig.org.calculate(OBJECT, &id(7), FORMULA, json!("later"));
        let of_one = BackfillRequest { ids: Some(vec![id(1).to_string()]), ..BackfillRequest::default() };
        rig.backfill().request("clients", &if is_paused { BackfillRequest::default() } else { of_one }).await.unwrap();
        if is_paused {
            rig.backfill().pause("clients").await.unwrap();
        }
        assert_eq!(sync.request_everything().await.unwrap(), 0);
        assert_eq!(asked_after(&rig, &sync, 1).await, 0);
        assert!(!rig.differences(&id(7)).await.is_empty());
        if is_paused {
            rig.backfill().cancel("clients").await.unwrap();
        }
        assert_eq!(asked_after(&rig, &sync, 1).await, 1);
        check_equal(&rig, 20).await;
        assert_eq!(asked_after(&rig, &sync, 1).await, 0, "it is done once");
    }
}

/// Rule 13 of reading CRMs: a field that a definition names stands at the time of the read, as a formula does.
#[tokio::test]
async fn a_field_that_the_definition_names_as_calculated_is_read_as_one() {
    let rig = CrmRig::with_clients_and("[sync]\ncalculated = [\"status\"]").await;
    rig.org.put(OBJECT, &id(1), Map::from_iter([("Account_Status__c".to_owned(), json!("Active"))]));
    rig.clock.advance(60 * MINUTE_MS);
    let sync = rig.sync(None);
    sync.request_everything().await.unwrap();
    sync.run(far()).await.unwrap();
    let events = rig.events(&id(1)).await;
    let paths: Vec<&str> = events[0].event.metadata.observed.paths.iter().map(|path| path.as_str()).collect();
    assert!(paths.contains(&"Account_Status__c") && paths.contains(&FORMULA), "{paths:?}");
    assert!(!paths.contains(&"Name"));
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
