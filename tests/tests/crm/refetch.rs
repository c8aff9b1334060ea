//! Records that events alone do not make whole are read again, and only those.

use annals_application::commands::Outcome;
use annals_application::ports::{Clock, CrmErrorKind, ObjectNote, RefetchTask};
use annals_domain::event::{EventType, Source};
use annals_domain::identity::{EntityName, ExternalId, Provider};
use annals_domain::path::Path;
use annals_tests::change_events::{ChangeEvents, ChangeType};
use annals_tests::rig::{CrmRig, FORMULA, OBJECT, id};
use serde_json::{Map, Value, json};

fn fields(pairs: &[(&str, &str)]) -> Map<String, Value> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
}

/// An org with one record that was written a minute ago, of which nothing is known.
async fn with_record(pairs: &[(&str, &str)]) -> (CrmRig, ChangeEvents, ExternalId) {
    let rig = CrmRig::new().await;
    rig.org.put(OBJECT, &id(1), fields(pairs));
    rig.clock.advance(60_000);
    (rig, ChangeEvents::default(), id(1))
}

#[track_caller]
fn same(differences: Vec<String>) {
    assert!(differences.is_empty(), "{differences:#?}");
}

#[tokio::test]
async fn an_update_of_an_unknown_record_makes_it_whole_and_says_how() {
    let (rig, mut events, record) = with_record(&[("Name", "a"), ("Description", "long")]).await;
    rig.org.put(OBJECT, &record, fields(&[("Name", "b")]));
    let read =
        rig.deliver(&events.event(ChangeType::Update, &record, &fields(&[("Name", "b")]), rig.clock.now())).await;
    assert_eq!((read[0].outcome, rig.entity(&record).await), (Outcome::AwaitingBase, None));
    assert_eq!(rig.refetch().await.read, 0, "its creation may only be late");
    rig.clock.advance(31_000);
    let report = rig.refetch().await;
    assert_eq!((report.read, report.finished, report.postponed), (1, 1, 0));
    same(rig.differences(&record).await);
    let stored = rig.events(&record).await;
    let image = &stored[1].event;
    assert_eq!((image.metadata.source, image.event_type), (Source::Backfill, EventType::Created));
    assert_eq!(image.metadata.causation_id, Some(stored[0].event.event_id().to_string()));
    assert!(rig.tasks().await.is_empty());
}

#[tokio::test]
async fn nothing_is_read_where_the_creation_came_late() {
    let (rig, mut events, record) = with_record(&[("Name", "a")]).await;
    let (created, updated) = (rig.clock.now().plus_millis(-60_000), rig.clock.now());
    rig.deliver(&events.event(ChangeType::Update, &record, &fields(&[("Name", "b")]), updated)).await;
    rig.deliver(&events.event(ChangeType::Create, &record, &fields(&[("Name", "a")]), created)).await;
    rig.clock.advance(60_000);
    rig.refetch().await;
    assert_eq!(rig.org.calls(), 0);
    assert_eq!(rig.entity(&record).await.unwrap()["name"], "b");
}

/// The same if no projection has removed the task yet.
#[tokio::test]
async fn a_task_whose_record_has_its_base_ends_without_a_read() {
    let (rig, mut events, record) = with_record(&[("Name", "a")]).await;
    rig.deliver(&events.event(ChangeType::Update, &record, &fields(&[("Name", "b")]), rig.clock.now())).await;
    let task = rig.tasks().await;
    let created = rig.clock.now().plus_millis(-60_000);
    rig.deliver(&events.event(ChangeType::Create, &record, &fields(&[("Name", "a")]), created)).await;
    rig.state.refetch.enqueue(task).await.unwrap();
    rig.clock.advance(60_000);
    assert_eq!(rig.refetch().await.unneeded, 1);
    assert_eq!((rig.org.calls(), rig.tasks().await.len()), (0, 0));
}

