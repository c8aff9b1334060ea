//! The document and the schemas in `docs` are those of the code, and are complete.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use annals_crm::salesforce::Salesforce;
use annals_domain::provider_adapter::{ProviderAdapter, ProviderAdapters};

use super::*;
use crate::access::Access;
use crate::list_query::{PAGING, SELECTING};
use crate::quarantine::LIST_PARAMETERS;
use crate::time_travel::{MIN_VERSION, OF_ONE, OF_SEVERAL};
use crate::{diff, history};

fn catalog() -> Catalog {
    let adapter: Arc<dyn ProviderAdapter> = Arc::new(Salesforce::new(None));
    Catalog::built_in(&ProviderAdapters::new([adapter])).unwrap()
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// Asserts that a file under `docs` has this JSON. As for snapshots, `INSTA_UPDATE=always` writes the file.
#[track_caller]
fn check_file(path: &Path, expected: &Value) {
    let expected = format!("{expected:#}\n");
    if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == expected, "{} is not what the code makes: run this test with INSTA_UPDATE=always", path.display());
}

#[test]
fn the_document_in_docs_is_that_of_the_code() {
    check_file(&docs().join("openapi.json"), &openapi_document(&catalog()));
}

#[test]
fn the_schemas_of_published_events_in_docs_are_those_of_the_code() {
    let folder = docs().join("published-events");
    let schemas = published_event_schemas(&catalog());
    for (name, schema) in &schemas {
        check_file(&folder.join(format!("{name}.json")), schema);
    }
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    assert_eq!(files.collect::<BTreeSet<_>>(), schemas.iter().map(|(name, _)| format!("{name}.json")).collect());
}

fn operations(document: &Value) -> impl Iterator<Item = (&String, &String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, item)| item.as_object().unwrap().iter().map(move |(verb, operation)| (path, verb, operation)))
}

#[test]
fn every_route_is_in_the_document_with_what_it_asks() {
    let document = openapi_document(&catalog());
    for route in Route::ALL {
        let security = &document["paths"][route.path()][route.verb().name()]["security"];
        let expected = match route.access() {
            Access::Anyone => json!([]),
            Access::LoggedIn | Access::Reader => json!([{"bearer": []}]),
            Access::Admin => json!([{"bearer": ["admin"]}]),
        };
        assert_eq!(security, &expected, "{}", route.path());
    }
    assert_eq!(document["paths"]["/clients/{id}"]["get"]["security"], json!([{"bearer": ["read:clients"]}]));
}

#[track_caller]
fn check_parameters(document: &Value, path: &str, expected: &[&str]) {
    let parameters = document["paths"][path]["get"]["parameters"].as_array().unwrap().iter();
    let of_query = parameters.filter(|parameter| parameter["in"] == "query");
    let names: BTreeSet<_> = of_query.map(|parameter| parameter["name"].as_str().unwrap()).collect();
    assert_eq!(names, expected.iter().copied().collect(), "{path}");
}

#[test]
fn the_parameters_of_a_route_are_those_that_it_reads() {
    let document = openapi_document(&catalog());
    // Without the fields, which a type that the path names does not show.
    let selecting: &[&str] = &SELECTING;
    check_parameters(&document, "/entities/{type}", &[selecting, &PAGING, &OF_SEVERAL].concat());
    check_parameters(&document, "/entities/{type}/count", &SELECTING);
    check_parameters(&document, "/clients/{id}", &[&OF_ONE[..], &[MIN_VERSION]].concat());
    check_parameters(&document, "/clients/{id}/history", &history::PARAMETERS);
    check_parameters(&document, "/clients/{id}/diff", &diff::PARAMETERS);
    check_parameters(&document, "/quarantine", &LIST_PARAMETERS);
}

#[test]
fn no_two_operations_share_an_id() {
    let document = openapi_document(&catalog());
    let ids: Vec<&str> =
        operations(&document).map(|(_, _, operation)| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    let types = catalog().definitions().len();
    assert_eq!(ids.len(), Route::ALL.len() + 5 * types);
}

#[test]
fn a_document_of_other_definitions_has_no_recorded_answers() {
    let with_answers = |catalog: &Catalog| {
        let document = openapi_document(catalog);
        let content = &document["paths"]["/entities/{type}"]["get"]["responses"]["200"]["content"];
        content["application/json"].get("examples").is_some()
    };
    assert!(with_answers(&catalog()));
    assert!(!with_answers(&Catalog::default()));
}

/// All references of a value.
fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_reference_and_link_leads_somewhere() {
    let document = openapi_document(&catalog());
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in found {
        assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
    }
    let ids: BTreeSet<_> = operations(&document)
        .map(|(_, _, operation)| &operation["operationId"])
        .collect::<Vec<_>>()
        .into_iter()
        .map(Value::to_string)
        .collect();
    for (path, _, operation) in operations(&document) {
        for response in operation["responses"].as_object().unwrap().values() {
            for link in response["links"].as_object().into_iter().flat_map(|links| links.values()) {
                assert!(ids.contains(&link["operationId"].to_string()), "{path}: {link}");
            }
        }
    }
}
