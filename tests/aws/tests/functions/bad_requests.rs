//! Bad requests to the query function: what a local process refuses is refused here too, and nothing reaches the stores
//! as a query.

use annals_aws_tests::functions::{Deployment, Mapping, deliver};
use annals_tests::bad_requests::check_bad_requests;

use crate::{changes, get, take};

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_request_is_refused_with_what_is_expected_and_an_injected_query_finds_nothing() {
    let deployment = Deployment::new().await;
    take(&deployment.ingest(), &changes(2, 2)).await;
    let records = deployment.stream().await.read().await;
    assert_eq!(deliver(&records, &deployment.projection(), Mapping::of(100)).await.done, 4);
    deployment.refresh().await;
    let query = deployment.query();
    check_bad_requests(async |path: &str| get(&query, path).await).await;
}
