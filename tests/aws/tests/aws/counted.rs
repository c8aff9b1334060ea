//! The services with proxies that count requests.
//!
//! It also checks that every counted read is consistent.

use annals_aws_tests::test_tables::TestTables;
use annals_services::{Proxy, RecordedRequest, dynamodb_endpoint, sdk_config};
use aws_config::SdkConfig;
use serde_json::Value;

/// An installation whose requests to DynamoDB are recorded.
pub(crate) struct Counted {
    pub(crate) test_tables: TestTables,
    pub(crate) proxy: Proxy,
}

impl Counted {
    pub(crate) async fn new(name: &str) -> Self {
        Self { test_tables: TestTables::new(name).await, proxy: Proxy::start(&dynamodb_endpoint()) }
    }

    /// The configuration of a process whose requests are recorded.
    pub(crate) fn config(&self) -> SdkConfig {
        sdk_config(&self.proxy.endpoint())
    }

    /// The number of requests since the last call.
    #[track_caller]
    pub(crate) fn number(&self) -> usize {
        let number = self.proxy.requests().len();
        self.seen();
        number
    }

    /// The operations on the events table and on the state table since the last call. One on both is in both.
    #[track_caller]
    pub(crate) fn seen(&self) -> (Vec<String>, Vec<String>) {
        let requests = self.proxy.requests();
        self.proxy.clear();
        for request in &requests {
            assert_consistent(request);
        }
        let of = |table: &str| {
            let is_of_it = |request: &&RecordedRequest| tables(request).iter().any(|name| name == table);
            requests.iter().filter(is_of_it).map(operation).collect::<Vec<_>>()
        };
        let (events, state) = (of(&self.test_tables.events_table), of(&self.test_tables.state_table));
        let others = requests.iter().any(|request| {
            let of_test = [&self.test_tables.events_table, &self.test_tables.state_table];
            tables(request).iter().any(|name| !of_test.contains(&name))
        });
        assert!(!others, "there are no other tables");
        (events, state)
    }
}

/// A request's body.
fn body(request: &RecordedRequest) -> Value {
    serde_json::from_slice(&request.body).expect("a request to DynamoDB is JSON")
}

/// The name of a request's operation.
fn operation(request: &RecordedRequest) -> String {
    request.operation().unwrap_or_default().to_owned()
}

/// The tables of a request. In a batch they are the keys.
fn tables(request: &RecordedRequest) -> Vec<String> {
    let body = body(request);
    match body["TableName"].as_str() {
        Some(name) => vec![name.to_owned()],
        None => body["RequestItems"].as_object().into_iter().flat_map(|items| items.keys().cloned()).collect(),
    }
}

/// Fails for a read that is not consistent.
#[track_caller]
fn assert_consistent(request: &RecordedRequest) {
    let body = body(request);
    let is_consistent = match request.operation() {
        Some("Query" | "GetItem" | "Scan") => body["ConsistentRead"] == true,
        Some("BatchGetItem") => {
            let tables = body["RequestItems"].as_object().expect("a batch names its tables");
            tables.values().all(|items| items["ConsistentRead"] == true)
        }
        _ => true,
    };
    assert!(is_consistent, "{:?}: {body}", request.operation());
}
