//! What an installation on AWS depends on, each dependency by itself and all at once.

use aws_sdk_dynamodb::Client;

use super::check::Check;
use super::{announcements, credentials, events_table, open_search, state_table};
use crate::arguments::Shared;
use crate::aws::Aws;
use crate::exit::Failure;

/// All checks.
pub(super) async fn checks(shared: &Shared) -> Result<Vec<Check>, Failure> {
    let (settings, search) = shared.on_aws.tables_and_search(shared.salesforce_org.as_deref())?;
    let aws = Aws::at(settings.clone()).await?;
    let mut checks = match credentials::check(&aws.config).await {
        Ok(checks) => checks,
        // Without them no call can be made.
        Err(checks) => return Ok(checks),
    };
    let client = Client::new(&aws.config);
    let (events, state, indices, announced) = tokio::join!(
        events_table::checks(&client, &settings.events_table),
        state_table::checks(&client, &settings.state_table, &*aws.installation.state),
        open_search::checks(&aws, &search),
        announcements::checks(&aws.config),
    );
    checks.extend([events, state, indices, announced].into_iter().flatten());
    Ok(checks)
}
