//! A backfill makes everything here as it is at the CRM, whatever interrupts it.

use std::collections::BTreeMap;
use std::sync::Arc;

use annals_application::backfill::{BackfillRequest, BackfillStatus};
use annals_application::crm::{CrmConnection, CrmConnections};
use annals_application::ports::{Clock, CrmClient, CrmErrorKind, JobState, Quota};
use annals_domain::event::{EventType, Source};
use annals_tests::change_events::{ChangeEvents, ChangeType};
use annals_tests::interposed::{Hook, Interposed, KillSwitch, KillingLeases};
use annals_tests::random::Random;
use annals_tests::rig::{CrmRig, FORMULA, OBJECT, far, id};
use serde_json::{Map, Value, json};
use tokio::time::{Duration, Instant};

fn named(name: &str) -> Map<String, Value> {
    Map::from_iter([("Name".to_owned(), json!(name))])
}

/// An org with that many records, written an hour ago.
async fn with_records(count: usize) -> CrmRig {
    let rig = CrmRig::new().await;
    for number in 1..=count {
        rig.org.put(OBJECT, &id(number), named(&format!("company {number}")));
    }
    rig.clock.advance(3_600_000);
    rig
}

fn pages_of(page_size: u64) -> BackfillRequest {
    BackfillRequest { page_size: Some(page_size), ..BackfillRequest::default() }
}

async fn request(rig: &CrmRig, request: &BackfillRequest) -> BackfillStatus {
    rig.backfill().request("clients", request).await.unwrap()
}

async fn status(rig: &CrmRig) -> BackfillStatus {
    rig.backfill().status("clients").await.unwrap()
}

/// Requests a full backfill, runs it to its end, and what it asked to be read again.
async fn backfill(rig: &CrmRig) -> BackfillStatus {
    request(rig, &pages_of(50)).await;
    rig.runner().run(far()).await.unwrap();
    rig.refetch_all(3).await;
    status(rig).await
}

/// Checks that every entity is as the org has it.
async fn check_equal(rig: &CrmRig, count: usize) {
    let mut differences = Vec::new();
    for number in 1..=count {
        differences.extend(rig.differences(&id(number)).await);
    }
    assert!(differences.is_empty(), "{differences:#?}");
}

async fn events_of(rig: &CrmRig, count: usize) -> usize {
    let mut events = 0;
    for number in 1..=count {
        events += rig.events(&id(number)).await.len();
    }
    events
}

#[tokio::test]
async fn a_full_backfill_reads_everything_and_ends_with_a_certificate() {
    let rig = with_records(120).await;
    let asked = request(&rig, &pages_of(50)).await;
    assert_eq!((asked.state, asked.counts.total), (JobState::Queued, None));
    let report = rig.runner().run(far()).await.unwrap();
    assert_eq!((report.read, report.finished), (120, 1));
    let done = status(&rig).await;
    assert_eq!(
        (done.state, &*done.reason),
        (JobState::Done, "complete: 120 records at the CRM, 120 here, 0 not stored")
    );
    assert_eq!((done.counts.total, done.counts.processed, done.counts.created), (Some(120), 120, 120));
    assert!(done.api_usage.is_some_and(|usage| usage < 0.01), "{:?}", done.api_usage);
    check_equal(&rig, 120).await;
    let image = rig.events(&id(7)).await.remove(0).event;
    assert_eq!((image.event_type, image.metadata.source), (EventType::Created, Source::Backfill));
    assert_eq!(image.metadata.causation_id, Some(done.id.to_string()));
}

#[tokio::test]
async fn a_second_backfill_writes_nothing_where_nothing_changed() {
    let rig = with_records(120).await;
    backfill(&rig).await;
    let before = events_of(&rig, 120).await;
    rig.clock.advance(60_000);
    let done = backfill(&rig).await;
    assert_eq!((done.state, done.counts.unchanged, events_of(&rig, 120).await), (JobState::Done, 120, before));
}

