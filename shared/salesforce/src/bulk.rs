//! Query jobs of the Bulk API 2.0, for objects with many records.
//!
//! The pages of a result are followed to the literal locator `null`, and their rows are counted: the counts must be
//! those that Salesforce states.

use annals_domain::timestamp::Timestamp;
use serde::Deserialize;
use serde_json::value::to_raw_value;
use serde_json::{Map, Number, Value, json};

use crate::connection::{Call, Connection, Response};
use crate::cursor::BulkCursor;
use crate::description::{Description, FieldType};
use crate::failure::{Failure, FailureKind};
use crate::query::Row;

#[derive(Debug)]
pub(crate) enum JobState {
    Running,
    Complete { processed: Option<u64> },
    Failed(String),
}

#[derive(Deserialize)]
struct JobResponse {
    id: String,
    state: String,
    #[serde(rename = "numberRecordsProcessed")]
    processed: Option<u64>,
    #[serde(rename = "errorMessage")]
    error: Option<String>,
}

/// Creates a job, and returns the cursor before its first page.
pub(crate) async fn create(connection: &Connection, soql: &str) -> Result<BulkCursor, Failure> {
    let request = json!({ "operation": "query", "query": soql, "contentType": "CSV", "lineEnding": "LF" });
    let (job, at) = connection.json::<JobResponse>(&Call::post("/jobs/query", request.to_string())).await?;
    check_id(&job.id)?;
    Ok(BulkCursor { job: job.id, read_at: at, locator: None, rows: 0 })
}

pub(crate) async fn state(connection: &Connection, job: &str) -> Result<JobState, Failure> {
    check_id(job)?;
    let result = connection.json::<JobResponse>(&Call::get(format!("/jobs/query/{job}"))).await;
    let (job, _) = result.map_err(expired)?;
    Ok(match job.state.as_str() {
        "UploadComplete" | "Open" | "InProgress" => JobState::Running,
        "JobComplete" => JobState::Complete { processed: job.processed },
        state => JobState::Failed(job.error.unwrap_or_else(|| format!("the job is in the state {state}"))),
    })
}

/// The next page, and the cursor behind it; `None` behind the last.
pub(crate) async fn page(
    connection: &Connection,
    description: &Description,
    cursor: &BulkCursor,
    size: usize,
) -> Result<(Vec<Row>, Option<BulkCursor>), Failure> {
    check_id(&cursor.job)?;
    let mut path = format!("/jobs/query/{}/results?maxRecords={size}", cursor.job);
    if let Some(locator) = &cursor.locator {
        path.push_str("&locator=");
        path.extend(form_urlencoded::byte_serialize(locator.as_bytes()));
    }
    let response =
        connection.call(&Call::get(path).with_header("accept", "text/csv".to_owned())).await.map_err(expired)?;
    let rows = rows(&response, description)?;
    let stated = response.header("sforce-numberofrecords").and_then(|count| count.trim().parse::<u64>().ok());
    let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    if stated.is_some_and(|stated| stated != count) {
        let stated = stated.unwrap_or_default();
        return Err(Failure::malformed(format!("a page of bulk results has {count} rows, and states {stated}")));
    }
    let locator = response.header("sforce-locator").map(str::trim);
    let locator = locator.ok_or_else(|| Failure::malformed("a page of bulk results without `Sforce-Locator`"))?;
    let next = BulkCursor { rows: cursor.rows + count, ..cursor.clone() };
    if locator != "null" {
        return Ok((rows, Some(BulkCursor { locator: Some(locator.to_owned()), ..next })));
    }
    check_total(connection, &next).await?;
    Ok((rows, None))
}

/// The rows of all pages are those that the job processed.
async fn check_total(connection: &Connection, read: &BulkCursor) -> Result<(), Failure> {
    match state(connection, &read.job).await? {
        JobState::Complete { processed: Some(processed) } if processed != read.rows => {
            let message = format!("{} rows read of a bulk job that states {processed}", read.rows);
            Err(Failure::malformed(message))
        }
        _ => Ok(()),
    }
}

