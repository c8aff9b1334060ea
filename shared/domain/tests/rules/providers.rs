//! Providers by their names, and the adapters of an installation.

use std::sync::Arc;

use annals_domain::event::{EventInput, ObservedParts, Source};
use annals_domain::identity::{AggregateId, EntityKey, EntityName, ExternalId, Provider};
use annals_domain::position::EventId;
use annals_domain::provider_adapter::{IncomingChange, MergedChange, ProviderAdapters};
use annals_domain::testing::{PlainAdapter, updated};

#[test]
fn a_provider_is_known_by_its_name_only() {
    assert_eq!(Provider::ALL.map(|provider| provider.to_string()), ["salesforce", "hubspot", "pipedrive"]);
    for provider in Provider::ALL {
        assert_eq!(provider.as_str().parse(), Ok(provider));
        assert_eq!(serde_json::to_value(provider).expect("a text"), provider.as_str());
    }
    let error = "Salesforce".parse::<Provider>().expect_err("names are lowercase");
    assert_eq!(error.to_string(), "unknown provider `Salesforce`: expected salesforce, hubspot or pipedrive");
}

#[test]
fn ids_read_back_from_storage_are_what_was_stored() {
    let event_id = EventId::of(&["a", "b"]);
    assert_eq!(EventId::from_uuid(event_id.uuid()), event_id);
    assert_eq!(event_id.to_string(), event_id.uuid().to_string());
    let id = AggregateId::from_uuid(event_id.uuid());
    assert_eq!((id.uuid(), id.to_string()), (event_id.uuid(), event_id.to_string()));
    let key = EntityKey { entity_name: EntityName::new("Account"), aggregate_id: id };
    let json = serde_json::to_string(&key).expect("a text");
    assert_eq!(json, format!("\"Account#{id}\""));
    assert_eq!(serde_json::from_str::<EntityKey>(&json).expect("a key"), key);
}

#[test]
fn an_event_of_a_provider_without_an_adapter_cannot_be_read() {
    let (adapters, observed) = (PlainAdapter::alone(), ObservedParts::default());
    let position = updated(1).change().position;
    let read = |provider| {
        let (entity_name, external_id) = (&EntityName::new("Account"), &ExternalId::new("1"));
        let source = Source::Cdc;
        let event = EventInput { provider, entity_name, external_id, source, position, observed: &observed, data: "" };
        adapters.read_event(&event).expect_err("unreadable").to_string()
    };
    let id = position.event_id;
    assert_eq!(
        read(Provider::Hubspot),
        format!("cannot read event `{id}`: no adapter for hubspot in this installation")
    );
    assert_eq!(read(Provider::Salesforce), format!("cannot read event `{id}`: the plain adapter parses nothing"));
}

#[test]
fn an_installation_has_one_adapter_for_each_of_its_providers() {
    let adapters = PlainAdapter::alone();
    let adapter = adapters.get(Provider::Salesforce).expect("the plain adapter");
    assert!(adapters.get(Provider::Hubspot).is_none());
    assert_eq!(adapters.iter().map(|adapter| adapter.provider()).collect::<Vec<_>>(), [Provider::Salesforce]);
    assert_eq!(format!("{adapters:?}"), "{Salesforce}");
    assert_eq!(ProviderAdapters::new([Arc::clone(adapter), Arc::clone(adapter)]).iter().count(), 1);
    assert_eq!(adapter.stamp_field(), None, "not every provider has such a field");
}

#[test]
fn a_merged_change_becomes_one_change_for_each_record_which_names_it_only() {
    let records: Vec<_> = ["1", "2"].map(|id| (ExternalId::new(id), EventId::of(&[id]))).into();
    let first = updated(1).with("Name", "n").incoming();
    let (before, after) = ("{\"ids\":".into(), ",\"x\":1}".into());
    let merged = MergedChange { first: first.clone(), records: records.clone(), before, after };
    let changes: Vec<IncomingChange> = merged.into_changes().collect();
    assert_eq!(changes.len(), 2);
    for (change, (external_id, event_id)) in changes.iter().zip(records) {
        assert_eq!((&change.metadata.external_id, change.change.position.event_id), (&external_id, event_id));
        assert_eq!(*change.data, format!("{{\"ids\":[\"{external_id}\"],\"x\":1}}"));
        assert_eq!(change.change.writes, first.change.writes);
    }
}
