//! The damaged stream of one record holds up no other record, and is named.

use annals_application::backfill::BackfillRequest;
use annals_application::ports::{Clock, JobState};
use annals_domain::identity::ExternalId;
use annals_tests::change_events::{ChangeEvents, ChangeType};
use annals_tests::rig::{CrmRig, OBJECT, far, id};
use serde_json::{Map, json};

/// A connection of its own, to damage what is stored.
pub(crate) fn database(rig: &CrmRig) -> rusqlite::Connection {
    rusqlite::Connection::open(rig.database()).unwrap()
}

/// Makes that column of a record's events unreadable.
pub(crate) fn damage(rig: &CrmRig, record: &ExternalId, column: &str) {
    let connection = database(rig);
    connection.execute_batch("DROP TRIGGER IF EXISTS events_are_not_changed").unwrap();
    let damage = format!("UPDATE events SET {column} = 'x' WHERE aggregate_id = ?");
    assert_ne!(connection.execute(&damage, [rig.key(record).aggregate_id.uuid().as_bytes()]).unwrap(), 0);
}

fn rename_all(rig: &CrmRig, count: usize, name: &str) {
    for number in 1..=count {
        rig.org.put(OBJECT, &id(number), Map::from_iter([("Name".to_owned(), json!(name))]));
    }
    rig.clock.advance(3_600_000);
}

/// Reads all records. Returns the reason of the job, which is done.
async fn backfill(rig: &CrmRig) -> String {
    rig.backfill().request("clients", &BackfillRequest::default()).await.unwrap();
    rig.runner().run(far()).await.unwrap();
    let job = rig.backfill().status("clients").await.unwrap();
    assert_eq!(job.state, JobState::Done, "{}", job.reason);
    job.reason
}

#[tokio::test]
async fn a_backfill_stores_the_others_and_its_certificate_names_the_damaged_one() {
    let rig = CrmRig::new().await;
    rename_all(&rig, 30, "before");
    backfill(&rig).await;
    damage(&rig, &id(7), "head");
    rename_all(&rig, 30, "after");
    let reason = backfill(&rig).await;
    assert_eq!(reason, format!("complete: 30 records at the CRM, 30 here, 1 not stored (`{}`)", id(7)));
    for number in (1..=30).filter(|number| *number != 7) {
        assert_eq!(rig.differences(&id(number)).await, [""; 0]);
    }
}

#[tokio::test]
async fn a_refetch_reads_the_others() {
    let rig = CrmRig::new().await;
    rename_all(&rig, 2, "before");
    backfill(&rig).await;
    rename_all(&rig, 2, "after");
    let mut events = ChangeEvents::default();
    for number in 1..=2 {
        let gap = events.event(ChangeType::Gap("GAP_UPDATE"), &id(number), &Map::new(), rig.clock.now());
        rig.deliver(&gap).await;
    }
    damage(&rig, &id(1), "head");
    rig.clock.advance(60_000);
    let report = rig.refetch().await;
    assert_eq!((report.finished, report.postponed), (1, 1), "{report:?}");
    assert_eq!(rig.differences(&id(2)).await, [""; 0]);
}

/// Before its creation came, a record's task is looked at by its head alone.
#[tokio::test]
async fn a_refetch_of_records_without_their_creation_reads_the_others() {
    let rig = CrmRig::new().await;
    rename_all(&rig, 2, "first");
    let mut events = ChangeEvents::default();
    for number in 1..=2 {
        let fields = Map::from_iter([("Name".to_owned(), json!("first"))]);
        rig.deliver(&events.event(ChangeType::Update, &id(number), &fields, rig.clock.now())).await;
    }
    damage(&rig, &id(1), "head");
    rig.clock.advance(3_600_000);
    let report = rig.refetch().await;
    assert_eq!((report.finished, report.postponed), (1, 1), "{report:?}");
    assert_eq!(rig.differences(&id(2)).await, [""; 0]);
}
