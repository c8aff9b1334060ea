//! The size of an item as DynamoDB counts it, according to
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>,
//! which gives the size of numbers as approximate.

use std::collections::HashMap;

use serde_dynamo::{AttributeValue, Item};

/// The size of the largest item that DynamoDB accepts.
pub const MAX_ITEM_BYTES: usize = 400 * 1024;

const WRITE_UNIT_BYTES: usize = 1024;

/// The overhead of a map or a list.
const CONTAINER_BYTES: usize = 3;

/// The bytes of an item: all names and all values.
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

/// One byte for each two significant digits, one more, and one for a minus sign.
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
    fn the_size_of_values_is_as_documented() {
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
    fn each_started_kilobyte_is_a_write_unit() {
        assert_eq!([1, 1024, 1025, 2048, 409_600].map(write_units), [1, 1, 2, 2, 400]);
    }
}
