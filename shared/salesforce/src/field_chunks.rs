//! Fields in as many queries as the limit on a URI makes necessary, put together again record by record.
//!
//! Each part reads the same records. A record that changed between two parts is read again, so that no record is put
//! together from two of its states.

use std::collections::BTreeMap;

use annals_domain::timestamp::Timestamp;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use crate::connection::Connection;
use crate::failure::{Failure, FailureKind};
use crate::query::{self, Batch, Resource, Row};
use crate::soql::{Condition, Order, Source};

/// How many bytes the URI of a query may have. Salesforce allows 16,384 for the URI and all headers.
pub(crate) const LONGEST_URI: usize = 12_288;
/// How often records that keep changing are read again.
const ATTEMPTS: u32 = 4;
/// How many ids one query names.
const IDS: usize = 200;

/// The fields of a read: those in every part, and the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldChunks<'a> {
    /// `Id`, and the stamp that shows whether a record changed.
    always: Vec<&'a str>,
    parts: Vec<Vec<&'a str>>,
}

impl<'a> FieldChunks<'a> {
    /// Divides the fields so that no query of `source` is too long.
    pub(crate) fn divide(
        connection: &Connection,
        source: &Source<'_>,
        always: Vec<&'a str>,
        fields: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        // Each part may have to be read again by ids.
        let ids = Condition::Ids(vec!["0".repeat(18); IDS]);
        let conditions = source.conditions.iter().cloned().chain([ids]).collect();
        let longest = Source { conditions, ..source.clone() }.select(&always);
        let room = LONGEST_URI.saturating_sub(connection.uri_length(&Resource::QueryAll.uri(&longest)));
        let mut parts: Vec<Vec<&'a str>> = vec![Vec::new()];
        let mut left = room;
        for field in fields.into_iter().filter(|field| !always.contains(field)) {
            // A comma has three bytes in a URI, and the characters of names one each.
            let length = field.len() + 3;
            if length > left {
                parts.push(Vec::new());
                left = room;
            }
            left = left.saturating_sub(length);
            parts.last_mut().expect("there is always one").push(field);
        }
        Self { always, parts }
    }

    fn selected(&self, part: usize) -> Vec<&'a str> {
        self.always.iter().chain(&self.parts[part]).copied().collect()
    }

    /// The first batch of a query, with all fields, and how many records it found.
    pub(crate) async fn first_batch(
        &self,
        connection: &Connection,
        resource: Resource,
        source: &Source<'_>,
    ) -> Result<(Batch, usize), Failure> {
        let mut batch = query::first_batch(connection, resource, &source.select(&self.selected(0))).await?;
        let found = batch.rows.len();
        if self.parts.len() == 1 || found == 0 {
            return Ok((batch, found));
        }
        let rows = std::mem::take(&mut batch.rows);
        let mut whole = Vec::with_capacity(rows.len());
        if source.order == Some(Order::Id) {
            let last = rows.last().map(|row| Condition::IdUpTo(row.id.clone()));
            let conditions = source.conditions.iter().cloned().chain(last).collect();
            let range = Source { conditions, limit: None, ..source.clone() };
            whole.extend(self.complete(connection, resource, &range, rows).await?);
        } else {
            // Other records may lie between the first and the last stamp by now.
            let mut rows = rows.into_iter();
            loop {
                let some: Vec<Row> = rows.by_ref().take(IDS).collect();
                if some.is_empty() {
                    break;
                }
                let ids = Condition::Ids(some.iter().map(|row| row.id.clone()).collect());
                let range = Source { conditions: vec![ids], order: None, limit: None, ..source.clone() };
                whole.extend(self.complete(connection, resource, &range, some).await?);
            }
        }
        Ok((Batch { rows: whole, ..batch }, found))
    }

    /// The records of those ids that exist, with all fields; those in the recycle bin too.
    pub(crate) async fn by_ids(
        &self,
        connection: &Connection,
        source: &Source<'_>,
        ids: &[String],
    ) -> Result<(Vec<Row>, Option<Timestamp>), Failure> {
        let (mut found, mut first) = (Vec::new(), None);
        for ids in ids.chunks(IDS) {
            let source = Source { conditions: vec![Condition::Ids(ids.to_vec())], ..source.clone() };
            let (rows, at) = query::all_rows(connection, Resource::QueryAll, &source.select(&self.selected(0))).await?;
            first.get_or_insert(at);
            let rows = if self.parts.len() == 1 {
                rows
            } else {
                Box::pin(self.complete(connection, Resource::QueryAll, &source, rows)).await?
            };
            found.extend(rows);
        }
        Ok((found, first))
    }

    /// Adds the fields of the other parts to rows of the first.
    async fn complete(
        &self,
        connection: &Connection,
        resource: Resource,
        source: &Source<'_>,
        rows: Vec<Row>,
    ) -> Result<Vec<Row>, Failure> {
        let (mut whole, mut moved) = self.join(connection, resource, source, rows).await?;
        for _ in 0..ATTEMPTS {
            if moved.is_empty() {
                return Ok(whole);
            }
            let again = std::mem::take(&mut moved);
            for ids in again.chunks(IDS) {
                let conditions = vec![Condition::Ids(ids.to_vec())];
                let source = Source { conditions, order: None, limit: None, ..source.clone() };
                let soql = source.select(&self.selected(0));
                let (rows, _) = query::all_rows(connection, resource, &soql).await?;
                let (complete, still_moved) = self.join(connection, resource, &source, rows).await?;
                whole.extend(complete);
                moved.extend(still_moved);
            }
        }
        if moved.is_empty() {
            return Ok(whole);
        }
        let message =
            format!("record `{}` and {} others change faster than they can be read", moved[0], moved.len() - 1);
        Err(Failure::new(FailureKind::Unavailable, message))
    }

    /// The rows whose parts all have the same stamp, and the ids of the others.
    async fn join(
        &self,
        connection: &Connection,
        resource: Resource,
        source: &Source<'_>,
        rows: Vec<Row>,
    ) -> Result<(Vec<Row>, Vec<String>), Failure> {
        let mut others = Vec::new();
        for part in 1..self.parts.len() {
            let rows = query::all_rows(connection, resource, &source.select(&self.selected(part))).await?.0;
            others.push(rows.into_iter().map(|row| (row.id.clone(), row)).collect::<BTreeMap<_, _>>());
        }
        let (mut whole, mut moved) = (Vec::new(), Vec::new());
        for row in rows {
            let parts: Option<Vec<&Row>> = others.iter().map(|part| part.get(&row.id)).collect();
            match parts.filter(|parts| parts.iter().all(|part| part.stamp == row.stamp)) {
                Some(parts) => whole.push(Row { json: merged(&row, &parts)?, ..row }),
                None => moved.push(row.id),
            }
        }
        Ok((whole, moved))
    }
}

fn merged(row: &Row, parts: &[&Row]) -> Result<Box<RawValue>, Failure> {
    let invalid = |error: serde_json::Error| Failure::malformed(format!("a record that is no object: {error}"));
    let mut fields: Map<String, Value> = serde_json::from_str(row.json.get()).map_err(invalid)?;
    for part in parts {
        fields.extend(serde_json::from_str::<Map<String, Value>>(part.json.get()).map_err(invalid)?);
    }
    to_raw_value(&fields).map_err(invalid)
}
