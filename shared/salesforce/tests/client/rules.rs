//! The rules of reading a CRM that a client must keep, each with its number in the list that they come from.

use std::sync::Arc;

use annals_application::ports::{CrmClient as _, CrmErrorKind, PageQuery, Quota, ReadWindow};
use annals_domain::identity::ExternalId;
use annals_fake_salesforce::{ApiQuotas, Fault, FaultAnswer, FieldKind, FieldSchema, ObjectSchema, Org};
use serde_json::{Value, json};

use crate::fixture::{Fixture, Options, account, ids, json_of};

#[tokio::test]
async fn rule_1_a_full_read_pages_by_id_under_a_fixed_cutoff() {
    let fixture = Fixture::start().await;
    let created = fixture.accounts(7);
    let records = fixture.all(fixture.query(&["Name"], 3)).await.unwrap();
    assert_eq!(ids(&records), created);
    let queries = fixture.requests("/query?");
    assert_eq!(queries.len(), 3, "{queries:?}");
    for (query, is_first) in queries.iter().zip([true, false, false]) {
        assert!(query.contains("SystemModstamp+%3C%3D+2026-03-01T12%3A00%3A17Z"), "{query}");
        assert!(query.contains("ORDER+BY+Id+LIMIT+3"), "{query}");
        assert_eq!(query.contains("Id+%3E+"), !is_first, "{query}");
    }
}

#[tokio::test]
async fn rule_2_a_record_that_commits_late_is_in_a_window_that_reaches_back() {
    let fixture = Fixture::start().await;
    let created = fixture.accounts(3);
    let stamp = fixture.org().clock().now();
    fixture.org().clock().advance(240_000);
    let until = fixture.org().clock().now();
    let query = PageQuery { window: ReadWindow::Since { from: stamp, until }, ..fixture.query(&["Name"], 2) };
    let before = fixture.all(query.clone()).await.unwrap();
    fixture.org().update_late("Account", &created[0], json!({ "Name": "late" }), stamp);
    let after = fixture.all(query).await.unwrap();
    assert_eq!((before.len(), ids(&after)), (0, vec![created[0].clone()]));
}

#[tokio::test]
async fn rule_3_records_of_one_stamp_are_told_apart_by_their_ids() {
    let fixture = Fixture::start().await;
    let from = fixture.org().clock().now();
    let mut created: Vec<String> = (0..9).map(|_| fixture.org().create("Account", json!({ "Name": "same" }))).collect();
    fixture.org().clock().advance(5_000);
    created.push(fixture.org().create("Account", json!({ "Name": "later" })));
    let window = ReadWindow::Since { from, until: fixture.org().clock().now() };
    for page_size in [1, 2, 4, 9, 10, 11] {
        let records = fixture.all(PageQuery { window, page_size, ..fixture.query(&["Name"], 2) }).await.unwrap();
        assert_eq!(ids(&records), created, "pages of {page_size}");
    }
}

#[tokio::test]
async fn rule_4_an_answer_with_fewer_records_than_it_states_is_refused() {
    let fixture = Fixture::start().await;
    fixture.accounts(3);
    let lies = FaultAnswer::Change(Arc::new(|body| body.replace("\"totalSize\":3", "\"totalSize\":4")));
    fixture.server.faults().plan(Fault { times: 9, ..Fault::once("/query?", lies) });
    let error = fixture.all(fixture.query(&["Name"], 10)).await.unwrap_err();
    assert_eq!(error.kind, CrmErrorKind::Malformed, "{error}");
    assert!(error.to_string().contains("3 records in a complete answer that states 4"), "{error}");
}

/// So many fields that one query cannot name them.
fn wide(fields: usize) -> ObjectSchema {
    let field =
        |number: usize| FieldSchema::new(format!("A_field_with_a_rather_long_name_{number:04}__c"), FieldKind::Text);
    ObjectSchema::new("Account", "001", (0..fields).map(field))
}

async fn wide_fixture(fields: usize) -> (Fixture, Vec<String>) {
    let schema = wide(fields);
    let names = schema.fields.iter().map(|field| field.name.clone()).filter(|name| name.starts_with("A_")).collect();
    (Fixture::with_objects(Options::default(), vec![schema]).await, names)
}

