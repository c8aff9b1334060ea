//! A queue of moto that subscribes to a bus or a topic and receives what a consumer would.
//!
//! It returns every received message once. A queue with message groups has a topic with message groups.

use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_config::SdkConfig;
use aws_sdk_eventbridge::types::Target;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use serde_json::Value;

use crate::endpoints::{moto_endpoint, sdk_config, unique_name};

/// A queue of one test.
pub struct Queue {
    config: SdkConfig,
    client: Client,
    url: String,
    arn: String,
    is_fifo: bool,
    received: Mutex<Vec<Message>>,
}

impl Queue {
    /// A standard queue, which does not guarantee an order.
    pub async fn standard() -> Self {
        Self::make(false).await
    }

    /// A queue with message groups.
    pub async fn fifo() -> Self {
        Self::make(true).await
    }

    async fn make(is_fifo: bool) -> Self {
        let config = sdk_config(&moto_endpoint());
        let client = Client::new(&config);
        let attributes = is_fifo.then(|| [(QueueAttributeName::FifoQueue, "true".to_owned())].into());
        let made = client.create_queue().queue_name(name("queue", is_fifo)).set_attributes(attributes).send().await;
        let url = made.ok().and_then(|queue| queue.queue_url).expect("moto creates a queue");
        let arn = QueueAttributeName::QueueArn;
        let attributes = client.get_queue_attributes().queue_url(&url).attribute_names(arn.clone()).send().await;
        let attributes = attributes
            .ok()
            .and_then(|attributes| attributes.attributes)
            .and_then(|mut attributes| attributes.remove(&arn));
        let arn = attributes.expect("a queue has an ARN");
        Self { config, client, url, arn, is_fifo, received: Mutex::default() }
    }

    /// Creates a bus with a rule that sends matching events to this queue. Returns its name.
    pub async fn with_bus(&self, pattern: &Value) -> String {
        let (client, bus) = (aws_sdk_eventbridge::Client::new(&self.config), unique_name("bus"));
        client.create_event_bus().name(&bus).send().await.expect("moto creates a bus");
        let rule = client.put_rule().name("passed-on").event_bus_name(&bus).event_pattern(pattern.to_string());
        rule.send().await.expect("moto creates a rule");
        let target = Target::builder().id("queue").arn(&self.arn).build().expect("id and ARN are given");
        let put = client.put_targets().rule("passed-on").event_bus_name(&bus).targets(target);
        put.send().await.expect("moto adds a target to the rule");
        bus
    }

    /// Creates a topic that sends all messages, or those that match the filter, to this queue. Returns its ARN.
    pub async fn with_topic(&self, filter: Option<&Value>) -> String {
        let client = aws_sdk_sns::Client::new(&self.config);
        let attributes = self.is_fifo.then(|| [("FifoTopic".to_owned(), "true".to_owned())].into());
        let made = client.create_topic().name(name("topic", self.is_fifo)).set_attributes(attributes).send().await;
        let topic = made.ok().and_then(|topic| topic.topic_arn).expect("moto creates a topic");
        let subscribe = client.subscribe().topic_arn(&topic).protocol("sqs").endpoint(&self.arn);
        let mut subscribe = subscribe.attributes("RawMessageDelivery", "true");
        if let Some(filter) = filter {
            subscribe = subscribe.attributes("FilterPolicy", filter.to_string());
        }
        subscribe.send().await.expect("moto subscribes the queue");
        topic
    }

    /// All messages since the queue was created or last drained, in the order of their arrival.
    pub async fn messages(&self) -> Vec<Message> {
        loop {
            let call = self.client.receive_message().queue_url(&self.url).max_number_of_messages(10);
            let call = call.message_system_attribute_names(MessageSystemAttributeName::All);
            let answer = call.message_attribute_names("All").send().await.expect("moto returns messages");
            if answer.messages().is_empty() {
                return self.received().clone();
            }
            for message in answer.messages() {
                let delete = self.client.delete_message().queue_url(&self.url);
                let delete = delete.set_receipt_handle(message.receipt_handle.clone());
                delete.send().await.expect("moto deletes a message");
            }
            self.received().extend_from_slice(answer.messages());
        }
    }

    /// The bodies of the messages, which are JSON.
    pub async fn bodies(&self) -> Vec<Value> {
        let messages = self.messages().await;
        let bodies = messages.iter().filter_map(Message::body);
        bodies.map(|body| serde_json::from_str(body).expect("a message is JSON")).collect()
    }

    /// The bodies of the messages, which are then removed.
    pub async fn take_bodies(&self) -> Vec<Value> {
        let bodies = self.bodies().await;
        self.received().clear();
        bodies
    }

    fn received(&self) -> MutexGuard<'_, Vec<Message>> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(prefix: &str, is_fifo: bool) -> String {
    unique_name(prefix) + if is_fifo { ".fifo" } else { "" }
}
