//! The settings of the connection to an org, from the environment: parsed once, and strict from then on.
//!
//! All missing and invalid settings are in one error. No error shows a secret.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use url::{Host, Url};

use crate::signing_key::SigningKey;

pub const URL: &str = "ANNALS_SALESFORCE_URL";
pub const CLIENT_ID: &str = "ANNALS_SALESFORCE_CLIENT_ID";
pub const CLIENT_SECRET: &str = "ANNALS_SALESFORCE_CLIENT_SECRET";
pub const USERNAME: &str = "ANNALS_SALESFORCE_USERNAME";
pub const PRIVATE_KEY_FILE: &str = "ANNALS_SALESFORCE_PRIVATE_KEY_FILE";
pub const API_VERSION: &str = "ANNALS_SALESFORCE_API_VERSION";
pub const QUOTA_SHARE: &str = "ANNALS_SALESFORCE_QUOTA_SHARE";

/// All of them, in the order of the documentation.
pub const ALL: [&str; 7] = [URL, CLIENT_ID, CLIENT_SECRET, USERNAME, PRIVATE_KEY_FILE, API_VERSION, QUOTA_SHARE];

/// Those that say that an org is to be connected.
const CONNECTING: [&str; 5] = [URL, CLIENT_ID, CLIENT_SECRET, USERNAME, PRIVATE_KEY_FILE];

/// Pinned, so that a release of Salesforce changes nothing by itself.
const DEFAULT_VERSION: &str = "62.0";
/// Leaves half of the day's calls to others.
const DEFAULT_SHARE: u8 = 50;

/// Where secrets are kept outside of the environment.
#[async_trait]
pub trait SecretSource: Send + Sync {
    /// The text of the secret with that ARN. The error is one line and does not show the secret.
    async fn secret(&self, arn: &str) -> Result<SecretString, String>;
}

/// For processes outside of AWS: an ARN is refused.
#[derive(Debug, Clone, Copy)]
pub struct NoSecretSource;

#[async_trait]
impl SecretSource for NoSecretSource {
    async fn secret(&self, _arn: &str) -> Result<SecretString, String> {
        Err("the ARN of a secret is read on AWS only: give the secret itself".to_owned())
    }
}

/// The missing and invalid settings, with what is expected of each.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct SettingsError(pub Vec<String>);

impl fmt::Debug for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[derive(Debug, Clone)]
pub struct SalesforceSettings {
    pub url: OrgUrl,
    pub client_id: String,
    pub credentials: Credentials,
    pub api_version: ApiVersion,
    pub quota_share: QuotaShare,
}

/// The address of the org, without a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrgUrl(Url);

/// What the connection proves its identity with.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// OAuth 2.0 client credentials.
    ClientSecret(SecretString),
    /// OAuth 2.0 JWT bearer: the user that the JWT stands for, and the key of the app's certificate.
    SignedJwt { username: String, key: SigningKey },
}

/// A version of the API, such as `62.0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiVersion(String);

/// The share of the org's daily quotas that this installation may use, in percent: 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaShare(u8);

impl SalesforceSettings {
    /// Reads the environment. `None` if none of the variables without a default is set: no org is connected. A secret may be the ARN of
    /// one that `secrets` knows.
    pub async fn read(
        variable: impl Fn(&str) -> Option<String>,
        secrets: &dyn SecretSource,
    ) -> Result<Option<Self>, SettingsError> {
        let variable =
            |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        // Those with a default may be set without an org.
        if CONNECTING.iter().all(|name| variable(name).is_none()) {
            return Ok(None);
        }
        let mut problems = Vec::new();
        let url = required(URL, variable(URL), OrgUrl::parse, &mut problems);
        let client_id = required(CLIENT_ID, variable(CLIENT_ID), |text| Ok(text.to_owned()), &mut problems);
        let version = variable(API_VERSION).unwrap_or_else(|| DEFAULT_VERSION.to_owned());
        let api_version = required(API_VERSION, Some(version), ApiVersion::parse, &mut problems);
        let share = variable(QUOTA_SHARE).unwrap_or_else(|| DEFAULT_SHARE.to_string());
        let quota_share = required(QUOTA_SHARE, Some(share), QuotaShare::parse, &mut problems);
        let credentials = Credentials::read(&variable, secrets).await.map_err(|problem| problems.push(problem)).ok();
        match (url, client_id, credentials, api_version, quota_share) {
            (Some(url), Some(client_id), Some(credentials), Some(api_version), Some(quota_share)) => {
                Ok(Some(Self { url, client_id, credentials, api_version, quota_share }))
            }
            _ => Err(SettingsError(problems)),
        }
    }
}