#[tokio::test]
async fn fields_are_divided_so_that_no_uri_is_too_long() {
    let (fixture, names) = wide_fixture(600).await;
    let values: serde_json::Map<String, Value> = names.iter().map(|name| (name.clone(), json!(name))).collect();
    let id = fixture.org().create("Account", Value::Object(values.clone()));
    fixture.org().clock().advance(10_000);
    let query = PageQuery { fields: names.clone(), page_size: 200, ..fixture.query(&[], 200) };
    let records = fixture.all(query).await.unwrap();
    assert_eq!(ids(&records), std::slice::from_ref(&id));
    let record = json_of(&records[0]);
    assert!(values.iter().all(|(name, value)| record.get(name) == Some(value)));
    let queries = fixture.requests("/query?");
    assert!(queries.len() >= 3, "{} queries", queries.len());
    assert!(queries.iter().all(|query| query.len() < 16_384));
    // The same through ids, at most 200 a query.
    let lookup = fixture.client.records(&account(), &names, &[ExternalId::new(id)]).await.unwrap();
    assert_eq!(json_of(&lookup.found[0]), record);
}

#[tokio::test]
async fn rule_7_a_record_that_changes_between_two_parts_is_read_again() {
    let (fixture, names) = wide_fixture(600).await;
    let (first, last) = (names[0].clone(), names[599].clone());
    let created: Vec<String> =
        (0..3).map(|_| fixture.org().create("Account", json!({ first.clone(): "old", last.clone(): "old" }))).collect();
    fixture.org().clock().advance(10_000);
    let (id, fields) = (created[1].clone(), json!({ first.clone(): "new", last.clone(): "new" }));
    let change = move |org: &Org| {
        org.update("Account", &id, fields.clone());
        org.clock().advance(3_000);
    };
    let query = PageQuery { fields: names, ..fixture.query(&[], 200) };
    fixture.server.faults().plan(Fault::once("/query?", FaultAnswer::Then(Arc::new(change))));
    let records = fixture.all(query).await.unwrap();
    assert_eq!(ids(&records), created);
    for record in records.iter().map(json_of) {
        let value = if record["Id"] == created[1].as_str() { "new" } else { "old" };
        assert_eq!((&record[&first], &record[&last]), (&json!(value), &json!(value)));
    }
}

#[tokio::test]
async fn rule_7_a_record_that_never_stands_still_is_an_error_and_is_not_left_out() {
    let (fixture, names) = wide_fixture(600).await;
    let id = fixture.org().create("Account", json!({ names[0].clone(): "old" }));
    fixture.org().clock().advance(10_000);
    let (id, name) = (id.clone(), names[0].clone());
    let change = move |org: &Org| {
        org.update("Account", &id, json!({ name.clone(): "new" }));
        org.clock().advance(1_000);
    };
    let query = PageQuery { fields: names, ..fixture.query(&[], 200) };
    fixture.server.faults().plan(Fault { times: 99, ..Fault::once("/query?", FaultAnswer::Then(Arc::new(change))) });
    let error = fixture.all(query).await.unwrap_err();
    assert_eq!(error.kind, CrmErrorKind::Unavailable, "{error}");
}

#[tokio::test]
async fn rule_11_used_up_calls_are_told_at_once_and_not_waited_for() {
    let fixture = Fixture::start().await;
    fixture.accounts(3);
    fixture.client.describe(&account()).await.unwrap();
    fixture.server.set_quotas(ApiQuotas { calls_used: 500, calls: 500, ..ApiQuotas::default() });
    let before = fixture.server.requests().len();
    let error = fixture.all(fixture.query(&["Name"], 10)).await.unwrap_err();
    assert_eq!(error.kind, CrmErrorKind::QuotaExhausted { quota: Quota::ApiCalls, until: None }, "{error}");
    assert_eq!(fixture.server.requests().len() - before, 1, "it is not tried again");
}

#[tokio::test]
async fn rule_12_a_formula_is_described_as_calculated_and_read_as_it_is_now() {
    let fixture = Fixture::start().await;
    let created = fixture.accounts(1);
    let described = fixture.client.describe(&account()).await.unwrap();
    let calculated = |name: &str| described.field(name).map(|field| field.is_calculated);
    assert_eq!((calculated("Orfium_SSO_ID_Comp__c"), calculated("Name")), (Some(true), Some(false)));
    let read = async || {
        let records = fixture.all(fixture.query(&["Orfium_SSO_ID_Comp__c"], 10)).await.unwrap();
        let record = json_of(&records[0]);
        (record["Orfium_SSO_ID_Comp__c"].clone(), record["SystemModstamp"].clone())
    };
    let before = read().await;
    fixture.org().recalculate("Account", &created[0], json!({ "Orfium_SSO_ID_Comp__c": "new" }));
    let after = read().await;
    assert_eq!((after.0, after.1), (json!("new"), before.1), "the stamp did not move");
}

