//! An audit finds every planted difference, and none that is not there.

use std::collections::BTreeMap;

use annals_application::audit::{AuditReport, AuditRequest};
use annals_application::backfill::BackfillRequest;
use annals_application::ports::Clock;
use annals_domain::identity::{EntityName, Provider};
use annals_tests::change_events::{ChangeEvents, ChangeType};
use annals_tests::random::Random;
use annals_tests::rig::{CrmRig, FIELDS, FORMULA, OBJECT, far, id};
use serde_json::{Map, Value, json};

async fn audit(rig: &CrmRig, request: AuditRequest) -> AuditReport {
    let account = (Provider::Salesforce, EntityName::new(OBJECT));
    rig.auditor().audit(&account, request, &mut |_| {}).await.unwrap()
}

/// An org with that many records, all read.
async fn backfilled(count: usize) -> CrmRig {
    let rig = CrmRig::new().await;
    for number in 1..=count {
        let fields = FIELDS.iter().map(|field| ((*field).to_owned(), json!(format!("{field} {number}"))));
        rig.org.put(OBJECT, &id(number), fields.collect());
    }
    rig.clock.advance(3_600_000);
    rig.backfill().request("clients", &BackfillRequest::default()).await.unwrap();
    rig.runner().run(far()).await.unwrap();
    rig.clock.advance(3_600_000);
    rig
}

#[tokio::test]
async fn nothing_differs_after_a_backfill() {
    let rig = backfilled(30).await;
    let report = audit(&rig, AuditRequest::default()).await;
    assert_eq!((report.compared, report.changing, report.different.len()), (30, 0, 0), "{report:?}");
    let account = (Provider::Salesforce, EntityName::new(OBJECT));
    let note = rig.state.notes.note(&account).await.unwrap().audit.unwrap();
    assert_eq!((note.compared, note.different, note.is_complete), (30, 0, true));
}

#[tokio::test]
async fn all_planted_differences_are_found_and_none_that_is_not_there() {
    for seed in 0..20 {
        let rig = backfilled(20).await;
        let mut random = Random::new(seed);
        let mut planted = BTreeMap::new();
        for number in 1..=20 {
            match random.below(8) {
                0 => {
                    let field = *random.pick(&FIELDS);
                    rig.org.put(OBJECT, &id(number), Map::from_iter([(field.to_owned(), json!("planted"))]));
                    planted.insert(id(number), "a field");
                }
                1 => {
                    rig.org.calculate(OBJECT, &id(number), FORMULA, json!("planted"));
                    planted.insert(id(number), "a formula");
                }
                2 => {
                    rig.org.purge(OBJECT, &id(number));
                    planted.insert(id(number), "a deletion");
                }
                _ => {}
            }
        }
        rig.org.put(OBJECT, &id(99), Map::new());
        planted.insert(id(99), "a record");
        rig.clock.advance(3_600_000);
        let report = audit(&rig, AuditRequest::default()).await;
        let found: Vec<_> = report.different.iter().map(|difference| difference.external_id.clone()).collect();
        let mut sorted = found.clone();
        sorted.sort();
        assert_eq!(sorted, planted.keys().cloned().collect::<Vec<_>>(), "seed {seed}: {planted:?}");
        let repaired = audit(&rig, AuditRequest { repair: true, ..AuditRequest::default() }).await;
        assert_eq!(repaired.repaired, planted.len() as u64);
        let after = audit(&rig, AuditRequest::default()).await;
        assert!(after.different.is_empty(), "seed {seed}: {after:?}");
    }
}

#[tokio::test]
async fn a_difference_is_named_by_its_field() {
    let rig = backfilled(3).await;
    rig.org.put(OBJECT, &id(2), Map::from_iter([("Description".to_owned(), json!("planted"))]));
    rig.clock.advance(3_600_000);
    let report = audit(&rig, AuditRequest::default()).await;
    let [difference] = &report.different[..] else { panic!("one difference: {report:?}") };
    let expected = ["description", "last_modified_date"].map(str::to_owned);
    assert_eq!((&difference.external_id, &difference.fields), (&id(2), &expected.into()));
}

/// Writes a field of a record at the CRM, and delivers the change event of that, with these dates beside the field.
async fn change(rig: &CrmRig, what: ChangeType, number: usize, field: &str, dates: &[&str]) {
    rig.clock.advance(60_000);
    let written = Map::from_iter([(field.to_owned(), json!("changed"))]);
    rig.org.put(OBJECT, &id(number), written.clone());
    let now = json!(rig.clock.now().to_string());
    let carried = written.into_iter().chain(dates.iter().map(|date| ((*date).to_owned(), now.clone()))).collect();
    rig.deliver(&ChangeEvents::default().event(what, &id(number), &carried, rig.clock.now())).await;
    rig.clock.advance(3_600_000);
}

/// No change event carries the stamp, so after each of them it is older here.
#[tokio::test]
async fn a_stamp_that_only_the_crm_knows_is_no_difference() {
    let rig = backfilled(3).await;
    change(&rig, ChangeType::Update, 2, "Description", &["LastModifiedDate"]).await;
    let report = audit(&rig, AuditRequest::default()).await;
    assert!(report.different.is_empty(), "{report:?}");
}

/// It has neither the id nor the deletion mark as fields.
#[tokio::test]
async fn a_record_that_an_event_created_is_no_difference() {
    let rig = backfilled(3).await;
    change(&rig, ChangeType::Create, 4, "Name", &["CreatedDate", "LastModifiedDate"]).await;
    let report = audit(&rig, AuditRequest::default()).await;
    assert!(report.different.is_empty(), "{report:?}");
}

/// What is being changed is not wrong.
#[tokio::test]
async fn a_record_that_changes_during_the_audit_is_no_difference() {
    let rig = backfilled(3).await;
    rig.org.put(OBJECT, &id(2), Map::from_iter([("Name".to_owned(), json!("of now"))]));
    let event = Map::from_iter([("Name".to_owned(), Value::from("event of now"))]);
    let event = ChangeEvents::default().event(ChangeType::Update, &id(3), &event, rig.clock.now());
    rig.deliver(&event).await;
    rig.clock.advance(1_000);
    let report = audit(&rig, AuditRequest::default()).await;
    assert_eq!((report.changing, report.different.len()), (2, 0), "{report:?}");
}

#[tokio::test]
async fn a_sample_compares_so_many_records() {
    let rig = backfilled(30).await;
    let report = audit(&rig, AuditRequest { sample: Some(7), repair: false }).await;
    assert_eq!((report.compared, report.is_complete), (7, false));
}