/// Rule 12 of reading CRMs: a formula changes without the record's stamp.
#[tokio::test]
async fn formulas_are_as_they_were_when_they_were_read() {
    let rig = with_records(3).await;
    for value in ["A", "B", "A", "A"] {
        rig.org.calculate(OBJECT, &id(2), FORMULA, json!(value));
        backfill(&rig).await;
        rig.clock.advance(60_000);
        check_equal(&rig, 3).await;
    }
    assert_eq!(rig.events(&id(2)).await.len(), 3, "A, B, A; the last one said nothing new");
}

/// Rule 13 of reading CRMs: some fields change without the record's stamp, and no description says so.
#[tokio::test]
async fn a_field_that_changes_without_a_stamp_is_as_it_was_when_it_was_read() {
    let rig = with_records(3).await;
    for value in ["A", "B", "A"] {
        rig.org.calculate(OBJECT, &id(2), "Account_Status__c", json!(value));
        backfill(&rig).await;
        rig.clock.advance(60_000);
        check_equal(&rig, 3).await;
        assert_eq!(rig.entity(&id(2)).await.unwrap()["status"], value);
    }
}

/// Rule 6 of reading CRMs: reading fewer fields never shrinks what is stored.
#[tokio::test]
async fn a_field_that_is_not_read_any_more_keeps_its_value() {
    let rig = with_records(1).await;
    rig.org.put(OBJECT, &id(1), Map::from_iter([("Description".to_owned(), json!("long"))]));
    rig.clock.advance(60_000);
    backfill(&rig).await;
    rig.org.hide(OBJECT, "Description", true);
    rig.org.put(OBJECT, &id(1), named("new"));
    rig.clock.advance(60_000);
    backfill(&rig).await;
    let entity = rig.entity(&id(1)).await.unwrap();
    assert_eq!((&entity["name"], &entity["description"]), (&json!("new"), &json!("long")));
}

/// Rule 16 of reading CRMs: deletions, hard ones too, are found by comparing ids, and each is confirmed.
#[tokio::test]
async fn deletions_are_found_and_confirmed() {
    let rig = with_records(120).await;
    backfill(&rig).await;
    rig.org.delete(OBJECT, &id(5));
    rig.org.purge(OBJECT, &id(6));
    rig.org.merge(OBJECT, &id(7), &id(8));
    rig.clock.advance(3_600_000);
    let done = backfill(&rig).await;
    assert_eq!((done.state, done.counts.missing, done.counts.deleted), (JobState::Done, 3, 3));
    check_equal(&rig, 120).await;
    for number in [5, 6, 7] {
        assert_eq!(rig.entity(&id(number)).await.unwrap()["is_deleted"], true, "{number}");
    }
    assert_eq!(rig.events(&id(7)).await.last().unwrap().event.metadata.merged_into, Some(id(8)));
}

#[tokio::test]
async fn many_deletions_wait_until_somebody_agrees() {
    let rig = with_records(120).await;
    backfill(&rig).await;
    (1..=20).for_each(|number| rig.org.purge(OBJECT, &id(number)));
    request(&rig, &pages_of(50)).await;
    rig.runner().run(far()).await.unwrap();
    let asks = status(&rig).await;
    assert_eq!((asks.state, asks.counts.deleted, asks.counts.missing), (JobState::Paused, 0, 20));
    assert!(asks.reason.starts_with("20 of the 120 records known here are missing at the CRM"), "{}", asks.reason);
    assert_eq!(rig.runner().run(far()).await.unwrap().read, 0, "it stays paused");
    assert_eq!(rig.entity(&id(1)).await.unwrap()["is_deleted"], false);
    assert_eq!(rig.backfill().resume("clients").await.unwrap().state, JobState::Queued);
    rig.runner().run(far()).await.unwrap();
    let done = status(&rig).await;
    assert_eq!((done.state, done.counts.deleted), (JobState::Done, 20));
    check_equal(&rig, 120).await;
}