#[tokio::test]
async fn rule_14_a_description_is_never_an_old_one() {
    let fixture = Fixture::start().await;
    let has = async |name: &str| fixture.client.describe(&account()).await.unwrap().field(name).is_some();
    assert!(has("Phone").await && !has("New__c").await);
    fixture.org().set_readable("Account", "Phone", false);
    fixture.org().add_field("Account", FieldSchema::new("New__c", FieldKind::Text));
    assert!(!has("Phone").await && has("New__c").await);
}

#[tokio::test]
async fn rule_14_a_field_that_vanishes_during_a_read_is_named() {
    let fixture = Fixture::start().await;
    fixture.accounts(4);
    let mut query = fixture.query(&["Name", "Phone"], 2);
    query.after = fixture.client.page(&query).await.unwrap().next;
    fixture.org().set_readable("Account", "Phone", false);
    let error = fixture.client.page(&query).await.unwrap_err();
    assert_eq!(error.kind, CrmErrorKind::FieldsMissing(vec!["Phone".to_owned()]), "{error}");
    query.fields.pop();
    assert_eq!(fixture.all(query).await.unwrap().len(), 2, "and the read goes on without it");
}

#[tokio::test]
async fn rule_16_a_merged_record_is_found_deleted_with_its_survivor_and_a_purged_one_is_absent() {
    let fixture = Fixture::start().await;
    let created = fixture.accounts(3);
    fixture.org().merge("Account", &created[0], &created[1]);
    fixture.org().purge("Account", &created[2]);
    let asked: Vec<ExternalId> = created.iter().map(|id| ExternalId::new(id.as_str())).collect();
    let lookup = fixture.client.records(&account(), &["Name".to_owned()], &asked).await.unwrap();
    let found: Vec<_> = lookup.found.iter().map(json_of).collect();
    let of = |id: &str| found.iter().find(|record| record["Id"] == id).cloned();
    let loser = of(&created[0]).unwrap();
    assert_eq!((&loser["IsDeleted"], &loser["MasterRecordId"]), (&json!(true), &json!(created[1])));
    assert!(of(&created[1]).is_some());
    assert_eq!(lookup.absent, [asked[2].clone()]);
}

#[tokio::test]
async fn rule_24_every_call_names_the_pinned_version() {
    let variables = vec![("ANNALS_SALESFORCE_API_VERSION", "64.0".to_owned())];
    let fixture = Fixture::with(Options { variables, ..Options::default() }).await;
    fixture.accounts(1);
    fixture.all(fixture.query(&["Name"], 10)).await.unwrap();
    fixture.client.usage().await.unwrap();
    let calls = fixture.requests("/services/data");
    assert!(!calls.is_empty() && calls.iter().all(|call| call.contains("/services/data/v64.0/")), "{calls:?}");
}

#[tokio::test]
async fn rule_25_a_record_that_cannot_be_read_fails_its_page_and_is_not_left_out() {
    let fixture = Fixture::start().await;
    fixture.accounts(2);
    let without_id = FaultAnswer::Change(Arc::new(|body| body.replacen("\"Id\":", "\"X\":", 1)));
    fixture.server.faults().plan(Fault { times: 9, ..Fault::once("/query?", without_id) });
    let error = fixture.all(fixture.query(&["Name"], 10)).await.unwrap_err();
    assert_eq!(error.kind, CrmErrorKind::Malformed, "{error}");
}

#[tokio::test]
async fn an_address_is_read_by_its_parts() {
    let fixture = Fixture::start().await;
    fixture.org().create("Account", json!({ "BillingCity": "Athens", "BillingPostalCode": "01234" }));
    fixture.org().clock().advance(10_000);
    let described = fixture.client.describe(&account()).await.unwrap();
    assert!(described.field("BillingAddress").is_some_and(|field| field.is_compound));
    let records = fixture.all(fixture.query(&["BillingAddress"], 10)).await.unwrap();
    let record = json_of(&records[0]);
    assert_eq!((&record["BillingCity"], &record["BillingPostalCode"]), (&json!("Athens"), &json!("01234")));
    assert!(!record.contains_key("BillingAddress") && record["BillingState"].is_null());
}
