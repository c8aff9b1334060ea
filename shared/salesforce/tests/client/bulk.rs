//! Large objects: bulk jobs, their pages, counts and quotas.

use std::sync::Arc;

use annals_application::crm::CrmConnection;
use annals_application::ports::{CrmClient as _, CrmErrorKind, PageQuery, Quota};
use annals_fake_salesforce::{ApiQuotas, FakeSettings, Fault, FaultAnswer};
use serde_json::json;

use crate::fixture::{Fixture, Options, account, ids, json_of};

const MANY: usize = 25;

async fn fixture() -> Fixture {
    let settings = FakeSettings { bulk_page_size: 10, ..FakeSettings::default() };
    Fixture::with(Options { settings, ..Options::default() }).await
}

fn large(fixture: &Fixture) -> PageQuery {
    PageQuery { expected: Some(MANY as u64), ..fixture.query(&["Name", "BillingAddress", "NumberOfEmployees"], 5) }
}

#[tokio::test]
async fn rule_9_a_bulk_locator_is_followed_to_the_literal_null() {
    let fixture = fixture().await;
    let created = fixture.accounts(MANY);
    let records = fixture.all(large(&fixture)).await.unwrap();
    assert_eq!(ids(&records), created);
    assert_eq!(fixture.requests("POST /services/data/v62.0/jobs/query").len(), 1);
    assert_eq!(fixture.requests("/results?").len(), 3);
    assert!(fixture.requests("/query?").is_empty(), "a large object is read by Bulk alone");
}

#[tokio::test]
async fn a_small_object_is_read_without_a_job() {
    let fixture = fixture().await;
    fixture.accounts(3);
    for expected in [None, Some(3)] {
        let query = PageQuery { expected, ..fixture.query(&["Name"], 5) };
        assert_eq!(fixture.all(query).await.unwrap().len(), 3);
    }
    assert!(fixture.requests("/jobs/").is_empty());
}

#[tokio::test]
async fn a_bulk_record_equals_the_one_that_a_query_gives() {
    let fixture = fixture().await;
    let texts = ["NA", "None", "01234", "true", "a\r\n\"b\", c\u{e9}", "x\0y", " x "];
    for (number, text) in texts.iter().cycle().take(MANY).enumerate() {
        let fields =
            json!({ "Name": text, "NumberOfEmployees": number, "AnnualRevenue": 12.5, "BillingPostalCode": "01234" });
        fixture.org().create("Account", fields);
    }
    fixture.org().clock().advance(10_000);
    let fields = ["Name", "NumberOfEmployees", "AnnualRevenue", "BillingAddress", "Phone", "IsDeleted"];
    let read = async |expected| {
        let query = PageQuery { expected, ..fixture.query(&fields, 200) };
        let mut records: Vec<_> = fixture.all(query).await.unwrap().iter().map(json_of).collect();
        for record in &mut records {
            record.remove("attributes");
        }
        records.sort_by_key(|record| record["Id"].to_string());
        records
    };
    assert_eq!(read(Some(MANY as u64)).await, read(None).await);
    assert_eq!(fixture.requests("POST /services/data/v62.0/jobs/query").len(), 1);
}

#[tokio::test]
async fn a_job_that_still_runs_is_an_empty_page_that_goes_on() {
    let settings = FakeSettings { bulk_polls: 40, ..FakeSettings::default() };
    let fixture = Fixture::with(Options { settings, ..Options::default() }).await;
    let created = fixture.accounts(MANY);
    let mut query = large(&fixture);
    let first = fixture.client.page(&query).await.unwrap();
    assert_eq!((first.records.len(), first.next.is_some()), (0, true));
    query.after = first.next;
    assert_eq!(ids(&fixture.all(query).await.unwrap()), created);
    assert_eq!(fixture.requests("POST /services/data/v62.0/jobs/query").len(), 1);
}

#[tokio::test]
async fn values_of_a_job_are_no_newer_than_the_job() {
    let fixture = fixture().await;
    fixture.accounts(MANY);
    let made_at = fixture.org().clock().now();
    let mut query = large(&fixture);
    let first = fixture.client.page(&query).await.unwrap();
    fixture.org().clock().advance(3_600_000);
    query.after = first.next;
    let second = fixture.client.page(&query).await.unwrap();
    assert_eq!((first.fetched_at, second.fetched_at), (made_at, made_at));
}

#[track_caller]
fn refuses(error: &annals_application::ports::CrmError, message: &str) {
    assert_eq!(error.kind, CrmErrorKind::Malformed, "{error}");
    assert!(error.to_string().contains(message), "{error}");
}

