//! Lists: in which partition an entry is, how it sorts, and reading entries in order.
//!
//! Reads are consistent and in the list's order, over all pages. At most the wanted number of entries is read from each
//! partition; with a filter, whole requests of a megabyte.

use annals_application::ports::PortError;
use annals_domain::timestamp::Timestamp;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::Select;
use futures::future::try_join_all;
use uuid::Uuid;

use super::items::{Attributes, Item, ItemKey, StateTable, text};
use super::table::{LIST_INDEX, LISTED};

/// Added to a timestamp: the earliest becomes positive, and the latest stays within 15 digits.
const EARLIEST: i64 = 400_000_000_000_000;
const LATEST: i64 = 999_999_999_999_999;

/// The largest page; DynamoDB ends one at 1 MB.
const PAGE: usize = 1000;

pub(super) struct List {
    /// The prefix of its partitions' keys.
    pub(super) name: &'static str,
    /// The number of partitions. It must never change: stored entries would not be found.
    pub(super) partitions: u8,
}

impl List {
    pub(super) fn key(&self, id: &str) -> ItemKey {
        let hash = Uuid::new_v5(&Uuid::nil(), id.as_bytes()).as_bytes()[0];
        ItemKey::new(self.partition(hash % self.partitions), id)
    }

    pub(super) fn partition(&self, number: u8) -> String {
        format!("{}#{number}", self.name)
    }
}

/// Sorts the oldest first, then by id.
pub(super) fn oldest_first(at: Timestamp, id: &str) -> String {
    format!("{:015}#{id}", at.millis() + EARLIEST)
}

/// Sorts after everything that [`oldest_first`] gives for `at` and earlier, and before everything later.
pub(super) fn up_to(at: Timestamp) -> String {
    format!("{:015}~", at.millis() + EARLIEST)
}

/// Sorts the newest first, then by id.
pub(super) fn newest_first(at: Timestamp, id: &str) -> String {
    format!("{:015}#{id}", LATEST - (at.millis() + EARLIEST))
}

#[derive(Clone, Default)]
pub(super) struct Filter {
    pub(super) expression: Option<String>,
    pub(super) values: Attributes,
}

impl StateTable {
    pub(super) async fn first(&self, list: &List, most: usize) -> Result<Vec<Item>, PortError> {
        self.after(list, &Filter::default(), None, most).await
    }

    /// The first entries that match, after an order key.
    pub(super) async fn after(
        &self,
        list: &List,
        filter: &Filter,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<Item>, PortError> {
        if most == 0 {
            return Ok(Vec::new());
        }
        let parts = (0..list.partitions).map(|number| self.part(list.partition(number), filter, after, most));
        let mut items: Vec<Item> = try_join_all(parts).await?.into_iter().flatten().collect();
        items.sort_by(|a, b| a.text(LISTED).cmp(&b.text(LISTED)));
        items.truncate(most);
        Ok(items)
    }

    /// The number of entries that match, counted up to `at_most`: one partition after the other, so that no more are
    /// read than are counted.
    pub(super) async fn count(&self, list: &List, filter: &Filter, at_most: usize) -> Result<usize, PortError> {
        let mut count = 0;
        for number in 0..list.partitions {
            let mut start = None;
            while count < at_most {
                let request = self.list_query(list.partition(number), filter).select(Select::Count);
                let request = request.set_limit(filter.limit(at_most - count)).set_exclusive_start_key(start);
                let response = request.send().await.map_err(|error| self.failed(error))?;
                count += usize::try_from(response.count).unwrap_or(0);
                start = response.last_evaluated_key;
                if start.is_none() {
                    break;
                }
            }
        }
        Ok(count.min(at_most))
    }

    /// One partition's first entries after an order key.
    async fn part(
        &self,
        partition: String,
        filter: &Filter,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<Item>, PortError> {
        let (mut items, mut start) = (Vec::new(), None);
        loop {
            let mut request = self.list_query(&partition, filter).set_exclusive_start_key(start);
            if let Some(after) = after {
                request = request.key_condition_expression("pk = :pk AND listed > :after");
                request = request.expression_attribute_values(":after", text(after));
            }
            let request = request.set_limit(filter.limit(most - items.len()));
            let response = request.send().await.map_err(|error| self.failed(error))?;
            items.extend(response.items.unwrap_or_default().into_iter().take(most - items.len()).map(Item));
            start = response.last_evaluated_key;
            if start.is_none() || items.len() >= most {
                return Ok(items);
            }
        }
    }

    fn list_query(&self, partition: impl Into<String>, filter: &Filter) -> QueryFluentBuilder {
        let request = self.query(partition).index_name(LIST_INDEX);
        let request = request.set_filter_expression(filter.expression.clone());
        filter
            .values
            .iter()
            .fold(request, |request, (name, value)| request.expression_attribute_values(name, value.clone()))
    }
}

impl Filter {
    /// The limit of a query for that many entries. With a filter there is none: a limit applies before the filter, so
    /// that few matches would take many requests. A request ends after a megabyte anyway.
    fn limit(&self, wanted: usize) -> Option<i32> {
        self.expression.is_none().then(|| page_of(wanted))
    }
}

/// The limit of a query for that many entries.
fn page_of(wanted: usize) -> i32 {
    i32::try_from(wanted.min(PAGE)).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timestamp(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).expect("a valid timestamp")
    }

    #[test]
    fn order_keys_sort_as_their_timestamps_do() {
        let timestamps = [-377_705_000_000_000, -1, 0, 1, 1_712_693_965_123, 253_402_200_000_000].map(timestamp);
        assert!(timestamps.is_sorted_by(|a, b| oldest_first(*a, "z") < oldest_first(*b, "a")));
        assert!(timestamps.is_sorted_by(|a, b| newest_first(*a, "a") > newest_first(*b, "z")));
        assert!(newest_first(timestamps[3], "a") < newest_first(timestamps[3], "b"), "then by id");
        for pair in timestamps.windows(2) {
            assert!(oldest_first(pair[0], "z") < up_to(pair[0]) && up_to(pair[0]) < oldest_first(pair[1], "a"));
        }
    }

    #[test]
    fn entries_spread_over_all_partitions_of_a_list() {
        let list = List { name: "list", partitions: 8 };
        let partitions = (0..1000).map(|id| list.key(&id.to_string()).pk);
        let mut sizes = std::collections::BTreeMap::<String, u32>::new();
        for pk in partitions {
            *sizes.entry(pk).or_default() += 1;
        }
        assert_eq!(sizes.len(), 8);
        assert!(sizes.values().all(|size| (90..160).contains(size)), "{sizes:?}");
    }
}
