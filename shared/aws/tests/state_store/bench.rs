//! A table of its own for each test, seen and disturbed by a proxy, under a clock that stands still.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

pub(crate) use annals_application::contract::refetch_queue::task;
use annals_application::contract::samples::timestamp;
use annals_application::ports::{Clock, QuarantineEntry, QuarantineState, StatePorts};
use annals_aws::state_store::{DynamoStateStore, create_table};
use annals_domain::identity::Provider;
use annals_domain::timestamp::Timestamp;
use annals_domain::validation_issue::ValidationIssue;
use annals_services::{Proxy, dynamodb_endpoint, sdk_config, unique_name};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use uuid::Uuid;

/// The test's present, in milliseconds.
pub(crate) struct Present(AtomicI64);

impl Present {
    /// Moves on by that many seconds.
    pub(crate) fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    pub(crate) fn seconds(&self) -> i64 {
        self.now().millis() / 1000
    }
}

impl Clock for Present {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst)).expect("a timestamp of this century")
    }
}

pub(crate) struct Bench {
    pub(crate) table: String,
    pub(crate) client: Client,
    pub(crate) clock: Arc<Present>,
    pub(crate) proxy: Proxy,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let (endpoint, table) = (dynamodb_endpoint(), unique_name("state"));
        let client = Client::new(&sdk_config(&endpoint));
        create_table(&client, &table).await.expect("the table is made");
        let clock = Arc::new(Present(AtomicI64::new(timestamp(0).millis())));
        Self { table, client, clock, proxy: Proxy::start(&endpoint) }
    }

    /// The ports as another process has them.
    pub(crate) fn store(&self) -> StatePorts {
        StatePorts::of(self.adapter())
    }

    pub(crate) fn adapter(&self) -> DynamoStateStore {
        let config = sdk_config(&self.proxy.endpoint());
        DynamoStateStore::new(&config, self.table.clone(), Arc::clone(&self.clock) as Arc<dyn Clock>)
    }

    /// All items whose partition key begins so, by both keys.
    pub(crate) async fn items(&self, pk: &str) -> Vec<HashMap<String, AttributeValue>> {
        let pages = self.client.scan().table_name(&self.table).consistent_read(true);
        let pages = pages.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        let mut items = pages.expect("the table is there");
        items.retain(|item| item["pk"].as_s().is_ok_and(|found| found.starts_with(pk)));
        items.sort_by_key(|item| (item["pk"].as_s().cloned().ok(), item["sk"].as_s().cloned().ok()));
        items
    }

    /// When those items may go.
    pub(crate) async fn expiries(&self, pk: &str) -> Vec<Option<i64>> {
        let expiry = |item: &HashMap<String, AttributeValue>| item.get("expires_at")?.as_n().ok()?.parse().ok();
        self.items(pk).await.iter().map(expiry).collect()
    }
}

pub(crate) fn entry(id: &str, body: u128, chunks: u32) -> QuarantineEntry {
    QuarantineEntry {
        id: id.to_owned(),
        provider: Provider::Salesforce,
        received_at: timestamp(0),
        errors: vec![ValidationIssue::new("payload", "error")],
        size: 3,
        state: QuarantineState::Open,
        body_id: Uuid::from_u128(body),
        chunks,
    }
}

/// Bytes that do not compress, the same in every run.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let block = |n: usize| *Uuid::new_v5(&Uuid::nil(), &n.to_le_bytes()).as_bytes();
    (0..length.div_ceil(16)).flat_map(block).take(length).collect()
}

/// The same as text: each byte makes two characters, which compress to about one byte again.
pub(crate) fn noise_text(length: usize) -> String {
    noise(length.div_ceil(2)).iter().map(|byte| format!("{byte:02x}")).collect()
}
