//! Sections of streams from both tables.

use std::sync::Arc;

use annals_application::contract::samples::{change, key, position, stream, timestamp};
use annals_application::contract::stream_sections::SectionStores;
use annals_application::ports::{SectionRequest, Snapshot};
use annals_application::projection::SNAPSHOT_INTERVAL;
use annals_application::system::SystemClock;
use annals_aws::state_store::{DynamoStateStore, create_table};
use annals_aws::stream_sections::DynamoSections;
use annals_domain::aggregate::Aggregate;
use annals_domain::identity::{ExternalId, Provider};
use annals_domain::position::Version;
use annals_services::unique_name;

use super::tables::{Table, config, noise, store, with_data};

async fn make() -> (SectionStores, (Table, Table)) {
    let (store, events_table) = store().await;
    let (config, name) = (config(), unique_name("state"));
    create_table(&events_table.client, &name).await.expect("DynamoDB Local makes a table");
    let state = DynamoStateStore::new(&config, name.clone(), Arc::new(SystemClock));
    let sections = DynamoSections::new(&config, store.clone(), state.clone(), SNAPSHOT_INTERVAL);
    let stores = SectionStores { sections: Arc::new(sections), store: Arc::new(store), snapshots: Arc::new(state) };
    let state_table = Table { client: events_table.client.clone(), name };
    (stores, (events_table, state_table))
}

annals_application::stream_sections_contract!(make);

#[tokio::test(flavor = "multi_thread")]
async fn a_section_of_more_than_a_response_may_have_ends_before_a_gap() {
    let (SectionStores { sections, store, snapshots }, _tables) = make().await;
    let key = key("a");
    let text = noise(300_000, 1);
    let events: Vec<_> = stream(&key, 149).iter().map(|stored| with_data(stored, &format!("\"{text}\""))).collect();
    let appended = store.append(events).await;
    assert!(appended.iter().all(Result::is_ok), "{appended:?}");
    let mut state = Aggregate::new(key.clone(), Provider::Salesforce, ExternalId::new("001"));
    state.apply(Version::new(50), &change(position(50, "an event")));
    snapshots.put(vec![Snapshot { state, recorded_at: timestamp(2) }]).await.expect("the store writes");
    let request = SectionRequest { key: &key, from: Version::new(100), to: Version::new(149), max_bytes: usize::MAX };
    let section = sections.read(&request).await.expect("DynamoDB answers");
    assert_eq!(section.state.map(|state| state.version().get()), Some(50));
    let versions: Vec<u64> = section.events.iter().map(|stored| stored.event.version.get()).collect();
    let dense: Vec<u64> = (51..).take(versions.len()).collect();
    assert_eq!(versions, dense);
}
