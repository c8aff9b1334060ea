//! Query jobs of the Bulk API 2.0: CSV in pages, each with a locator that ends with the text `null`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::api_error::ApiError;
use super::query::select;
use super::shared::{BulkJob, Shared};
use crate::org::FieldKind;
use crate::soql::Checked;

#[derive(Deserialize)]
pub(super) struct NewJob {
    operation: String,
    query: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    locator: Option<String>,
    max_records: Option<usize>,
}

pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    Json(new): Json<NewJob>,
) -> Result<Json<Value>, ApiError> {
    let (checked, rows) = select(&shared, &new.query, new.operation == "queryAll")?;
    refuse_unsupported(&checked)?;
    let mut state = shared.lock();
    if state.quotas.bulk_jobs_used >= state.quotas.bulk_jobs {
        let message = "Number of Bulk V2 query jobs exceeded the daily limit.";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "EXCEEDED_ID_LIMIT", message));
    }
    state.quotas.bulk_jobs_used += 1;
    let id = format!("750Qz{:010}AAA", state.next_number());
    let job = BulkJob {
        object: checked.object().to_owned(),
        operation: new.operation,
        polls_left: shared.settings.bulk_polls,
        header: checked.fields().iter().map(|(name, _)| name.clone()).collect(),
        rows: rows.iter().map(|row| cells(&checked, row)).collect(),
    };
    let shown = show(&id, &job, "UploadComplete");
    state.jobs.insert(id, job);
    Ok(Json(shown))
}

fn refuse_unsupported(checked: &Checked) -> Result<(), ApiError> {
    let refused = |message: &str| Err(ApiError::new(StatusCode::BAD_REQUEST, "API_ERROR", message));
    if checked.fields().iter().any(|(_, kind)| *kind == FieldKind::Address) {
        return refused("Selecting compound data not supported in Bulk Query");
    }
    if checked.is_count() || checked.is_ordered() {
        return refused("Aggregate functions, ORDER BY and LIMIT are not supported in Bulk Query");
    }
    Ok(())
}

pub(super) async fn status(
    State(shared): State<Arc<Shared>>,
    Path((_, id)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let mut state = shared.lock();
    let job = state.jobs.get_mut(&id).ok_or_else(ApiError::not_found)?;
    if job.polls_left > 0 {
        job.polls_left -= 1;
        return Ok(Json(show(&id, job, "InProgress")));
    }
    let mut shown = show(&id, job, "JobComplete");
    shown["numberRecordsProcessed"] = json!(job.rows.len());
    Ok(Json(shown))
}

pub(super) async fn delete(
    State(shared): State<Arc<Shared>>,
    Path((_, id)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let removed = shared.lock().jobs.remove(&id);
    removed.map(|_| StatusCode::NO_CONTENT).ok_or_else(ApiError::not_found)
}

pub(super) async fn results(
    State(shared): State<Arc<Shared>>,
    Path((_, id)): Path<(String, String)>,
    Query(page): Query<Page>,
) -> Result<Response, ApiError> {
    let state = shared.lock();
    let job = state.jobs.get(&id).filter(|job| job.polls_left == 0).ok_or_else(ApiError::not_found)?;
    let start = match &page.locator {
        None => 0,
        Some(locator) => position(locator)
            .filter(|start| *start < job.rows.len())
            .ok_or_else(|| ApiError::new(StatusCode::BAD_REQUEST, "INVALID_QUERY_LOCATOR", "invalid query locator"))?,
    };
    let size = page.max_records.unwrap_or(usize::MAX).min(shared.settings.bulk_page_size);
    let rows = &job.rows[start..job.rows.len().min(start.saturating_add(size))];
    let end = start + rows.len();
    let locator = if end < job.rows.len() { locator_of(end) } else { "null".to_owned() };
    let headers = [
        (CONTENT_TYPE.as_str(), "text/csv".to_owned()),
        ("sforce-locator", locator),
        ("sforce-numberofrecords", rows.len().to_string()),
    ];
    Ok((headers, csv(&job.header, rows)).into_response())
}

/// A locator is a position that only the server reads.
fn locator_of(position: usize) -> String {
    format!("MTAw{position:08}")
}

fn position(locator: &str) -> Option<usize> {
    locator.strip_prefix("MTAw")?.parse().ok()
}

fn csv(header: &[String], rows: &[Vec<String>]) -> String {
    let mut writer = csv::WriterBuilder::new().quote_style(csv::QuoteStyle::Always).from_writer(Vec::new());
    let written =
        std::iter::once(header).chain(rows.iter().map(Vec::as_slice)).try_for_each(|row| writer.write_record(row));
    written.expect("memory takes every row");
    String::from_utf8(writer.into_inner().expect("memory takes every row")).expect("the cells are UTF-8")
}

/// The texts of a row, as Bulk writes them: null is empty, a time ends with `Z`.
fn cells(checked: &Checked, row: &Map<String, Value>) -> Vec<String> {
    let cell = |(name, kind): &(String, FieldKind)| match (row.get(name), kind) {
        (None | Some(Value::Null), _) => String::new(),
        (Some(Value::String(text)), FieldKind::Datetime) => text.replace("+0000", "Z"),
        (Some(Value::String(text)), _) => text.clone(),
        (Some(value), _) => value.to_string(),
    };
    checked.fields().iter().map(cell).collect()
}

fn show(id: &str, job: &BulkJob, state: &str) -> Value {
    json!({
        "id": id,
        "operation": job.operation,
        "object": job.object,
        "state": state,
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": 62.0,
        "jobType": "V2Query",
        "lineEnding": "LF",
        "columnDelimiter": "COMMA",
    })
}
