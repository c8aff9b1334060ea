//! Audits that a schedule asks for: in parts, within a deadline, one after the other.

use std::collections::BTreeSet;
use std::sync::Arc;

use annals_application::audit::{AuditReport, AuditRequest, ScheduledAuditReport, ScheduledAudits};
use annals_application::backfill::BackfillRequest;
use annals_application::ports::{AuditNote, CrmErrorKind, ObjectNote};
use annals_domain::identity::{EntityName, Provider};
use annals_tests::interposed::{KillSwitch, KillingLeases};
use annals_tests::rig::{CrmRig, OBJECT, far, id};
use serde_json::{Map, json};
use tokio::time::{Duration, Instant};

use crate::damage::{damage, database};

/// An org with that many records, all read an hour ago.
async fn backfilled(count: usize) -> (CrmRig, ScheduledAudits) {
    let rig = CrmRig::with_clients_and("").await;
    for number in 1..=count {
        rig.org.put(OBJECT, &id(number), Map::from_iter([("Name".to_owned(), json!(number.to_string()))]));
    }
    rig.clock.advance(3_600_000);
    rig.backfill().request("clients", &BackfillRequest::default()).await.unwrap();
    rig.runner().run(far()).await.unwrap();
    rig.clock.advance(3_600_000);
    let audits = ScheduledAudits::new(rig.auditor(), Arc::clone(&rig.state.leases));
    (rig, audits)
}

async fn note(rig: &CrmRig) -> ObjectNote {
    rig.state.notes.note(&(Provider::Salesforce, EntityName::new(OBJECT))).await.unwrap()
}

async fn run(rig: &CrmRig, audits: &ScheduledAudits, within: Duration) -> ScheduledAuditReport {
    rig.clock.advance(60_000);
    audits.run(Instant::now() + within).await.unwrap()
}

/// Plants a difference in one of each ten records, and one deletion. Returns the number of them.
fn plant(rig: &CrmRig, count: usize) -> u64 {
    for number in (10..=count).step_by(10) {
        rig.org.put(OBJECT, &id(number), Map::from_iter([("Name".to_owned(), json!("planted"))]));
    }
    rig.org.purge(OBJECT, &id(1));
    rig.clock.advance(3_600_000);
    count as u64 / 10 + 1
}

#[tokio::test]
async fn an_audit_goes_on_in_the_next_run_and_notes_the_whole_result() {
    let (rig, audits) = backfilled(1_000).await;
    let planted = plant(&rig, 1_000);
    assert_eq!(run(&rig, &audits, Duration::from_secs(60)).await, ScheduledAuditReport::default(), "nobody asked");
    assert_eq!(audits.request(None).await.unwrap(), 1);
    rig.org.take_pages();
    let mut runs = 0;
    while note(&rig).await.requested_audit.is_some() {
        // So little time that a run begins one page or two.
        let report = run(&rig, &audits, Duration::from_millis(1_001)).await;
        assert!(report.finished + report.unfinished <= 1 && report.stopped.is_empty(), "{report:?}");
        runs += 1;
        assert!(runs < 1_000, "it makes progress in every run that begins a page");
    }
    assert!(runs > 1, "{runs}");
    assert_eq!(rig.org.take_pages().len(), 5, "each page once");
    let AuditNote { compared, different, is_complete, .. } = note(&rig).await.audit.unwrap();
    assert_eq!((compared, different, is_complete), (1_000, planted, true));
    assert_eq!(run(&rig, &audits, Duration::from_secs(60)).await.differences, Some(planted), "the last one counts");
}

#[tokio::test]
async fn a_sample_compares_so_many_records() {
    let (rig, audits) = backfilled(30).await;
    audits.request(Some(7)).await.unwrap();
    assert_eq!(run(&rig, &audits, Duration::from_secs(60)).await.finished, 1);
    let sampled = note(&rig).await.sample.unwrap();
    assert_eq!((sampled.compared, sampled.is_complete), (7, false));
}

