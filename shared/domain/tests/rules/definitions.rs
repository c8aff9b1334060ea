//! Definition files: the shipped ones load, and an invalid one is rejected with its line and the reason.

use annals_domain::definition::{Catalog, DefinitionFile, FieldType, ReadInterval};
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
fn rejected(text: &str, expected: &str) {
    let error = load(text).map(|_| ()).expect_err("rejected");
    assert!(error.starts_with(expected), "{error}\nexpected: {expected}");
}

fn with_field(field: &str) -> String {
    format!("{GOOD}\n[[fields]]\n{field}\n")
}

#[test]
fn the_six_shipped_definitions_load() {
    let catalog = Catalog::built_in(&PlainAdapter::alone()).expect("valid definitions");
    let names: Vec<&str> = catalog.definitions().iter().map(|d| d.plural.as_str()).collect();
    assert_eq!(names, ["clients", "contracts", "deals", "platforms", "services", "subservices"]);
}

#[test]
fn the_client_has_exactly_its_fields() {
    let catalog = Catalog::built_in(&PlainAdapter::alone()).expect("valid definitions");
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
    let catalog = load(GOOD).expect("a valid definition");
    for name in ["thing", "things", "Thing__c"] {
        assert!(catalog.named(name).is_some(), "{name}");
    }
    assert!(catalog.named("Thing").is_none());
}

#[test]
fn the_names_of_a_type_mean_all_its_objects_and_that_of_an_object_means_only_it() {
    let text = GOOD.replace("salesforce = \"Thing__c\"", "salesforce = \"Thing__c\"\nhubspot = \"gadget\"");
    let catalog = load(&text).expect("a valid definition");
    let check = |name: &str, expected: &[&str]| {
        let objects = catalog.objects_named(name);
        let found: Vec<String> = objects.iter().map(|(provider, object)| format!("{provider} {object}")).collect();
        assert_eq!(found, expected, "{name}");
    };
    for name in ["thing", "things"] {
        check(name, &["salesforce Thing__c", "hubspot gadget"]);
    }
    check("Thing__c", &["salesforce Thing__c"]);
    check("gadget", &["hubspot gadget"]);
    check("Thing", &[]);
}

#[test]
fn another_definition_has_another_digest() {
    let digest = |text: &str| load(text).expect("a valid definition").definitions()[0].digest.clone();
    assert_eq!(digest(GOOD), digest(GOOD));
    assert_ne!(
        digest(GOOD),
        digest(&with_field("name = \"name\"\ntype = \"string\"\nsalesforce = { copy = \"Name\" }"))
    );
}

#[test]
fn a_bad_file_is_rejected_with_its_line_and_reason() {
    rejected("type = ", "thing.toml:1: ");
    rejected(
        &GOOD.replace("plural = \"things\"", "plural = \"events\""),
        "thing.toml:2: reserved name `events`: it is a path of the API",
    );
    rejected(&GOOD.replace("\"thing\"", "\"Thing\""), "thing.toml:1: invalid name `Thing`");
    rejected(&GOOD.replace("salesforce = \"Thing", "zoho = \"Thing"), "thing.toml:5: unknown provider `zoho`");
    rejected(&GOOD.replace("name = \"id\"", "name = \"key\""), "thing.toml:7: no field `id`");
    rejected(&GOOD.replace("plural", "plurals"), "thing.toml:2: unknown field `plurals`");
}

#[test]
fn a_name_has_lowercase_letters_digits_and_underscores_and_starts_with_a_letter() {
    for name in ["a", "a_b", "t2", "thing_"] {
        assert!(load(&GOOD.replace("\"thing\"", &format!("\"{name}\""))).is_ok(), "{name}");
    }
    for name in ["", "9a", "_a", "thIng", "a-b", "a b", "\u{e9}a", "a\u{e9}"] {
        let expected = format!("thing.toml:1: invalid name `{name}`: expected lowercase letters, digits and `_`");
        rejected(&GOOD.replace("\"thing\"", &format!("\"{name}\"")), &expected);
    }
}

#[test]
fn a_path_of_the_api_is_no_plural() {
    for plural in ["events", "entities", "quarantine", "health"] {
        let text = GOOD.replace("\"things\"", &format!("\"{plural}\""));
        rejected(&text, &format!("thing.toml:2: reserved name `{plural}`"));
    }
}

