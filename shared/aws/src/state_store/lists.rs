//! Lists: in which partition an entry is, how it sorts, and reading entries in order.
//!
//! Reads are consistent and in the list's order, over all pages. At most the wanted number of entries
//! is read from each partition; if matching entries are counted, all of them, with one request a megabyte.

use annals_application::ports::PortError;
use annals_domain::timestamp::Timestamp;
use aws_sdk_dynamodb::types::Select;
use futures::future::try_join_all;
use uuid::Uuid;

use super::items::{Attributes, Item, ItemKey, StateTable};
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
        if most == 0 {
            return Ok(Vec::new());
        }
        Ok(self.merged(list, &Filter::default(), most, false).await?.0)
    }

    /// The first entries that match, and how many match.
    pub(super) async fn first_and_count(
        &self,
        list: &List,
        filter: &Filter,
        most: usize,
    ) -> Result<(Vec<Item>, u64), PortError> {
        self.merged(list, filter, most, true).await
    }

    /// The number of entries, counted up to `at_most`: one partition after the other, so that no more
    /// are read than are counted.
    pub(super) async fn count(&self, list: &List, at_most: usize) -> Result<usize, PortError> {
        let mut count = 0;
        for number in 0..list.partitions {
            let mut start = None;
            while count < at_most {
                let request = self.query(list.partition(number)).index_name(LIST_INDEX).select(Select::Count);
                let request = request.limit(page_of(at_most - count)).set_exclusive_start_key(start);
                let response = request.send().await.map_err(|error| self.failed(error))?;
                count += usize::try_from(response.count).unwrap_or(0);
                start = response.last_evaluated_key;
                if start.is_none() {
                    break;
                }
            }
        }
        Ok(count)
    }

    async fn merged(
        &self,
        list: &List,
        filter: &Filter,
        most: usize,
        counts: bool,
    ) -> Result<(Vec<Item>, u64), PortError> {
        let parts = (0..list.partitions).map(|number| self.part(list.partition(number), filter, most, counts));
        let parts = try_join_all(parts).await?;
        let count = parts.iter().map(|(_, count)| count).sum();
        let mut items: Vec<Item> = parts.into_iter().flat_map(|(items, _)| items).collect();
        items.sort_by(|a, b| a.text(LISTED).cmp(&b.text(LISTED)));
        items.truncate(most);
        Ok((items, count))
    }

    /// One partition's first entries. Later ones are only counted, or not read.
    async fn part(
        &self,
        partition: String,
        filter: &Filter,
        most: usize,
        counts: bool,
    ) -> Result<(Vec<Item>, u64), PortError> {
        let (mut items, mut count, mut start) = (Vec::new(), 0, None);
        loop {
            let wanted = most.saturating_sub(items.len());
            let mut request = self
                .query(&partition)
                .index_name(LIST_INDEX)
                .set_filter_expression(filter.expression.clone())
                .set_exclusive_start_key(start);
            for (name, value) in &filter.values {
                request = request.expression_attribute_values(name, value.clone());
            }
            request = match wanted {
                0 => request.select(Select::Count),
                // A limit applies before the filter: with few matches it would take many requests.
                _ if counts => request,
                _ => request.limit(page_of(wanted)),
            };
            let response = request.send().await.map_err(|error| self.failed(error))?;
            count += u64::try_from(response.count).unwrap_or(0);
            items.extend(response.items.unwrap_or_default().into_iter().take(wanted).map(Item));
            start = response.last_evaluated_key;
            if start.is_none() || (items.len() >= most && !counts) {
                return Ok((items, count));
            }
        }
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
