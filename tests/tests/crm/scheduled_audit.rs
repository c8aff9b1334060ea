//! Audits that a schedule asks for: in parts, within a deadline, one after the other.

use std::sync::Arc;

use annals_application::audit::{AuditRequest, ScheduledAuditReport, ScheduledAudits};
use annals_application::backfill::BackfillRequest;
use annals_application::ports::{AuditNote, CrmErrorKind, ObjectNote};
use annals_domain::identity::{EntityName, Provider};
use annals_tests::rig::{CrmRig, OBJECT, far, id};
use serde_json::{Map, json};
use tokio::time::{Duration, Instant};

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
    while note(&rig).await.audit_asked.is_some() {
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
async fn a_sample_compares_so_many_records_and_an_audit_by_hand_answers_what_was_asked() {
    let (rig, audits) = backfilled(30).await;
    audits.request(Some(7)).await.unwrap();
    assert_eq!(run(&rig, &audits, Duration::from_secs(60)).await.finished, 1);
    let sampled = note(&rig).await.audit.unwrap();
    assert_eq!((sampled.compared, sampled.is_complete), (7, false));
    audits.request(Some(7)).await.unwrap();
    let object = (Provider::Salesforce, EntityName::new(OBJECT));
    rig.auditor().audit(&object, AuditRequest::default(), &mut |_| {}).await.unwrap();
    assert_eq!((note(&rig).await.audit.unwrap().compared, note(&rig).await.audit_asked), (30, None));
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
        assert_eq!((report.stopped.len(), note(&rig).await.audit_asked.is_some()), (1, is_left), "{kind:?}");
    }
    let (rig, audits) = backfilled(5).await;
    audits.request(None).await.unwrap();
    rig.org.set_quota(90, 100);
    let report = run(&rig, &audits, Duration::from_secs(60)).await;
    assert!(report.stopped[0].contains("this installation stops at 50 percent"), "{report:?}");
    rig.org.renew_quota();
    assert_eq!(run(&rig, &audits, Duration::from_secs(60)).await.finished, 1);
}
