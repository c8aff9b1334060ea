//! The stream of the events table, read as Lambda's pollers read it.
//!
//! It returns every record once, in the order of each shard. A child shard is read after its parent.

use annals_services::sdk_config;
use aws_sdk_dynamodbstreams::Client;
use aws_sdk_dynamodbstreams::types::{Shard, ShardIteratorType};
use serde_json::Value;

use crate::functions::records::lambda_record;

/// The number of empty responses in a row after which the stream counts as read: a few also occur while
/// records are still on their way.
const QUIET: usize = 3;

/// A stream and the position up to which it is read.
pub struct Stream {
    client: Client,
    arn: String,
    /// The iterator of each known shard; `None` after its end.
    shards: Vec<(String, Option<String>)>,
}

impl Stream {
    /// The stream of a table from its oldest record on.
    pub async fn of(endpoint: &str, table: &str) -> Self {
        let config = sdk_config(endpoint);
        let tables = aws_sdk_dynamodb::Client::new(&config);
        let described = tables.describe_table().table_name(table).send().await.expect("the table exists");
        let arn = described.table.and_then(|table| table.latest_stream_arn).expect("the table has a stream");
        Self { client: Client::new(&config), arn, shards: Vec::new() }
    }

    /// Its ARN.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The records since the last call, in the form that Lambda delivers.
    pub async fn read(&mut self) -> Vec<Value> {
        self.look_for_shards().await;
        let mut records = Vec::new();
        for at in 0..self.shards.len() {
            self.read_shard(at, &mut records).await;
        }
        records
    }

    async fn look_for_shards(&mut self) {
        let described = self.client.describe_stream().stream_arn(&self.arn).send().await.expect("the stream exists");
        let shards = described.stream_description.and_then(|stream| stream.shards).unwrap_or_default();
        for id in shards.iter().filter_map(Shard::shard_id) {
            if self.shards.iter().any(|(known, _)| known == id) {
                continue;
            }
            let call = self.client.get_shard_iterator().stream_arn(&self.arn).shard_id(id);
            let iterator = call.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await;
            self.shards.push((id.to_owned(), iterator.expect("the shard exists").shard_iterator));
        }
    }

    async fn read_shard(&mut self, at: usize, records: &mut Vec<Value>) {
        let mut empty = 0;
        while empty < QUIET {
            let Some(iterator) = self.shards[at].1.clone() else { return };
            let answer = self.client.get_records().shard_iterator(iterator).limit(1_000).send().await;
            let answer = answer.expect("the iterator is not expired");
            self.shards[at].1 = answer.next_shard_iterator;
            let new = answer.records.unwrap_or_default();
            empty = if new.is_empty() { empty + 1 } else { 0 };
            records.extend(new.iter().map(|record| lambda_record(record, &self.arn)));
        }
    }
}
