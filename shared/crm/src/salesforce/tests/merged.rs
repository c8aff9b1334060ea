//! Change events of so many records that they cannot each keep the whole input.

use annals_domain::provider_adapter::{IncomingChange, MergedChange, ParsedInput, ProviderAdapter};
use serde_json::json;

use super::{ID, changes, payload, salesforce, stored};

const OTHER: &str = "0014H00002LbR7RQAV";
const MIB: usize = 1024 * 1024;

/// An update of these records, with white space up to that length.
fn update(ids: &[&str], length: usize) -> String {
    let input = payload("UPDATE", &json!({"recordIds": ids, "changedFields": ["Name"]}), r#"{"Name":"n"}"#);
    let blanks = length.saturating_sub(input.len());
    input + &" ".repeat(blanks)
}

fn merged(input: &str) -> Option<MergedChange> {
    match salesforce().read_input(input) {
        ParsedInput::Merged(merged) => Some(*merged),
        ParsedInput::Changes(_) => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn records_are_merged_if_their_copies_of_the_input_would_take_more_than_4_mib() {
    assert!(merged(&update(&[ID, OTHER], 2 * MIB)).is_none());
    assert!(merged(&update(&[ID, OTHER], 2 * MIB + 1)).is_some());
    assert!(merged(&update(&[ID], 4 * MIB + 1)).is_none(), "one record has one copy");
}

#[test]
fn a_merged_change_says_of_each_record_what_a_change_of_it_alone_would() {
    let alone = |id: &str| changes(&salesforce(), &update(&[id], 0)).remove(0);
    let merged = merged(&update(&[ID, OTHER], 3 * MIB)).expect("a long input of two records");
    let each: Vec<IncomingChange> = merged.into_changes().collect();
    assert_eq!(each.len(), 2);
    for (change, id) in each.iter().zip([ID, OTHER]) {
        let expected = alone(id);
        assert_eq!((&change.change, &change.metadata), (&expected.change, &expected.metadata));
        assert_eq!(change.data.trim_end(), &*expected.data, "byte for byte but for the other record");
        let event = stored(&salesforce(), change);
        assert_eq!(salesforce().read_event(&event.input()).as_ref(), Ok(&*expected.change));
    }
}
