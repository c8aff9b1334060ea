//! A table that an earlier release created has no index of late events. Searches find everything there too.

use annals_application::contract::event_store;
use annals_aws::event_store::{DynamoEventStore, ENTITY_KEY, VERSION};
use annals_services::unique_name;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};

use crate::tables::{Table, config};

async fn store_without_index() -> (DynamoEventStore, Table) {
    let (config, name) = (config(), unique_name("earlier"));
    let client = Client::new(&config);
    let attribute = |name, kind| AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build();
    let key = |name, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    let created = client
        .create_table()
        .table_name(&name)
        .attribute_definitions(attribute(ENTITY_KEY, ScalarAttributeType::S).expect("complete"))
        .attribute_definitions(attribute(VERSION, ScalarAttributeType::N).expect("complete"))
        .key_schema(key(ENTITY_KEY, KeyType::Hash).expect("complete"))
        .key_schema(key(VERSION, KeyType::Range).expect("complete"))
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await;
    created.expect("DynamoDB Local makes a table");
    (DynamoEventStore::new(&config, name.clone()), Table { client, name })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_finds_each_stored_change() {
    let (store, _table) = store_without_index().await;
    event_store::a_search_finds_each_stored_change_in_whatever_order_they_arrived(&store).await;
    event_store::a_search_finds_a_change_among_very_many_of_one_timestamp(&store).await;
    event_store::a_search_tells_whether_an_image_of_the_timestamp_is_stored(&store).await;
}