#[tokio::test]
async fn ten_deletions_or_one_percent_need_no_one_to_agree() {
    for (records, purged) in [(12, 10), (1_200, 12)] {
        let rig = with_records(records).await;
        backfill(&rig).await;
        (1..=purged).for_each(|number| rig.org.purge(OBJECT, &id(number)));
        let done = backfill(&rig).await;
        assert_eq!((done.state, done.counts.deleted), (JobState::Done, purged as u64), "{purged} of {records}");
    }
}

/// Backfills that many records with a process that is killed at random calls, up to so many times.
async fn survives_kills(seed: u64, records: usize, page_size: u64, most_kills: usize) {
    let rig = with_records(records).await;
    let mut random = Random::new(seed);
    let switch = Arc::new(KillSwitch::default());
    let passing = Arc::clone(&switch);
    let hook: Hook = Arc::new(move |_| {
        let switch = Arc::clone(&passing);
        Box::pin(async move { switch.pass().await })
    });
    let client = Arc::new(Interposed::new(Arc::clone(&rig.org) as Arc<dyn CrmClient>, hook));
    let leases = Arc::new(KillingLeases { leases: Arc::clone(&rig.state.leases), switch: Arc::clone(&switch) });
    let connections = CrmConnections::new([CrmConnection { client, quota_share: 50 }]);
    let runner = rig.runner_with(connections, leases);
    request(&rig, &pages_of(page_size)).await;
    let mut kills = 0;
    while status(&rig).await.state != JobState::Done {
        switch.arm(if kills < most_kills { 1 + random.bits() % 6 } else { 0 });
        let killed = switch.run(runner.run(Instant::now() + Duration::from_secs(5))).await.is_none();
        kills += usize::from(killed);
        // The lease of a killed process has ended by the next minute.
        rig.clock.advance(60_000);
    }
    check_equal(&rig, records).await;
    let done = status(&rig).await;
    assert_eq!((done.counts.processed, events_of(&rig, records).await), (records as u64, records), "seed {seed}");
    // Each page at most once, and once more for each kill.
    let mut reads = BTreeMap::<String, usize>::new();
    for page in rig.org.take_pages() {
        *reads.entry(format!("{:?} {:?}", page.window, page.after)).or_default() += 1;
    }
    let repeated: usize = reads.values().map(|times| times - 1).sum();
    assert!(repeated <= kills, "seed {seed}: {repeated} pages again after {kills} kills");
}

/// What is left of a killed process does no harm: no record is missed or stored twice.
#[tokio::test]
async fn a_backfill_survives_kills_at_any_point() {
    for seed in 0..6 {
        survives_kills(seed, 60, 7, 12).await;
    }
}

/// `ANNALS_BACKFILL_ACCOUNTS=100000` reads as many.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "how many are read is the wish of whoever runs the test")]
async fn a_large_backfill_survives_kills_with_deadlines_of_five_seconds() {
    let accounts = std::env::var("ANNALS_BACKFILL_ACCOUNTS").ok().and_then(|accounts| accounts.parse().ok());
    survives_kills(7, accounts.unwrap_or(5_000), 200, 20).await;
}

#[tokio::test]
async fn a_run_stops_before_its_deadline_and_the_next_goes_on() {
    let rig = with_records(40).await;
    request(&rig, &pages_of(1)).await;
    let runner = rig.runner();
    let report = runner.run(Instant::now()).await.unwrap();
    assert_eq!((report.read, status(&rig).await.state), (0, JobState::Queued), "no time is left");
    let mut runs = 0;
    while status(&rig).await.state != JobState::Done {
        runner.run(Instant::now() + Duration::from_millis(1_040)).await.unwrap();
        runs += 1;
        assert!(runs < 1_000, "it makes progress in every run that begins a page");
    }
    assert_eq!(rig.org.take_pages().len(), 41, "each page once, and the one of what was modified meanwhile");
    check_equal(&rig, 40).await;
}