#[test]
fn an_object_has_a_name_that_fits_into_a_key() {
    for name in ["", "a#b"] {
        let text = GOOD.replace("Thing__c", name);
        rejected(&text, &format!("thing.toml:5: invalid object name `{name}`: expected a name without `#`"));
    }
    rejected(&GOOD.replace("salesforce = \"Thing__c\"", ""), "thing.toml:4: no object: expected at least one");
}

#[test]
fn every_definition_has_a_field_id_of_type_id() {
    let no_id = "thing.toml:7: no field `id` of type `id`: every definition needs one";
    rejected(&GOOD.replace("type = \"id\"", "type = \"string\""), no_id);
    rejected(&GOOD.replace("name = \"id\"", "name = \"key\""), no_id);
    let both = GOOD.replace("type = \"id\"", "type = \"string\"");
    rejected(&format!("{both}\n[[fields]]\nname = \"key\"\ntype = \"id\"\n"), no_id);
}

/// Which operations give which types.
#[test]
fn an_operation_gives_the_types_that_it_can_convert_to() {
    let types = ["id", "reference", "string", "list", "datetime", "date", "bool", "number", "decimal"];
    for (operation, given) in [
        ("copy = \"A\"", &types[..4]),
        ("split = \"A\"", &["list"]),
        ("datetime = \"A\"", &["datetime"]),
        ("date = \"A\"", &["date"]),
        ("bool = \"A\"", &["bool"]),
        ("number = \"A\"", &["number"]),
        ("decimal = \"A\"", &["decimal"]),
    ] {
        for field_type in types {
            let field = format!("name = \"a\"\ntype = \"{field_type}\"\nsalesforce = {{ {operation} }}");
            assert_eq!(load(&with_field(&field)).is_ok(), given.contains(&field_type), "{operation} to {field_type}");
        }
    }
    for field_type in types {
        let field = format!("name = \"a\"\ntype = \"{field_type}\"\nsalesforce = {{ first_of = [\"A\"] }}");
        assert_eq!(load(&with_field(&field)).is_ok(), field_type != "list", "first_of to {field_type}");
    }
}

#[test]
fn only_a_text_is_searchable_a_status_or_a_parent() {
    for (field_type, is_text) in [("id", true), ("reference", true), ("string", true), ("bool", false), ("list", false)]
    {
        let field = format!("name = \"a\"\ntype = \"{field_type}\"\nsearchable = true");
        assert_eq!(load(&with_field(&field)).is_ok(), is_text, "{field_type}");
        let field = format!("name = \"a\"\ntype = \"{field_type}\"");
        let status = with_field(&field) + "[status]\nfield = \"a\"\n";
        assert_eq!(load(&status).is_ok(), is_text, "{field_type}");
        let parent = with_field(&field).replace("[objects]", "parent = \"a\"\n[objects]");
        assert_eq!(load(&parent).is_ok(), is_text, "{field_type}");
    }
    let unknown = "thing.toml:2: no text field `b` in this definition";
    rejected(&GOOD.replace("plural", "parent = \"b\"\nplural"), unknown);
}

#[test]
fn a_definition_says_what_is_published_by_its_status() {
    let rule = |text: &str| load(text).expect("a valid definition").definitions()[0].broadcast.clone();
    let status = "[status]\nfield = \"id\"\n";
    let quiet = format!("{GOOD}{status}[broadcast]\nquiet_statuses = [\"Closed\"]\nannounce_leaving = true\n");
    assert_eq!((rule(&quiet).quiet_statuses, rule(&quiet).publishes_leaving), (vec!["closed".to_owned()], true));
    assert_eq!((rule(GOOD).quiet_statuses, rule(GOOD).publishes_leaving), (vec![], false));
    let reason = "thing.toml:12: `quiet_statuses` needs a [status] section that names the status field";
    rejected(&format!("{GOOD}[broadcast]\nquiet_statuses = []\n"), reason);
}

