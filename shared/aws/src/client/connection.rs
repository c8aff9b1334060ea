//! The configuration of all AWS clients. Every call has a timeout.
//!
//! Region, credentials and endpoints are the SDK's own settings (`AWS_REGION`, `AWS_ENDPOINT_URL_DYNAMODB` and the
//! like), read by the SDK. A function reads the first two from the environment only.

use std::time::Duration;

use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

/// Amazon's five public root certificates (<https://www.amazontrust.com/repository/>), which sign every AWS endpoint.
/// Reading the system's more than a hundred would take most of a function's start.
const AMAZON_ROOTS: &[u8] = include_bytes!("../../roots/amazon.pem");

/// Within one region a connection is made in a few milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// DynamoDB returns a page of 1 MB well within this time.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// The timeout of a call with all its attempts.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// How often a read or an idempotent write is tried.
const MAX_ATTEMPTS: u32 = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Amazon's only: for functions, which call nothing but AWS.
    Amazon,
    /// The system's: a proxy with its own certificate may be in between.
    System,
}

/// The configuration of every client of this process.
pub async fn connect(trust: Trust) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build();
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client(trust))
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS));
    let loader = match trust {
        // Lambda sets both there. The default chain would first build clients for its other sources.
        Trust::Amazon => loader
            .region(EnvironmentVariableRegionProvider::new())
            .credentials_provider(EnvironmentVariableCredentialsProvider::new()),
        Trust::System => loader,
    };
    loader.load().await
}

/// The same without retries, for callers that must know the outcome of each attempt.
pub fn without_retries(config: &SdkConfig) -> SdkConfig {
    config.to_builder().retry_config(RetryConfig::disabled()).build()
}

fn http_client(trust: Trust) -> SharedHttpClient {
    let store = match trust {
        Trust::Amazon => TrustStore::empty().with_pem_certificate(AMAZON_ROOTS),
        Trust::System => TrustStore::default(),
    };
    let builder = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    match TlsContext::builder().with_trust_store(store).build() {
        Ok(context) => builder.tls_context(context).build_https(),
        // A test parses the built-in roots; if it ever failed here, the system's would be used.
        Err(_) => builder.build_https(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_roots_can_be_parsed() {
        let begin = AMAZON_ROOTS.windows(10).filter(|window| window == b"-----BEGIN").count();
        assert_eq!(begin, 5);
        let store = TrustStore::empty().with_pem_certificate(AMAZON_ROOTS);
        TlsContext::builder().with_trust_store(store).build().expect("well-formed certificates");
        http_client(Trust::Amazon);
    }
}
