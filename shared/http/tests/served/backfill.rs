//! Backfills over real stores: start, status, pause, resume and cancel.

use serde_json::{Value, json};

use super::installation::{Installation, change};

#[tokio::test]
async fn a_new_job_waits_for_a_crm_connection() {
    let annals = Installation::new().await;
    assert_eq!(annals.get("/events/backfill/clients/status").await.status, 404);
    let job = annals.post("/events/backfill/clients", r#"{"since": "2024-04-09", "page_size": 200}"#).await;
    assert_eq!(job.status, 202);
    assert_eq!(job.header("content-type"), "application/json");
    let mut body = job.body.clone();
    for drifting in ["id", "updated_at"] {
        assert!(body[drifting].is_string(), "{body}");
        body[drifting] = json!("…");
    }
    insta::assert_snapshot!(serde_json::to_string_pretty(&body).unwrap(), @r#"
    {
      "id": "…",
      "type": "client",
      "mode": "since",
      "state": "waiting",
      "reason": "no CRM is connected: the job waits until records can be read from salesforce",
      "total": null,
      "processed": 0,
      "created": 0,
      "updated": 0,
      "unchanged": 0,
      "deleted": 0,
      "failed": 0,
      "missing": 0,
      "rate": null,
      "eta": null,
      "api_usage": null,
      "started_at": null,
      "updated_at": "…"
    }
    "#);
    for name in ["clients", "client", "Account"] {
        let status = annals.get(&format!("/events/backfill/{name}/status/")).await;
        assert_eq!((status.status, &status.body), (200, &job.body), "{name}");
    }
    assert_eq!(annals.get("/events/backfill/deals/status").await.status, 404);
}

#[tokio::test]
async fn a_second_job_is_a_conflict_until_the_first_has_ended() {
    let annals = Installation::new().await;
    let first = annals.post("/events/backfill/clients", "").await;
    let second = annals.post("/events/backfill/Account/", "{}").await;
    assert_eq!((second.status, second.header("content-type")), (409, "application/problem+json"));
    let id = first.body["id"].as_str().unwrap();
    let detail = format!("the backfill `{id}` of `Account` has not ended: it is waiting");
    let problem = json!({"type": "/problems/conflict", "title": "Conflict", "status": 409, "detail": detail});
    assert_eq!(second.body, problem);
    assert_eq!(annals.post("/events/backfill/deals", "{}").await.status, 202, "another type's");
    assert_eq!(annals.post("/events/backfill/clients/cancel", "").await.body["state"], "cancelled");
    let third = annals.post("/events/backfill/clients", "{}").await;
    assert_eq!(third.status, 202);
    assert_ne!(third.body["id"], first.body["id"]);
}

#[tokio::test]
async fn a_cancelled_job_can_be_neither_paused_nor_resumed() {
    let annals = Installation::new().await;
    let unknown = annals.post("/events/backfill/clients/pause", "").await;
    assert_eq!((unknown.status, &unknown.body["type"]), (404, &json!("/problems/not-found")));
    let id = annals.post("/events/backfill/clients", "{}").await.body["id"].clone();
    for (verb, status, expected) in [
        ("resume", 200, Some("waiting")),
        ("pause", 200, Some("paused")),
        ("pause", 200, Some("paused")),
        ("resume", 200, Some("waiting")),
        ("cancel", 200, Some("cancelled")),
        ("cancel", 200, Some("cancelled")),
        ("pause", 409, None),
        ("resume", 409, None),
    ] {
        let response = annals.post(&format!("/events/backfill/clients/{verb}"), "").await;
        assert_eq!(response.status, status, "{verb}: {}", response.body);
        if let Some(state) = expected {
            assert_eq!((&response.body["id"], &response.body["state"]), (&id, &json!(state)), "{verb}");
        } else {
            let detail = format!("cannot {verb} the backfill `{}` of `clients`: it is cancelled", id.as_str().unwrap());
            assert_eq!(response.body["detail"], detail);
        }
    }
}

#[tokio::test]
async fn a_job_requested_by_a_wildcard_is_the_backfill_of_its_type() {
    let annals = Installation::new().await;
    let mut wildcard: Value = change("Account", "UPDATE", 1, 1, json!({"Name": "Halcyon"}));
    wildcard["ChangeEventHeader"]["recordIds"] = json!(["001*"]);
    let ingested = annals.ingest(&[wildcard.clone()]).await;
    assert_eq!(ingested.each("outcome"), ["backfill_requested"]);
    let job_id = &ingested.each("job_id")[0];
    let status = annals.get("/events/backfill/clients/status").await.body;
    assert_eq!((status["id"].as_str(), &status["mode"]), (Some(job_id.as_str()), &json!("full")));
    assert_eq!(annals.post("/events/backfill/clients", "{}").await.status, 409);
    let cancelled = annals.post("/events/backfill/clients/cancel", "").await.body;
    assert_eq!((&cancelled["id"], &cancelled["state"]), (&status["id"], &json!("cancelled")));
    // The same event requests the same job, which has ended.
    assert_eq!(&annals.ingest(&[wildcard]).await.each("job_id")[0], job_id);
    assert_eq!(annals.get("/events/backfill/clients/status").await.body["state"], "cancelled");
}

#[tokio::test]
async fn an_unknown_type_is_404() {
    let annals = Installation::new().await;
    for (method, path) in [("POST", ""), ("GET", "/status"), ("POST", "/cancel")] {
        let path = format!("/events/backfill/unheard_of{path}");
        let response = if method == "GET" { annals.get(&path).await } else { annals.post(&path, "").await };
        assert_eq!((response.status, &response.body["type"]), (404, &json!("/problems/unknown-entity-type")), "{path}");
    }
}
