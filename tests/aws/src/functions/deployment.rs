//! The deployment of one test: its own tables, indices and functions on the local services.
//!
//! Its names are unique. Its tables and indices are deleted with it, since the services keep them in memory
//! and would become slow.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;

use annals_aws::client::Environment;
use annals_aws::event_store::create_table as create_events;
use annals_aws::state_store::create_table as create_state;
use annals_lambda::settings;
use annals_services::{dynamodb_endpoint, opensearch_endpoints, sdk_config, unique_name};
use aws_sdk_dynamodb::Client;
use axum::http::Method;

use crate::functions::function::Function;
use crate::functions::http::send;
use crate::functions::role::{Names, Role};
use crate::functions::stream::Stream;

/// A deployment.
pub struct Deployment {
    /// The events table.
    pub events_table: String,
    /// The state table.
    pub state_table: String,
    /// The prefix of its indices.
    pub prefix: String,
    /// The endpoint of OpenSearch.
    pub opensearch: String,
    environment: BTreeMap<String, String>,
}

impl Deployment {
    /// On the older OpenSearch.
    pub async fn new() -> Self {
        let (_, endpoint) = opensearch_endpoints().swap_remove(0);
        Self::on(&endpoint).await
    }

    /// On that OpenSearch.
    pub async fn on(opensearch: &str) -> Self {
        let name = unique_name("lambda");
        let (events_table, state_table) = (format!("{name}-events"), format!("{name}-state"));
        let client = Client::new(&sdk_config(&dynamodb_endpoint()));
        create_events(&client, &events_table).await.expect("the events table is created");
        create_state(&client, &state_table).await.expect("the state table is created");
        let prefix = format!("{name}-");
        let environment = [
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("AWS_ENDPOINT_URL_DYNAMODB", &dynamodb_endpoint()),
            (settings::EVENTS_TABLE, &events_table),
            (settings::STATE_TABLE, &state_table),
            (settings::OPENSEARCH_ENDPOINT, opensearch),
            (settings::INDEX_PREFIX, &prefix),
            ("ANNALS_PUBLISHER", "none"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Self { events_table, state_table, prefix, opensearch: opensearch.to_owned(), environment }
    }

    /// One of its functions, with the permissions of its role.
    pub fn function(&self, function: settings::Function) -> Function {
        let names = function.variables();
        let is_read = |name: &str| {
            !name.starts_with("ANNALS_") || names.required.contains(&name) || names.optional.contains(&name)
        };
        let environment = self.environment.iter().filter(|(name, _)| is_read(name));
        let environment = environment.map(|(name, value)| (name.clone(), value.clone())).collect();
        let tables = Names { events_table: self.events_table.clone(), state_table: self.state_table.clone() };
        let role = Role::of(function, tables, &dynamodb_endpoint(), &self.opensearch);
        Function::new(function, environment).under(role)
    }

    /// The function `ingest`.
    pub fn ingest(&self) -> Function {
        self.function(settings::Function::Ingest)
    }

    /// The function `projection`.
    pub fn projection(&self) -> Function {
        self.function(settings::Function::Projection)
    }

    /// The function `query`.
    pub fn query(&self) -> Function {
        self.function(settings::Function::Query)
    }

    /// The function `backfill`.
    pub fn backfill(&self) -> Function {
        self.function(settings::Function::Backfill)
    }

    /// The variables that its functions read.
    pub fn variables(&self) -> Environment {
        Environment::new(self.environment.clone())
    }

    /// The stream of its events table.
    pub async fn stream(&self) -> Stream {
        Stream::of(&dynamodb_endpoint(), &self.events_table).await
    }

    /// A client of its tables.
    pub fn tables(&self) -> Client {
        Client::new(&sdk_config(&dynamodb_endpoint()))
    }

    /// Makes indexed documents searchable, as waiting for a second would.
    pub async fn refresh(&self) {
        let url = format!("{}/{}*/_refresh", self.opensearch, self.prefix);
        let reply = send(Method::POST, &url, "").await.expect("OpenSearch answers");
        assert!(reply.status.is_success(), "{reply:?}");
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        send_and_forget(&self.opensearch, &format!("DELETE /{}*", self.prefix), "", "");
        for table in [&self.events_table, &self.state_table] {
            let body = format!(r#"{{"TableName":"{table}"}}"#);
            send_and_forget(&dynamodb_endpoint(), "POST /", DELETE_TABLE, &body);
        }
    }
}

/// The headers of the DynamoDB call. DynamoDB Local checks that there is a signature, but not whether it is valid.
const DELETE_TABLE: &str = "x-amz-target: DynamoDB_20120810.DeleteTable\r\n\
    content-type: application/x-amz-json-1.0\r\n\
    authorization: AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, \
    SignedHeaders=host, Signature=none\r\n";

/// Sends a request without a runtime, since the runtime of the test may be ending. A failure only costs memory
/// of the service and is ignored.
fn send_and_forget(endpoint: &str, request: &str, headers: &str, body: &str) {
    let authority = endpoint.trim_start_matches("http://").trim_end_matches('/');
    let Ok(mut stream) = TcpStream::connect(authority) else { return };
    let length = body.len();
    let request = format!(
        "{request} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    );
    if stream.write_all(request.as_bytes()).is_ok() {
        drop(stream.read(&mut [0; 64]));
    }
}
