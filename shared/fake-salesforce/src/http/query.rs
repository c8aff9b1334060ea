//! Queries and the rest of their results.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::api_error::ApiError;
use super::shared::{OpenResult, Shared};
use crate::org::StoredRecord;
use crate::soql::{self, Checked, QueryError};

/// The least size of a batch that can be requested.
const SMALLEST_BATCH: usize = 200;

#[derive(Deserialize)]
pub(super) struct Parameters {
    q: Option<String>,
}

type Answer = Result<Json<Value>, ApiError>;

pub(super) async fn query(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Path(version): Path<String>,
    Query(parameters): Query<Parameters>,
) -> Answer {
    answer(&shared, &version, "query", &parameters, batch_size(&shared, &headers))
}

pub(super) async fn query_all(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Path(version): Path<String>,
    Query(parameters): Query<Parameters>,
) -> Answer {
    answer(&shared, &version, "queryAll", &parameters, batch_size(&shared, &headers))
}

pub(super) async fn next(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Path((version, locator)): Path<(String, String)>,
) -> Answer {
    let open = shared.lock().locators.remove(&locator);
    let open =
        open.ok_or_else(|| ApiError::new(StatusCode::BAD_REQUEST, "INVALID_QUERY_LOCATOR", "invalid query locator"))?;
    Ok(Json(batch(&shared, &version, "query", open, batch_size(&shared, &headers))))
}

/// The size that the client wishes, within what the server gives.
fn batch_size(shared: &Shared, headers: &HeaderMap) -> usize {
    let options = headers.get("sforce-query-options").and_then(|value| value.to_str().ok());
    let wished = options.and_then(|options| options.strip_prefix("batchSize=")?.trim().parse::<usize>().ok());
    wished.map_or(shared.settings.batch_size, |wished| wished.max(SMALLEST_BATCH).min(shared.settings.batch_size))
}

fn answer(shared: &Shared, version: &str, resource: &str, parameters: &Parameters, batch_size: usize) -> Answer {
    let text = parameters.q.as_deref().filter(|text| !text.trim().is_empty());
    let text = text.ok_or_else(|| QueryError::new("MALFORMED_QUERY", "A query string has to be specified"))?;
    let (checked, rows) = select(shared, text, resource == "queryAll")?;
    let total = rows.len();
    if checked.is_count() {
        return Ok(Json(json!({ "totalSize": total, "done": true, "records": [] })));
    }
    let open = OpenResult { total, object: checked.object().to_owned(), rest: rows };
    Ok(Json(batch(shared, version, resource, open, batch_size)))
}

/// The rows of a query at this moment; with deleted records only if asked for.
pub(super) fn select(
    shared: &Shared,
    text: &str,
    with_deleted: bool,
) -> Result<(Checked, Vec<Map<String, Value>>), QueryError> {
    let query = soql::parse(text)?;
    let state = shared.org.lock();
    let object = state.object(&query.object).ok_or_else(|| {
        let message = format!(
            "\n{text}\nERROR at Row:1:Column:{}\nsObject type '{}' is not supported. If you are attempting to use a custom \
             object, be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for \
             the appropriate names.",
            text.find(&query.object).unwrap_or_default() + 1,
            query.object
        );
        QueryError::new("INVALID_TYPE", message)
    })?;
    let name = object.name.clone();
    let checked = soql::check(query, object)?;
    let is_shown = |(_, record): &(&str, &StoredRecord)| with_deleted || !record.is_deleted();
    let rows = match checked.listed_ids() {
        Some(ids) => checked.select(ids.into_iter().filter_map(|id| state.entry(&name, id)).filter(is_shown)),
        None => {
            let records = state.records_between(&name, checked.after_id(), checked.up_to_id());
            checked.select(records.filter(is_shown))
        }
    };
    Ok((checked, rows))
}

fn batch(shared: &Shared, version: &str, resource: &str, mut open: OpenResult, size: usize) -> Value {
    let rest = open.rest.split_off(size.min(open.rest.len()));
    let given = std::mem::replace(&mut open.rest, rest);
    let attributes = |row: &Map<String, Value>| {
        let id = row.get("Id").and_then(Value::as_str).unwrap_or_default();
        json!({ "type": open.object, "url": format!("/services/data/{version}/sobjects/{}/{id}", open.object) })
    };
    let record = |row: Map<String, Value>| {
        let mut record = Map::from_iter([("attributes".to_owned(), attributes(&row))]);
        record.extend(row);
        Value::Object(record)
    };
    let records: Vec<Value> = given.into_iter().map(record).collect();
    let mut answer = json!({ "totalSize": open.total, "done": open.rest.is_empty(), "records": records });
    if !open.rest.is_empty() {
        let mut state = shared.lock();
        let locator = format!("01gQz{:010}-{}", state.next_number(), open.total - open.rest.len());
        answer["nextRecordsUrl"] = json!(format!("/services/data/{version}/{resource}/{locator}"));
        state.locators.insert(locator, open);
    }
    answer
}
