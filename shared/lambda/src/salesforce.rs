//! The connection to the Salesforce org that a function's settings name, with its secrets from Secrets Manager.

use std::sync::Arc;

use annals_application::log_chain;
use annals_application::ports::{Clock, CrmError, Ids};
use annals_aws::client::{Environment, SettingsError};
use annals_aws::secrets::SecretsManager;
use annals_salesforce::settings::{SalesforceSettings, SecretSource};
use annals_salesforce::{ClientTuning, SalesforceClient};
use async_trait::async_trait;
use aws_config::SdkConfig;
use secrecy::SecretString;

/// Why a function cannot connect to its org.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Client(#[from] CrmError),
}

struct SecretsOfAws(SecretsManager);

#[async_trait]
impl SecretSource for SecretsOfAws {
    async fn secret(&self, arn: &str) -> Result<SecretString, String> {
        self.0.text(arn).await.map_err(|error| log_chain(&error))
    }
}

/// The settings of the org; `None` if no org is configured. Reads the secrets, once a process.
pub async fn salesforce_settings(
    config: &SdkConfig,
    environment: &Environment,
) -> Result<Option<SalesforceSettings>, SettingsError> {
    let secrets = SecretsOfAws(SecretsManager::new(config));
    let settings = SalesforceSettings::read(|name| environment.optional(name), &secrets).await;
    settings.map_err(|error| SettingsError(error.0))
}

/// A client of the org; `None` if no org is configured. Makes no call to the org yet.
pub async fn salesforce_client(
    config: &SdkConfig,
    environment: &Environment,
    clock: &Arc<dyn Clock>,
    ids: &Arc<dyn Ids>,
) -> Result<Option<Arc<SalesforceClient>>, ConnectError> {
    let Some(settings) = salesforce_settings(config, environment).await? else { return Ok(None) };
    let client = SalesforceClient::new(settings, ClientTuning::default(), Arc::clone(clock), Arc::clone(ids))?;
    Ok(Some(Arc::new(client)))
}
