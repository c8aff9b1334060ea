//! The order and the filters of a history.

use serde_json::{Value, json};

use crate::installation::{Installation, change, record};

/// Five versions: odd ones change the name, even ones the priority.
async fn changed() -> Installation {
    let annals = Installation::new().await;
    annals.ingest(&[change("Account", "CREATE", 1, 1, json!({"Name": "A1", "Account_Status__c": "Active"}))]).await;
    for second in 2..=5 {
        let field = if second % 2 == 0 { "Account_Priority__c" } else { "Name" };
        annals.ingest(&[change("Account", "UPDATE", 1, second, json!({field: format!("A{second}")}))]).await;
    }
    annals
}

#[tokio::test]
async fn a_history_is_read_backwards_page_by_page() {
    let annals = changed().await;
    let path = format!("/clients/{}/history", record(1));
    let first = annals.get(&format!("{path}?order=desc&page_size=2")).await;
    assert_eq!((first.each("version"), &first.body["count"]), (vec!["5".to_owned(), "4".to_owned()], &json!(5)));
    assert_eq!(first.body["results"][0]["changes"], json!({"name": {"from": "A3", "to": "A5"}}));
    let second = annals.get(first.body["next"].as_str().unwrap()).await;
    assert_eq!(
        (second.each("version"), &second.body["previous"]),
        (vec!["3".to_owned(), "2".to_owned()], &json!(format!("{path}?order=desc&page_size=2&page=1")))
    );
    let last = annals.get(second.body["next"].as_str().unwrap()).await;
    assert_eq!((last.each("version"), &last.body["next"]), (vec!["1".to_owned()], &Value::Null));
}

#[tokio::test]
async fn a_history_has_only_the_events_that_changed_a_field() {
    let annals = changed().await;
    let path = format!("/clients/{}/history", record(1));
    for (query, versions) in [
        ("field=name", vec!["1", "3", "5"]),
        ("field=priority&order=desc", vec!["4", "2"]),
        ("field=priority,status", vec!["1", "2", "4"]),
        ("field=billing_country", vec![]),
        ("field=name&from_date=2024-04-09T20:19:27Z&to_date=2024-04-09T20:19:28Z", vec!["3"]),
    ] {
        let page = annals.get(&format!("{path}?{query}")).await;
        assert_eq!(
            (page.each("version"), &page.body["count"], &page.body["next"]),
            (versions.iter().map(|version| (*version).to_owned()).collect(), &Value::Null, &Value::Null),
            "{query}"
        );
    }
    let first = annals.get(&format!("{path}?field=name&page_size=2")).await;
    let second = annals.get(first.body["next"].as_str().unwrap()).await;
    assert_eq!((first.each("version").len(), second.each("version")), (2, vec!["5".to_owned()]));
    let unknown = annals.get(&format!("{path}?field=name,colour")).await;
    assert_eq!((unknown.status, &unknown.body["errors"][0]["field"]), (400, &json!("field")));
    assert!(unknown.body["detail"].as_str().unwrap().contains("a client has no field `colour`: expected id, name"));
}

#[tokio::test]
async fn an_event_that_arrived_late_is_in_its_dates_however_many_events_came_before_it() {
    let annals = Installation::new().await;
    let named = |second: u32| change("Account", "UPDATE", 1, second, json!({"Name": format!("A{second}")}));
    annals.ingest(&[change("Account", "CREATE", 1, 1, json!({"Name": "A1"}))]).await;
    annals.ingest(&(10..=160).map(named).collect::<Vec<_>>()).await;
    annals.ingest(&[change("Account", "UPDATE", 1, 5, json!({"Account_Priority__c": "High"}))]).await;
    let path = format!("/clients/{}/history", record(1));
    for (query, versions) in [
        ("from_date=2024-04-09T20:19:29Z&to_date=2024-04-09T20:19:31Z", vec!["153"]),
        ("from_date=2024-04-09T20:19:29Z&to_date=2024-04-09T20:19:31Z&order=desc", vec!["153"]),
        ("from_date=2024-04-09T20:19:29Z&to_date=2024-04-09T20:19:36Z", vec!["2", "3", "153"]),
        ("from_date=2024-04-09T20:22:05Z", vec!["152"]),
        ("from_date=2024-04-09T20:22:06Z", vec![]),
        ("from_date=2024-04-09T20:19:26Z&field=priority", vec!["153"]),
    ] {
        let page = annals.get(&format!("{path}?{query}")).await;
        assert_eq!(
            (page.status, page.each("version")),
            (200, versions.into_iter().map(str::to_owned).collect()),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_page_by_date_of_no_entity_is_404_and_by_an_unknown_field_400() {
    let annals = changed().await;
    let from = "history?from_date=2024-04-09";
    assert_eq!(annals.get(&format!("/clients/{}/{from}", record(2))).await.status, 404);
    assert_eq!(annals.get(&format!("/clients/{}/{from}&field=none", record(1))).await.status, 400);
    assert_eq!(annals.get(&format!("/clients/{}/{from}&cursor=x", record(1))).await.status, 400);
}
