//! The JSON that readers get of an entity, and the text by which it is found.

use annals_domain::definition::Catalog;
use annals_domain::entity::{Entity, FieldValue};
use annals_domain::identity::EntityName;
use annals_domain::search_text::search_text;
use annals_domain::testing::{ChangeBuilder, at, client_with, created, given, given_as, image, updated};
use serde_json::{Number, Value, json};

#[test]
fn each_value_has_one_json_form() {
    let number = |text: &str| FieldValue::Number(text.parse::<Number>().expect("a number"));
    let day = "2026-01-01".parse().expect("a day");
    for (value, expected) in [
        (FieldValue::Null, "null"),
        (FieldValue::Text("a\"b".into()), r#""a\"b""#),
        (FieldValue::List(vec!["a".to_owned(), "b".to_owned()]), r#"["a","b"]"#),
        (FieldValue::Timestamp(at(0)), r#""2026-01-01T00:00:00Z""#),
        (FieldValue::Date(day), r#""2026-01-01""#),
        (FieldValue::Bool(true), "true"),
        (number("1.5"), "1.5"),
        (number("-9007199254740992"), "-9007199254740992"),
        (number("-9007199254740993"), r#""-9007199254740993""#),
        (number("99999999999999999999"), r#""99999999999999999999""#),
        (number("9007199254740993.5"), "9007199254740993.5"),
        (FieldValue::Decimal("1.20".to_owned()), r#""1.20""#),
        (FieldValue::Raw(json!({"a": [1]})), r#"{"a":[1]}"#),
    ] {
        assert_eq!(value.to_json().to_string(), expected);
        assert_eq!(serde_json::to_string(&value).expect("JSON"), expected);
    }
}

#[test]
fn readers_get_all_fields_of_the_definition_in_its_order_then_the_system_fields() {
    let scenario = given([created(1).with("Account_Status__c", "Active"), updated(2).with("Name", "A")]);
    let (entity, schema) = (scenario.entity(), scenario.schema());
    let definition = schema.definition().expect("it has one");
    let names: Vec<&str> = definition.fields.iter().map(|field| &*field.name).collect();
    let data = entity.data(&schema);
    assert_eq!(data.keys().collect::<Vec<_>>(), names);
    assert_eq!((&data["name"], &data["status"], &data["priority"]), (&json!("A"), &json!("Active"), &Value::Null));
    let json = entity.to_json(&schema);
    assert_eq!(json.keys().take(names.len()).collect::<Vec<_>>(), names);
    assert_eq!((&json["version"], &json["provider"]), (&json!(2), &json!("salesforce")));
    assert_eq!((&json["created_at"], &json["updated_at"]), (&json!(at(1)), &json!(at(2))));
}

#[test]
fn a_field_is_found_wherever_it_stands() {
    let scenario = given([created(1).with("Name", "A").with("Account_Status__c", "Active")]);
    let schema = scenario.schema();
    let definition = schema.definition().expect("it has one");
    let mut entity: Entity = scenario.entity();
    entity.fields.reverse();
    let found = |name: &str| entity.fields_of(definition).find(|(field, _)| &*field.name == name).and_then(|(_, v)| v);
    for name in ["id", "name", "status"] {
        assert_eq!(found(name), entity.field(name), "{name}");
        assert!(found(name).is_some(), "{name}");
    }
    assert_eq!((entity.field("priority"), found("priority")), (None, None));
}

#[test]
fn the_text_of_a_struct_is_unknown_while_one_of_its_parts_is() {
    #[track_caller]
    fn check(changes: impl IntoIterator<Item = ChangeBuilder>, name: Option<&str>, unknown: &[&str]) {
        let definition = client_with(
            r#"[[fields]]
name = "name"
type = "string"
salesforce = { copy = "Name" }
"#,
        );
        let entity = given_as(&definition, changes).entity();
        assert_eq!(entity.field("name").map(FieldValue::to_json), name.map(Value::from));
        assert_eq!(entity.unknown.iter().map(|name| &**name).collect::<Vec<_>>(), unknown);
    }
    let base = || created(1).with("Name.Text", "Ada Byron").with("Name.Salutation", "Ms");
    check([base()], Some("Ada Byron"), &[]);
    check([base(), updated(2).naming("Name.Salutation")], None, &["name"]);
    let text = || updated(3).with("Name.Text", "Ada King");
    check([base(), updated(2).naming("Name"), text()], None, &["name"]);
    let stated = image(4).with("Name.Text", "Ada King").with("Name.Salutation", "Lady");
    check([base(), updated(2).naming("Name"), text(), stated], Some("Ada King"), &[]);
}

#[test]
fn a_search_looks_at_the_folded_texts_of_the_searchable_fields() {
    let definition = client_with(
        r#"[[fields]]
name = "name"
type = "string"
searchable = true
salesforce = { copy = "Name" }
[[fields]]
name = "code"
type = "string"
searchable = true
salesforce = { copy = "Code" }
[[fields]]
name = "city"
type = "string"
searchable = true
salesforce = { copy = "City" }
"#,
    );
    let change = created(1).with("Name", "Crème Ltd").with("City", "Paris").with("Code", Value::Null);
    let scenario = given_as(&definition, [change]);
    assert_eq!(search_text(&scenario.entity(), &scenario.schema()), "creme ltd\nparis");
    let open = Catalog::default().open(&EntityName::new("Account"));
    assert_eq!(search_text(&scenario.entity(), &open), "");
}
