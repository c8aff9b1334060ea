//! The floor: a bare scan of the table, then a bare `_bulk` of the documents as they are stored.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use annals_aws::rebuild::RebuildSettings;
use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt};
use opensearch::http::Method;
use opensearch::http::headers::HeaderMap;
use opensearch::http::transport::Transport;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::fixture::Fixture;

/// The number of documents in a call, as in the rebuild.
const DOCUMENTS: usize = 500;

/// Reads the whole table in the segments of the rebuild, without decoding. Returns the time and the number of items.
pub(crate) async fn scan(fixture: &Fixture, settings: &RebuildSettings) -> Result<(Duration, usize)> {
    let client = &fixture.tables.client;
    let table = &fixture.tables.events_table;
    let total = i32::try_from(settings.segments)?;
    let start = Instant::now();
    // A task each, so that responses are read on all processors.
    let read = |segment: i32| {
        let scan = client.scan().table_name(table).consistent_read(true).segment(segment).total_segments(total);
        tokio::spawn(async move {
            let mut pages = scan.into_paginator().send();
            let mut items = 0;
            while let Some(page) = pages.next().await {
                items += page?.items().len();
            }
            anyhow::Ok(items)
        })
    };
    let segments = futures::stream::iter(0..total).map(read).buffer_unordered(settings.concurrency);
    let items = segments.map(|joined| joined?).try_fold(0, |sum, items| async move { Ok(sum + items) }).await?;
    Ok((start.elapsed(), items))
}

/// Documents as the bodies of `_bulk` calls.
pub(crate) struct Bulk {
    transport: Transport,
    bodies: Vec<String>,
    pub(crate) documents: usize,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(rename = "_scroll_id")]
    scroll: String,
    #[serde(borrow)]
    hits: Hits<'a>,
}

#[derive(Deserialize)]
struct Hits<'a> {
    #[serde(borrow)]
    hits: Vec<Hit<'a>>,
}

#[derive(Deserialize)]
struct Hit<'a> {
    #[serde(rename = "_id")]
    id: &'a str,
    #[serde(rename = "_version")]
    version: u64,
    #[serde(rename = "_source", borrow)]
    source: &'a RawValue,
}

impl Bulk {
    /// Reads the documents of an index as they are stored.
    pub(crate) async fn of(url: &str, index: &str) -> Result<Self> {
        let transport = Transport::single_node(url)?;
        let first = format!("/{index}/_search?scroll=1m&size={DOCUMENTS}&version=true");
        let mut this = Self { transport, bodies: Vec::new(), documents: 0 };
        let mut page = this.call(Method::Post, &first, r#"{"sort":["_doc"]}"#.to_owned()).await?;
        loop {
            let Page { scroll, hits } = serde_json::from_str::<Page<'_>>(&page).context("a page of documents")?;
            if hits.hits.is_empty() {
                return Ok(this);
            }
            let mut body = String::new();
            for Hit { id, version, source } in &hits.hits {
                let action =
                    format!(r#"{{"index":{{"_id":"{id}","version":{version},"version_type":"external_gte"}}}}"#);
                writeln!(body, "{action}\n{source}")?;
            }
            this.documents += hits.hits.len();
            this.bodies.push(body);
            let next = format!(r#"{{"scroll":"1m","scroll_id":"{scroll}"}}"#);
            page = this.call(Method::Post, "/_search/scroll", next).await?;
        }
    }

    /// Writes all documents to an index.
    pub(crate) async fn write(&self, index: &str) -> Result<Duration> {
        let path = format!("/{index}/_bulk?filter_path=errors");
        let start = Instant::now();
        let write = |body: &String| {
            let (path, body) = (path.clone(), body.clone());
            async move {
                let response = self.call(Method::Post, &path, body).await?;
                ensure!(response.contains("\"errors\":false"), "the bulk had errors");
                Ok(())
            }
        };
        futures::stream::iter(&self.bodies).map(write).buffer_unordered(4).try_collect::<()>().await?;
        Ok(start.elapsed())
    }

    async fn call(&self, method: Method, path: &str, body: String) -> Result<String> {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/x-ndjson".parse()?);
        let response = self.transport.send(method, path, headers, None::<&()>, Some(body), None).await?;
        ensure!(response.status_code().is_success(), "{path} returned {}", response.status_code());
        Ok(response.text().await?)
    }
}
