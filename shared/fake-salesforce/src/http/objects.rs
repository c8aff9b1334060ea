//! Versions, descriptions, limits, and the objects selected for change data capture.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::api_error::ApiError;
use super::shared::Shared;

pub(super) async fn versions(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let version =
        |version: &String| json!({ "label": version, "version": version, "url": format!("/services/data/v{version}") });
    Json(shared.settings.versions.iter().map(version).collect())
}

pub(super) async fn describe(
    State(shared): State<Arc<Shared>>,
    Path((_, object)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let state = shared.org.lock();
    let found = state.object(&object).map(|object| Json(object.describe()));
    found.ok_or_else(|| ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", "The requested resource does not exist"))
}

pub(super) async fn limits(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let quotas = shared.lock().quotas;
    let quota = |max: u64, used: u64| json!({ "Max": max, "Remaining": max.saturating_sub(used) });
    Json(json!({
        "DailyApiRequests": quota(quotas.calls, quotas.calls_used),
        "DailyBulkV2QueryJobs": quota(quotas.bulk_jobs, quotas.bulk_jobs_used),
        "DailyBulkV2QueryFileStorageMB": quota(quotas.bulk_megabytes, quotas.bulk_megabytes_used),
    }))
}

/// The members of the channel of change events, whatever the query selects of them.
pub(super) async fn captured(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let state = shared.org.lock();
    let member = |object: &str| {
        let event =
            format!("{}ChangeEvent", object.strip_suffix("__c").map_or(object.to_owned(), |own| format!("{own}__")));
        json!({ "attributes": { "type": "PlatformEventChannelMember" }, "SelectedEntity": event })
    };
    let members: Vec<Value> = state.captured().map(member).collect();
    Json(json!({ "size": members.len(), "totalSize": members.len(), "done": true, "records": members }))
}
