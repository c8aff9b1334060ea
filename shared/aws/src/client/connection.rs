//! The one configuration that all AWS clients are made of.
//!
//! Promises bounded calls. Region, credentials and endpoints are the SDK's own settings
//! (`AWS_REGION`, `AWS_ENDPOINT_URL_DYNAMODB` and their like), read by the SDK; in a function the
//! first two from nowhere but the environment.

use std::time::Duration;

use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

/// Amazon's five public roots (<https://www.amazontrust.com/repository/>), which sign every AWS
/// endpoint. Reading the system's hundred and more is most of a function's start.
const AMAZON_ROOTS: &[u8] = include_bytes!("../../roots/amazon.pem");

/// How long a connection may take to come up. In one region it takes some milliseconds.
const CONNECT: Duration = Duration::from_secs(2);
/// How long one attempt may take: DynamoDB answers a page of 1 MB well within it.
const ATTEMPT: Duration = Duration::from_secs(5);
/// How long a call may take with all its attempts.
const CALL: Duration = Duration::from_secs(15);
/// How often a read, or a write that may be made twice, is tried.
const ATTEMPTS: u32 = 4;

/// Whose certificates are trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Amazon's roots only: for functions, which call nothing but AWS.
    Amazon,
    /// The system's: where a proxy may stand in between.
    System,
}

/// The configuration for every client of this process.
pub async fn connect(trust: Trust) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(CALL)
        .build();
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client(trust))
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS));
    let loader = match trust {
        // Lambda puts both there. The chain of all other places begins with building clients to ask them.
        Trust::Amazon => loader
            .region(EnvironmentVariableRegionProvider::new())
            .credentials_provider(EnvironmentVariableCredentialsProvider::new()),
        Trust::System => loader,
    };
    loader.load().await
}

/// The same, for calls whose outcome the caller must know of each attempt.
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
        // The roots are compiled in and tested; the system's stand in should they ever not be read.
        Err(_) => builder.build_https(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_roots_that_ship_are_read() {
        let begin = AMAZON_ROOTS.windows(10).filter(|window| window == b"-----BEGIN").count();
        assert_eq!(begin, 5);
        let store = TrustStore::empty().with_pem_certificate(AMAZON_ROOTS);
        TlsContext::builder().with_trust_store(store).build().expect("they are well formed");
        http_client(Trust::Amazon);
    }
}