/// Rules 10 and 11 of reading CRMs.
#[tokio::test]
async fn the_governor_stops_within_one_page_and_the_job_resumes_by_itself() {
    let rig = with_records(100).await;
    rig.org.set_quota(10, 100);
    request(&rig, &pages_of(1)).await;
    rig.runner().run(far()).await.unwrap();
    let waits = status(&rig).await;
    assert_eq!(waits.state, JobState::Waiting);
    assert_eq!(waits.reason, "50 of 100 API calls are used, and this installation stops at 50 percent");
    assert_eq!(rig.org.calls(), 40, "others have used ten");
    assert_eq!(rig.runner().run(far()).await.unwrap().read, 0);
    rig.org.renew_quota();
    assert_eq!(rig.runner().run(far()).await.unwrap().read, 0, "it does not ask each minute");
    for _ in 0..4 {
        rig.clock.advance(3_600_000);
        rig.org.renew_quota();
        rig.runner().run(far()).await.unwrap();
    }
    assert_eq!(status(&rig).await.state, JobState::Done);
    check_equal(&rig, 100).await;
}

#[tokio::test]
async fn what_fails_says_so_in_the_job_which_can_go_on() {
    use CrmErrorKind::{Malformed, ObjectMissing, Rejected, Throttled, Unauthorised, Unavailable};
    let exhausted = CrmErrorKind::QuotaExhausted { quota: Quota::ApiCalls, until: None };
    for (kind, state) in [
        (Unavailable, JobState::Waiting),
        (Throttled { until: None }, JobState::Waiting),
        (exhausted, JobState::Waiting),
        (Malformed, JobState::Waiting),
        (Unauthorised, JobState::Waiting),
        (ObjectMissing, JobState::Paused),
        (Rejected, JobState::Paused),
    ] {
        let rig = with_records(5).await;
        request(&rig, &pages_of(2)).await;
        rig.org.fail_next([kind.clone()]);
        let report = rig.runner().run(far()).await.unwrap();
        let stopped = status(&rig).await;
        assert_eq!(stopped.state, state, "{kind:?}");
        assert!(stopped.reason.starts_with("simulated.example: as the test asked"), "{}", stopped.reason);
        assert_eq!(report.stopped.len(), 1);
        if state == JobState::Paused {
            rig.backfill().resume("clients").await.unwrap();
        }
        rig.clock.advance(3_600_000);
        rig.runner().run(far()).await.unwrap();
        assert_eq!(status(&rig).await.state, JobState::Done, "{kind:?}");
        check_equal(&rig, 5).await;
    }
}

#[tokio::test]
async fn a_page_that_is_too_large_is_made_smaller() {
    let rig = with_records(20).await;
    request(&rig, &pages_of(8)).await;
    let hook: Hook = {
        let org = Arc::clone(&rig.org);
        Arc::new(move |call| {
            let org = Arc::clone(&org);
            Box::pin(async move {
                if call <= 2 {
                    org.fail_next([CrmErrorKind::TooLarge]);
                }
            })
        })
    };
    rig.runner_over(hook).run(far()).await.unwrap();
    assert_eq!(status(&rig).await.state, JobState::Done);
    let sizes: Vec<u32> = rig.org.take_pages().iter().map(|page| page.page_size).collect();
    assert!(sizes.iter().all(|size| *size == 2), "{sizes:?}");
    check_equal(&rig, 20).await;
}

/// Rule 4 of reading CRMs.
#[tokio::test]
async fn a_window_that_lacks_records_is_read_again_and_refused_in_the_end() {
    let rig = with_records(20).await;
    rig.org.cut_pages(1);
    request(&rig, &pages_of(8)).await;
    rig.runner().run(far()).await.unwrap();
    assert_eq!(status(&rig).await.state, JobState::Done, "the second time all were there");
    check_equal(&rig, 20).await;
    rig.org.cut_pages(1_000);
    request(&rig, &pages_of(8)).await;
    rig.runner().run(far()).await.unwrap();
    let refused = status(&rig).await;
    assert_eq!(refused.state, JobState::Waiting);
    assert_eq!(refused.reason, "the CRM counts 20 records in the window, and 17 were read");
}

