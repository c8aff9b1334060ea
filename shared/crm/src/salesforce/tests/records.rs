//! What is special about the fields of Salesforce's records.

use std::borrow::Cow;
use std::collections::BTreeMap;

use annals_domain::identity::{EntityName, ExternalId};
use annals_domain::provider_adapter::{ProviderAdapter, RecordImage};
use annals_domain::timestamp::Timestamp;
use serde_json::json;

use super::{ID, salesforce};

#[test]
fn ids_have_18_characters() {
    assert_eq!(salesforce().canonical_id("0014H00002LbR7Q"), Some(ExternalId::new(ID)));
    assert_eq!(salesforce().canonical_id(ID), Some(ExternalId::new(ID)));
    assert_eq!(salesforce().canonical_id("0014H00002LbR7"), None);
}

#[test]
fn an_image_stands_at_the_field_that_moves_with_every_change() {
    let adapter = salesforce();
    let stamp = adapter.stamp_field().expect("Salesforce has one");
    let text = json!({"Id": ID, "LastModifiedDate": 1_600_000_000_000_i64, stamp: 1_700_000_000_000_i64}).to_string();
    let image = RecordImage::new(Some(text.into()), Timestamp::from_millis(1_800_000_000_000).unwrap());
    let incoming = adapter.read_image(&EntityName::new("Account"), &ExternalId::new(ID), &image).unwrap();
    assert_eq!(incoming.change.position.timestamp.millis(), 1_700_000_000_000);
}

#[test]
fn the_struct_of_a_persons_name_has_a_text_and_no_other_struct_does() {
    let (first, last, city) = (json!("Martha"), json!("Brown"), json!("Valletta"));
    let name = BTreeMap::from([("FirstName", Cow::Borrowed(&first)), ("LastName", Cow::Borrowed(&last))]);
    assert_eq!(salesforce().struct_text(&name).as_deref(), Some("Martha Brown"));
    assert_eq!(salesforce().struct_text(&BTreeMap::from([("City", Cow::Borrowed(&city))])), None);
}