#[tokio::test]
async fn every_gap_ends_as_the_org_has_the_record() {
    for gap in ["GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE"] {
        for end in ["alive", "deleted", "purged"] {
            let (rig, mut events, record) = with_record(&[("Name", "a")]).await;
            rig.deliver(&events.event(ChangeType::Create, &record, &fields(&[("Name", "old")]), rig.clock.now())).await;
            rig.clock.advance(10_000);
            match end {
                "alive" => drop(rig.org.put(OBJECT, &record, fields(&[("Name", "new")]))),
                "deleted" => rig.org.delete(OBJECT, &record),
                _ => rig.org.purge(OBJECT, &record),
            }
            rig.deliver(&events.event(ChangeType::Gap(gap), &record, &Map::new(), rig.clock.now())).await;
            rig.clock.advance(60_000);
            rig.refetch().await;
            same(rig.differences(&record).await);
            let entity = rig.entity(&record).await.unwrap();
            assert_eq!((entity["is_deleted"] == true, &entity["stale"]), (end != "alive", &Value::Null), "{gap} {end}");
        }
    }
}

#[tokio::test]
async fn an_absence_is_stored_once() {
    let (rig, mut events, record) = with_record(&[("Name", "a")]).await;
    rig.org.purge(OBJECT, &record);
    for _ in 0..3 {
        rig.deliver(&events.event(ChangeType::Gap("GAP_DELETE"), &record, &Map::new(), rig.clock.now())).await;
        rig.clock.advance(60_000);
        rig.refetch().await;
        rig.clock.advance(60_000);
    }
    let absences =
        rig.events(&record).await.iter().filter(|event| event.event.metadata.source == Source::Backfill).count();
    assert_eq!((absences, rig.tasks().await.len()), (1, 0));
}

#[tokio::test]
async fn tasks_survive_a_crm_that_is_down_for_a_week() {
    let (rig, mut events, record) = with_record(&[("Name", "a")]).await;
    rig.deliver(&events.event(ChangeType::Gap("GAP_UPDATE"), &record, &Map::new(), rig.clock.now())).await;
    rig.org.set_down(true);
    for _ in 0..7 * 24 {
        rig.clock.advance(3_600_000);
        let report = rig.refetch().await;
        assert_eq!((report.read, report.waiting.len()), (0, 1), "{report:?}");
    }
    assert_eq!(rig.tasks().await[0].attempts, 0, "no read of the record has failed");
    rig.org.set_down(false);
    rig.refetch().await;
    same(rig.differences(&record).await);
    assert!(rig.tasks().await.is_empty());
}

#[tokio::test]
async fn what_fails_for_the_whole_crm_counts_as_no_attempt_and_says_why() {
    use CrmErrorKind::{Throttled, Unauthorised, Unavailable};
    let (rig, mut events, record) = with_record(&[("Name", "a")]).await;
    rig.deliver(&events.event(ChangeType::Gap("GAP_UPDATE"), &record, &Map::new(), rig.clock.now())).await;
    rig.clock.advance(60_000);
    for kind in [Unavailable, Throttled { until: None }, Unauthorised] {
        rig.org.fail_next([kind.clone()]);
        let report = rig.refetch().await;
        assert_eq!(report.waiting, ["salesforce: simulated.example: as the test asked"], "{kind:?}");
        assert_eq!(rig.tasks().await[0].attempts, 0, "{kind:?}");
    }
    rig.org.set_quota(8_000, 15_000);
    let report = rig.refetch().await;
    assert_eq!(report.waiting.len(), 1, "{report:?}");
    assert!(report.waiting[0].ends_with("8000 of 15000 API calls are used, and this installation stops at 50 percent"));
    rig.org.renew_quota();
    assert_eq!(rig.refetch().await.finished, 1);
}

#[tokio::test]
async fn an_object_that_cannot_be_read_does_not_hold_up_the_others() {
    let (rig, mut events, record) = with_record(&[("Name", "a")]).await;
    let gap = events.event(ChangeType::Gap("GAP_UPDATE"), &record, &Map::new(), rig.clock.now());
    rig.deliver(&gap.replace("\"Account\"", "\"AAA__c\"")).await;
    rig.deliver(&gap).await;
    rig.clock.advance(60_000);
    let report = rig.refetch().await;
    assert_eq!((report.finished, report.postponed), (1, 1));
    same(rig.differences(&record).await);
    assert_eq!(rig.tasks().await[0].attempts, 1);
}

