//! The services behind proxies that count.

use annals_aws_tests::world::World;
use annals_services::{Proxy, SeenRequest, dynamodb_endpoint, sdk_config};
use aws_config::SdkConfig;
use serde_json::Value;

/// A world whose requests to DynamoDB are seen.
pub(crate) struct Counted {
    pub(crate) world: World,
    pub(crate) proxy: Proxy,
}

impl Counted {
    pub(crate) async fn new(name: &str) -> Self {
        Self { world: World::new(name).await, proxy: Proxy::start(&dynamodb_endpoint()) }
    }

    /// The configuration of a process whose requests are seen.
    pub(crate) fn config(&self) -> SdkConfig {
        sdk_config(&self.proxy.endpoint())
    }

    /// The operations on the events table and on the state table since the last call.
    pub(crate) fn seen(&self) -> (Vec<String>, Vec<String>) {
        let requests = self.proxy.requests();
        self.proxy.clear();
        let of = |table: &str| {
            let is_of_it = |request: &&SeenRequest| {
                let body: Value = serde_json::from_slice(&request.body).expect("DynamoDB is spoken to in JSON");
                body["TableName"] == table
            };
            let name = |request: &SeenRequest| request.operation().unwrap_or_default().to_owned();
            requests.iter().filter(is_of_it).map(name).collect::<Vec<_>>()
        };
        let (events, state) = (of(&self.world.events_table), of(&self.world.state_table));
        assert_eq!(events.len() + state.len(), requests.len(), "there are no other tables");
        (events, state)
    }
}
