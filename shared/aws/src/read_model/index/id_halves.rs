//! An aggregate id as two numbers, which decide between documents that are equal in all other sort keys.
//!
//! The numbers have the order of the id's text. OpenSearch copies all sort keys of each document that enters the page
//! which it collects. Copying a keyword is slow, and where documents are found in the opposite order of the page, that is
//! every document.

use annals_domain::identity::AggregateId;
use uuid::Uuid;

/// The first and the last 64 bits of an aggregate id, as signed numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct IdHalves {
    pub(crate) high: i64,
    pub(crate) low: i64,
}

impl IdHalves {
    /// The paths of the numbers in the order of their weight. An index of layout 1 does not have them.
    pub(crate) const PATHS: [&'static str; 2] = ["aggregate_id_high", "aggregate_id_low"];

    pub(crate) fn of(id: AggregateId) -> Self {
        let (high, low) = id.uuid().as_u64_pair();
        Self { high: signed(high), low: signed(low) }
    }

    pub(crate) fn id(self) -> AggregateId {
        AggregateId::from_uuid(Uuid::from_u64_pair(unsigned(self.high), unsigned(self.low)))
    }

    /// Each path with its number, as a document has them.
    pub(crate) fn entries(self) -> [(&'static str, i64); 2] {
        let [high, low] = Self::PATHS;
        [(high, self.high), (low, self.low)]
    }
}

/// The signed number with the same place in its order: zero becomes the smallest.
fn signed(number: u64) -> i64 {
    (number ^ (1 << 63)).cast_signed()
}

fn unsigned(number: i64) -> u64 {
    number.cast_unsigned() ^ (1 << 63)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(number: u128) -> AggregateId {
        AggregateId::from_uuid(Uuid::from_u128(number))
    }

    proptest! {
        #[test]
        fn the_numbers_have_the_order_of_the_text(left: u128, right: u128, low: u64) {
            let near = left & !u128::from(u64::MAX) | u128::from(low);
            for other in [right, near] {
                let texts = id(left).to_string().cmp(&id(other).to_string());
                prop_assert_eq!(IdHalves::of(id(left)).cmp(&IdHalves::of(id(other))), texts);
            }
        }

        #[test]
        fn the_numbers_lead_back_to_the_id(number: u128) {
            prop_assert_eq!(IdHalves::of(id(number)).id(), id(number));
        }
    }

    #[test]
    fn the_smallest_and_the_largest_id_are_at_the_ends() {
        assert_eq!(IdHalves::of(id(0)), IdHalves { high: i64::MIN, low: i64::MIN });
        assert_eq!(IdHalves::of(id(u128::MAX)), IdHalves { high: i64::MAX, low: i64::MAX });
    }
}
