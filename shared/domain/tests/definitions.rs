//! Definition files: what ships loads, and what does not fit is refused with its line and reason.

use annals_domain::definition::{Catalog, DefinitionFile, FieldType};
use annals_domain::testing::PlainAdapter;

const GOOD: &str = r#"type = "thing"
plural = "things"

[objects]
salesforce = "Thing__c"

[[fields]]
name = "id"
type = "id"
salesforce = { copy = "Id" }
"#;

fn load(text: &str) -> Result<Catalog, String> {
    let file = DefinitionFile { name: "thing.toml".to_owned(), text: text.to_owned() };
    Catalog::load(&[file], &PlainAdapter::alone()).map_err(|error| error.to_string())
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    let error = load(text).map(|_| ()).expect_err("refused");
    assert!(error.starts_with(expected), "{error}\nexpected: {expected}");
}

fn with_field(field: &str) -> String {
    format!("{GOOD}\n[[fields]]\n{field}\n")
}

#[test]
fn the_six_definitions_that_ship_load() {
    let catalog = Catalog::built_in(&PlainAdapter::alone()).expect("they fit");
    let names: Vec<&str> = catalog.definitions().iter().map(|d| d.plural.as_str()).collect();
    assert_eq!(names, ["clients", "contracts", "deals", "platforms", "services", "subservices"]);
}

#[test]
fn the_client_has_exactly_its_fields() {
    let catalog = Catalog::built_in(&PlainAdapter::alone()).expect("they fit");
    let client = catalog.named("client").expect("it ships");
    let fields: Vec<String> = client
        .fields
        .iter()
        .map(|field| {
            format!("{}: {}{}", field.name, field.field_type.as_str(), if field.searchable { "*" } else { "" })
        })
        .collect();
    insta::assert_snapshot!(fields.join("\n"));
}

#[test]
fn a_definition_is_found_by_plural_singular_and_object() {
    let catalog = load(GOOD).expect("it fits");
    for name in ["thing", "things", "Thing__c"] {
        assert!(catalog.named(name).is_some(), "{name}");
    }
    assert!(catalog.named("Thing").is_none());
}

#[test]
fn another_definition_has_another_digest() {
    let digest = |text: &str| load(text).expect("it fits").definitions()[0].digest.clone();
    assert_eq!(digest(GOOD), digest(GOOD));
    assert_ne!(
        digest(GOOD),
        digest(&with_field("name = \"name\"\ntype = \"string\"\nsalesforce = { copy = \"Name\" }"))
    );
}

#[test]
fn a_bad_file_is_refused_with_its_line_and_reason() {
    refused("type = ", "thing.toml:1: ");
    refused(&GOOD.replace("plural = \"things\"", "plural = \"events\""), "thing.toml:2: `events` is a path of the API");
    refused(&GOOD.replace("\"thing\"", "\"Thing\""), "thing.toml:1: `Thing` is not a name");
    refused(&GOOD.replace("salesforce = \"Thing", "zoho = \"Thing"), "thing.toml:5: `zoho` is not a provider");
    refused(&GOOD.replace("name = \"id\"", "name = \"key\""), "thing.toml:7: there is no field `id`");
    refused(&GOOD.replace("plural", "plurals"), "thing.toml:2: unknown field `plurals`");
}

#[test]
fn a_bad_field_is_refused_with_its_line_and_reason() {
    for (field, reason) in [
        ("name = \"id\"\ntype = \"id\"", "thing.toml:13: field `id` is there twice"),
        ("name = \"version\"\ntype = \"number\"", "thing.toml:13: every entity has `version` already"),
        ("name = \"a\"\ntype = \"money\"", "thing.toml:14: `money` is not a type"),
        ("name = \"a\"\ntype = \"bool\"\nsearchable = true", "thing.toml:15: a bool is not searchable"),
        ("name = \"a\"\ntype = \"date\"\nsalesforce = { copy = \"A\" }", "thing.toml:15: `copy` does not give a date"),
        ("name = \"a\"\ntype = \"string\"\nsalesforce = {}", "thing.toml:15: names 0 operations"),
        ("name = \"a\"\ntype = \"string\"\nsalesforce = { copy = \"A\", on = \";\" }", "thing.toml:15: `on` goes with"),
        ("name = \"a\"\ntype = \"string\"\nhubspot = { copy = \"a\" }", "thing.toml:15: [objects] names no hubspot"),
        ("name = \"a\"\ntype = \"string\"\nsalesforce = { first_of = [] }", "thing.toml:15: `first_of` names no field"),
    ] {
        refused(&with_field(field), reason);
    }
}

#[test]
fn two_files_cannot_claim_one_name() {
    let file = |name: &str| DefinitionFile { name: name.to_owned(), text: GOOD.to_owned() };
    let error =
        Catalog::load(&[file("a.toml"), file("b.toml")], &PlainAdapter::alone()).map(|_| ()).expect_err("refused");
    assert_eq!(error.to_string(), "b.toml:1: `Thing__c` is claimed by a.toml already");
}

#[test]
fn an_object_without_a_definition_has_an_open_shape_under_its_lowercase_name() {
    use annals_domain::identity::{EntityName, Provider};
    let catalog = load(GOOD).expect("it fits");
    let schema = catalog.schema(Provider::Salesforce, &EntityName::new("Contact"));
    assert_eq!(schema.aggregate_type().as_str(), "contact");
    assert!(schema.definition().is_none());
    assert_eq!(FieldType::Decimal.as_str(), "decimal");
}

#[test]
fn the_definitions_that_ship_are_those_of_their_files() {
    let adapters = PlainAdapter::alone();
    let mut files: Vec<_> =
        std::fs::read_dir("entities").expect("the folder").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    let file = |path: &std::path::PathBuf| DefinitionFile {
        name: path.file_name().expect("a name").to_string_lossy().into_owned(),
        text: std::fs::read_to_string(path).expect("a text"),
    };
    let read = Catalog::load(&files.iter().map(file).collect::<Vec<_>>(), &adapters).expect("they fit");
    let built_in = Catalog::built_in(&adapters).expect("they fit");
    assert_eq!(built_in.definitions(), read.definitions());
    assert_eq!(read.definitions().len(), files.len());
}
