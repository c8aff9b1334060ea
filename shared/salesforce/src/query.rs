//! One query, and the rows of its answer as the API wrote them.

use annals_application::ports::FetchedRecord;
use annals_domain::identity::ExternalId;
use annals_domain::timestamp::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::connection::{Call, Connection};
use crate::failure::{Failure, FailureKind};

/// Which records a query may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resource {
    Query,
    /// Those in the recycle bin too.
    QueryAll,
}

impl Resource {
    fn path(self) -> &'static str {
        match self {
            Self::Query => "/query",
            Self::QueryAll => "/queryAll",
        }
    }

    pub(crate) fn uri(self, soql: &str) -> String {
        let encoded: String = form_urlencoded::byte_serialize(soql.as_bytes()).collect();
        format!("{}?q={encoded}", self.path())
    }
}

/// One record, byte for byte.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) stamp: Option<Timestamp>,
    pub(crate) json: Box<RawValue>,
}

/// A part of a result.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) rows: Vec<Row>,
    /// The last row as the query found it, from which the next batch goes on.
    pub(crate) last: Option<(String, Option<Timestamp>)>,
    /// Whether these are all rows that the query found, as far as its limit goes.
    pub(crate) is_whole: bool,
    pub(crate) next: Option<String>,
    pub(crate) at: Timestamp,
}

impl From<Row> for FetchedRecord {
    fn from(row: Row) -> Self {
        Self { id: ExternalId::new(row.id), record: Box::<str>::from(row.json).into() }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueryResponse {
    total_size: usize,
    /// The authority on whether this is all: a next URL may be there beside it.
    done: bool,
    next_records_url: Option<String>,
    records: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RowHead {
    id: String,
    system_modstamp: Option<Timestamp>,
    last_modified_date: Option<Timestamp>,
    created_date: Option<Timestamp>,
}

/// Runs a query and returns the first batch of its rows.
pub(crate) async fn first_batch(connection: &Connection, resource: Resource, soql: &str) -> Result<Batch, Failure> {
    let (response, at) = connection.json::<QueryResponse>(&Call::get(resource.uri(soql))).await?;
    if response.done && response.records.len() != response.total_size {
        let (found, stated) = (response.records.len(), response.total_size);
        return Err(Failure::malformed(format!("{found} records in a complete answer that states {stated}")));
    }
    batch(response, at)
}

/// Runs a query and returns all its rows, with the time of its first batch. If the rest of a result is gone, because it
/// was of an earlier session, the query runs once more.
pub(crate) async fn all_rows(
    connection: &Connection,
    resource: Resource,
    soql: &str,
) -> Result<(Vec<Row>, Timestamp), Failure> {
    match rows_once(connection, resource, soql).await {
        Err(failure) if failure.kind == FailureKind::ResultExpired => rows_once(connection, resource, soql).await,
        result => result,
    }
}

async fn rows_once(connection: &Connection, resource: Resource, soql: &str) -> Result<(Vec<Row>, Timestamp), Failure> {
    let Batch { mut rows, mut next, at, .. } = first_batch(connection, resource, soql).await?;
    while let Some(url) = next {
        let (response, at) = connection.json::<QueryResponse>(&Call::get(url)).await?;
        let more = batch(response, at)?;
        rows.extend(more.rows);
        next = more.next;
    }
    Ok((rows, at))
}

/// How many records a query finds.
pub(crate) async fn count(connection: &Connection, resource: Resource, soql: &str) -> Result<u64, Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Counted {
        total_size: u64,
    }
    let (counted, _) = connection.json::<Counted>(&Call::get(resource.uri(soql))).await?;
    Ok(counted.total_size)
}

fn batch(response: QueryResponse, at: Timestamp) -> Result<Batch, Failure> {
    let next = response.next_records_url.filter(|_| !response.done);
    if !response.done && next.is_none() {
        return Err(Failure::malformed("an answer that is not complete, and without the URL of its rest"));
    }
    let rows = response.records.into_iter().map(row).collect::<Result<Vec<Row>, Failure>>()?;
    let last = rows.last().map(|row| (row.id.clone(), row.stamp));
    Ok(Batch { rows, last, is_whole: response.done, next, at })
}

fn row(json: Box<RawValue>) -> Result<Row, Failure> {
    let head: RowHead = serde_json::from_str(json.get())
        .map_err(|error| Failure::malformed(format!("a record without an id or with an invalid time: {error}")))?;
    let stamp = head.system_modstamp.or(head.last_modified_date).or(head.created_date);
    Ok(Row { id: head.id, stamp, json })
}
