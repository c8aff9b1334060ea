//! Sixteen concurrent writers on one record lose no event.

use std::collections::BTreeSet;
use std::sync::Arc;

use annals_application::commands::Outcome;
use annals_application::ports::{EventStore, ReadOptions};
use annals_domain::identity::EntityKey;
use annals_domain::position::Version;
use annals_sqlite::process::ProcessTuning;
use annals_sqlite::{Database, SqliteEventStore};
use annals_tests::crm::{Account, Delivery};
use annals_tests::process::{TestProcess, ingest_deliveries};
use annals_tests::random::Random;

const WRITERS: usize = 16;
const EVENTS_EACH: usize = 25;
const RECORD: &str = "001000000000001AAA";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_writers_of_25_events_on_one_record_store_400_dense_versions() {
    let test = TestProcess::new().await;
    let (mut random, mut account) = (Random::new(7), Account::new(RECORD));
    let mut deliveries: Vec<Delivery> = vec![account.create(&mut random)];
    deliveries.extend((1..WRITERS * EVENTS_EACH).map(|_| account.update(&mut random)));
    random.shuffle(&mut deliveries);

    let mut writers = Vec::new();
    for part in deliveries.chunks(EVENTS_EACH) {
        // Each writer is a separate process: heads and caches are not shared.
        let process = Arc::new(test.reopen(ProcessTuning::default()).await);
        let part = part.to_vec();
        writers.push(tokio::spawn(async move {
            let mut answers = Vec::new();
            for delivery in part {
                answers.extend(ingest_deliveries(&process.handler, [delivery]).await.into_iter().flatten());
            }
            answers
        }));
    }
    let mut answers = Vec::new();
    for writer in writers {
        answers.extend(writer.await.expect("the writer succeeds"));
    }

    assert_eq!(answers.len(), WRITERS * EVENTS_EACH);
    assert!(answers.iter().all(|read| matches!(read.outcome, Outcome::Stored | Outcome::AwaitingBase)));
    let versions: BTreeSet<u64> = answers.iter().filter_map(|read| read.version).map(Version::get).collect();
    assert_eq!(versions, (1..=400).collect());

    let store = SqliteEventStore::new(Database::open(&test.settings.db).expect("the file opens"));
    let first = &answers[0];
    let key = EntityKey {
        entity_name: first.entity_name.clone().expect("an object"),
        aggregate_id: first.aggregate_id.expect("a record"),
    };
    let stored = store.read(&key, &ReadOptions::from(Version::FIRST, usize::MAX)).await.expect("the store responds");
    let ids: BTreeSet<_> = stored.iter().map(|stored| stored.event.event_id()).collect();
    assert_eq!((stored.len(), ids.len()), (400, 400));
    assert!(stored.windows(2).all(|pair| pair[0].event.recorded_at <= pair[1].event.recorded_at));
}
