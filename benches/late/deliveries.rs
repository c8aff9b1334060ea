//! The orders in which the changes of a record are delivered.

use std::fmt;

use annals_tests::changes::change;
use serde_json::json;

/// The start of the year 2099, in milliseconds.
const YEAR_2099: i64 = 4_070_908_800_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    OldestFirst,
    NewestFirst,
    Shuffled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delivery {
    order: Order,
    has_2099: bool,
}

impl Delivery {
    /// All kinds; the first is the floor.
    pub(crate) fn all() -> Vec<Self> {
        let orders = [Order::OldestFirst, Order::NewestFirst, Order::Shuffled];
        [false, true].into_iter().flat_map(|has_2099| orders.map(|order| Self { order, has_2099 })).collect()
    }

    /// The change events of a record, in this order.
    pub(crate) fn texts(self, changes: usize, record: usize) -> Vec<String> {
        let mut rounds: Vec<usize> = (0..changes).collect();
        match self.order {
            Order::OldestFirst => {}
            Order::NewestFirst => rounds.reverse(),
            // A prime that does not divide the number of changes: each occurs once.
            Order::Shuffled => rounds = rounds.iter().map(|number| number * 7_919 % changes).collect(),
        }
        let is_of_2099 = |position: usize| self.has_2099 && position == changes / 50;
        let text = |(position, round): (usize, usize)| {
            let mut event = change(round, record);
            if is_of_2099(position) {
                event["detail"]["payload"]["ChangeEventHeader"]["commitTimestamp"] = json!(YEAR_2099);
            }
            event.to_string()
        };
        rounds.into_iter().enumerate().map(text).collect()
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = match self.order {
            Order::OldestFirst => "oldest first",
            Order::NewestFirst => "newest first",
            Order::Shuffled => "shuffled",
        };
        write!(f, "{order}{}", if self.has_2099 { ", one of 2099" } else { "" })
    }
}
