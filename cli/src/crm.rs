//! The connections to the CRMs that the environment names.

use annals_application::crm::{CrmConnection, CrmConnections};
use annals_salesforce::settings::SalesforceSettings;

use crate::exit::Failure;
use crate::salesforce;

/// All CRMs that are configured; none is no error.
pub(crate) async fn connections() -> Result<CrmConnections, Failure> {
    salesforce::settings().await?.map_or_else(|| Ok(CrmConnections::default()), connections_to)
}

/// The org of these settings alone.
pub(crate) fn connections_to(settings: SalesforceSettings) -> Result<CrmConnections, Failure> {
    let quota_share = settings.quota_share.percent();
    let client = salesforce::client(settings)?;
    Ok(CrmConnections::new([CrmConnection { client, quota_share }]))
}

/// The same, for a command that cannot do without.
pub(crate) async fn required_connections() -> Result<CrmConnections, Failure> {
    let connections = connections().await?;
    if connections.is_empty() {
        return Err(Failure::usage("no CRM is connected").hint(salesforce::GUIDE));
    }
    Ok(connections)
}
