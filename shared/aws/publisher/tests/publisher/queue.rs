//! A queue behind a bus or a topic: what a consumer gets.

use std::collections::BTreeMap;
use std::sync::Mutex;

use annals_services::unique_name;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use aws_types::SdkConfig;

/// A queue of one test, and all that came out of it.
pub(crate) struct Queue {
    client: Client,
    url: String,
    pub(crate) arn: String,
    received: Mutex<Vec<Message>>,
}

impl Queue {
    /// A queue that keeps no order by contract.
    pub(crate) async fn standard(config: &SdkConfig) -> Self {
        Self::make(config, unique_name("queue"), None).await
    }

    /// A queue with message groups.
    pub(crate) async fn fifo(config: &SdkConfig) -> Self {
        let fifo = (QueueAttributeName::FifoQueue, "true".to_owned());
        Self::make(config, format!("{}.fifo", unique_name("queue")), Some(fifo)).await
    }

    async fn make(config: &SdkConfig, name: String, attribute: Option<(QueueAttributeName, String)>) -> Self {
        let client = Client::new(config);
        let attributes = attribute.map(|attribute| [attribute].into());
        let queue = client.create_queue().queue_name(name).set_attributes(attributes).send().await.unwrap();
        let url = queue.queue_url().unwrap().to_owned();
        let arn = QueueAttributeName::QueueArn;
        let answer = client.get_queue_attributes().queue_url(&url).attribute_names(arn.clone()).send().await.unwrap();
        let arn = answer.attributes().unwrap()[&arn].clone();
        Self { client, url, arn, received: Mutex::default() }
    }

    /// All messages since the queue was made, in the order in which they came.
    pub(crate) async fn messages(&self) -> Vec<Message> {
        loop {
            let call = self.client.receive_message().queue_url(&self.url).max_number_of_messages(10);
            let call = call.message_system_attribute_names(MessageSystemAttributeName::All);
            let answer = call.message_attribute_names("All").send().await.unwrap();
            if answer.messages().is_empty() {
                return self.received.lock().unwrap().clone();
            }
            for message in answer.messages() {
                let delete = self.client.delete_message().queue_url(&self.url);
                delete.receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
            }
            self.received.lock().unwrap().extend_from_slice(answer.messages());
        }
    }
}

/// A message's own attributes, by name.
pub(crate) fn attributes(message: &Message) -> BTreeMap<&str, &str> {
    let attributes = message.message_attributes().unwrap().iter();
    attributes.map(|(name, value)| (name.as_str(), value.string_value().unwrap())).collect()
}