#[tokio::test]
async fn one_record_that_cannot_be_read_is_left_alone_in_the_end() {
    let (rig, mut events, _) = with_record(&[]).await;
    for number in 1..=8 {
        rig.org.put(OBJECT, &id(number), fields(&[("Name", "a")]));
        rig.deliver(&events.event(ChangeType::Gap("GAP_UPDATE"), &id(number), &Map::new(), rig.clock.now())).await;
    }
    rig.clock.advance(60_000);
    // The call for all of them is too large; smaller ones are not.
    rig.org.fail_next([CrmErrorKind::Malformed]);
    rig.refetch().await;
    rig.org.fail_next([]);
    rig.refetch_all(5).await;
    for number in 1..=8 {
        same(rig.differences(&id(number)).await);
    }
}

/// A field that only the refetch can tell is read even though the definition does not read it.
#[tokio::test]
async fn a_field_that_no_event_carried_is_read() {
    let (rig, mut events, record) = with_record(&[("Name", "a")]).await;
    rig.org.define(OBJECT, &["Extra__c"], &[]);
    rig.deliver(&events.event(ChangeType::Create, &record, &fields(&[("Name", "a")]), rig.clock.now())).await;
    rig.clock.advance(5_000);
    rig.org.put(OBJECT, &record, fields(&[("Extra__c", "x")]));
    rig.deliver(&events.not_carrying(&record, &["Name", "Extra__c"], rig.clock.now())).await;
    rig.clock.advance(60_000);
    rig.refetch_all(2).await;
    same(rig.differences(&record).await);
    let state = rig.images.states(&[rig.key(&record)]).await.unwrap().remove(0).unwrap().unwrap();
    assert_eq!((state.unknown_paths().len(), state.raw()["Extra__c"].clone()), (0, json!("x")));
}

#[tokio::test]
async fn a_hidden_field_ends_as_unreadable_and_is_noted() {
    let (rig, mut events, record) = with_record(&[("Name", "a"), ("Description", "d")]).await;
    rig.org.hide(OBJECT, "Description", true);
    rig.deliver(&events.event(ChangeType::Create, &record, &fields(&[("Name", "a")]), rig.clock.now())).await;
    rig.clock.advance(5_000);
    rig.deliver(&events.not_carrying(&record, &["Description"], rig.clock.now())).await;
    let mut reads = 0;
    while !rig.tasks().await.is_empty() {
        rig.clock.advance(6 * 3_600_000);
        reads += rig.refetch().await.read;
    }
    assert_eq!(reads, 5, "a bound of attempts");
    let account = (Provider::Salesforce, EntityName::new(OBJECT));
    let unreadable = [Path::new("Description")].into();
    assert_eq!(rig.state.notes.note(&account).await.unwrap(), ObjectNote { unreadable, ..ObjectNote::default() });
    assert_eq!(rig.entity(&record).await.unwrap()["unknown"], json!(["description"]));
    // What is noted is not tried again and again.
    rig.deliver(&events.not_carrying(&record, &["Description"], rig.clock.now())).await;
    rig.clock.advance(60_000);
    assert_eq!((rig.refetch().await.unreadable, rig.tasks().await.len()), (1, 0));
}

#[tokio::test]
async fn a_record_that_is_read_within_two_seconds_of_its_change_is_read_again() {
    let (rig, mut events, record) = with_record(&[("Name", "a")]).await;
    rig.deliver(&events.event(ChangeType::Gap("GAP_UPDATE"), &record, &Map::new(), rig.clock.now())).await;
    rig.clock.advance(60_000);
    rig.org.put(OBJECT, &record, fields(&[("Name", "first of this second")]));
    rig.clock.advance(900);
    let report = rig.refetch().await;
    assert_eq!((report.read, report.finished, report.postponed), (1, 0, 1));
    rig.org.put(OBJECT, &record, fields(&[("Name", "second of this second")]));
    rig.refetch_all(2).await;
    same(rig.differences(&record).await);
}

/// Rule 12 of reading CRMs: the formula's value is that of the time of the read, whatever the record's stamp.
#[tokio::test]
async fn a_formula_that_returns_to_an_older_value_under_one_stamp_shows_it() {
    let (rig, mut events, record) = with_record(&[("Name", "a")]).await;
    for value in ["A", "B", "A", "B", "A"] {
        rig.org.calculate(OBJECT, &record, FORMULA, json!(value));
        rig.deliver(&events.event(ChangeType::Gap("GAP_UPDATE"), &record, &Map::new(), rig.clock.now())).await;
        rig.clock.advance(60_000);
        rig.refetch_all(2).await;
        same(rig.differences(&record).await);
        assert_eq!(rig.entity(&record).await.unwrap()["sso_id_c"], value);
    }
}

