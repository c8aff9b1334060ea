//! `connect`: checks the connection to a CRM, one line a check, with what to do if something is to be done. It only
//! reads.

mod objects;
mod org;

use annals_sqlite::process::PublishTo;

use crate::arguments::{Connect, ConnectedCrm, Shared};
use crate::doctor::{self, Check, Verdict};
use crate::exit::{Exit, Failure};
use crate::salesforce;

pub(crate) async fn run(shared: &Shared, connect: &Connect) -> Result<Exit, Failure> {
    let ConnectedCrm::Salesforce = connect.crm;
    let Some(settings) = salesforce::settings().await? else {
        let failure = Failure::usage("no Salesforce org is configured: ANNALS_SALESFORCE_URL is not set");
        return Err(failure.hint(salesforce::GUIDE));
    };
    let process = shared.settings(PublishTo::Nowhere);
    let adapters = process.adapters()?;
    let catalog = process.catalog(&adapters)?;
    let share = settings.quota_share;
    let client = salesforce::client(settings)?;
    let mut checks = org::checks(&client, share).await;
    if checks.iter().all(|check| check.verdict != Verdict::Wrong) {
        checks.extend(objects::checks(&client, &catalog, &adapters).await);
    }
    doctor::print(shared, &checks, connect.json)
}

/// The checks of the org itself, if one is configured: for `doctor`.
pub(crate) async fn org_checks() -> Vec<Check> {
    match salesforce::settings().await {
        Ok(None) => Vec::new(),
        Err(failure) => vec![Check::wrong(org::CREDENTIALS, failure.message(), salesforce::GUIDE)],
        Ok(Some(settings)) => {
            let share = settings.quota_share;
            match salesforce::client(settings) {
                Ok(client) => org::checks(&client, share).await,
                Err(failure) => vec![Check::wrong(org::CREDENTIALS, failure.message(), salesforce::GUIDE)],
            }
        }
    }
}
