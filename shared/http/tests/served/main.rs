//! The routes over real stores: ingested changes are served, and every page links to the next.

#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod backfill;
mod diff;
mod history;
mod installation;
mod page_bytes;
mod provenance;
mod recorded;
mod time_travel;

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use self::installation::{Installation, change, record};

fn created(number: u32, name: &str) -> Value {
    change("Account", "CREATE", number, number, json!({"Name": name, "Account_Status__c": "Active"}))
}

#[tokio::test]
async fn an_ingest_has_a_result_for_each_record() {
    let annals = Installation::new().await;
    let changes = [created(1, "Halcyon"), created(2, "Meridian"), created(1, "Halcyon")];
    assert_eq!(annals.ingest(&changes).await.each("outcome"), ["stored", "stored", "duplicate"]);
}

#[tokio::test]
async fn an_entity_is_found_by_every_name_of_its_type_and_every_id() {
    let annals = Installation::new().await;
    let ingested = annals.ingest(&[created(1, "Halcyon")]).await;
    let aggregate_id = &ingested.each("aggregate_id")[0];
    let (long, with_provider) = (record(1), format!("salesforce:{}", record(1)));
    for entity_type in ["clients", "client", "Account", "entities/clients", "entities/client", "entities/Account"] {
        for id in [aggregate_id, &long, &long[..15], &with_provider] {
            for slash in ["", "/"] {
                let path = format!("/{entity_type}/{id}{slash}");
                let response = annals.get(&path).await;
                assert_eq!((response.status, &response.body["name"]), (200, &json!("Halcyon")), "{path}");
            }
        }
    }
    assert_eq!(annals.get(&format!("/clients/hubspot:{}", record(1))).await.status, 404);
    assert_eq!(annals.get(&format!("/deals/{long}")).await.status, 404);
}

#[tokio::test]
async fn an_object_without_a_definition_is_served_with_and_without_entities_in_the_path() {
    let annals = Installation::new().await;
    annals.ingest(&[change("Invoice__c", "CREATE", 1, 1, json!({"Total__c": 12.50}))]).await;
    for path in ["/invoice__c", "/entities/invoice__c", "/entities/Invoice__c"] {
        assert_eq!(annals.get(path).await.body["count"], 1, "{path}");
    }
}

#[tokio::test]
async fn an_entity_tag_is_valid_until_the_next_version() {
    let annals = Installation::new().await;
    annals.ingest(&[created(1, "Halcyon")]).await;
    let path = format!("/clients/{}", record(1));
    let first = annals.get(&path).await;
    let tag = first.header("etag").to_owned();
    let again = || Request::get(&path).header("if-none-match", &tag).body(Body::empty()).unwrap();
    let unchanged = annals.send(again()).await;
    assert_eq!((unchanged.status, &unchanged.body, unchanged.header("etag")), (304, &Value::Null, tag.as_str()));
    annals.ingest(&[change("Account", "UPDATE", 1, 50, json!({"Name": "Halcyon Songs"}))]).await;
    let changed = annals.send(again()).await;
    assert_eq!((changed.status, &changed.body["name"]), (200, &json!("Halcyon Songs")));
    assert_ne!(changed.header("etag"), tag);
    for (path, expected) in [
        (path.as_str(), "private, no-cache"),
        ("/clients", "no-store"),
        ("/clients/count", "no-store"),
        ("/clients/none", "no-store"),
    ] {
        assert_eq!(annals.get(path).await.header("cache-control"), expected, "{path}");
    }
}

#[tokio::test]
async fn the_openapi_document_is_sent_again_only_to_a_caller_who_has_another_one() {
    let annals = Installation::new().await;
    let first = annals.get("/openapi.json").await;
    let tag = first.header("etag").to_owned();
    assert_eq!((first.status, first.header("cache-control")), (200, "private, no-cache"));
    for (known, status) in [(tag.as_str(), 304), ("\"another\"", 200)] {
        let request = Request::get("/openapi.json").header("if-none-match", known).body(Body::empty()).unwrap();
        let response = annals.send(request).await;
        let body = if status == 200 { &first.body } else { &Value::Null };
        assert_eq!((response.status, &response.body, response.header("etag")), (status, body, tag.as_str()));
    }
}

