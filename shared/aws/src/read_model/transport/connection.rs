//! The connection to OpenSearch, and one call over it.
//!
//! Every call has a time limit, and the body of a response is read to its end. Requests over https are signed.
//! Only reads are repeated, once, after a lost connection.

use std::time::Duration;

use annals_application::ports::{PortError, PortErrorKind};
use aws_types::SdkConfig;
use aws_types::sdk_config::SharedTimeSource;
use bytes::Bytes;
use opensearch::Error as ClientError;
use opensearch::auth::Credentials;
use opensearch::http::Method;
use opensearch::http::headers::{CONTENT_TYPE, HeaderMap, HeaderValue};
use opensearch::http::transport::{SingleNodeConnectionPool, Transport as HttpTransport, TransportBuilder};
use serde_json::Value;
use url::Url;

use crate::read_model::transport::credentials::CachedCredentials;
use crate::read_model::transport::endpoint::Endpoint;
use crate::read_model::transport::response::Response;

/// The resource that errors name when a call concerns no single index.
pub(crate) const CLUSTER: &str = "OpenSearch";

/// A connection to OpenSearch, shared by its clones.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    http: HttpTransport,
}

/// A response, if it is not too large.
#[derive(Debug)]
pub(crate) enum Limited {
    Read(Response),
    /// It has so many bytes, and was not read.
    TooLarge(u64),
}

impl Transport {
    /// Connects. Only a domain given by its name costs a call.
    pub(crate) async fn connect(
        endpoint: &Endpoint,
        timeout: Duration,
        signing: Option<&SdkConfig>,
    ) -> Result<Self, PortError> {
        let url = endpoint.resolve(signing).await?;
        let signing = signing.filter(|_| url.scheme() == "https");
        Self::new(url, timeout, signing)
    }

    pub(super) fn new(url: Url, timeout: Duration, signing: Option<&SdkConfig>) -> Result<Self, PortError> {
        // The HTTP client takes the TLS provider of the process; another part may have installed it before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let resource = url.host_str().unwrap_or(CLUSTER).to_owned();
        let failed = |message: &str| PortError::new(PortErrorKind::Misconfigured, &resource, message);
        let is_local = url.scheme() == "http";
        let mut builder = TransportBuilder::new(SingleNodeConnectionPool::new(url)).timeout(timeout);
        if is_local {
            builder = builder.disable_proxy();
        }
        if let Some(config) = signing {
            let region = config.region().ok_or_else(|| failed("no AWS region to sign requests with"))?;
            let provider = config.credentials_provider();
            let provider = provider.ok_or_else(|| failed("no AWS credentials to sign requests with"))?;
            let clock = config.time_source().unwrap_or_else(SharedTimeSource::default);
            let cached = CachedCredentials::shared(provider, clock.clone());
            builder = builder.auth(Credentials::AwsSigV4(cached, region.clone())).sigv4_time_source(clock);
        }
        let http = builder.build().map_err(|error| failed("the HTTP client cannot be set up").caused_by(error))?;
        Ok(Self { http })
    }

    /// Sends a request. `resource` is what errors name.
    pub(crate) async fn send(
        &self,
        resource: &str,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<Bytes>,
    ) -> Result<Response, PortError> {
        match self.send_limited(resource, method, path, query, body, None).await? {
            Limited::Read(response) => Ok(response),
            Limited::TooLarge(_) => Err(PortError::new(PortErrorKind::OutcomeUnknown, resource, "no response body")),
        }
    }

    /// Sends a request, and reads the body of its response only if that states at most `max_bytes`.
    async fn send_limited(
        &self,
        resource: &str,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<Bytes>,
        max_bytes: Option<u64>,
    ) -> Result<Limited, PortError> {
        let mut headers = HeaderMap::new();
        if path.ends_with("_bulk") {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        }
        let query = Some(query).filter(|query| !query.is_empty());
        let response = self.http.send(method, path, headers, query, body, None).await;
        let response = response.map_err(|error| no_response(resource, error))?;
        let stated = response.content_length().filter(|bytes| max_bytes.is_some_and(|max| *bytes > max));
        if let Some(bytes) = stated {
            return Ok(Limited::TooLarge(bytes));
        }
        let status = response.status_code().as_u16();
        let body = response.bytes().await.map_err(|error| no_response(resource, error))?;
        Ok(Limited::Read(Response { status, body }))
    }

    pub(crate) async fn send_json(
        &self,
        resource: &str,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<Response, PortError> {
        self.send(resource, method, path, &[], Some(body.to_string().into())).await
    }

    /// Sends a request that changes nothing. It is repeated once after a lost connection: a pooled connection
    /// goes stale while a Lambda function is frozen.
    pub(crate) async fn read(
        &self,
        resource: &str,
        method: Method,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<Response, PortError> {
        match self.send(resource, method, path, &[], body.clone()).await {
            Err(error) if is_lost_connection(&error) => self.send(resource, method, path, &[], body).await,
            result => result,
        }
    }

    /// The same for a response that is not read if it states more bytes.
    pub(crate) async fn read_limited(
        &self,
        resource: &str,
        method: Method,
        path: &str,
        body: Option<Bytes>,
        max_bytes: Option<u64>,
    ) -> Result<Limited, PortError> {
        match self.send_limited(resource, method, path, &[], body.clone(), max_bytes).await {
            Err(error) if is_lost_connection(&error) => {
                self.send_limited(resource, method, path, &[], body, max_bytes).await
            }
            result => result,
        }
    }
}

fn no_response(resource: &str, error: ClientError) -> PortError {
    let is_connect = std::error::Error::source(&error)
        .and_then(|source| source.downcast_ref::<reqwest::Error>())
        .is_some_and(reqwest::Error::is_connect);
    let (kind, message) = if is_connect {
        (PortErrorKind::Unavailable, "OpenSearch cannot be reached")
    } else if error.is_timeout() {
        (PortErrorKind::OutcomeUnknown, "no response within the time limit")
    } else {
        (PortErrorKind::OutcomeUnknown, "no response to the request")
    };
    PortError::new(kind, resource, message).caused_by(RequestFailed(error))
}

/// Whether the connection was lost after the request was sent; a timeout is no lost connection.
fn is_lost_connection(error: &PortError) -> bool {
    let cause = error.source.as_ref().and_then(|source| source.downcast_ref::<RequestFailed>());
    error.kind == PortErrorKind::OutcomeUnknown && cause.is_some_and(|RequestFailed(error)| !error.is_timeout())
}

/// The client's error. Its own text repeats its cause, so only its source is shown.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP request failed")]
struct RequestFailed(#[source] ClientError);
