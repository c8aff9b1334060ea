//! One request and its answer.
//!
//! Promises that an answer's bytes are read whole, and that a request which has none is a port's
//! error. Makes again, once, only what reads. What a status means is the caller's to say.

use annals_application::ports::PortError;
use bytes::Bytes;
use opensearch::http::Method;
use opensearch::http::headers::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::de::Deserialize;
use serde_json::Value;

use crate::read_model::connect::OpenSearch;
use crate::read_model::failure::{refused_whole, unanswered, unreadable, was_cut};

/// A status and a body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether it says that an index or alias is not there.
    pub(crate) fn misses_index(&self) -> bool {
        self.status == 404 && self.says("index_not_found_exception")
    }

    /// Whether a text stands anywhere in its body.
    pub(crate) fn says(&self, text: &str) -> bool {
        self.body.windows(text.len()).any(|part| part == text.as_bytes())
    }

    /// Its body, if it is a success; for calls that could not be refused for what they ask.
    pub(crate) fn read<'a, T: Deserialize<'a>>(&'a self, resource: &str) -> Result<T, PortError> {
        if !self.is_success() {
            return Err(refused_whole(resource, self));
        }
        serde_json::from_slice(&self.body).map_err(|error| unreadable(resource, error))
    }
}

impl OpenSearch {
    /// Sends a request; `resource` is what errors name.
    pub(crate) async fn call(
        &self,
        resource: &str,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<Bytes>,
    ) -> Result<Answer, PortError> {
        let mut headers = HeaderMap::new();
        if path.ends_with("_bulk") {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        }
        let query = Some(query).filter(|query| !query.is_empty());
        let response = self.transport.send(method, path, headers, query, body, None).await;
        let response = response.map_err(|error| unanswered(resource, error))?;
        let status = response.status_code().as_u16();
        let body = response.bytes().await.map_err(|error| unanswered(resource, error))?;
        Ok(Answer { status, body })
    }

    /// Asks for something and changes nothing; so it is asked once more where the connection was cut,
    /// as one is that went stale while a function was frozen.
    pub(crate) async fn ask(
        &self,
        resource: &str,
        method: Method,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<Answer, PortError> {
        match self.call(resource, method, path, &[], body.clone()).await {
            Err(error) if was_cut(&error) => self.call(resource, method, path, &[], body).await,
            answered => answered,
        }
    }

    /// Sends JSON.
    pub(crate) async fn call_json(
        &self,
        resource: &str,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<Answer, PortError> {
        self.call(resource, method, path, &[], Some(body.to_string().into())).await
    }
}