/// Rules 2, 7 and 15: what changes, is deleted, or commits late while pages are read.
#[tokio::test]
async fn changes_during_a_backfill_are_all_there_in_the_end() {
    let rig = with_records(60).await;
    let hook: Hook = {
        let (org, clock) = (Arc::clone(&rig.org), Arc::clone(&rig.clock));
        Arc::new(move |call| {
            let (org, clock) = (Arc::clone(&org), Arc::clone(&clock));
            Box::pin(async move {
                clock.advance(20_000);
                match call {
                    1 => drop(org.put(OBJECT, &id(60), named("moved out of the window"))),
                    2 => drop(org.put(OBJECT, &id(61), named("new, and no event tells"))),
                    3 => org.put_stamped(OBJECT, &id(2), named("late"), clock.now().plus_millis(-240_123)),
                    4 => org.delete(OBJECT, &id(3)),
                    5 => org.purge(OBJECT, &id(4)),
                    6 => org.calculate(OBJECT, &id(59), FORMULA, json!("of now")),
                    _ => {}
                }
            })
        })
    };
    request(&rig, &pages_of(10)).await;
    rig.runner_over(hook).run(far()).await.unwrap();
    rig.refetch_all(3).await;
    assert_eq!(status(&rig).await.state, JobState::Done);
    check_equal(&rig, 61).await;
}

#[tokio::test]
async fn somebody_who_pauses_or_cancels_is_heeded_after_the_page() {
    for cancels in [false, true] {
        let rig = with_records(30).await;
        request(&rig, &pages_of(5)).await;
        let hook: Hook = {
            let backfill = rig.backfill();
            Arc::new(move |call| {
                let backfill = backfill.clone();
                Box::pin(async move {
                    if call == 3 {
                        let acted =
                            if cancels { backfill.cancel("clients").await } else { backfill.pause("clients").await };
                        acted.unwrap();
                    }
                })
            })
        };
        rig.runner_over(hook).run(far()).await.unwrap();
        let stopped = status(&rig).await;
        assert_eq!(stopped.state, if cancels { JobState::Cancelled } else { JobState::Paused });
        assert_eq!(rig.org.take_pages().len(), 3);
        if !cancels {
            rig.backfill().resume("clients").await.unwrap();
            rig.runner().run(far()).await.unwrap();
            assert_eq!(status(&rig).await.state, JobState::Done);
            assert_eq!(rig.org.take_pages().len(), 4, "the rest, and what was modified meanwhile");
            check_equal(&rig, 30).await;
        }
    }
}

#[tokio::test]
async fn two_schedulers_do_the_work_once() {
    let rig = with_records(40).await;
    request(&rig, &pages_of(5)).await;
    let (one, other) = (rig.runner(), rig.runner());
    let (one, other) = tokio::join!(one.run(far()), other.run(far()));
    assert_eq!(one.unwrap().read + other.unwrap().read, 40);
    assert_eq!(rig.org.take_pages().len(), 9);
    check_equal(&rig, 40).await;
}

#[tokio::test]
async fn an_overflow_starts_a_backfill_of_its_object() {
    let rig = with_records(10).await;
    let read = rig.deliver(&ChangeEvents::default().overflow(rig.clock.now())).await;
    let job = read[0].job_id.unwrap();
    rig.runner().run(far()).await.unwrap();
    let done = status(&rig).await;
    assert_eq!((done.id, done.state), (job, JobState::Done));
    check_equal(&rig, 10).await;
}

