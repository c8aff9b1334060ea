//! The digest of a definition: every part that changes a document or a decision changes it, and nothing else does.

use std::collections::BTreeSet;

use annals_domain::definition::{Catalog, DefinitionFile, current_digest, former_digests};
use annals_domain::testing::PlainAdapter;

/// A definition that uses every part which the digest covers.
const FULL: &str = r#"type = "thing"
plural = "things"
parent = "owner"
[objects]
salesforce = "Thing__c"
[status]
field = "status"
expected = ["Open", "Closed"]
[broadcast]
quiet_statuses = ["closed"]
announce_leaving = true
[[fields]]
name = "id"
type = "id"
salesforce = { copy = "Id" }
[[fields]]
name = "is_deleted"
type = "bool"
salesforce = { bool = "IsDeleted" }
[[fields]]
name = "status"
type = "string"
searchable = true
salesforce = { first_of = ["Status", "State"] }
[[fields]]
name = "owner"
type = "reference"
salesforce = { copy = "Owner" }
[[fields]]
name = "tags"
type = "list"
salesforce = { split = "Tags", on = "," }
[[fields]]
name = "at"
type = "datetime"
salesforce = { datetime = "At" }
"#;

fn digest(text: &str) -> String {
    let file = DefinitionFile { name: "thing.toml".to_owned(), text: text.to_owned() };
    let catalog = Catalog::load(&[file], &PlainAdapter::alone()).expect("a valid definition");
    catalog.definitions()[0].digest.clone()
}

#[test]
fn a_digest_never_changes_between_releases() {
    insta::assert_snapshot!(digest(FULL), @"8b91348017c08472");
}

#[test]
fn every_part_changes_it() {
    let mut digests = BTreeSet::from([digest(FULL)]);
    for (part, other) in [
        ("type = \"thing\"", "type = \"gadget\""),
        ("plural = \"things\"", "plural = \"gadgets\""),
        ("parent = \"owner\"\n", ""),
        ("parent = \"owner\"\n", "parent = \"id\"\n"),
        ("\"Thing__c\"", "\"Gadget__c\""),
        ("field = \"status\"", "field = \"owner\""),
        ("\"Closed\"]", "\"Done\"]"),
        ("expected = [\"Open\", \"Closed\"]\n", ""),
        ("[\"closed\"]", "[\"open\"]"),
        ("quiet_statuses = [\"closed\"]\n", ""),
        ("announce_leaving = true\n", ""),
        ("name = \"at\"", "name = \"since\""),
        ("searchable = true\n", ""),
        ("type = \"datetime\"\nsalesforce = { datetime", "type = \"date\"\nsalesforce = { date"),
        ("copy = \"Owner\"", "copy = \"OwnerId\""),
        ("copy = \"Owner\"", "first_of = [\"Owner\"]"),
        ("copy = \"Owner\"", "copy = \"Id\""),
        ("on = \",\"", "on = \";\""),
        ("bool = \"IsDeleted\"", "bool = \"Is_Gone\""),
    ] {
        assert!(FULL.contains(part), "{part}");
        assert!(digests.insert(digest(&FULL.replace(part, other))), "{part} to {other}");
    }
}

#[test]
fn a_part_with_its_default_value_is_as_good_as_none() {
    let plain = FULL.replace("announce_leaving = true\n", "").replace("searchable = true\n", "");
    let stated = FULL.replace("leaving = true", "leaving = false").replace("searchable = true", "searchable = false");
    assert_eq!(digest(&plain), digest(&stated));
    let semicolon = FULL.replace(", on = \",\"", "");
    assert_eq!(digest(&semicolon), digest(&FULL.replace("on = \",\"", "on = \";\"")));
}

#[test]
fn a_former_digest_counts_as_that_of_today() {
    assert_eq!(former_digests().count(), 6, "one for each definition that shipped then");
    for (former, today) in former_digests() {
        assert_eq!((former.len(), today.len()), (16, 16));
        assert_ne!(former, today);
        assert_eq!((current_digest(former), current_digest(today)), (today, today));
    }
    assert_eq!(current_digest("0123456789abcdef"), "0123456789abcdef");
}
