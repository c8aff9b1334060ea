//! Where OpenSearch is, and the one connection to it.
//!
//! Promises that no call waits for ever, and that requests to a domain are signed. Opening takes no
//! call, but for a domain that is given by its name. Connecting has no limit of its own: it counts
//! into the call's.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::client::port_error;
use annals_application::ports::{PortError, PortErrorKind};
use annals_domain::definition::EntitySchema;
use aws_types::SdkConfig;
use aws_types::sdk_config::SharedTimeSource;
use opensearch::auth::Credentials;
use opensearch::http::transport::{SingleNodeConnectionPool, Transport, TransportBuilder};
use url::Url;

use crate::read_model::credentials::KeptCredentials;
use crate::read_model::fit::Seen;
use crate::read_model::names;

/// How long a call may take, its connection included. A function's own limit is longer.
const CALL: Duration = Duration::from_secs(20);

/// Where OpenSearch is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// At that address.
    Url(Url),
    /// A domain of this account and region, by its name.
    Domain(String),
}

/// A text that names no endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither an http(s) address nor a domain's name")]
pub struct InvalidEndpoint(String);

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_of_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !text.is_empty() && text.bytes().all(is_of_name) {
            return Ok(Self::Domain(text.to_owned()));
        }
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        url.map(Self::Url).ok_or_else(|| InvalidEndpoint(text.to_owned()))
    }
}

/// When a written document is found by a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Refresh {
    /// As soon as the index refreshes by itself: within a second.
    #[default]
    Periodic,
    /// Before the write is answered, at the price of a refresh a call: for tests and single commands.
    BeforeResponse,
}

/// How OpenSearch is reached and its indices are made.
#[derive(Debug, Clone)]
pub struct OpenSearchSettings {
    /// Where it is.
    pub endpoint: Endpoint,
    /// What every index's name begins with.
    pub prefix: String,
    /// How many shards an index has.
    pub shards: u32,
    /// How many copies of each.
    pub replicas: u32,
    /// When a written document is found.
    pub refresh: Refresh,
    /// How long a call may take.
    pub timeout: Duration,
    /// By what requests over https are signed; over http none is.
    pub signing: Option<SdkConfig>,
}

impl OpenSearchSettings {
    /// One shard and one copy of it, no prefix, not signed.
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            prefix: String::new(),
            shards: 1,
            replicas: 1,
            refresh: Refresh::Periodic,
            timeout: CALL,
            signing: None,
        }
    }
}

/// How indices are named and made.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) prefix: String,
    pub(crate) shards: u32,
    pub(crate) replicas: u32,
    pub(crate) refresh: Refresh,
}

/// A connection, shared by its clones.
#[derive(Debug, Clone)]
pub struct OpenSearch {
    pub(crate) transport: Transport,
    pub(crate) layout: Arc<Layout>,
    /// What was seen behind the aliases.
    pub(crate) seen: Arc<Mutex<HashMap<String, Arc<Seen>>>>,
}

impl OpenSearch {
    /// Connects by these settings.
    pub async fn connect(settings: OpenSearchSettings) -> Result<Self, PortError> {
        let url = match &settings.endpoint {
            Endpoint::Url(url) => url.clone(),
            Endpoint::Domain(name) => address_of(name, settings.signing.as_ref()).await?,
        };
        let signing = settings.signing.as_ref().filter(|_| url.scheme() == "https");
        let transport = transport(url, settings.timeout, signing)?;
        let OpenSearchSettings { prefix, shards, replicas, refresh, .. } = settings;
        let layout = Arc::new(Layout { prefix, shards, replicas, refresh });
        Ok(Self { transport, layout, seen: Arc::default() })
    }

    /// The alias of a schema's index.
    pub(crate) fn alias(&self, schema: &EntitySchema) -> String {
        names::alias(&self.layout.prefix, schema)
    }
}

fn transport(url: Url, timeout: Duration, signing: Option<&SdkConfig>) -> Result<Transport, PortError> {
    // The transport takes the process's own provider of TLS; it may have been named before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let resource = url.host_str().unwrap_or("OpenSearch").to_owned();
    let failed = |message: &str| PortError::new(PortErrorKind::Misconfigured, &resource, message);
    let is_local = url.scheme() == "http";
    let mut builder = TransportBuilder::new(SingleNodeConnectionPool::new(url)).timeout(timeout);
    if is_local {
        builder = builder.disable_proxy();
    }
    if let Some(config) = signing {
        let region = config.region().ok_or_else(|| failed("requests cannot be signed without a region"))?;
        let provider = config.credentials_provider();
        let provider = provider.ok_or_else(|| failed("requests cannot be signed without credentials"))?;
        let clock = config.time_source().unwrap_or_else(SharedTimeSource::default);
        let kept = KeptCredentials::shared(provider, clock.clone());
        builder = builder.auth(Credentials::AwsSigV4(kept, region.clone())).sigv4_time_source(clock);
    }
    builder.build().map_err(|error| failed("the connection cannot be set up").caused_by(error))
}

/// A domain's address, inside its network where it has one there.
async fn address_of(name: &str, config: Option<&SdkConfig>) -> Result<Url, PortError> {
    let resource = format!("OpenSearch domain `{name}`");
    let config = config.ok_or_else(|| {
        PortError::new(PortErrorKind::Misconfigured, &resource, "a domain is found by name with AWS credentials only")
    })?;
    let client = aws_sdk_opensearch::Client::new(config);
    let answer = client.describe_domain().domain_name(name).send().await;
    let status = answer.map_err(|error| port_error(&resource, error))?.domain_status;
    let inside = status.as_ref().and_then(|status| status.endpoints.as_ref()?.get("vpc"));
    let host = inside.or_else(|| status.as_ref()?.endpoint.as_ref());
    let Some(host) = host else {
        return Err(PortError::new(PortErrorKind::Unavailable, &resource, "it has no endpoint yet"));
    };
    let unreadable =
        |error| PortError::new(PortErrorKind::Misconfigured, &resource, "its endpoint is no address").caused_by(error);
    Url::parse(&format!("https://{host}")).map_err(unreadable)
}

#[cfg(test)]
mod tests;