#[tokio::test]
async fn the_ids_that_are_asked_for_are_read() {
    let rig = with_records(10).await;
    backfill(&rig).await;
    rig.org.put(OBJECT, &id(2), named("two"));
    rig.org.put(OBJECT, &id(3), named("three"));
    rig.org.purge(OBJECT, &id(4));
    rig.clock.advance(60_000);
    let ids = [2, 4, 99].map(|number| id(number).as_str().to_owned()).to_vec();
    request(&rig, &BackfillRequest { ids: Some(ids), ..pages_of(2) }).await;
    rig.runner().run(far()).await.unwrap();
    let done = status(&rig).await;
    assert_eq!((done.state, done.counts.processed, done.counts.deleted), (JobState::Done, 3, 1));
    assert_eq!(rig.entity(&id(3)).await.unwrap()["name"], "company 3", "nobody asked for it");
    assert!(rig.differences(&id(2)).await.is_empty() && rig.events(&id(99)).await.is_empty());
}

/// Rule 3 of reading CRMs: equal stamps.
#[tokio::test]
async fn a_backfill_since_a_time_reads_what_was_modified_since_and_deletions_too() {
    let rig = with_records(10).await;
    backfill(&rig).await;
    let since = rig.clock.now();
    for number in [9, 2, 11, 7, 6] {
        rig.org.put(OBJECT, &id(number), named("at one moment"));
    }
    rig.org.delete(OBJECT, &id(1));
    rig.clock.advance(60_000);
    let since = Some(since.plus_millis(-1_000));
    request(&rig, &BackfillRequest { since, ..pages_of(2) }).await;
    rig.runner().run(far()).await.unwrap();
    let done = status(&rig).await;
    assert_eq!((done.state, done.counts.processed), (JobState::Done, 6));
    check_equal(&rig, 11).await;
}

/// Rules 5 and 14: no silent start date, and the fields are those of now.
#[tokio::test]
async fn what_the_crm_does_not_show_is_named_and_the_rest_is_read() {
    let rig = with_records(3).await;
    rig.org.hide(OBJECT, "Description", true);
    let done = backfill(&rig).await;
    assert_eq!(done.state, JobState::Done);
    let hidden = "fields that the CRM does not show: Description";
    assert!(done.reason.ends_with(hidden), "{}", done.reason);
    assert!(rig.entity(&id(1)).await.unwrap()["name"].is_string());
}

/// A field that vanishes between two pages.
#[tokio::test]
async fn a_field_that_vanishes_during_a_backfill_does_not_end_it() {
    let rig = with_records(10).await;
    request(&rig, &pages_of(3)).await;
    let hook: Hook = {
        let org = Arc::clone(&rig.org);
        Arc::new(move |call| {
            let org = Arc::clone(&org);
            Box::pin(async move { org.hide(OBJECT, "Description", call > 1) })
        })
    };
    rig.runner_over(hook).run(far()).await.unwrap();
    assert_eq!(status(&rig).await.state, JobState::Done);
}

/// UPDATE before CREATE, lost CREATE, lost DELETE, broken diffs: one backfill heals them.
#[tokio::test]
async fn what_events_lost_is_healed_field_by_field() {
    let rig = with_records(3).await;
    let mut events = ChangeEvents::default();
    rig.deliver(&events.event(ChangeType::Update, &id(1), &named("an update alone"), rig.clock.now())).await;
    let stale = Map::from_iter([("Name".to_owned(), json!("old")), ("Description".to_owned(), json!("old"))]);
    let before = rig.clock.now().plus_millis(-7_200_000);
    rig.deliver(&events.event(ChangeType::Create, &id(2), &stale, before)).await;
    rig.deliver(&events.event(ChangeType::Create, &id(4), &stale, before)).await;
    rig.clock.advance(60_000);
    rig.org.put(OBJECT, &id(1), named("an update alone"));
    rig.clock.advance(60_000);
    assert_eq!(backfill(&rig).await.state, JobState::Done);
    check_equal(&rig, 4).await;
    assert_eq!(rig.entity(&id(4)).await.unwrap()["is_deleted"], true, "its deletion was lost");
}
