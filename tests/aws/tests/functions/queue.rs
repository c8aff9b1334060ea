//! A bus and a topic of one test, with a queue that receives what a consumer would.

use std::collections::BTreeMap;

use annals_aws_tests::functions::Function;
use annals_services::{Queue, moto_endpoint};
use serde_json::{Value, json};

/// The published events that a consumer receives.
pub(crate) trait Details {
    /// The details since the last call.
    async fn details(&self) -> Vec<Value>;
    /// The function, configured to publish here.
    fn publishing(&self, function: Function) -> Function;
}

/// The record of a published event, and its first and last version.
pub(crate) fn versions(detail: &Value) -> (String, u64, u64) {
    let [from, to] = ["from_version", "version"].map(|name| detail[name].as_u64().unwrap());
    (detail["external_id"].as_str().unwrap().to_owned(), from, to)
}

/// How often the versions of each record were published.
pub(crate) fn published(details: &[Value]) -> BTreeMap<(String, u64, u64), usize> {
    let mut published = BTreeMap::new();
    for versions in details.iter().map(versions) {
        *published.entry(versions).or_insert(0) += 1;
    }
    published
}

/// An EventBridge bus, with a rule that sends our events to a queue.
pub(crate) struct Bus {
    name: String,
    queue: Queue,
}

impl Bus {
    pub(crate) async fn new() -> Self {
        let queue = Queue::standard().await;
        let pattern = json!({ "source": ["event-sourcing-system"], "detail-type": ["clientChanged"] });
        Self { name: queue.with_bus(&pattern).await, queue }
    }
}

impl Details for Bus {
    async fn details(&self) -> Vec<Value> {
        self.queue.take_bodies().await.into_iter().map(|mut envelope| envelope["detail"].take()).collect()
    }

    fn publishing(&self, function: Function) -> Function {
        let function = function.with("ANNALS_PUBLISHER", "eventbridge").with("ANNALS_EVENT_BUS", &self.name);
        function.with("AWS_ENDPOINT_URL_EVENTBRIDGE", &moto_endpoint())
    }
}

/// An SNS topic, with a queue that is subscribed to it.
pub(crate) struct Topic {
    arn: String,
    queue: Queue,
}

impl Topic {
    pub(crate) async fn new() -> Self {
        let queue = Queue::standard().await;
        Self { arn: queue.with_topic(None).await, queue }
    }
}

impl Details for Topic {
    async fn details(&self) -> Vec<Value> {
        self.queue.take_bodies().await
    }

    fn publishing(&self, function: Function) -> Function {
        let function = function.with("ANNALS_PUBLISHER", "sns").with("ANNALS_TOPIC_ARN", &self.arn);
        function.with("AWS_ENDPOINT_URL_SNS", &moto_endpoint())
    }
}
