//! The CRM accounts that events name. The first event of a second account has a warning: ids are unique within an account
//! only, so the records of one may overwrite those of another.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use annals_domain::identity::{Provider, ProviderAccount};
use annals_domain::validation_issue::ValidationIssue;

use super::caches::lock;
use crate::ports::{AccountRegistry, PortError};

pub(super) struct KnownAccounts {
    registry: Arc<dyn AccountRegistry>,
    /// The accounts that this process has found in the registry or added to it.
    known: Mutex<HashSet<(Provider, ProviderAccount)>>,
}

impl KnownAccounts {
    pub(super) fn new(registry: Arc<dyn AccountRegistry>) -> Self {
        Self { registry, known: Mutex::default() }
    }

    /// Notes the account of an event. Returns a warning if it is new and others are known.
    pub(super) async fn warning(
        &self,
        provider: Provider,
        account: Option<ProviderAccount>,
    ) -> Result<Option<ValidationIssue>, PortError> {
        let Some(account) = account else { return Ok(None) };
        let named = (provider, account);
        if lock(&self.known).contains(&named) {
            return Ok(None);
        }
        let registered = self.registry.accounts().await?;
        let is_new = !registered.contains(&named);
        if is_new {
            self.registry.add_account(provider, &named.1).await?;
        }
        let others: Vec<String> = registered
            .iter()
            .filter(|other| other.0 == provider && **other != named)
            .map(|(_, other)| format!("`{other}`"))
            .collect();
        let warning = (is_new && !others.is_empty()).then(|| second_account(&named.1, &others));
        lock(&self.known).extend(registered.into_iter().chain([named]));
        Ok(warning)
    }
}

fn second_account(account: &ProviderAccount, others: &[String]) -> ValidationIssue {
    let others = others.join(", ");
    let message = format!(
        "the first event of the org `{account}`, and events of {others} are stored: set the org of this installation, \
         because records of two orgs may have the same id"
    );
    ValidationIssue::new("source", message)
}
