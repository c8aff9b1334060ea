//! The table's schema, and its making for local development and tests.
//!
//! Promises the schema that the deployment's template gives the real one. Changes no table that is there.

use std::time::Duration;

use crate::client::port_error;
use annals_application::ports::{PortError, PortErrorKind};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::client::Waiters;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, LocalSecondaryIndex, Projection, ProjectionType,
    ScalarAttributeType, TimeToLiveSpecification,
};

/// The local secondary index on (`pk`, `listed`) by which lists are read in order.
pub const LIST_INDEX: &str = "by_list";

/// The attribute that tells DynamoDB when an item may go: seconds since 1970.
pub const EXPIRES_AT: &str = "expires_at";

pub(crate) const PK: &str = "pk";
pub(crate) const SK: &str = "sk";
pub(crate) const LISTED: &str = "listed";

/// How long a new table may take to come up: a local one is at once.
const READY: Duration = Duration::from_secs(60);

/// Makes the table, on demand and with its expiry turned on. One that is there stays as it is.
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
        Err(SdkError::ServiceError(answer)) if answer.err().is_resource_in_use_exception() => return Ok(()),
        Err(error) => return Err(port_error(name, error)),
    }
    client.wait_until_table_exists().table_name(name).wait(READY).await.map_err(|error| {
        PortError::new(PortErrorKind::Unavailable, name, "the table does not become active").caused_by(error)
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
