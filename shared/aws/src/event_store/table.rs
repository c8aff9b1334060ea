//! The schema of the events table, and its creation for local development and tests.
//!
//! Keys, billing and stream are the same as in the template. Backups and protection are left to the template.

use std::time::Duration;

use annals_application::ports::{PortError, PortErrorKind};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::client::Waiters;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, LocalSecondaryIndex, Projection, ProjectionType,
    ScalarAttributeType, StreamSpecification, StreamViewType,
};

use crate::client::port_error;
use crate::event_store::late_index::{LATE, LATE_INDEX};

/// The partition key: the stream, `entity_name#entity_id`; a string.
pub const ENTITY_KEY: &str = "entity_key";
/// The sort key: the event's number in its stream; a number.
pub const VERSION: &str = "version";

/// How long a new table may take to become active.
const CREATION_TIMEOUT: Duration = Duration::from_secs(60);

/// Creates the table, for local development and tests, and waits until it is active. An existing table is left as it
/// is.
pub async fn create_table(client: &Client, name: &str) -> Result<(), PortError> {
    let stream = StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewImage);
    create(client, name, Some(stream.build().expect("the required setting is given"))).await
}

/// The same table without its stream, for tests and benchmarks that do not read it: with a stream, DynamoDB Local
/// searches all records of all streams at each write.
pub async fn create_table_without_stream(client: &Client, name: &str) -> Result<(), PortError> {
    create(client, name, None).await
}

async fn create(client: &Client, name: &str, stream: Option<StreamSpecification>) -> Result<(), PortError> {
    let created = client
        .create_table()
        .table_name(name)
        .attribute_definitions(attribute(ENTITY_KEY, ScalarAttributeType::S))
        .attribute_definitions(attribute(VERSION, ScalarAttributeType::N))
        .key_schema(key(ENTITY_KEY, KeyType::Hash))
        .key_schema(key(VERSION, KeyType::Range))
        .attribute_definitions(attribute(LATE, ScalarAttributeType::B))
        .local_secondary_indexes(late_index())
        .billing_mode(BillingMode::PayPerRequest)
        .set_stream_specification(stream)
        .send()
        .await;
    match created {
        Ok(_) => {}
        Err(SdkError::ServiceError(error)) if error.err().is_resource_in_use_exception() => {}
        Err(error) => return Err(port_error(name, error)),
    }
    let ready = client.wait_until_table_exists().table_name(name).wait(CREATION_TIMEOUT).await;
    ready.map(|_| ()).map_err(|error| {
        PortError::new(PortErrorKind::Unavailable, name, "the table did not become active within a minute")
            .caused_by(error)
    })
}

fn late_index() -> LocalSecondaryIndex {
    let index = LocalSecondaryIndex::builder()
        .index_name(LATE_INDEX)
        .key_schema(key(ENTITY_KEY, KeyType::Hash))
        .key_schema(key(LATE, KeyType::Range))
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build());
    index.build().expect("the required settings are given")
}

fn attribute(name: &str, kind: ScalarAttributeType) -> AttributeDefinition {
    let definition = AttributeDefinition::builder().attribute_name(name).attribute_type(kind);
    definition.build().expect("both settings are given")
}

fn key(name: &str, kind: KeyType) -> KeySchemaElement {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("both settings are given")
}
