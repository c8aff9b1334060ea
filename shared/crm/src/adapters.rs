//! The adapters of one installation, for the accounts that its operator configures.

use std::sync::Arc;

use annals_domain::identity::ProviderAccount;
use annals_domain::provider_adapter::{ProviderAdapter, ProviderAdapters};

use crate::salesforce::Salesforce;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid Salesforce org id `{0}`: expected 15 or 18 letters and digits")]
pub struct InvalidOrgId(pub String);

/// The adapters of this installation. With an org, events of another org are rejected; without one, the org is not
/// checked. Fails if the org's id is invalid.
pub fn adapters(salesforce_org: Option<&str>) -> Result<ProviderAdapters, InvalidOrgId> {
    let account = salesforce_org.map(|org| {
        let is_org_id = matches!(org.len(), 15 | 18) && org.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_org_id { Ok(ProviderAccount::new(org)) } else { Err(InvalidOrgId(org.to_owned())) }
    });
    let salesforce: Arc<dyn ProviderAdapter> = Arc::new(Salesforce::new(account.transpose()?));
    Ok(ProviderAdapters::new([salesforce]))
}

#[cfg(test)]
mod tests {
    use annals_domain::identity::Provider;

    use super::*;

    #[test]
    fn an_org_id_has_15_or_18_letters_and_digits() {
        for (org, account) in [
            (None, "default"),
            (Some("00DRM000000Fxts"), "00DRM000000Fxts2AC"),
            (Some("00DRM000000Fxts2AC"), "00DRM000000Fxts2AC"),
        ] {
            let adapters = adapters(org).expect("a valid org");
            let salesforce = adapters.get(Provider::Salesforce).expect("there is one");
            assert_eq!(salesforce.account().as_str(), account);
        }
        for org in ["", "00DRM000000Fxt", "00DRM000000Fxts2", "00DRM000000Fxt-", "00DRM000000Fxts2A\u{e9}"] {
            assert_eq!(adapters(Some(org)).err(), Some(InvalidOrgId(org.to_owned())), "{org}");
        }
    }
}
