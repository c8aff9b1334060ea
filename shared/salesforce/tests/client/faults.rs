//! What goes wrong between us and an org, and how long it is tried.

use std::sync::Arc;

use annals_application::ports::{CrmClient as _, CrmErrorKind};
use annals_domain::identity::EntityName;
use annals_fake_salesforce::{FakeSettings, Fault, FaultAnswer};

use crate::fixture::{Fixture, Options, account, ids};

const HTML: &str = "<!DOCTYPE html>\n<html><body>We are down for maintenance.</body></html>";

fn answered(status: u16, content_type: &'static str, body: &str, retry_after: Option<&str>) -> FaultAnswer {
    FaultAnswer::Instead { status, content_type, body: body.to_owned(), retry_after: retry_after.map(str::to_owned) }
}

fn transient() -> Vec<FaultAnswer> {
    vec![
        answered(502, "text/html", "<html><h1>502 Bad Gateway</h1></html>", None),
        answered(
            503,
            "application/json",
            r#"[{"message":"Server Unavailable","errorCode":"SERVER_UNAVAILABLE"}]"#,
            None,
        ),
        answered(503, "application/json", r#"{"message":"Server Unavailable","errorCode":"SERVER_UNAVAILABLE"}"#, None),
        answered(429, "text/plain", "slow down", Some("0")),
        answered(200, "text/html", HTML, None),
        answered(200, "application/json", "", None),
        FaultAnswer::Cut(120),
    ]
}

#[tokio::test]
async fn what_is_transient_is_tried_again() {
    for (number, answer) in transient().into_iter().enumerate() {
        let fixture = Fixture::start().await;
        let created = fixture.accounts(3);
        fixture.server.faults().plan(Fault { times: 2, ..Fault::once("/query?", answer) });
        let records = fixture.all(fixture.query(&["Name"], 10)).await;
        assert_eq!(
            records.map(|records| ids(&records)).map_err(|error| error.to_string()),
            Ok(created),
            "fault {number}"
        );
        assert_eq!(fixture.requests("/query?").len(), 3, "fault {number}");
    }
}

#[tokio::test]
async fn what_lasts_is_an_error_that_says_what_came() {
    let lasting = [
        (0, CrmErrorKind::Unavailable, "HTTP 502 with an HTML page"),
        (1, CrmErrorKind::Unavailable, "SERVER_UNAVAILABLE: Server Unavailable (HTTP 503)"),
        (2, CrmErrorKind::Unavailable, "SERVER_UNAVAILABLE: Server Unavailable (HTTP 503)"),
        (4, CrmErrorKind::Malformed, "an HTML page in place of a response of the API"),
        (5, CrmErrorKind::Malformed, "the JSON of the response is cut off"),
        (6, CrmErrorKind::Malformed, "the JSON of the response is cut off"),
    ];
    for (number, kind, message) in lasting {
        let fixture = Fixture::start().await;
        fixture.accounts(3);
        let answer = transient().swap_remove(number);
        fixture.server.faults().plan(Fault { times: 99, ..Fault::once("/query?", answer) });
        let error = fixture.all(fixture.query(&["Name"], 10)).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(fixture.requests("/query?").len(), 3, "as often as the policy allows");
    }
}

#[tokio::test]
async fn a_longer_wait_than_the_policy_allows_is_left_to_the_caller() {
    let fixture = Fixture::start().await;
    fixture.accounts(1);
    let answer = answered(429, "text/plain", "slow down", Some("600"));
    fixture.server.faults().plan(Fault::once("/query?", answer));
    let error = fixture.all(fixture.query(&["Name"], 10)).await.unwrap_err();
    let until = fixture.org().clock().now().plus_millis(600_000);
    assert_eq!(error.kind, CrmErrorKind::Throttled { until: Some(until) }, "{error}");
}

#[tokio::test]
async fn an_org_that_cannot_be_reached_is_unavailable() {
    let fixture = Fixture::start().await;
    let url = fixture.server.url();
    let Fixture { server, client } = fixture;
    drop(server);
    tokio::task::yield_now().await;
    let error = client.describe(&account()).await.unwrap_err();
    assert_eq!(error.kind, CrmErrorKind::Unavailable, "{url}: {error}");
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_halved() {
    let fixture = Fixture::start().await;
    let created = fixture.accounts(60);
    let timeout = r#"[{"message":"Your query request was running for too long.","errorCode":"QUERY_TIMEOUT"}]"#;
    fixture.server.faults().plan(Fault::json("LIMIT+200", 9, 400, timeout));
    fixture.server.faults().plan(Fault::json("LIMIT+100", 9, 400, timeout));
    assert_eq!(ids(&fixture.all(fixture.query(&["Name"], 200)).await.unwrap()), created);
    assert_eq!(fixture.requests("LIMIT+50").len(), 2);
}

#[tokio::test]
async fn a_query_that_takes_too_long_even_for_few_records_is_told() {
    let fixture = Fixture::start().await;
    fixture.accounts(1);
    let timeout = r#"[{"message":"Your query request was running for too long.","errorCode":"QUERY_TIMEOUT"}]"#;
    fixture.server.faults().plan(Fault::json("/query?", 99, 400, timeout));
    let error = fixture.all(fixture.query(&["Name"], 200)).await.unwrap_err();
    assert_eq!(error.kind, CrmErrorKind::TooLarge, "{error}");
}

#[tokio::test]
async fn a_server_that_gives_smaller_batches_than_requested_is_read_whole() {
    let settings = FakeSettings { batch_size: 4, ..FakeSettings::default() };
    let fixture = Fixture::with(Options { settings, ..Options::default() }).await;
    let created = fixture.accounts(11);
    assert_eq!(ids(&fixture.all(fixture.query(&["Name"], 10)).await.unwrap()), created);
}

#[tokio::test]
async fn done_counts_even_if_there_is_a_next_url_beside_it() {
    let fixture = Fixture::start().await;
    let created = fixture.accounts(2);
    let with_next = |body: String| {
        body.replacen("\"done\":true", "\"done\":true,\"nextRecordsUrl\":\"/services/data/v60.0/query/01g-2000\"", 1)
    };
    fixture
        .server
        .faults()
        .plan(Fault { times: 9, ..Fault::once("/query?", FaultAnswer::Change(Arc::new(with_next))) });
    assert_eq!(ids(&fixture.all(fixture.query(&["Name"], 10)).await.unwrap()), created);
}

#[tokio::test]
async fn a_cursor_of_another_form_ends_its_read() {
    let fixture = Fixture::start().await;
    for after in ["01g3A00007lZwLKQA0-2000", r#"{"after_stamp":"2026-01-01T00:00:00Z"}"#] {
        let query =
            annals_application::ports::PageQuery { after: Some(after.to_owned()), ..fixture.query(&["Name"], 10) };
        let error = fixture.client.page(&query).await.unwrap_err();
        assert_eq!(error.kind, CrmErrorKind::CursorExpired, "{error}");
    }
}

#[tokio::test]
async fn names_and_ids_that_are_none_never_reach_the_org() {
    let fixture = Fixture::start().await;
    fixture.client.describe(&account()).await.unwrap();
    let before = fixture.server.requests().len();
    let object = EntityName::new("Account WHERE Name != ''");
    let error = fixture.client.describe(&object).await.unwrap_err();
    assert_eq!(error.kind, CrmErrorKind::Rejected, "{error}");
    let id = annals_domain::identity::ExternalId::new("x') OR (Name != '");
    let error = fixture.client.alive(&account(), &[id]).await.unwrap_err();
    assert_eq!(error.kind, CrmErrorKind::Rejected, "{error}");
    assert_eq!(fixture.server.requests().len(), before);
}
