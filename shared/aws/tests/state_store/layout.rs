//! The table as the deployment makes it.

use annals_aws::state_store::{EXPIRES_AT, LIST_INDEX, create_table};
use annals_domain::change::RefetchReason;
use annals_domain::identity::Provider;
use aws_sdk_dynamodb::types::{BillingMode, ProjectionType, TimeToLiveStatus};

use crate::bench::{Bench, task};

#[tokio::test(flavor = "multi_thread")]
async fn the_table_is_on_demand_with_one_local_index_and_an_expiry() {
    let bench = Bench::new().await;
    let described = bench.client.describe_table().table_name(&bench.table).send().await.expect("it is there");
    let table = described.table.expect("it is described");
    assert_eq!(table.billing_mode_summary.and_then(|summary| summary.billing_mode), Some(BillingMode::PayPerRequest));
    assert!(table.global_secondary_indexes.is_none());
    let [index] = &table.local_secondary_indexes.expect("there are some")[..] else { panic!("not one index") };
    assert_eq!(index.index_name.as_deref(), Some(LIST_INDEX));
    let keys = |schema: &[aws_sdk_dynamodb::types::KeySchemaElement]| -> Vec<String> {
        schema.iter().map(|key| key.attribute_name.clone()).collect()
    };
    assert_eq!(keys(index.key_schema()), ["pk", "listed"]);
    assert_eq!(keys(&table.key_schema.expect("it has a key")), ["pk", "sk"]);
    let projection = index.projection.as_ref().and_then(|projection| projection.projection_type.clone());
    assert_eq!(projection, Some(ProjectionType::All));
    let expiry = bench.client.describe_time_to_live().table_name(&bench.table).send().await.expect("it is there");
    let expiry = expiry.time_to_live_description.expect("it is described");
    assert_eq!(expiry.attribute_name.as_deref(), Some(EXPIRES_AT));
    assert_eq!(expiry.time_to_live_status, Some(TimeToLiveStatus::Enabled));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_there_stays_as_it_is() {
    let bench = Bench::new().await;
    let asked = vec![task("a", 1, &[RefetchReason::Gap])];
    bench.store().refetch.enqueue(asked.clone()).await.expect("the store writes");
    create_table(&bench.client, &bench.table).await.expect("it is there already");
    assert_eq!(bench.store().refetch.earliest(Provider::Salesforce, 9).await.expect("the store reads"), asked);
}
