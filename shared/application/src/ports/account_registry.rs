//! The CRM accounts whose events are stored.

use annals_domain::identity::{Provider, ProviderAccount};
use async_trait::async_trait;

use super::PortError;

/// Remembers which accounts events name (Salesforce: the org) while the installation has none configured. Ids are unique
/// within an account only, so a second one is a mistake that somebody must hear of.
#[async_trait]
pub trait AccountRegistry: Send + Sync {
    /// Adds an account. Idempotent.
    async fn add_account(&self, provider: Provider, account: &ProviderAccount) -> Result<(), PortError>;

    /// All accounts, in any order: one a provider, if nothing is wrong.
    async fn accounts(&self) -> Result<Vec<(Provider, ProviderAccount)>, PortError>;
}
