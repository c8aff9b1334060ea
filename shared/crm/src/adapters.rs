//! The adapters of one installation, for the accounts that its operator has set.

use std::sync::Arc;

use annals_domain::identity::ProviderAccount;
use annals_domain::provider_adapter::{ProviderAdapter, ProviderAdapters};

use crate::salesforce::Salesforce;

/// A setting that names no Salesforce org.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a Salesforce org id (15 or 18 letters and digits)")]
pub struct NotAnOrg(pub String);

/// The adapters. Where an org is set, events of another one are refused; where none is, no org is
/// checked.
pub fn adapters(salesforce_org: Option<&str>) -> Result<ProviderAdapters, NotAnOrg> {
    let account = salesforce_org.map(|org| {
        let is_org_id = matches!(org.len(), 15 | 18) && org.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_org_id { Ok(ProviderAccount::new(org)) } else { Err(NotAnOrg(org.to_owned())) }
    });
    let salesforce: Arc<dyn ProviderAdapter> = Arc::new(Salesforce::new(account.transpose()?));
    Ok(ProviderAdapters::new([salesforce]))
}
