//! Counts requests as they leave the SDK; each attempt counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

/// The number of sent requests.
pub type Count = Arc<AtomicUsize>;

/// The configuration with a client that counts requests.
pub fn counted(config: &SdkConfig, count: &Count) -> Result<SdkConfig> {
    let client = config.http_client().context("the configuration names its client")?;
    let client = SharedHttpClient::new(CountedClient(client, Arc::clone(count)));
    Ok(config.to_builder().http_client(client).build())
}

#[derive(Debug)]
struct CountedClient(SharedHttpClient, Count);

impl HttpClient for CountedClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let connector = self.0.http_connector(settings, components);
        SharedHttpConnector::new(CountedConnector(connector, Arc::clone(&self.1)))
    }
}

#[derive(Debug)]
struct CountedConnector(SharedHttpConnector, Count);

impl HttpConnector for CountedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.call(request)
    }
}
