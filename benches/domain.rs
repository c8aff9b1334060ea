//! The speed of the domain: the fold of 1,000 events, and the reading and mapping of one change.
//!
//! Floors: a plain map from path to the newest value, without provenance, structs or lifecycle; and
//! serde_json reading the same text. The difference is the cost of the domain's rules.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

use annals_benches::{pair, per_call};
use annals_crm::salesforce::Salesforce;
use annals_domain::aggregate::Aggregate;
use annals_domain::change::{Change, WriteContent};
use annals_domain::definition::Catalog;
use annals_domain::identity::{AggregateId, EntityKey, EntityName, ExternalId, Provider};
use annals_domain::mapping;
use annals_domain::position::{Position, Version};
use annals_domain::provider_adapter::{ParsedInput, ProviderAdapter, ProviderAdapters};
use annals_tests::crm::{Account, Delivery};
use annals_tests::random::Random;
use serde_json::Value;

const RECORD: &str = "001000000000001AAA";
const EVENTS: usize = 1_000;

fn inputs() -> Vec<String> {
    let (mut random, mut account) = (Random::new(1), Account::new(RECORD));
    let mut deliveries = vec![account.create(&mut random)];
    deliveries.extend((1..EVENTS).map(|_| account.update(&mut random)));
    let text = |delivery| match delivery {
        Delivery::Event(text) => Some(String::from(&*text)),
        Delivery::Image(_) => None,
    };
    deliveries.into_iter().filter_map(text).collect()
}

fn read(adapter: &Salesforce, input: &str) -> Option<Arc<Change>> {
    match adapter.read_input(input) {
        ParsedInput::Changes(mut changes) => changes.pop().map(|incoming| incoming.change),
        _ => None,
    }
}

fn empty(adapter: &Salesforce) -> Aggregate {
    let (name, id) = (EntityName::new("Account"), ExternalId::new(RECORD));
    let aggregate_id = AggregateId::of(Provider::Salesforce, adapter.account(), &name, &id);
    Aggregate::new(EntityKey { entity_name: name, aggregate_id }, Provider::Salesforce, id)
}

fn bare_fold(changes: &[Arc<Change>]) -> BTreeMap<&str, (Position, Option<&Value>)> {
    let mut map: BTreeMap<&str, (Position, Option<&Value>)> = BTreeMap::new();
    for change in changes {
        for write in &change.writes {
            let value = match &write.content {
                WriteContent::Value(value) => Some(value),
                WriteContent::Unknown | WriteContent::Diff(_) => None,
            };
            let newest = map.entry(write.path.as_str()).or_insert((change.position, value));
            if newest.0 < change.position {
                *newest = (change.position, value);
            }
        }
    }
    map
}

fn main() -> anyhow::Result<()> {
    let adapter = Arc::new(Salesforce::new(None));
    let adapters = ProviderAdapters::new([Arc::clone(&adapter) as Arc<dyn ProviderAdapter>]);
    let catalog = Catalog::built_in(&adapters)?;
    let inputs = inputs();
    let changes: Vec<Arc<Change>> = inputs.iter().filter_map(|input| read(&adapter, input)).collect();
    anyhow::ensure!(changes.len() == EVENTS, "every input is one change");

    let fold = || {
        let mut state = empty(&adapter);
        for (version, change) in (1..).zip(&changes) {
            state.apply(Version::new(version), change);
        }
        state
    };
    pair(
        "fold of 1,000 events (floor: newest value a path, in a plain map)",
        || per_call(|| bare_fold(&changes).len()),
        || per_call(fold),
    );

    let schema = catalog.schema(Provider::Salesforce, &EntityName::new("Account"));
    let one = &inputs[0];
    let parse_and_map = || {
        let mut state = empty(&adapter);
        if let Some(change) = read(&adapter, one) {
            state.apply(Version::FIRST, &change);
        }
        mapping::map(&state, &schema, &*adapter)
    };
    let name = format!("parse and map of one change of {} bytes (floor: serde_json reads it)", one.len());
    pair(&name, || per_call(|| serde_json::from_str::<Value>(black_box(one)).is_ok()), || per_call(parse_and_map));
    Ok(())
}
