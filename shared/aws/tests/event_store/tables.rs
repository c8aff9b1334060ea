//! Tables in DynamoDB Local, one per test, and events for them.

use std::sync::Arc;

use annals_application::ports::StoredEvent;
use annals_aws::event_store::{DynamoEventStore, create_table_without_stream};
use annals_services::{dynamodb_endpoint, sdk_config, unique_name};
use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;

/// The configuration for DynamoDB Local.
pub(crate) fn config() -> SdkConfig {
    sdk_config(&dynamodb_endpoint())
}

/// A table that is deleted at the end of its test.
pub(crate) struct Table {
    pub(crate) client: Client,
    pub(crate) name: String,
}

impl Drop for Table {
    fn drop(&mut self) {
        let (client, name) = (self.client.clone(), self.name.clone());
        // The tests' runtimes have more than one thread, so this wait does not block them.
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                let gone = client.delete_table().table_name(&name).send().await;
                if let Err(error) = gone {
                    eprintln!("`{name}` was not deleted: {error:?}");
                }
            });
        });
    }
}

/// An empty store.
pub(crate) async fn store() -> (DynamoEventStore, Table) {
    let (config, name) = (config(), unique_name("events"));
    let client = Client::new(&config);
    create_table_without_stream(&client, &name).await.expect("DynamoDB Local makes a table");
    (DynamoEventStore::new(&config, name.clone()), Table { client, name })
}

/// The event with other data.
pub(crate) fn with_data(stored: &StoredEvent, data: &str) -> StoredEvent {
    let mut event = (*stored.event).clone();
    event.data = data.into();
    StoredEvent { event: Arc::new(event), head: stored.head.clone() }
}

/// A text that cannot be compressed below three quarters of its size. The same seed gives the same text.
pub(crate) fn noise(bytes: usize, seed: u64) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        SIGNS[(state >> 58) as usize] as char
    };
    (0..bytes).map(|_| next()).collect()
}