#[tokio::test]
async fn a_sample_replaces_no_audit_of_all_records() {
    let (rig, audits) = backfilled(100).await;
    let planted = plant(&rig, 100);
    by_hand(&rig, None).await;
    by_hand(&rig, Some(5)).await;
    let noted = note(&rig).await;
    let (all, sample) = (noted.audit.unwrap(), noted.sample.unwrap());
    assert_eq!((all.compared, all.different, sample.compared, sample.different), (100, planted, 5, 0));
    assert_eq!(run(&rig, &audits, Duration::from_secs(60)).await.differences, Some(planted));
    by_hand(&rig, None).await;
    assert_eq!(note(&rig).await.sample, None, "an older sample tells nothing more");
}

async fn by_hand(rig: &CrmRig, sample: Option<u64>) -> AuditReport {
    let object = (Provider::Salesforce, EntityName::new(OBJECT));
    rig.auditor().audit(&object, AuditRequest { sample, repair: false }, &mut |_| {}).await.unwrap()
}

#[tokio::test]
async fn an_audit_by_hand_answers_a_request_for_no_more_than_it_compares() {
    let (rig, audits) = backfilled(30).await;
    for (requested, done, answers) in [
        (Some(7), Some(6), false),
        (Some(7), Some(7), true),
        (None, Some(30), false),
        (Some(7), None, true),
        (None, None, true),
    ] {
        audits.request(requested).await.unwrap();
        by_hand(&rig, done).await;
        assert_eq!(note(&rig).await.requested_audit.is_none(), answers, "{requested:?} {done:?}");
        by_hand(&rig, None).await;
    }
}

/// Wherever it dies, and whether the rest is done by the schedule or by hand.
#[tokio::test]
async fn after_a_process_died_the_next_request_compares_everything() {
    let mut passes = 0;
    for is_by_hand in [false, true] {
        for pass in 1.. {
            let (rig, audits) = backfilled(500).await;
            let switch = Arc::new(KillSwitch::default());
            let leases = KillingLeases { leases: Arc::clone(&rig.state.leases), switch: Arc::clone(&switch) };
            let killed = ScheduledAudits::new(rig.auditor(), Arc::new(leases));
            killed.request(None).await.unwrap();
            switch.arm(pass);
            if switch.run(killed.run(far())).await.is_some() {
                break;
            }
            passes += 1;
            rig.clock.advance(2 * 3_600_000);
            if is_by_hand {
                by_hand(&rig, None).await;
            } else {
                run(&rig, &audits, Duration::from_secs(60)).await;
            }
            assert_eq!(note(&rig).await.requested_audit, None);
            let planted = plant(&rig, 500);
            audits.request(None).await.unwrap();
            assert_eq!(run(&rig, &audits, Duration::from_secs(60)).await.finished, 1);
            let AuditNote { compared, different, .. } = note(&rig).await.audit.unwrap();
            assert_eq!((compared, different), (500, planted), "pass {pass}");
        }
    }
    assert_eq!(passes, 14, "three pages of records, three of deletions and the end, twice");
}

#[tokio::test]
async fn of_two_processes_one_audits() {
    let (rig, audits) = backfilled(500).await;
    audits.request(None).await.unwrap();
    rig.org.take_pages();
    let (one, other) = tokio::join!(audits.run(far()), audits.run(far()));
    assert_eq!(one.unwrap().finished + other.unwrap().finished, 1);
    assert_eq!(rig.org.take_pages().len(), 3);
}