fn check_id(job: &str) -> Result<(), Failure> {
    let is_id = !job.is_empty() && job.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_id { Ok(()) } else { Err(Failure::malformed(format!("invalid id `{job}` of a bulk job"))) }
}

/// A job that is gone means that the read starts again.
fn expired(failure: Failure) -> Failure {
    match failure.kind {
        FailureKind::NotFound => Failure { kind: FailureKind::ResultExpired, ..failure },
        _ => failure,
    }
}

fn rows(response: &Response, description: &Description) -> Result<Vec<Row>, Failure> {
    let text = response.text()?;
    if !text.is_empty() && !text.ends_with('\n') {
        return Err(Failure::malformed("the CSV of bulk results is cut off"));
    }
    let invalid = |error: csv::Error| Failure::malformed(format!("bulk results that are no CSV: {error}"));
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().map_err(invalid)?.clone();
    let types: Result<Vec<(&str, FieldType)>, Failure> = header
        .iter()
        .map(|name| {
            let field = description.field(name);
            field.map(|field| (field.name.as_str(), field.field_type)).ok_or_else(|| {
                Failure::malformed(format!("bulk results with the column `{name}`, which was not requested"))
            })
        })
        .collect();
    let types = types?;
    reader.records().map(|record| row(&types, &record.map_err(invalid)?)).collect()
}

fn row(types: &[(&str, FieldType)], record: &csv::StringRecord) -> Result<Row, Failure> {
    let values = types.iter().zip(record.iter());
    let fields: Map<String, Value> =
        values.map(|((name, field_type), text)| ((*name).to_owned(), value(*field_type, text))).collect();
    let stamp = |name: &str| fields.get(name).and_then(Value::as_str)?.parse::<Timestamp>().ok();
    let id = fields.get("Id").and_then(Value::as_str);
    Ok(Row {
        id: id.ok_or_else(|| Failure::malformed("a row of bulk results without an id"))?.to_owned(),
        stamp: ["SystemModstamp", "LastModifiedDate", "CreatedDate"].into_iter().find_map(stamp),
        json: to_raw_value(&fields).map_err(|error| Failure::malformed(error.to_string()))?,
    })
}

/// A cell as REST would give it. Only the description decides its type: `NA`, `01234` and `true` stay texts in a text
/// field. CSV has no null but the empty cell, and Salesforce no empty text.
fn value(field_type: FieldType, text: &str) -> Value {
    let kept = || Value::String(text.to_owned());
    match field_type {
        _ if text.is_empty() => Value::Null,
        FieldType::Text => kept(),
        FieldType::Boolean => match text {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => kept(),
        },
        FieldType::Number => text.parse::<Number>().map_or_else(|_| kept(), Value::Number),
        // REST writes the same time with another offset.
        FieldType::Datetime => {
            Value::String(text.strip_suffix('Z').map_or_else(|| text.to_owned(), |time| format!("{time}+0000")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(field_type: FieldType, text: &str, expected: &str) {
        assert_eq!(value(field_type, text).to_string(), expected, "{field_type:?} {text:?}");
    }

    #[test]
    fn rule_8_the_description_alone_decides_the_type_of_a_cell() {
        for text in ["NA", "None", "01234", "true", "1.50", "2026-01-01T00:00:00.000Z", "a\0b"] {
            check(FieldType::Text, text, &Value::from(text).to_string());
        }
        check(FieldType::Text, "", "null");
        check(FieldType::Boolean, "true", "true");
        check(FieldType::Boolean, "NA", "\"NA\"");
        check(FieldType::Number, "50000.00", "50000.00");
        check(FieldType::Number, "1.0E7", "1.0e+7");
        check(FieldType::Number, "NA", "\"NA\"");
        check(FieldType::Datetime, "2018-12-10T17:50:19.000Z", "\"2018-12-10T17:50:19.000+0000\"");
    }
}
