//! Responses that real orgs gave: each is answered to a call, and the error says what the caller may do.
//!
//! They are read from the folder that `ANNALS_SAMPLES` names; without it these tests print that they are not run.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annals_application::ports::{CrmClient as _, CrmErrorKind, Quota};
use annals_fake_salesforce::{Fault, FaultAnswer};

use crate::fixture::{Fixture, account};

/// The samples that are errors of a call of the API: the file, its status, and the kind of the error.
fn api_errors() -> Vec<(&'static str, u16, CrmErrorKind)> {
    use CrmErrorKind as Kind;
    vec![
        ("salesforce-rest/05-error-invalid-field.json", 400, Kind::FieldsMissing(vec!["AccountNumer".to_owned()])),
        ("salesforce-rest/06-error-invalid-type.json", 400, Kind::ObjectMissing),
        ("salesforce-rest/07-error-invalid-field-for-insert-update.json", 400, Kind::Rejected),
        (
            "salesforce-rest/20-error-request-limit-exceeded-403.json",
            403,
            Kind::QuotaExhausted { quota: Quota::ApiCalls, until: None },
        ),
        ("salesforce-rest/22-error-invalid-session-id-401.json", 401, Kind::Unauthorised),
        ("salesforce-rest/23-error-server-unavailable-503-array.json", 503, Kind::Unavailable),
        ("salesforce-rest/25-error-invalid-auth-header-401.json", 401, Kind::Unauthorised),
    ]
}

/// The samples that are errors of the token endpoint.
fn token_errors() -> Vec<(&'static str, u16, CrmErrorKind)> {
    use CrmErrorKind as Kind;
    vec![
        (
            "salesforce-rest/21-error-request-limit-exceeded-from-token-endpoint-403.json",
            403,
            Kind::QuotaExhausted { quota: Quota::ApiCalls, until: None },
        ),
        ("salesforce-oauth/04-error-invalid-grant-authentication-failure.json", 400, Kind::Unauthorised),
        ("salesforce-oauth/05-error-jwt-user-hasnt-approved.json", 400, Kind::Unauthorised),
        ("salesforce-oauth/07-error-client-credentials-no-run-as-user.json", 400, Kind::Unauthorised),
    ]
}

/// The samples that are no errors of a read: what they are answered to and why.
const OTHERS: [&str; 20] = [
    // Answers to a query for other fields: records without an id.
    "salesforce-rest/01-query-leads-address-compound-done-with-nextRecordsUrl.json",
    "salesforce-rest/02-query-opportunity-nested-subquery.json",
    "salesforce-rest/04-query-contacts.json",
    "salesforce-rest/14-query-done-false-nextRecordsUrl.json",
    // Answers to calls that write or search, which this client never makes.
    "salesforce-rest/09-create-ok.json",
    "salesforce-rest/10-create-success-with-errors.json",
    "salesforce-rest/11-composite-partial-allornone.json",
    "salesforce-rest/13-composite-success.json",
    "salesforce-rest/27-parameterized-search-searchRecords.json",
    "salesforce-bulk/08-get-all-query-jobs.json",
    // Headers.
    "salesforce-rest/26-sforce-limit-info-headers.json",
    // Grants of tokens.
    "salesforce-oauth/01-client-credentials-response.json",
    "salesforce-oauth/02-refresh-token-response-no-expires_in.json",
    "salesforce-oauth/03-password-flow-response-no-scope.json",
    // States of jobs.
    "salesforce-bulk/01-query-job-created-uploadcomplete.json",
    "salesforce-bulk/02-ingest-job-complete.json",
    "salesforce-bulk/03-ingest-job-in-progress.json",
    "salesforce-bulk/04-ingest-job-failed-errorMessage.json",
    "salesforce-bulk/06-query-job-complete-pkchunking.json",
    "salesforce-bulk/07-query-job-not-found.json",
];

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("ANNALS_SAMPLES");
    if folder.is_none() {
        eprintln!("!!! ANNALS_SAMPLES is not set: THE COLLECTED SAMPLES ARE NOT RUN");
    }
    folder.map(PathBuf::from)
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("`{name}`: {error}"))
}

#[tokio::test]
async fn every_error_of_the_api_is_of_the_kind_that_says_what_to_do() {
    let Some(folder) = folder() else { return };
    for (name, status, kind) in api_errors() {
        let fixture = Fixture::start().await;
        fixture.client.describe(&account()).await.unwrap();
        fixture.server.faults().plan(Fault::json("/query?", 99, status, &read(&folder, name)));
        let error = fixture.all(fixture.query(&["Name"], 10)).await.unwrap_err();
        assert_eq!(error.kind, kind, "{name}: {error}");
        assert!(!error.message.contains('\n'), "{name}: {error}");
    }
}

#[tokio::test]
async fn every_error_of_the_token_endpoint_is_of_the_kind_that_says_what_to_do() {
    let Some(folder) = folder() else { return };
    for (name, status, kind) in token_errors() {
        let fixture = Fixture::start().await;
        fixture.server.faults().plan(Fault::json("oauth2/token", 99, status, &read(&folder, name)));
        let error = fixture.client.describe(&account()).await.unwrap_err();
        assert_eq!(error.kind, kind, "{name}: {error}");
    }
}

#[tokio::test]
async fn a_grant_without_an_address_is_used_at_the_orgs_own() {
    let Some(folder) = folder() else { return };
    let granted = read(&folder, "salesforce-oauth/01-client-credentials-response.json");
    let fixture = Fixture::start().await;
    fixture.server.faults().plan(Fault::json("oauth2/token", 2, 200, &granted));
    let error = fixture.client.describe(&account()).await.unwrap_err();
    // The fake org does not know that token, but it is the one that was asked.
    assert_eq!(error.kind, CrmErrorKind::Unauthorised, "{error}");
    assert_eq!(fixture.requests("/describe").len(), 2);
}

#[tokio::test]
async fn records_without_an_id_are_refused_whole() {
    let Some(folder) = folder() else { return };
    for name in &OTHERS[..4] {
        let fixture = Fixture::start().await;
        let text = read(&folder, name);
        let same = FaultAnswer::Change(Arc::new(move |_| text.clone()));
        fixture.server.faults().plan(Fault { times: 99, ..Fault::once("/query?", same) });
        let result = fixture.client.page(&fixture.query(&["Name"], 10)).await;
        if name.contains("subquery") {
            assert_eq!(result.unwrap().records.len(), 1, "{name}");
        } else {
            assert_eq!(result.unwrap_err().kind, CrmErrorKind::Malformed, "{name}");
        }
    }
}

#[tokio::test]
async fn every_collected_file_is_in_one_of_the_lists() {
    let Some(folder) = folder() else { return };
    let listed: Vec<&str> = api_errors().iter().chain(&token_errors()).map(|(name, ..)| *name).chain(OTHERS).collect();
    for group in ["salesforce-rest", "salesforce-oauth", "salesforce-bulk"] {
        for entry in fs::read_dir(folder.join(group)).unwrap() {
            let name = format!("{group}/{}", entry.unwrap().file_name().to_string_lossy());
            assert!(listed.contains(&name.as_str()), "`{name}` is not run");
        }
    }
}