#[tokio::test]
async fn an_audit_waits_for_an_outage_and_for_the_quota_and_ends_where_the_object_is_gone() {
    for (kind, is_left) in
        [(CrmErrorKind::Unavailable, true), (CrmErrorKind::Unauthorised, true), (CrmErrorKind::ObjectMissing, false)]
    {
        let (rig, audits) = backfilled(5).await;
        audits.request(None).await.unwrap();
        rig.org.fail_next([kind.clone()]);
        let report = run(&rig, &audits, Duration::from_secs(60)).await;
        assert_eq!((report.stopped.len(), note(&rig).await.requested_audit.is_some()), (1, is_left), "{kind:?}");
    }
    let (rig, audits) = backfilled(5).await;
    audits.request(None).await.unwrap();
    rig.org.set_quota(90, 100);
    let report = run(&rig, &audits, Duration::from_secs(60)).await;
    assert!(report.stopped[0].contains("this installation stops at 50 percent"), "{report:?}");
    rig.org.renew_quota();
    rig.clock.advance(15 * 60_000);
    assert_eq!(run(&rig, &audits, Duration::from_secs(60)).await.finished, 1);
}

/// As long as it refuses, calls cost what others need.
#[tokio::test]
async fn a_crm_that_cannot_be_read_is_not_called_each_minute() {
    let (rig, audits) = backfilled(5).await;
    audits.request(None).await.unwrap();
    rig.org.set_quota(90, 100);
    let calls = rig.org.calls();
    for _ in 0..10 {
        run(&rig, &audits, Duration::from_secs(60)).await;
    }
    assert_eq!(rig.org.calls(), calls, "the quota is used up");

    let (rig, audits) = backfilled(5).await;
    audits.request(None).await.unwrap();
    rig.org.set_down(true);
    let mut stopped = 0;
    for _ in 0..63 {
        stopped += run(&rig, &audits, Duration::from_secs(60)).await.stopped.len();
    }
    assert_eq!(stopped, 8, "tried after 0, 1, 2, 4, 8, 16, 32 and 62 minutes");

    let (rig, audits) = backfilled(5).await;
    audits.request(None).await.unwrap();
    rig.org.fail_next([CrmErrorKind::Unauthorised]);
    let mut finished = Vec::new();
    for _ in 0..6 {
        finished.push(run(&rig, &audits, Duration::from_secs(60)).await.finished);
    }
    assert_eq!(finished, [0, 0, 0, 0, 0, 1], "credentials are tried again after five minutes");
}

#[tokio::test]
async fn what_concerns_the_whole_crm_lets_the_audits_of_its_other_objects_wait() {
    let rig = CrmRig::new().await;
    let audits = ScheduledAudits::new(rig.auditor(), Arc::clone(&rig.state.leases));
    let objects = audits.request(None).await.unwrap();
    assert!(objects > 1);
    rig.org.fail_next([CrmErrorKind::Unauthorised]);
    assert_eq!(run(&rig, &audits, Duration::from_secs(60)).await.stopped.len(), 1);
    // The org has one of the objects.
    rig.clock.advance(5 * 60_000);
    let report = run(&rig, &audits, Duration::from_secs(60)).await;
    assert_eq!((report.finished, report.stopped.len()), (1, objects - 1));
}

#[tokio::test]
async fn a_damaged_stream_is_a_difference_of_its_record_and_ends_no_audit() {
    for column in ["data", "head"] {
        let (rig, audits) = backfilled(30).await;
        damage(&rig, &id(7), column);
        audits.request(None).await.unwrap();
        let report = run(&rig, &audits, Duration::from_secs(60)).await;
        assert_eq!((report.finished, report.differences), (1, Some(1)), "{column}: {report:?}");
        let different = by_hand(&rig, None).await.different;
        let [difference] = different.as_slice() else { panic!("{column}: {different:?}") };
        assert_eq!((&difference.external_id, &difference.fields), (&id(7), &BTreeSet::from(["*".to_owned()])));
    }
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_an_error_and_the_audit_goes_on_later() {
    let (rig, audits) = backfilled(5).await;
    audits.request(None).await.unwrap();
    database(&rig).execute_batch("ALTER TABLE events RENAME TO away").unwrap();
    audits.run(far()).await.expect_err("it cannot be compared");
    database(&rig).execute_batch("ALTER TABLE away RENAME TO events").unwrap();
    let report = run(&rig, &audits, Duration::from_secs(60)).await;
    assert_eq!((report.finished, report.differences), (1, Some(0)));
}
