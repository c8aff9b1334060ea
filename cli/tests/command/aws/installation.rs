//! An installation for one test, and the command run against it.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use annals_services::{dynamodb_endpoint, moto_endpoint, opensearch_endpoints, sdk_config, unique_name};
use aws_sdk_dynamodb::Client;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::folder::{Folder, Run};

/// Tables and indices under names that no other test has. Removed when the test ends.
pub(crate) struct Installation {
    pub(crate) folder: Folder,
    pub(crate) events: String,
    pub(crate) state: String,
    pub(crate) prefix: String,
    opensearch: String,
    runtime: Runtime,
    client: Client,
    environment: BTreeMap<&'static str, String>,
}

impl Installation {
    /// With both tables and no index, at the endpoints of the tests.
    pub(crate) fn new() -> Self {
        Self::with_dynamodb(&dynamodb_endpoint())
    }

    /// The same, with DynamoDB at this endpoint.
    pub(crate) fn with_dynamodb(dynamodb: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let client = Client::new(&sdk_config(dynamodb));
        let (events, state) = (unique_name("cli-events"), unique_name("cli-state"));
        runtime.block_on(annals_aws::event_store::create_table(&client, &events)).unwrap();
        runtime.block_on(annals_aws::state_store::create_table(&client, &state)).unwrap();
        let (_, opensearch) = opensearch_endpoints().remove(0);
        let prefix = format!("{}-", unique_name("cli"));
        let environment = [
            ("ANNALS_TARGET", "aws"),
            ("ANNALS_EVENTS_TABLE", &events),
            ("ANNALS_STATE_TABLE", &state),
            ("ANNALS_OPENSEARCH_ENDPOINT", &opensearch),
            ("ANNALS_INDEX_PREFIX", &prefix),
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb),
            ("AWS_ENDPOINT_URL_EVENTBRIDGE", &moto_endpoint()),
            ("AWS_ENDPOINT_URL_SNS", &moto_endpoint()),
        ];
        let environment = environment.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        Self { folder: Folder::new(), events, state, prefix, opensearch, runtime, client, environment }
    }

    /// Sets a variable; an empty value unsets it.
    pub(crate) fn set(&mut self, name: &'static str, value: &str) {
        self.environment.insert(name, value.to_owned());
    }

    /// The command, with only the environment of the installation.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.folder.command(arguments);
        command.envs(self.environment.iter().filter(|(_, value)| !value.is_empty()));
        command
    }

    /// Runs it to its end.
    #[track_caller]
    pub(crate) fn annals(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments).output().unwrap())
    }

    /// Runs it and reads its stdout as one JSON document, whatever its exit code.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let run = self.annals(arguments);
        serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("no JSON: {}", run.stderr))
    }

    /// A call to its tables without the command.
    pub(crate) fn on_tables<T>(&self, call: impl AsyncFnOnce(&Client) -> T) -> T {
        self.runtime.block_on(call(&self.client))
    }

    /// A request to OpenSearch without the command; `name` is what follows the prefix.
    #[track_caller]
    pub(crate) fn raw(&self, method: &str, name: &str, body: &str) -> (u16, Value) {
        let host = self.opensearch.trim_start_matches("http://").trim_end_matches('/');
        let mut stream = TcpStream::connect(host).unwrap();
        let (path, length) = (format!("/{}{name}", self.prefix), body.len());
        let head = format!("{method} {path} HTTP/1.0\r\nHost: {host}\r\nContent-Type: application/json\r\n");
        write!(stream, "{head}Content-Length: {length}\r\n\r\n{body}").unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let status = response.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
        let (_, body) = response.split_once("\r\n\r\n").unwrap();
        (status, serde_json::from_str(body).unwrap_or_default())
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        // The wildcard matches indices of this test only: no other has the prefix.
        self.raw("DELETE", "*", "");
        for table in [&self.events, &self.state] {
            drop(self.runtime.block_on(self.client.delete_table().table_name(table).send()));
        }
    }
}
