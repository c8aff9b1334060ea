//! System fields, and a record's own fields of the same names.

use annals_domain::aggregate::Aggregate;
use annals_domain::definition::{Catalog, EntitySchema, SystemField};
use annals_domain::entity::Entity;
use annals_domain::entity_changes::EntityChanges;
use annals_domain::identity::{AggregateId, EntityKey, EntityName, ExternalId, Provider, ProviderAccount};
use annals_domain::mapping::map;
use annals_domain::position::Version;
use annals_domain::testing::{ChangeBuilder, PlainAdapter, created, updated};
use serde_json::{Map, Value, json};

/// The entity of an object without a definition, with a field of every system field's name and two others.
fn entity(last: ChangeBuilder) -> (Entity, EntitySchema) {
    let adapters = PlainAdapter::alone();
    let (object, id) = (EntityName::new("Widget"), ExternalId::new("W1"));
    let schema = Catalog::default().schema(Provider::Salesforce, &object);
    let aggregate_id = AggregateId::of(Provider::Salesforce, &ProviderAccount::unset(), &object, &id);
    let key = EntityKey { entity_name: object, aggregate_id };
    let mut state = Aggregate::new(key, Provider::Salesforce, id);
    let all = SystemField::ALL.into_iter().fold(created(1), |change, field| change.with(field.name(), "own"));
    state.apply(Version::FIRST, &all.with("Color", "red").with("nested.version", "own").change());
    state.apply(Version::FIRST.next(), &last.change());
    let adapter = adapters.get(Provider::Salesforce).expect("the plain adapter");
    (map(&state, &schema, &**adapter), schema)
}

/// The keys of an object's text, in order. Panics if a key is duplicated.
fn keys(text: &str) -> Vec<String> {
    let object = annals_json::read(text).expect("no duplicate key");
    object.as_object().expect("an object").iter().map(|(key, _)| key.to_owned()).collect()
}

#[test]
fn a_system_field_wins_over_a_records_own_field_of_its_name() {
    let (entity, schema) = entity(updated(2));
    let text = serde_json::to_string(&entity.as_json(&schema)).expect("an object");
    let mut keys = keys(&text);
    keys.sort();
    let mut expected: Vec<&str> =
        SystemField::ALL.into_iter().map(SystemField::name).chain(["Color", "nested"]).collect();
    expected.sort_unstable();
    assert_eq!(keys, expected);
    let json: Map<String, Value> = serde_json::from_str(&text).expect("an object");
    for field in SystemField::ALL {
        assert_ne!(json[field.name()], json!("own"), "{}", field.name());
    }
    assert_eq!((&json["id"], &json["is_deleted"], &json["version"]), (&json!("W1"), &json!(false), &json!(2)));
    assert_eq!(json["nested"], json!({ "version": "own" }));
    assert_eq!(json, entity.to_json(&schema));
}

#[test]
fn data_without_system_fields_keeps_the_records_own_fields() {
    let (entity, schema) = entity(updated(2));
    let text = serde_json::to_string(&entity.as_data(&schema)).expect("an object");
    assert_eq!(keys(&text).len(), SystemField::ALL.len() + 2);
    let json: Map<String, Value> = serde_json::from_str(&text).expect("an object");
    for field in SystemField::ALL {
        let is_own = json[field.name()] == json!("own");
        assert_eq!(is_own, !field.is_mapped(), "{}", field.name());
    }
}

#[test]
fn changes_name_each_field_once() {
    let (before, schema) = entity(updated(2));
    let changes = SystemField::ALL.into_iter().fold(updated(2), |change, field| change.with(field.name(), "new"));
    let (after, _) = entity(changes);
    let text = serde_json::to_string(&EntityChanges::between(&schema, Some(&before), &after)).expect("an object");
    let expected: Vec<String> =
        SystemField::ALL.into_iter().filter(|field| !field.is_mapped()).map(|field| field.name().to_owned()).collect();
    let mut keys = keys(&text);
    keys.sort_by_key(|key| expected.iter().position(|name| name == key));
    assert_eq!(keys, expected);
}

#[test]
fn a_definition_may_state_the_mapped_system_fields_only() {
    use annals_domain::definition::DefinitionFile;
    for field in SystemField::ALL.into_iter().filter(|field| *field != SystemField::Id) {
        let text = format!(
            "type = \"widget\"\nplural = \"widgets\"\n[objects]\nsalesforce = \"Widget\"\n\
             [[fields]]\nname = \"id\"\ntype = \"id\"\nsalesforce = {{ copy = \"Id\" }}\n\
             [[fields]]\nname = \"{}\"\ntype = \"bool\"\n",
            field.name()
        );
        let file = DefinitionFile { name: "widget.toml".to_owned(), text };
        let loaded = Catalog::load(&[file], &PlainAdapter::alone());
        assert_eq!(loaded.is_ok(), field.is_mapped(), "{}", field.name());
    }
}

/// By what type a query filters and sorts.
#[test]
fn a_query_may_name_a_system_field_by_which_it_can_filter() {
    use annals_domain::definition::FieldType;
    for (field, name, query_type) in [
        (SystemField::Id, "id", Some(FieldType::Id)),
        (SystemField::AggregateId, "aggregate_id", Some(FieldType::Id)),
        (SystemField::AggregateType, "aggregate_type", None),
        (SystemField::Provider, "provider", Some(FieldType::String)),
        (SystemField::Version, "version", Some(FieldType::Number)),
        (SystemField::CreatedAt, "created_at", Some(FieldType::Datetime)),
        (SystemField::UpdatedAt, "updated_at", Some(FieldType::Datetime)),
        (SystemField::IsDeleted, "is_deleted", Some(FieldType::Bool)),
        (SystemField::Stale, "stale", Some(FieldType::Bool)),
        (SystemField::Warnings, "warnings", None),
        (SystemField::Unknown, "unknown", None),
    ] {
        assert_eq!((field.name(), SystemField::named(name)), (name, Some(field)));
        assert_eq!(field.query_type(), query_type, "{name}");
    }
    assert_eq!(SystemField::named("name"), None);
}
