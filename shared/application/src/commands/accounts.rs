//! The CRM accounts that events name. The first event of a second account has a warning: ids are unique within an account
//! only, so the records of one may overwrite those of another.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use annals_domain::identity::{Provider, ProviderAccount};
use annals_domain::validation_issue::ValidationIssue;
use tokio::time::timeout;

use super::caches::lock;
use crate::ports::{AccountRegistry, PortError};

/// An event does not wait longer for the registry, which each process asks once an account.
const TIME_LIMIT: Duration = Duration::from_secs(1);

pub(super) struct KnownAccounts {
    registry: Arc<dyn AccountRegistry>,
    /// The accounts that this process has found in the registry or added to it.
    known: Mutex<HashSet<(Provider, ProviderAccount)>>,
}

impl KnownAccounts {
    pub(super) fn new(registry: Arc<dyn AccountRegistry>) -> Self {
        Self { registry, known: Mutex::default() }
    }

    /// Notes the account of an event. Returns a warning if it is new and others are known. An event is stored without it
    /// if the registry does not respond: the next event tries again.
    pub(super) async fn warning(
        &self,
        provider: Provider,
        account: Option<ProviderAccount>,
    ) -> Option<ValidationIssue> {
        let named = (provider, account?);
        if lock(&self.known).contains(&named) {
            return None;
        }
        match timeout(TIME_LIMIT, self.note(&named)).await {
            Ok(Ok(warning)) => warning,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the account of an event is not noted");
                None
            }
            Err(_) => {
                tracing::warn!("the account of an event is not noted: no response in time");
                None
            }
        }
    }

    async fn note(&self, named: &(Provider, ProviderAccount)) -> Result<Option<ValidationIssue>, PortError> {
        let registered = self.registry.accounts().await?;
        let is_new = !registered.contains(named);
        if is_new {
            self.registry.add_account(named.0, &named.1).await?;
        }
        let others = registered.iter().filter(|other| other.0 == named.0 && *other != named);
        let others: Vec<String> = others.map(|(_, account)| format!("`{account}`")).collect();
        lock(&self.known).extend(registered.into_iter().chain([named.clone()]));
        Ok((is_new && !others.is_empty()).then(|| second_account(&named.1, &others)))
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
