//! What an installation on AWS depends on. The dependencies are checked at the same time.

mod credentials;
mod events_table;
mod opensearch;
mod publisher;
mod refusal;
mod state_table;
mod table;

use aws_sdk_dynamodb::Client;

use super::{Aws, settings};
use crate::arguments::Shared;
use crate::doctor::{Check, accounts};
use crate::exit::Failure;

/// All checks; only those of the credentials if no call can be made with them.
pub(crate) async fn checks(shared: &Shared) -> Result<Vec<Check>, Failure> {
    let (tables, search) = settings::tables_and_search(&shared.on_aws, shared.salesforce_org.as_deref())?;
    let aws = Aws::connect(tables.clone()).await?;
    let mut checks = credentials::checks(&aws.config).await;
    if checks.iter().any(|check| check.remedy.is_some()) {
        return Ok(checks);
    }
    let client = Client::new(&aws.config);
    let (events, state, accounts, indices, publisher) = tokio::join!(
        events_table::checks(&client, &tables.events_table),
        state_table::checks(&client, &tables.state_table, &*aws.installation.state.parked),
        accounts::checks(&*aws.installation.state.accounts),
        opensearch::checks(&aws, &search),
        publisher::checks(&aws.config),
    );
    checks.extend([events, state, accounts, indices, publisher].into_iter().flatten());
    Ok(checks)
}
