//! Creates the tables `annals-events` and `annals-state` in DynamoDB Local, for `sam local invoke`.

use annals_aws::event_store::create_table as create_events_table;
use annals_aws::state_store::create_table as create_state_table;
use annals_services::{dynamodb_endpoint, sdk_config};
use aws_sdk_dynamodb::Client;

#[tokio::main]
async fn main() -> Result<(), annals_application::ports::PortError> {
    let client = Client::new(&sdk_config(&dynamodb_endpoint()));
    create_events_table(&client, "annals-events").await?;
    create_state_table(&client, "annals-state").await?;
    println!("annals-events and annals-state are in DynamoDB Local");
    Ok(())
}
