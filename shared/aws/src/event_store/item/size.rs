//! How DynamoDB measures an item.
//!
//! By <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>,
//! which calls the size of a number approximate.

use std::collections::HashMap;

use serde_dynamo::{AttributeValue, Item};

/// The largest item that DynamoDB takes.
pub const MAX_ITEM_BYTES: usize = 400 * 1024;

/// What one write unit writes.
const WRITE_UNIT_BYTES: usize = 1024;

/// A map or a list, whatever is in it.
const CONTAINER_BYTES: usize = 3;

/// The item's bytes: all names and all values.
pub fn item_size(item: &Item) -> usize {
    attributes_size(item.inner())
}

/// The write units that an item of that size costs.
pub fn write_units(size: usize) -> usize {
    size.div_ceil(WRITE_UNIT_BYTES)
}

pub(super) fn attributes_size(attributes: &HashMap<String, AttributeValue>) -> usize {
    attributes.iter().map(|(name, value)| name.len() + value_size(value)).sum()
}

fn value_size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(number) => number_size(number),
        AttributeValue::B(bytes) => bytes.len(),
        AttributeValue::Bool(_) | AttributeValue::Null(_) => 1,
        AttributeValue::M(map) => CONTAINER_BYTES + map.len() + attributes_size(map),
        AttributeValue::L(list) => CONTAINER_BYTES + list.len() + list.iter().map(value_size).sum::<usize>(),
        AttributeValue::Ss(texts) => texts.iter().map(String::len).sum(),
        AttributeValue::Ns(numbers) => numbers.iter().map(|number| number_size(number)).sum(),
        AttributeValue::Bs(binaries) => binaries.iter().map(Vec::len).sum(),
    }
}

/// A byte for each two digits between the outer zeros, one more, and one for a sign.
fn number_size(number: &str) -> usize {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let significant = digits.trim_matches('0').len();
    significant.div_ceil(2) + 1 + usize::from(number.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: AttributeValue, size: usize) {
        assert_eq!(value_size(&value), size, "{value:?}");
    }

    #[test]
    fn values_are_measured_as_documented() {
        let number = |number: &str| AttributeValue::N(number.to_owned());
        check(AttributeValue::S("é🦀".to_owned()), 6);
        check(AttributeValue::B(vec![0; 16]), 16);
        check(AttributeValue::Bool(true), 1);
        check(number("0"), 1);
        check(number("1"), 2);
        check(number("-1"), 3);
        check(number("1000"), 2);
        check(number("1712693965123"), 8);
        check(number("1778192987716501506"), 11);
        check(AttributeValue::L(vec![number("1"), number("1")]), 9);
        check(AttributeValue::M(HashMap::from([("ab".to_owned(), number("1"))])), 8);
        check(AttributeValue::M(HashMap::new()), 3);
    }

    #[test]
    fn a_write_unit_is_a_kilobyte_begun() {
        assert_eq!([1, 1024, 1025, 2048, 409_600].map(write_units), [1, 1, 2, 2, 400]);
    }
}