#[tokio::test]
async fn rule_4_a_bulk_read_with_too_few_rows_is_refused() {
    let change = |from: &'static str, to: &'static str| {
        FaultAnswer::Change(Arc::new(move |body: String| body.replacen(from, to, 1)))
    };
    let drop_last_line = FaultAnswer::Change(Arc::new(|body: String| {
        let lines: Vec<&str> = body.lines().collect();
        lines[..lines.len() - 1].iter().map(|line| format!("{line}\n")).collect()
    }));
    let plans = [
        ("/results?", drop_last_line, "a page of bulk results has 9 rows, and states 10"),
        ("/results?", FaultAnswer::Cut(200), "the CSV of bulk results is cut off"),
        (
            "/jobs/query/750",
            change("\"numberRecordsProcessed\":25", "\"numberRecordsProcessed\":26"),
            "25 rows read of a bulk job that states 26",
        ),
    ];
    for (on, answer, message) in plans {
        let fixture = fixture().await;
        fixture.accounts(MANY);
        fixture.server.faults().plan(Fault { times: 99, ..Fault::once(on, answer) });
        let error = fixture.all(large(&fixture)).await.unwrap_err();
        refuses(&error, message);
    }
}

#[tokio::test]
async fn rule_10_a_used_up_bulk_quota_leaves_the_calls_which_are_another() {
    let used_up = [
        ApiQuotas { bulk_jobs_used: 5_000, ..ApiQuotas::default() },
        ApiQuotas { bulk_megabytes_used: 600_000, ..ApiQuotas::default() },
    ];
    for quotas in used_up {
        let fixture = fixture().await;
        let created = fixture.accounts(MANY);
        fixture.server.set_quotas(quotas);
        assert_eq!(ids(&fixture.all(large(&fixture)).await.unwrap()), created);
        assert!(fixture.requests("POST /services/data/v62.0/jobs/query").is_empty(), "half of it is for others");
        let usage = fixture.client.usage().await.unwrap();
        let of = |quota| usage.iter().find(|usage| usage.quota == quota).unwrap();
        assert_eq!(of(Quota::BulkJobs).used, quotas.bulk_jobs_used);
        assert_eq!(of(Quota::BulkBytes).used, quotas.bulk_megabytes_used << 20);
        assert!(of(Quota::ApiCalls).used > 0);
    }
}

#[tokio::test]
async fn rule_10_only_used_up_calls_stop_a_connection() {
    let fixture = fixture().await;
    let connection = CrmConnection { client: fixture.client.clone(), quota_share: 50 };
    let is_refused = async |quotas| {
        fixture.server.set_quotas(quotas);
        fixture.client.describe(&account()).await.unwrap();
        connection.quota().await.unwrap().refusal.is_some()
    };
    fixture.server.set_quotas(ApiQuotas { bulk_jobs_used: 10_000, ..ApiQuotas::default() });
    assert_eq!(connection.quota().await.unwrap().refusal, None);
    assert!(!is_refused(ApiQuotas { calls_used: 49_000, ..ApiQuotas::default() }).await);
    assert!(is_refused(ApiQuotas { calls_used: 50_000, ..ApiQuotas::default() }).await);
}

#[tokio::test]
async fn rule_10_an_org_that_refuses_bulk_jobs_is_read_by_queries() {
    let refusals = [
        (400, r#"[{"errorCode":"API_ERROR","message":"Bulk API is not enabled"}]"#),
        (403, r#"[{"errorCode":"FUNCTIONALITY_NOT_ENABLED","message":"no Bulk API"}]"#),
        (404, r#"[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]"#),
    ];
    for (status, body) in refusals {
        let fixture = fixture().await;
        let created = fixture.accounts(MANY);
        fixture.server.faults().plan(Fault::json("POST /services/data/v62.0/jobs", 1, status, body));
        assert_eq!(ids(&fixture.all(large(&fixture)).await.unwrap()), created, "{body}");
    }
}

#[tokio::test]
async fn a_job_that_fails_is_read_by_queries() {
    let fixture = fixture().await;
    let created = fixture.accounts(MANY);
    let failed = r#"{"id":"750Qz0000000001AAA","state":"Failed","errorMessage":"InvalidBatch : out of luck"}"#;
    fixture.server.faults().plan(Fault::json("GET /services/data/v62.0/jobs/query/750", 1, 200, failed));
    assert_eq!(ids(&fixture.all(large(&fixture)).await.unwrap()), created);
}

#[tokio::test]
async fn a_job_that_is_gone_ends_its_cursor() {
    let fixture = fixture().await;
    fixture.accounts(MANY);
    let mut query = large(&fixture);
    query.after = fixture.client.page(&query).await.unwrap().next;
    let gone = r#"[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]"#;
    fixture.server.faults().plan(Fault::json("/results?", 1, 404, gone));
    let error = fixture.client.page(&query).await.unwrap_err();
    assert_eq!(error.kind, CrmErrorKind::CursorExpired, "{error}");
}