#[tokio::test]
async fn following_next_visits_every_entity_once_and_previous_leads_back() {
    let annals = Installation::new().await;
    let changes: Vec<Value> = (0..23).map(|number| created(number, &format!("Client & {number:02}"))).collect();
    annals.ingest(&changes).await;
    let mut next = Some("/entities/client/?page_size=5&sort=name&status=Active&search_term=client+%26".to_owned());
    let (mut names, mut pages) = (Vec::new(), Vec::new());
    while let Some(path) = next {
        let page = annals.get(&path).await;
        assert_eq!((page.status, &page.body["count"]), (200, &json!(23)), "{path}");
        names.extend(page.each("name"));
        next = page.body["next"].as_str().map(str::to_owned);
        pages.push(page);
    }
    assert_eq!(names, (0..23).map(|number| format!("Client & {number:02}")).collect::<Vec<_>>());
    assert_eq!((pages.len(), &pages[0].body["previous"]), (5, &Value::Null));
    let back = annals.get(pages[4].body["previous"].as_str().unwrap()).await;
    assert_eq!(back.body["results"], pages[3].body["results"]);
}

#[tokio::test]
async fn a_count_with_filters_is_the_length_of_the_list() {
    let annals = Installation::new().await;
    annals.ingest(&[created(1, "Halcyon"), created(2, "Meridian"), created(3, "Halcyon")]).await;
    annals.ingest(&[change("Account", "DELETE", 3, 60, json!({}))]).await;
    for (query, expected) in [
        ("", 2),
        ("?name=Halcyon", 1),
        ("?name=Halcyon&include_deleted=true", 2),
        ("?filter=name:eq:Halcyon&filter=is_deleted:eq:true", 1),
        ("?name=Halcyon&name=Meridian", 0),
        ("?search_term=cyon+hal", 1),
        ("?filter=version:eq:2&include_deleted=true", 1),
    ] {
        let list = annals.get(&format!("/clients{query}")).await;
        let count = annals.get(&format!("/clients/count/{query}")).await;
        assert_eq!((&list.body["count"], &count.body), (&json!(expected), &json!({"count": expected})), "{query}");
        assert_eq!(list.body["results"].as_array().map(Vec::len), Some(expected), "{query}");
    }
}

#[tokio::test]
async fn an_entity_that_waits_for_its_base_is_404_and_has_a_history() {
    let annals = Installation::new().await;
    let ingested = annals.ingest(&[change("Account", "UPDATE", 1, 1, json!({"Name": "Halcyon"}))]).await;
    assert_eq!(ingested.each("outcome"), ["awaiting_base"]);
    let response = annals.get(&format!("/clients/{}", record(1))).await;
    assert_eq!((response.status, &response.body["type"]), (404, &json!("/problems/awaiting-base")));
    assert_eq!(annals.get(&format!("/clients/{}/history", record(1))).await.body["count"], 1);
    let unknown = annals.get(&format!("/clients/{}", record(2))).await;
    assert_eq!((unknown.status, &unknown.body["type"]), (404, &json!("/problems/not-found")));
}

#[tokio::test]
async fn a_history_has_changes_digits_and_links() {
    let annals = Installation::new().await;
    annals.ingest(&[created(1, "A")]).await;
    for second in 2..=5 {
        annals.ingest(&[change("Account", "UPDATE", 1, second, json!({"Name": format!("A{second}")}))]).await;
    }
    let path = format!("/clients/{}/history", record(1));
    let page = annals.get(&format!("{path}/?page_size=2&page=2&raw=true")).await;
    assert_eq!((page.each("version"), &page.body["count"]), (vec!["3".to_owned(), "4".to_owned()], &json!(5)));
    assert_eq!(page.body["results"][0]["changes"], json!({"name": {"from": "A2", "to": "A3"}}));
    assert_eq!(page.body["results"][0]["position"]["commit_number"], "1778192987716501506");
    let data = page.body["results"][0]["data"]["ChangeEventHeader"]["commitNumber"].to_string();
    assert_eq!(data, "1778192987716501506");
    assert_eq!(page.body["next"], format!("{path}?page_size=2&raw=true&page=3"));
    assert_eq!(page.body["previous"], format!("{path}?page_size=2&raw=true&page=1"));

    let day = annals.get(&format!("{path}?from_date=2024-04-09&to_date=2024-04-09")).await;
    assert_eq!((day.body["results"].as_array().map(Vec::len), &day.body["count"]), (Some(5), &Value::Null));
    let later = annals.get(&format!("{path}?from_date=2024-04-10")).await;
    assert_eq!((&later.body["results"], &later.body["next"]), (&json!([]), &Value::Null));
    assert!(annals.get(&path).await.body["results"][0].get("data").is_none());
}

#[tokio::test]
async fn the_correlation_id_of_the_request_applies_to_events_without_one() {
    let annals = Installation::new().await;
    let own = created(1, "Halcyon");
    let mut none = created(1, "Halcyon Songs");
    none["ChangeEventHeader"].as_object_mut().unwrap().remove("transactionKey");
    let body = json!([own, none]).to_string();
    let request = Request::post("/events/salesforce/").header("X-Correlation-Id", "order-7").body(body.into()).unwrap();
    assert_eq!(annals.send(request).await.status, 200);
    let history = annals.get(&format!("/clients/{}/history", record(1))).await;
    assert_eq!(history.each("correlation_id"), ["0004a3e2-0001-0001", "order-7"]);
}

