//! Reading streams, with consistent reads and over as many pages as needed.

use std::collections::HashMap;
use std::fmt::Display;

use annals_application::ports::{Direction, PortError, ReadOptions, StoredEvent, StoredInput};
use annals_domain::identity::EntityKey;
use annals_domain::position::Version;
use annals_domain::stream_head::StreamHead;
use annals_domain::timestamp::Timestamp;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use futures::{StreamExt, TryStreamExt, stream};

use crate::client::port_error;
use crate::event_store::item::{
    EVENT_ID, HEAD, ItemError, Outline, RANK, RecordPart, TIME, decode_attributes, decode_head, decode_input,
    input_attributes,
};
use crate::event_store::table::{ENTITY_KEY, VERSION};
use crate::event_store::{CONCURRENT_REQUESTS, DynamoEventStore};

impl DynamoEventStore {
    /// One read per stream: the head is in its newest item.
    pub(crate) async fn read_heads(&self, keys: &[EntityKey]) -> Result<Vec<Option<StreamHead>>, PortError> {
        // By index, because a closure with a reference parameter is not general enough for a boxed future.
        let reads = (0..keys.len()).map(|index| self.read_head(&keys[index]));
        stream::iter(reads).buffered(CONCURRENT_REQUESTS).try_collect().await
    }

    /// The outlines of a range of versions, both ends included, in version order.
    pub(super) async fn read_outlines(
        &self,
        key: &EntityKey,
        from: Version,
        to: Version,
    ) -> Result<Vec<Outline>, PortError> {
        let query = self
            .between(key, from, to)
            .projection_expression("#version, #event_id, #time, #head, #rank")
            .expression_attribute_names("#event_id", EVENT_ID)
            .expression_attribute_names("#time", TIME)
            .expression_attribute_names("#head", HEAD)
            .expression_attribute_names("#rank", RANK);
        let mut items = query.into_paginator().items().send();
        let mut outlines = Vec::new();
        while let Some(item) = items.next().await {
            let item = item.map_err(|error| port_error(&self.table, error))?;
            let outline = Outline::decode(item);
            outlines.push(outline.map_err(|error| self.unreadable(key, error))?);
        }
        Ok(outlines)
    }

    async fn read_head(&self, key: &EntityKey) -> Result<Option<StreamHead>, PortError> {
        let query = self
            .query(key)
            .key_condition_expression("#key = :key")
            .projection_expression("#version, #event_id, #time, #head")
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_names("#event_id", EVENT_ID)
            .expression_attribute_names("#time", TIME)
            .expression_attribute_names("#head", HEAD)
            .scan_index_forward(false)
            .limit(1);
        let page = query.send().await.map_err(|error| port_error(&self.table, error))?;
        let Some(item) = page.items.into_iter().flatten().next() else { return Ok(None) };
        match decode_head(item) {
            Ok((_, head)) => Ok(Some(head)),
            Err(error) => Err(self.corrupt(format!("the newest event of `{key}` cannot be read"), error)),
        }
    }

    /// Reads page by page, up to the limit or the end of the stream.
    pub(crate) async fn read_events(
        &self,
        key: &EntityKey,
        options: &ReadOptions,
    ) -> Result<Vec<StoredEvent>, PortError> {
        let query = self.query_of(key, options);
        self.read_pages(key, options, query, decode_attributes, |stored| stored.event.data.len()).await
    }

    /// Leaves out the attributes that folding does not need, which are more than half of an item's, and the record if the
    /// read starts after the first event.
    pub(crate) async fn read_stream_inputs(
        &self,
        key: &EntityKey,
        options: &ReadOptions,
    ) -> Result<Vec<StoredInput>, PortError> {
        let record = if options.from_version <= Version::FIRST { RecordPart::Read } else { RecordPart::LeftOut };
        let (aliases, names): (Vec<_>, Vec<_>) = input_attributes(record).unzip();
        let mut query = self.query_of(key, options).projection_expression(aliases.join(", "));
        for (alias, name) in aliases.into_iter().zip(names) {
            query = query.expression_attribute_names(alias, name);
        }
        let decode = |item| decode_input(item, record);
        self.read_pages(key, options, query, decode, |input| input.data.len()).await
    }

