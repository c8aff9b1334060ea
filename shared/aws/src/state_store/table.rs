//! The table's schema, and its creation for local development and tests.
//!
//! The schema is that of template.yaml; a test compares the two.

use std::time::Duration;

use annals_application::ports::{PortError, PortErrorKind};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::client::Waiters;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, LocalSecondaryIndex, Projection, ProjectionType,
    ScalarAttributeType, TimeToLiveSpecification,
};

use crate::client::port_error;

/// The local secondary index on (`pk`, `listed`) by which lists are read in order.
pub const LIST_INDEX: &str = "by_list";

/// The attribute that says when an item expires, in seconds since 1970: DynamoDB deletes it some time later.
pub const EXPIRES_AT: &str = "expires_at";

pub(super) const PK: &str = "pk";
pub(super) const SK: &str = "sk";
pub(super) const LISTED: &str = "listed";

/// How long to wait for a new table; a local one is ready at once.
const READY: Duration = Duration::from_secs(60);

/// Creates the table, with on-demand capacity and expiry turned on. A table that exists stays as it is.
pub async fn create_table(client: &Client, name: &str) -> Result<(), PortError> {
    let projection = Projection::builder().projection_type(ProjectionType::All).build();
    let index = LocalSecondaryIndex::builder()
        .index_name(LIST_INDEX)
        .key_schema(key(PK, KeyType::Hash))
        .key_schema(key(LISTED, KeyType::Range))
        .projection(projection)
        .build()
        .expect("name, key and projection are given");
    let mut request = client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    for attribute in [PK, SK, LISTED] {
        request = request.attribute_definitions(text(attribute));
    }
    request = request.key_schema(key(PK, KeyType::Hash)).key_schema(key(SK, KeyType::Range));
    match request.local_secondary_indexes(index).send().await {
        Ok(_) => {}
        Err(SdkError::ServiceError(error)) if error.err().is_resource_in_use_exception() => return Ok(()),
        Err(error) => return Err(port_error(name, error)),
    }
    client.wait_until_table_exists().table_name(name).wait(READY).await.map_err(|error| {
        PortError::new(PortErrorKind::Unavailable, name, "the new table did not become active in time").caused_by(error)
    })?;
    let expiry = TimeToLiveSpecification::builder().enabled(true).attribute_name(EXPIRES_AT);
    let expiry = expiry.build().expect("both settings are given");
    let set = client.update_time_to_live().table_name(name).time_to_live_specification(expiry).send().await;
    set.map(drop).map_err(|error| port_error(name, error))
}

fn key(name: &str, kind: KeyType) -> KeySchemaElement {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("both settings are given")
}

fn text(name: &str) -> AttributeDefinition {
    let definition = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
    definition.build().expect("both settings are given")
}