#[tokio::test]
async fn an_unrecognised_body_is_422_and_in_quarantine_until_it_is_redriven_or_dismissed() {
    let annals = Installation::new().await;
    let body = r#"{"what": "is this", "n": 1.50}"#;
    let refused = annals.post("/events/salesforce", body).await;
    assert_eq!((refused.status, refused.header("content-type")), (422, "application/problem+json"));
    assert_eq!((refused.each("outcome"), &refused.body["status"]), (vec!["quarantined".to_owned()], &json!(422)));
    let id = &refused.each("quarantine_id")[0];
    assert!(!refused.body["errors"].as_array().unwrap().is_empty());

    let one = annals.get(&format!("/quarantine/{id}")).await;
    assert_eq!(
        (&one.body["body"], &one.body["size"], &one.body["state"]),
        (&json!(body), &json!(body.len()), &json!("open"))
    );
    assert_eq!(one.body["errors"], refused.body["errors"]);
    let names: BTreeSet<_> = one.body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(["body", "errors", "id", "provider", "received_at", "size", "state"]));

    let redriven = annals.post(&format!("/quarantine/{id}/redrive/"), Body::empty()).await;
    assert_eq!((redriven.status, redriven.each("quarantine_id")), (200, vec![id.clone()]));
    let dismiss = Request::delete(format!("/quarantine/{id}/")).body(Body::empty()).unwrap();
    let dismissed = annals.send(dismiss).await;
    assert_eq!((dismissed.status, &dismissed.body), (204, &Value::Null));
    for (state, expected) in [("open", 0), ("redriven", 0), ("dismissed", 1)] {
        let page = annals.get(&format!("/quarantine?state={state}")).await;
        assert_eq!(page.body["count"], expected, "{state}");
    }
}

#[tokio::test]
async fn quarantine_pages_are_linked_and_contain_no_bodies() {
    let annals = Installation::new().await;
    for number in 0..3 {
        annals.post("/events/salesforce", format!("[{number}, {}]", created(number, "A"))).await;
    }
    let first = annals.get("/quarantine/?page_size=2&state=open").await;
    assert_eq!((first.each("state").len(), &first.body["count"]), (2, &json!(3)));
    assert!(first.body["results"][0].get("body").is_none());
    let second = annals.get(first.body["next"].as_str().unwrap()).await;
    let ids: BTreeSet<_> = first.each("id").into_iter().chain(second.each("id")).collect();
    assert_eq!((ids.len(), &second.body["next"]), (3, &Value::Null));
}

#[tokio::test]
async fn the_quarantine_is_walked_by_cursor_and_a_numbered_page_is_still_found() {
    let annals = Installation::new().await;
    for number in 0..5 {
        annals.post("/events/salesforce", format!("[{number}, {}]", created(number, "A"))).await;
    }
    let (mut walked, mut next) = (Vec::new(), Some("/quarantine?page_size=2&cursor=".to_owned()));
    while let Some(path) = next {
        let page = annals.get(&path).await;
        assert_eq!(page.body["previous"], Value::Null);
        walked.extend(page.each("id"));
        next = page.body["next"].as_str().map(str::to_owned);
    }
    assert_eq!(walked.len(), 5);
    let second = annals.get("/quarantine?page_size=2&page=2").await;
    assert_eq!(second.each("id"), walked[2..4]);
    assert_eq!(second.body["previous"], json!("/quarantine?page_size=2&page=1"));
    let third = annals.get(second.body["next"].as_str().unwrap()).await;
    assert_eq!(third.each("id"), walked[4..]);
    let behind = annals.get("/quarantine?page_size=2&page=9").await;
    assert_eq!((behind.each("id").len(), &behind.body["count"]), (0, &json!(5)));
    let of_all = annals.get("/quarantine?page_size=2").await;
    let cursor = of_all.body["next"].as_str().unwrap().replace("page_size=2", "page_size=2&state=open");
    for path in ["/quarantine?page=1&cursor=", "/quarantine?page=51&page_size=200", "/quarantine?cursor=x", &cursor] {
        assert_eq!(annals.get(path).await.status, 400, "{path}");
    }
}

#[tokio::test]
async fn an_unknown_quarantine_entry_is_404() {
    let annals = Installation::new().await;
    for (method, path) in
        [("GET", "/quarantine/abc"), ("POST", "/quarantine/abc/redrive"), ("DELETE", "/quarantine/abc")]
    {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let response = annals.send(request).await;
        assert_eq!((response.status, &response.body["type"]), (404, &json!("/problems/not-found")), "{method}");
    }
}
