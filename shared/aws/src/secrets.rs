//! Secrets Manager: the secrets that settings name by their ARNs.

use annals_application::ports::{PortError, PortErrorKind};
use aws_sdk_secretsmanager::Client;
use aws_types::SdkConfig;
use secrecy::SecretString;

use crate::client::port_error;

#[derive(Debug, Clone)]
pub struct SecretsManager {
    client: Client,
}

impl SecretsManager {
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// The text of a secret, its current version. One that was never given a value is an error.
    pub async fn text(&self, arn: &str) -> Result<SecretString, PortError> {
        let resource = format!("secret `{arn}`");
        let output = self.client.get_secret_value().secret_id(arn).send().await;
        let output = output.map_err(|error| port_error(&resource, error))?;
        let text = output.secret_string.filter(|text| !text.trim().is_empty());
        text.map(SecretString::from).ok_or_else(|| {
            PortError::new(PortErrorKind::Misconfigured, resource, "it has no text: store the value in it")
        })
    }
}