/// A lost change of the same second as a known one: the record's stamp is older than the known event.
#[tokio::test]
async fn a_change_that_was_lost_within_one_second_is_healed() {
    let (rig, mut events, record) = with_record(&[("Name", "a")]).await;
    rig.deliver(&events.event(ChangeType::Create, &record, &fields(&[("Name", "a")]), rig.clock.now())).await;
    rig.clock.advance(60_400);
    rig.org.put(OBJECT, &record, fields(&[("Name", "known")]));
    rig.deliver(&events.event(ChangeType::Update, &record, &fields(&[("Name", "known")]), rig.clock.now())).await;
    rig.clock.advance(300);
    rig.org.put(OBJECT, &record, fields(&[("Name", "lost")]));
    rig.clock.advance(100);
    rig.deliver(&events.event(ChangeType::Gap("GAP_UPDATE"), &record, &Map::new(), rig.clock.now())).await;
    rig.clock.advance(60_000);
    rig.refetch_all(3).await;
    same(rig.differences(&record).await);
}

/// Rule 15 of reading CRMs.
#[tokio::test]
async fn an_image_never_overwrites_a_newer_change() {
    let (rig, mut events, record) = with_record(&[("Name", "a")]).await;
    rig.deliver(&events.event(ChangeType::Gap("GAP_UPDATE"), &record, &Map::new(), rig.clock.now())).await;
    rig.clock.advance(60_000);
    // Committed at the CRM after the read, known here before what was read is stored.
    let later = rig.clock.now().plus_millis(1_000);
    rig.deliver(&events.event(ChangeType::Update, &record, &fields(&[("Name", "newer")]), later)).await;
    rig.refetch().await;
    assert_eq!(rig.entity(&record).await.unwrap()["name"], "newer");
    assert_eq!(rig.tasks().await.len(), 1, "it is read once more, to be sure");
    rig.org.put_stamped(OBJECT, &record, fields(&[("Name", "newer")]), later.plus_millis(-later.millis() % 1_000));
    rig.refetch_all(3).await;
    same(rig.differences(&record).await);
}

/// Rule 25 of reading CRMs.
#[tokio::test]
async fn a_record_that_does_not_parse_is_quarantined_and_not_dropped() {
    let (rig, mut events, record) = with_record(&[("Name", "a")]).await;
    rig.deliver(&events.event(ChangeType::Gap("GAP_UPDATE"), &record, &Map::new(), rig.clock.now())).await;
    rig.org.break_records(OBJECT);
    while !rig.tasks().await.is_empty() {
        rig.clock.advance(6 * 3_600_000);
        rig.refetch().await;
    }
    let entries = rig.state.quarantine.list(None, None, 9).await.unwrap();
    assert!(entries[0].errors[0].message.contains("expected a timestamp"), "{entries:?}");
}

#[tokio::test]
async fn of_two_processes_one_refetches() {
    let (rig, mut events, record) = with_record(&[("Name", "a")]).await;
    rig.deliver(&events.event(ChangeType::Gap("GAP_UPDATE"), &record, &Map::new(), rig.clock.now())).await;
    rig.clock.advance(60_000);
    let (one, other) = (rig.refetcher(), rig.refetcher());
    let far = annals_tests::rig::far();
    let (one, other) = tokio::join!(one.run(far), other.run(far));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.read + other.read, 1, "{one:?} {other:?}");
}

/// The tasks of a CRM that is not connected wait, and hide none of another one.
#[tokio::test]
async fn tasks_of_a_crm_that_is_not_connected_hold_up_no_others() {
    let (rig, mut events, record) = with_record(&[("Name", "a")]).await;
    rig.deliver(&events.event(ChangeType::Gap("GAP_UPDATE"), &record, &Map::new(), rig.clock.now())).await;
    let own = rig.tasks().await.remove(0);
    let foreign = (0..600).map(|number| RefetchTask {
        key: rig.key(&id(1_000 + number)),
        provider: Provider::Hubspot,
        due_at: own.due_at.plus_millis(-60_000),
        ..own.clone()
    });
    rig.state.refetch.enqueue(foreign.collect()).await.unwrap();
    rig.refetch_all(3).await;
    same(rig.differences(&record).await);
    assert_eq!(rig.state.refetch.count(1_000).await.unwrap(), 600);
}
