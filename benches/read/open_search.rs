//! OpenSearch: what the query function sends, recorded once and sent again by a bare client.

use std::sync::Arc;

use annals_application::ports::ReadModel;
use annals_aws::read_model::Refresh;
use annals_aws_tests::test_tables::TestTables;
use annals_services::{Proxy, RecordedRequest, opensearch_endpoints, unique_name};
use anyhow::{Context, Result, ensure};
use opensearch::http::Method;
use opensearch::http::headers::HeaderMap;
use opensearch::http::transport::Transport;
use serde_json::Value;

use crate::api::Api;
use crate::clients::{fill, schema};
use crate::comparison::{Floor, compare};
use crate::requests::{MeasuredRequest, all};

/// The recorded requests of each step.
struct ReplayedRequests {
    transport: Transport,
    steps: Vec<Vec<RecordedRequest>>,
}

impl ReplayedRequests {
    async fn send_one(&self, request: &RecordedRequest) -> Result<String> {
        let method = if request.method.as_str() == "GET" { Method::Get } else { Method::Post };
        let path = format!("{}?{}", request.path, request.query);
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/json".parse()?);
        let body = (!request.body.is_empty()).then(|| request.body.clone());
        let response = self.transport.send(method, &path, headers, None::<&()>, body, None).await?;
        ensure!(response.status_code().is_success(), "{path}: {}", response.status_code());
        Ok(response.text().await?)
    }
}

impl Floor for ReplayedRequests {
    async fn send(&mut self, step: usize) -> Result<usize> {
        let mut number = 0;
        for request in &self.steps[step] {
            let text = self.send_one(request).await?;
            // What is counted here is checked before the measurement, and costs little beside the request.
            number += text.matches("\"_id\"").count();
            if number == 0 {
                let body: Value = serde_json::from_str(&text)?;
                number = usize::try_from(body["count"].as_u64().context("a count")?)?;
            }
        }
        Ok(number)
    }
}

pub(crate) async fn measure(count: usize) -> Result<()> {
    let name = unique_name("read");
    let tables = TestTables::named(&name);
    let (version, url) = opensearch_endpoints().remove(0);
    let (installation, prefix) = (tables.installation(), format!("{name}-"));
    let search = tables.search(&url, &prefix, Refresh::Periodic).await;
    let schema = schema(&installation.catalog)?;
    fill(&search.read_model(), &schema, count).await?;
    let connection = search.connection();
    let index = connection.indices().current(&schema).await?.context("an index serves")?;
    connection.indices().refresh(&index).await?;

    let proxy = Proxy::start(&url);
    let recording = tables.search(&proxy.endpoint(), &prefix, Refresh::Periodic).await;
    let read_model = |search: &annals_lambda::Search| -> Arc<dyn ReadModel> { search.reading() };
    let api = Api::new(installation.query_api(&read_model(&search)));
    let recorded = Api::new(installation.query_api(&read_model(&recording)));
    println!("{count} entities on OpenSearch {version} (floor: the same requests by a bare client)");
    for request in all(count) {
        let paths = api.paths(&request).await?;
        let steps = record(&proxy, &recorded, &request, &paths).await?;
        let mut floor = ReplayedRequests { transport: Transport::single_node(&url)?, steps };
        compare("OpenSearch", &request, (&api, &paths), &mut floor).await?;
    }
    // The index serves readers, so that Annals itself does not delete it.
    let bare = Transport::single_node(&url)?;
    bare.send(Method::Delete, &format!("/{index}"), HeaderMap::new(), None::<&()>, None::<&str>, None).await?;
    Ok(())
}

/// What the query function sends for each path, without what it asks once about its index.
async fn record(
    proxy: &Proxy,
    api: &Api,
    request: &MeasuredRequest,
    paths: &[String],
) -> Result<Vec<Vec<RecordedRequest>>> {
    api.get(&request.path).await?;
    let mut steps = Vec::new();
    for path in paths {
        proxy.clear();
        api.get(path).await?;
        steps.push(proxy.requests());
    }
    Ok(steps)
}
