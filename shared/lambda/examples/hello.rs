//! A function that does nothing, with the same clients as ours: the baseline for the start of our functions.
//!
//! It has a client of DynamoDB, and of `opensearch` and `eventbridge` if its arguments name them. Each is built as its
//! own documentation shows: with the SDK's default configuration and HTTPS connector, and the system's root
//! certificates. The only difference is ring instead of the SDK's default crypto library, as in our own functions, so
//! that both link the same code.

use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use opensearch::OpenSearch;
use opensearch::auth::Credentials;
use opensearch::http::transport::{SingleNodeConnectionPool, TransportBuilder};
use serde_json::Value;
use url::Url;

/// An address like a domain's; it is never called.
const ENDPOINT: &str = "https://search.example.us-east-1.es.amazonaws.com";

#[tokio::main]
async fn main() -> Result<(), Error> {
    let wanted: Vec<String> = std::env::args().collect();
    let is_wanted = |client: &str| wanted.iter().any(|wanted| wanted == client);
    let configuration = configuration().await;
    let events = aws_sdk_dynamodb::Client::new(&configuration);
    let bus = is_wanted("eventbridge").then(|| aws_sdk_eventbridge::Client::new(&configuration));
    let search = is_wanted("opensearch").then(|| search(&configuration)).transpose()?;
    let clients = &(events, bus, search);
    let handler = move |event: LambdaEvent<Value>| async move {
        let _ = clients;
        Ok::<_, Error>(event.payload)
    };
    lambda_runtime::run(service_fn(handler)).await
}

async fn configuration() -> SdkConfig {
    let connector = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    aws_config::defaults(BehaviorVersion::latest()).http_client(connector.build_https()).load().await
}

/// A client that signs its requests.
fn search(configuration: &SdkConfig) -> Result<OpenSearch, Error> {
    // The crate's own TLS feature would install a provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let pool = SingleNodeConnectionPool::new(Url::parse(ENDPOINT)?);
    let credentials = Credentials::try_from(configuration)?;
    Ok(OpenSearch::new(TransportBuilder::new(pool).auth(credentials).service_name("es").build()?))
}