#[test]
fn a_bad_field_is_rejected_with_its_line_and_reason() {
    for (field, reason) in [
        ("name = \"id\"\ntype = \"id\"", "thing.toml:13: duplicate field `id`"),
        ("name = \"version\"\ntype = \"number\"", "thing.toml:13: reserved name `version`"),
        ("name = \"a\"\ntype = \"money\"", "thing.toml:14: invalid type `money`: expected one of id, reference"),
        ("name = \"a\"\ntype = \"bool\"\nsearchable = true", "thing.toml:15: a bool field cannot be searchable"),
        (
            "name = \"a\"\ntype = \"date\"\nsalesforce = { copy = \"A\" }",
            "thing.toml:15: operation `copy` cannot produce a date",
        ),
        ("name = \"a\"\ntype = \"string\"\nsalesforce = {}", "thing.toml:15: found 0 operations"),
        (
            "name = \"a\"\ntype = \"string\"\nsalesforce = { copy = \"A\", on = \";\" }",
            "thing.toml:15: `on` is only allowed with",
        ),
        ("name = \"a\"\ntype = \"string\"\nhubspot = { copy = \"a\" }", "thing.toml:15: [objects] has no hubspot"),
        ("name = \"a\"\ntype = \"string\"\nsalesforce = { first_of = [] }", "thing.toml:15: `first_of` is empty"),
    ] {
        rejected(&with_field(field), reason);
    }
}

#[test]
fn a_definition_says_how_its_records_are_read_and_has_the_same_digest() {
    let read = format!("{GOOD}\n[sync]\nmodified = \"5m\"\neverything = \"6h\"\ncalculated = [\"id\"]\n");
    let (read, plain) = (load(&read).expect("a valid definition"), load(GOOD).expect("a valid definition"));
    let (read, plain) = (&read.definitions()[0], &plain.definitions()[0]);
    let seconds = |interval: Option<ReadInterval>| interval.map(|interval| interval.duration().as_secs());
    assert_eq!((seconds(read.sync.modified), seconds(read.sync.everything)), (Some(300), Some(21_600)));
    assert_eq!((&*read.sync.calculated[0], plain.sync.modified), ("id", None));
    assert_eq!(read.digest, plain.digest, "no document changes by it");
}

#[test]
fn a_bad_sync_is_rejected_with_its_line_and_reason() {
    for (sync, reason) in [
        ("modified = \"5\"", "thing.toml:13: invalid value `5`: expected an interval from 1m to 1d"),
        ("everything = \"2d\"", "thing.toml:13: invalid value `2d`: expected an interval from 1m to 1d"),
        ("calculated = [\"status\"]", "thing.toml:13: no field `status` in this definition"),
        ("hourly = true", "thing.toml:13: unknown field `hourly`"),
    ] {
        rejected(&format!("{GOOD}\n[sync]\n{sync}\n"), reason);
    }
}

#[test]
fn two_files_cannot_use_the_same_name() {
    let file = |name: &str| DefinitionFile { name: name.to_owned(), text: GOOD.to_owned() };
    let error =
        Catalog::load(&[file("a.toml"), file("b.toml")], &PlainAdapter::alone()).map(|_| ()).expect_err("rejected");
    assert_eq!(error.to_string(), "b.toml:1: `Thing__c` is already used by a.toml");
}

#[test]
fn an_object_without_a_definition_has_an_open_schema_under_its_lowercase_name() {
    use annals_domain::identity::{EntityName, Provider};
    let catalog = load(GOOD).expect("a valid definition");
    let schema = catalog.schema(Provider::Salesforce, &EntityName::new("Contact"));
    assert_eq!(schema.aggregate_type().as_str(), "contact");
    assert!(schema.definition().is_none());
    assert_eq!(FieldType::Decimal.as_str(), "decimal");
    for (object, aggregate_type) in [("Thing", "object_thing"), ("THINGS", "object_things")] {
        let schema = catalog.schema(Provider::Salesforce, &EntityName::new(object));
        assert_eq!(schema.aggregate_type().as_str(), aggregate_type, "a definition has the name");
    }
}

#[test]
fn the_built_in_definitions_equal_their_files() {
    let adapters = PlainAdapter::alone();
    let mut files: Vec<_> =
        std::fs::read_dir("entities").expect("the folder").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    let file = |path: &std::path::PathBuf| DefinitionFile {
        name: path.file_name().expect("a name").to_string_lossy().into_owned(),
        text: std::fs::read_to_string(path).expect("a text"),
    };
    let read = Catalog::load(&files.iter().map(file).collect::<Vec<_>>(), &adapters).expect("valid definitions");
    let built_in = Catalog::built_in(&adapters).expect("valid definitions");
    assert_eq!(built_in.definitions(), read.definitions());
    assert_eq!(read.definitions().len(), files.len());
}
