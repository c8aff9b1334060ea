//! The state store on DynamoDB Local: the contract of the port, and what this adapter promises beside it.

mod bench;
mod concurrency;
mod expiry;
mod failures;
mod large;
mod layout;
mod requests;

use annals_aws::state_store::DynamoStateStore;

use crate::bench::Bench;

async fn make() -> (DynamoStateStore, Bench) {
    let bench = Bench::new().await;
    (bench.adapter(), bench)
}

annals_application::state_contract!(make);
annals_application::lag_notes_contract!(make);
