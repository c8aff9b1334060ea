//! The table's schema, and its making where no template makes it.
//!
//! Promises the keys, billing and stream that the deployed table has. Backups and protection are
//! the deployment's.

use std::time::Duration;

use crate::client::port_error;
use annals_application::ports::{PortError, PortErrorKind};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::client::Waiters;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, StreamSpecification,
    StreamViewType,
};

/// The partition key: the stream, `entity_name#entity_id`; a string.
pub const ENTITY_KEY: &str = "entity_key";
/// The sort key: the event's number in its stream; a number.
pub const VERSION: &str = "version";

/// How long a new table may take to come up.
const READY: Duration = Duration::from_secs(60);

/// Makes the table, for local development and tests, and waits until it answers. One that is there
/// already is left as it is.
pub async fn create_table(client: &Client, name: &str) -> Result<(), PortError> {
    let stream = StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewImage);
    create(client, name, Some(stream.build().expect("it is said whether there is one"))).await
}

/// The same table without its stream, for tests and benchmarks that write much and read no stream:
/// each write to a table with one costs DynamoDB Local a look through all records of all streams.
pub async fn create_table_without_stream(client: &Client, name: &str) -> Result<(), PortError> {
    create(client, name, None).await
}

async fn create(client: &Client, name: &str, stream: Option<StreamSpecification>) -> Result<(), PortError> {
    let made = client
        .create_table()
        .table_name(name)
        .attribute_definitions(attribute(ENTITY_KEY, ScalarAttributeType::S))
        .attribute_definitions(attribute(VERSION, ScalarAttributeType::N))
        .key_schema(key(ENTITY_KEY, KeyType::Hash))
        .key_schema(key(VERSION, KeyType::Range))
        .billing_mode(BillingMode::PayPerRequest)
        .set_stream_specification(stream)
        .send()
        .await;
    match made {
        Ok(_) => {}
        Err(SdkError::ServiceError(answer)) if answer.err().is_resource_in_use_exception() => {}
        Err(error) => return Err(port_error(name, error)),
    }
    let ready = client.wait_until_table_exists().table_name(name).wait(READY).await;
    ready.map(|_| ()).map_err(|error| {
        PortError::new(PortErrorKind::Unavailable, name, "the table does not become active").caused_by(error)
    })
}

fn attribute(name: &str, kind: ScalarAttributeType) -> AttributeDefinition {
    let definition = AttributeDefinition::builder().attribute_name(name).attribute_type(kind);
    definition.build().expect("both settings are given")
}

fn key(name: &str, kind: KeyType) -> KeySchemaElement {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("both settings are given")
}
