//! Order and repetition do not change the state of an aggregate: 1,000 random histories of one record.

use std::sync::Arc;

use annals_crm::salesforce::Salesforce;
use annals_domain::aggregate::Aggregate;
use annals_domain::change::Change;
use annals_domain::identity::{AggregateId, EntityKey, EntityName, ExternalId, Provider, ProviderAccount};
use annals_domain::position::Version;
use annals_domain::provider_adapter::{ParsedInput, ProviderAdapter};
use annals_tests::crm::Delivery;
use annals_tests::history::History;

const RECORD: &str = "001000000000001AAA";

fn read(adapter: &Salesforce, delivery: &Delivery) -> Arc<Change> {
    match delivery {
        Delivery::Event(text) => match adapter.read_input(text) {
            ParsedInput::Changes(changes) => {
                let own = changes.into_iter().find(|change| change.metadata.external_id.as_str() == RECORD);
                own.expect("the record is named").change
            }
            other => panic!("{other:?}\n{text}"),
        },
        Delivery::Image(found) => {
            let read = adapter.read_image(&found.entity_name, &found.external_id, &found.image);
            read.expect("a record that fits").change
        }
    }
}

fn fold<'a>(changes: impl Iterator<Item = &'a Arc<Change>>) -> Aggregate {
    let (name, id) = (EntityName::new("Account"), ExternalId::new(RECORD));
    let aggregate_id = AggregateId::of(Provider::Salesforce, &ProviderAccount::unset(), &name, &id);
    let mut state = Aggregate::new(EntityKey { entity_name: name, aggregate_id }, Provider::Salesforce, id);
    for change in changes {
        // The versions depend on the order of arrival and are not compared.
        state.apply(Version::FIRST, change);
    }
    state
}

#[test]
fn every_order_of_1000_histories_gives_the_state_of_the_commit_order() {
    let adapter = Salesforce::new(None);
    let mut orders = 0;
    for seed in 0..1_000 {
        let history = History { seed };
        let changes: Vec<Arc<Change>> = history.deliveries(RECORD).iter().map(|d| read(&adapter, d)).collect();
        let mut by_position: Vec<&Arc<Change>> = changes.iter().collect();
        by_position.sort_by_key(|change| change.position);
        let expected = fold(by_position.into_iter());
        for arrival in history.all_arrivals(changes.len()) {
            assert_eq!(fold(arrival.iter().map(|i| &changes[*i])), expected, "history {seed}, arrival {arrival:?}");
            orders += 1;
        }
    }
    assert!(orders > 20_000, "only {orders} orders were tested");
}

#[test]
fn the_histories_include_every_special_case() {
    let adapter = Salesforce::new(None);
    let states: Vec<Aggregate> = (0..1_000)
        .map(|seed| {
            let changes: Vec<Arc<Change>> =
                History { seed }.deliveries(RECORD).iter().map(|d| read(&adapter, d)).collect();
            fold(changes.iter())
        })
        .collect();
    let count = |holds: &dyn Fn(&Aggregate) -> bool| states.iter().filter(|state| holds(state)).count();
    assert!(count(&|state| !state.has_base()) > 20, "histories that wait for their base");
    assert!(count(&|state| state.is_deleted()) > 50, "histories that end deleted");
    assert!(count(&|state| state.unknown_paths().next().is_some()) > 50, "histories that end with unknown leaves");
    let is_edited = |state: &Aggregate| {
        state.raw().get("Description").and_then(|text| text.as_str()).is_some_and(|text| text.contains("edited"))
    };
    assert!(count(&is_edited) > 50, "histories whose differences lead to a text");
}
