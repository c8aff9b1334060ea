//! A bus and a topic of one test on moto, with a queue behind them: what a consumer gets.

use annals_lambda_tests::Function;
use annals_services::{moto_endpoint, sdk_config, unique_name};
use aws_config::SdkConfig;
use aws_sdk_eventbridge::types::Target;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};

/// A queue.
struct Queue {
    client: aws_sdk_sqs::Client,
    url: String,
    arn: String,
}

impl Queue {
    async fn new(config: &SdkConfig) -> Self {
        let client = aws_sdk_sqs::Client::new(config);
        let url = client.create_queue().queue_name(unique_name("queue")).send().await.unwrap().queue_url.unwrap();
        let arn = QueueAttributeName::QueueArn;
        let answer = client.get_queue_attributes().queue_url(&url).attribute_names(arn.clone()).send().await.unwrap();
        let arn = answer.attributes().unwrap()[&arn].clone();
        Self { client, url, arn }
    }

    /// The messages' bodies since the last call.
    async fn bodies(&self) -> Vec<Value> {
        let mut bodies = Vec::new();
        loop {
            let answer = self.client.receive_message().queue_url(&self.url).max_number_of_messages(10).send().await;
            let messages = answer.unwrap().messages.unwrap_or_default();
            if messages.is_empty() {
                return bodies;
            }
            for message in messages {
                bodies.push(serde_json::from_str(message.body().unwrap()).unwrap());
                let delete = self.client.delete_message().queue_url(&self.url);
                delete.receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
            }
        }
    }
}

/// What a consumer gets of announcements.
pub(crate) trait Details {
    /// Their details since the last call.
    async fn details(&self) -> Vec<Value>;
    /// A function that publishes there.
    fn publishing(&self, function: Function) -> Function;
}

/// An EventBridge bus, with a rule to a queue for what comes from us.
pub(crate) struct Bus {
    name: String,
    queue: Queue,
}

impl Bus {
    pub(crate) async fn new() -> Self {
        let config = sdk_config(&moto_endpoint());
        let (queue, name) = (Queue::new(&config).await, unique_name("bus"));
        let client = aws_sdk_eventbridge::Client::new(&config);
        client.create_event_bus().name(&name).send().await.unwrap();
        let pattern = json!({ "source": ["event-sourcing-system"], "detail-type": ["clientChanged"] });
        let rule = client.put_rule().name("clients").event_bus_name(&name).event_pattern(pattern.to_string());
        rule.send().await.unwrap();
        let target = Target::builder().id("queue").arn(&queue.arn).build().unwrap();
        client.put_targets().rule("clients").event_bus_name(&name).targets(target).send().await.unwrap();
        Self { name, queue }
    }
}

impl Details for Bus {
    async fn details(&self) -> Vec<Value> {
        self.queue.bodies().await.into_iter().map(|mut envelope| envelope["detail"].take()).collect()
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
        let config = sdk_config(&moto_endpoint());
        let (queue, client) = (Queue::new(&config).await, aws_sdk_sns::Client::new(&config));
        let arn = client.create_topic().name(unique_name("topic")).send().await.unwrap().topic_arn.unwrap();
        let subscribe = client.subscribe().topic_arn(&arn).protocol("sqs").endpoint(&queue.arn);
        subscribe.attributes("RawMessageDelivery", "true").send().await.unwrap();
        Self { arn, queue }
    }
}

impl Details for Topic {
    async fn details(&self) -> Vec<Value> {
        self.queue.bodies().await
    }

    fn publishing(&self, function: Function) -> Function {
        let function = function.with("ANNALS_PUBLISHER", "sns").with("ANNALS_TOPIC_ARN", &self.arn);
        function.with("AWS_ENDPOINT_URL_SNS", &moto_endpoint())
    }
}