fn required<T>(
    name: &str,
    value: Option<String>,
    parse: impl Fn(&str) -> Result<T, String>,
    problems: &mut Vec<String>,
) -> Option<T> {
    let parsed = match value {
        None => Err(format!("{name} is not set")),
        Some(text) => parse(&text).map_err(|problem| format!("invalid value `{text}` of {name}: {problem}")),
    };
    parsed.map_err(|problem| problems.push(problem)).ok()
}

impl Credentials {
    async fn read(variable: &impl Fn(&str) -> Option<String>, secrets: &dyn SecretSource) -> Result<Self, String> {
        match (variable(CLIENT_SECRET), variable(USERNAME), variable(PRIVATE_KEY_FILE)) {
            (Some(secret), None, None) => {
                let secret =
                    if is_arn(&secret) { of_arn(CLIENT_SECRET, &secret, secrets).await? } else { secret.into() };
                Ok(Self::ClientSecret(secret))
            }
            (None, Some(username), Some(file)) => {
                let key = Self::key(&file, secrets).await?;
                Ok(Self::SignedJwt { username, key })
            }
            (None, Some(_), None) => Err(format!("{PRIVATE_KEY_FILE} is not set, and {USERNAME} is")),
            (None, None, Some(_)) => Err(format!("{USERNAME} is not set, and {PRIVATE_KEY_FILE} is")),
            (None, None, None) => {
                Err(format!("neither {CLIENT_SECRET} nor {USERNAME} and {PRIVATE_KEY_FILE} are set: no credentials"))
            }
            (Some(_), ..) => Err(format!(
                "{CLIENT_SECRET} is set beside {USERNAME} or {PRIVATE_KEY_FILE}: expected one kind of credentials"
            )),
        }
    }

    async fn key(file: &str, secrets: &dyn SecretSource) -> Result<SigningKey, String> {
        let pem = if is_arn(file) {
            of_arn(PRIVATE_KEY_FILE, file, secrets).await?
        } else {
            let text = std::fs::read_to_string(Path::new(file));
            text.map_err(|error| format!("`{file}` of {PRIVATE_KEY_FILE} cannot be read: {error}"))?.into()
        };
        SigningKey::parse(pem.expose_secret())
            .map_err(|problem| format!("invalid key of {PRIVATE_KEY_FILE}: {problem}"))
    }
}

fn is_arn(text: &str) -> bool {
    text.starts_with("arn:")
}

async fn of_arn(name: &str, arn: &str, secrets: &dyn SecretSource) -> Result<SecretString, String> {
    let secret = secrets.secret(arn).await.map_err(|problem| format!("`{arn}` of {name} cannot be read: {problem}"))?;
    Ok(secret.expose_secret().trim().to_owned().into())
}

impl OrgUrl {
    fn parse(text: &str) -> Result<Self, String> {
        const EXPECTED: &str = "expected the org's domain, such as https://example.my.salesforce.com";
        let mut url = Url::parse(text).map_err(|error| format!("{error}; {EXPECTED}"))?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => return Err("plain http is allowed for loopback addresses only: use https".to_owned()),
            _ => return Err(EXPECTED.to_owned()),
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            return Err(EXPECTED.to_owned());
        }
        if url.path() != "/" {
            return Err(format!("it has the path `{}`; {EXPECTED}", url.path()));
        }
        url.set_path("");
        Ok(Self(url))
    }

    /// The URL of an instance that the token endpoint names; `None` if it is not one that a token may be sent to.
    pub(crate) fn of_instance(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }

    /// Scheme, host and port.
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    pub(crate) fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    pub(crate) fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

impl ApiVersion {
    fn parse(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix('v').unwrap_or(text);
        let parts = number.split_once('.').unwrap_or((number, "0"));
        let is_version = parts.1 == "0" && parts.0.parse::<u16>().is_ok_and(|number| number >= 50);
        if is_version {
            Ok(Self(format!("{}.0", parts.0)))
        } else {
            Err("expected 50.0 or later, such as 62.0".to_owned())
        }
    }

    /// Such as `62.0`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl QuotaShare {
    fn parse(text: &str) -> Result<Self, String> {
        let percent = text.parse::<u8>().ok().filter(|percent| (1..=100).contains(percent));
        percent.map(Self).ok_or_else(|| "expected a percentage, 1 to 100".to_owned())
    }

    pub fn percent(self) -> u8 {
        self.0
    }
}

#[cfg(test)]
mod tests;
