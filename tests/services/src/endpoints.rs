//! The endpoints of the local services.

use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use uuid::Uuid;

/// How long a service on this machine may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// The file that `cargo xtask services up` creates if it cannot start the newer OpenSearch.
const NEWER_IS_ABSENT: &str = "target/services/opensearch-3.absent";

/// DynamoDB Local, with streams.
pub fn dynamodb_endpoint() -> String {
    there(setting("ANNALS_TEST_DYNAMODB", "http://127.0.0.1:18000"))
}

/// Each OpenSearch line that is supported, with its label: `2.19` and `3.x`.
///
/// Only the newer one may be missing, if this machine cannot run it.
pub fn opensearch_endpoints() -> Vec<(&'static str, String)> {
    let older = there(setting("ANNALS_TEST_OPENSEARCH_2", "http://127.0.0.1:19200"));
    let newer = setting("ANNALS_TEST_OPENSEARCH_3", "http://127.0.0.1:19300");
    if let Ok(reason) = std::fs::read_to_string(workspace().join(NEWER_IS_ABSENT)) {
        eprintln!("!!! OpenSearch 3.x IS NOT TESTED: {reason}");
        return vec![("2.19", older)];
    }
    vec![("2.19", older), ("3.x", there(newer))]
}

/// moto: EventBridge, SNS and SQS.
pub fn moto_endpoint() -> String {
    there(setting("ANNALS_TEST_MOTO", "http://127.0.0.1:15555"))
}

/// A name that no other test has: lower case, digits and hyphens.
#[expect(clippy::disallowed_methods, reason = "what tests name must differ in every run")]
pub fn unique_name(prefix: &str) -> String {
    format!("{prefix}-{}", Uuid::new_v4().simple())
}

/// A configuration for clients of the service at `endpoint`.
pub fn sdk_config(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new("local", "local", None, None, "tests");
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(Duration::from_secs(5))
        .operation_timeout(Duration::from_secs(20))
        .build();
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(endpoint)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .sleep_impl(aws_smithy_async::rt::sleep::SharedAsyncSleep::new(aws_smithy_async::rt::sleep::TokioSleep::new()))
        .time_source(aws_smithy_async::time::SystemTimeSource::new())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(4))
        .build()
}

/// The workspace's folder: two above this crate's.
pub fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[expect(clippy::disallowed_methods, reason = "the one place where tests read where services are")]
fn setting(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

fn there(endpoint: String) -> String {
    let authority = endpoint.trim_start_matches("http://").trim_end_matches('/');
    let mut addresses = authority.to_socket_addrs().expect("an endpoint is http://host:port");
    let answers = addresses.any(|address| TcpStream::connect_timeout(&address, CONNECT).is_ok());
    assert!(answers, "nothing answers at {endpoint}: start the local services with `cargo xtask services up`");
    endpoint
}
