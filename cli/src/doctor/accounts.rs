//! Whether all stored events are of one account of each provider.

use annals_application::log_chain;
use annals_application::ports::AccountRegistry;
use annals_domain::identity::Provider;

use super::check::Check;

const NAME: &str = "accounts";

/// A check for each provider with events of several accounts.
pub(crate) async fn checks(registry: &dyn AccountRegistry) -> Vec<Check> {
    let accounts = match registry.accounts().await {
        Ok(accounts) => accounts,
        Err(error) => return vec![Check::unknown(NAME, log_chain(&error))],
    };
    let of = |provider: Provider| {
        let mut ids: Vec<String> =
            accounts.iter().filter(|(other, _)| *other == provider).map(|(_, id)| format!("`{id}`")).collect();
        ids.sort();
        ids
    };
    let several = Provider::ALL.into_iter().map(|provider| (provider, of(provider))).filter(|(_, ids)| ids.len() > 1);
    several.map(|(provider, ids)| warning(provider, &ids)).collect()
}

fn warning(provider: Provider, ids: &[String]) -> Check {
    let found = format!("events of several {provider} accounts are stored: {}", ids.join(", "));
    let remedy = "their records may have the same id: set --salesforce-org (ANNALS_SALESFORCE_ORG) to the org of this \
                  installation, and events of others are quarantined";
    Check::warning(NAME, found, remedy)
}
