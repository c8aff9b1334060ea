//! Order and repetition do not change the state of an aggregate: 1,000 random histories of one record.

use std::collections::BTreeSet;
use std::sync::Arc;

use annals_crm::salesforce::Salesforce;
use annals_domain::aggregate::Aggregate;
use annals_domain::change::Change;
use annals_domain::identity::{AggregateId, EntityKey, EntityName, ExternalId, Provider, ProviderAccount};
use annals_domain::position::{Position, Version};
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
    let histories: Vec<(Vec<Delivery>, Vec<Arc<Change>>)> = (0..1_000)
        .map(|seed| {
            let deliveries = History { seed }.deliveries(RECORD);
            let changes = deliveries.iter().map(|delivery| read(&adapter, delivery)).collect();
            (deliveries, changes)
        })
        .collect();
    let states: Vec<Aggregate> = histories.iter().map(|(_, changes)| fold(changes.iter())).collect();
    let count = |holds: &dyn Fn(&Aggregate) -> bool| states.iter().filter(|state| holds(state)).count();
    assert!(count(&|state| !state.has_base()) > 20, "histories that wait for their base");
    assert!(count(&|state| state.is_deleted()) > 50, "histories that end deleted");
    assert!(count(&|state| !state.unknown_paths().is_empty()) > 50, "histories that end with unknown leaves");
    assert!(count(&|state| state.stale().is_some()) > 50, "histories that end stale");
    let is_edited = |state: &Aggregate| {
        state.raw().get("Description").and_then(|text| text.as_str()).is_some_and(|text| text.contains("edited"))
    };
    assert!(count(&is_edited) > 50, "histories whose differences lead to a text");

    let pairs = |holds: &dyn Fn(&Position, &Position) -> bool| {
        let has_pair = |(_, changes): &&(Vec<Delivery>, Vec<Arc<Change>>)| {
            changes.windows(2).any(|pair| holds(&pair[0].position, &pair[1].position))
        };
        histories.iter().filter(has_pair).count()
    };
    let differ =
        |one: &Position, other: &Position| one.source_order() == other.source_order() && one.event_id != other.event_id;
    assert!(pairs(&differ) > 100, "histories with differing copies");
    let tied = |one: &Position, other: &Position| {
        let order = |at: &Position| (at.timestamp, at.rank, at.commit_number, at.sequence_number);
        order(one) == order(other) && one.kind != other.kind && one.commit_number.is_none()
    };
    assert!(pairs(&tied) > 50, "histories with ties");

    let texts = |holds: &dyn Fn(&str) -> bool| {
        let has_text = |delivery: &Delivery| matches!(delivery, Delivery::Event(text) if holds(text));
        histories.iter().filter(|(deliveries, _)| deliveries.iter().any(has_text)).count()
    };
    assert!(texts(&|text| text.contains(r#""changedFields":["0x"#)) > 50, "histories with bitmaps");
    assert!(texts(&|text| !text.starts_with(r#"{"ChangeEventHeader""#)) > 20, "histories with re-sorted keys");
    assert!(texts(&|text| text.contains(r#""sequenceNumber":"1""#)) > 50, "histories with numbers as texts");
    assert!(texts(&|text| text.contains(r#"["002"#)) > 50, "histories with merged ids");
    assert!(texts(&|text| text.contains(r#""BillingCountry""#)) > 50, "histories with a null address beside its parts");
    assert!(texts(&|text| text.contains(r#""NumberOfEmployees":1000.0"#)) > 20, "histories with equal numbers");
    let keys = |(deliveries, _): &&(Vec<Delivery>, Vec<Arc<Change>>)| {
        let mut seen = BTreeSet::new();
        deliveries
            .iter()
            .filter_map(Delivery::transaction)
            .any(|(key, time)| seen.iter().any(|(other, at)| *other == key && *at != time) || !seen.insert((key, time)))
    };
    assert!(histories.iter().filter(keys).count() > 50, "histories with one key in two seconds");
}