    /// What a query of some events returns, decoded. `bytes_of`: the bytes of an event's data.
    async fn read_pages<T>(
        &self,
        key: &EntityKey,
        options: &ReadOptions,
        query: QueryFluentBuilder,
        decode: impl Fn(HashMap<String, AttributeValue>) -> Result<T, ItemError>,
        bytes_of: fn(&T) -> usize,
    ) -> Result<Vec<T>, PortError> {
        let (mut events, mut bytes) = (Vec::new(), 0);
        if is_empty(options) {
            return Ok(events);
        }
        let mut start = None;
        loop {
            let mut page = query.clone().set_exclusive_start_key(start);
            if !has_times(options) {
                let missing = options.limit - events.len();
                page = page.limit(i32::try_from(missing).unwrap_or(i32::MAX));
            }
            let page = page.send().await.map_err(|error| port_error(&self.table, error))?;
            for item in page.items.into_iter().flatten().take(options.limit - events.len()) {
                let event = decode(item).map_err(|error| self.unreadable(key, error))?;
                bytes += bytes_of(&event);
                events.push(event);
                if bytes >= options.max_bytes {
                    return Ok(events);
                }
            }
            start = page.last_evaluated_key;
            if start.is_none() || events.len() == options.limit {
                return Ok(events);
            }
        }
    }

    /// The key of an event's item.
    pub(crate) fn item_key(key: &EntityKey, version: Version) -> HashMap<String, AttributeValue> {
        let key = (ENTITY_KEY.to_owned(), AttributeValue::S(key.to_string()));
        HashMap::from([key, (VERSION.to_owned(), number(version))])
    }

    /// The version in the key of an item.
    pub(crate) fn version_of(item: &HashMap<String, AttributeValue>) -> Option<Version> {
        item.get(VERSION)?.as_n().ok()?.parse().ok().map(Version::new)
    }

    /// The event of an item of this stream.
    pub(crate) fn decoded(
        &self,
        key: &EntityKey,
        item: HashMap<String, AttributeValue>,
    ) -> Result<StoredEvent, PortError> {
        decode_attributes(item).map_err(|error| self.unreadable(key, error))
    }

    fn query_of(&self, key: &EntityKey, options: &ReadOptions) -> QueryFluentBuilder {
        let highest = options.to_version.map_or(u64::MAX, |version| version.get());
        let query = self
            .between(key, options.from_version, highest)
            .scan_index_forward(options.direction == Direction::Ascending);
        if !has_times(options) {
            return query;
        }
        // Times are those of the source, not of arrival, so they cannot limit the key: DynamoDB reads the whole
        // range and filters it.
        query
            .filter_expression("#time BETWEEN :earliest AND :latest")
            .expression_attribute_names("#time", TIME)
            .expression_attribute_values(":earliest", number(options.from_time.map_or(i64::MIN, Timestamp::millis)))
            .expression_attribute_values(":latest", number(options.to_time.map_or(i64::MAX, Timestamp::millis)))
    }

    /// A query of the versions from `from` to `to`, both included.
    fn between(&self, key: &EntityKey, from: Version, to: impl Display) -> QueryFluentBuilder {
        self.query(key)
            .key_condition_expression("#key = :key AND #version BETWEEN :lowest AND :highest")
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_values(":lowest", number(from))
            .expression_attribute_values(":highest", number(to))
    }

    fn unreadable(&self, key: &EntityKey, error: ItemError) -> PortError {
        self.corrupt(format!("an event of `{key}` cannot be read"), error)
    }

    pub(super) fn query(&self, key: &EntityKey) -> QueryFluentBuilder {
        self.reader
            .query()
            .table_name(&*self.table)
            .consistent_read(true)
            .expression_attribute_names("#key", ENTITY_KEY)
            .expression_attribute_values(":key", AttributeValue::S(key.to_string()))
    }
}

fn has_times(options: &ReadOptions) -> bool {
    options.from_time.is_some() || options.to_time.is_some()
}

/// Whether no event can match. DynamoDB refuses a range that ends before it begins.
fn is_empty(options: &ReadOptions) -> bool {
    let no_version = options.to_version.is_some_and(|highest| highest < options.from_version);
    let no_time = matches!((options.from_time, options.to_time), (Some(earliest), Some(latest)) if latest < earliest);
    options.limit == 0 || no_version || no_time
}

fn number(number: impl Display) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
