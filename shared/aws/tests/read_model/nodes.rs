//! Connections for tests, and indices that are deleted when their test ends.

use std::io::{Read, Write};
use std::net::TcpStream;

use annals_aws::read_model::{Endpoint, OpenSearch, OpenSearchReadModel, OpenSearchSettings, Refresh};
use annals_services::{opensearch_endpoints, unique_name};
use serde_json::Value;

/// A node, and a prefix whose indices are deleted at the end.
pub(crate) struct Node {
    pub(crate) address: String,
    pub(crate) prefix: String,
}

impl Node {
    /// The node of that label; `None`, which is printed, where this machine cannot run it.
    pub(crate) fn of(label: &str) -> Option<Self> {
        let (_, address) = opensearch_endpoints().into_iter().find(|(other, _)| *other == label)?;
        Some(Self { address, prefix: format!("{}-", unique_name("read")) })
    }

    /// Settings for its address and prefix.
    pub(crate) fn settings(&self) -> OpenSearchSettings {
        OpenSearchSettings {
            prefix: self.prefix.clone(),
            replicas: 0,
            refresh: Refresh::BeforeResponse,
            ..OpenSearchSettings::new(self.address.parse::<Endpoint>().expect("an address"))
        }
    }

    /// A connection of its own.
    pub(crate) async fn connect(&self) -> OpenSearch {
        OpenSearch::connect(self.settings()).await.expect("it connects")
    }

    /// A read model with a connection of its own.
    pub(crate) async fn model(&self) -> OpenSearchReadModel {
        OpenSearchReadModel::new(self.connect().await)
    }

    /// A request that bypasses the code under test; `name` is what follows the prefix.
    pub(crate) fn raw(&self, method: &str, name: &str, body: &str) -> (u16, Value) {
        self.request(method, &format!("/{}{name}", self.prefix), body)
    }

    pub(crate) fn request(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let host = self.address.trim_start_matches("http://").trim_end_matches('/');
        let mut stream = TcpStream::connect(host).expect("the node responds");
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.0\r\nHost: {host}\r\nContent-Type: application/json\r\n");
        write!(stream, "{head}Content-Length: {length}\r\n\r\n{body}").expect("the node reads");
        let mut response = String::new();
        stream.read_to_string(&mut response).expect("the node responds");
        let status = response.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let (_, body) = response.split_once("\r\n\r\n").expect("a body");
        (status, serde_json::from_str(body).unwrap_or_default())
    }

    /// The indices of an alias.
    pub(crate) fn indices_of(&self, name: &str) -> Vec<String> {
        let (_, found) = self.raw("GET", &format!("{name}/_alias"), "");
        let mut names: Vec<String> = found.as_object().expect("indices").keys().cloned().collect();
        names.sort();
        names
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Only the indices of this prefix, which no other test has.
        self.raw("DELETE", "*", "");
    }
}

/// A test for each version line of OpenSearch.
#[macro_export]
macro_rules! on_both {
    ($($rule:ident),+ $(,)?) => {
        mod on_2_19 {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $rule() {
                super::$rule($crate::nodes::Node::of("2.19").expect("the older line runs everywhere")).await;
            })+
        }
        mod on_3 {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $rule() {
                let Some(node) = $crate::nodes::Node::of("3.x") else { return };
                super::$rule(node).await;
            })+
        }
    };
}
