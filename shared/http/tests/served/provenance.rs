//! What is behind each value of an entity.

use serde_json::{Value, json};

use crate::installation::{Installation, change, record};

#[tokio::test]
async fn each_field_names_its_event_its_source_and_the_raw_value() {
    let annals = Installation::new().await;
    let first = json!({"Name": "Halcyon", "BillingAddress": {"Country": "GR"}, "Business_Type__c": "Label;Publisher"});
    annals.ingest(&[change("Account", "CREATE", 1, 0, first)]).await;
    annals.ingest(&[change("Account", "UPDATE", 1, 10, json!({"Name": "Halcyon Songs"}))]).await;
    let path = format!("/clients/{}", record(1));
    let history = annals.get(&format!("{path}/history")).await;
    let found = annals.get(&format!("{path}?explain=true")).await;
    let explain = &found.body["explain"];
    let event = &history.body["results"][1];
    let expected = json!({
        "event_id": event["event_id"], "version": 2, "position": event["position"], "timestamp": "2024-04-09T20:19:35Z",
        "user": "005Qz000001abcDIAQ", "source": "cdc", "operation": "copy", "provider_field": "Name",
        "raw_value": "Halcyon Songs",
    });
    assert_eq!((found.status, &explain["name"]), (200, &expected));
    assert_eq!(explain["business_types"]["operation"], "split");
    assert_eq!(explain["business_types"]["raw_value"], "Label;Publisher");
    assert_eq!(
        (&explain["billing_country"]["raw_value"], &explain["billing_country"]["version"]),
        (&json!("GR"), &json!(1))
    );
    assert_eq!((&explain["id"]["event_id"], &explain["id"]["raw_value"]), (&Value::Null, &json!(record(1))));
    // The rest of the response is the entity, with one explanation a field.
    let plain = annals.get(&path).await.body;
    let mut rest = found.body.clone();
    rest.as_object_mut().unwrap().shift_remove("explain");
    assert_eq!(rest, plain);
    assert!(explain.as_object().unwrap().keys().all(|field| plain.get(field).is_some()));
}

#[tokio::test]
async fn the_past_is_explained_too() {
    let annals = Installation::new().await;
    annals.ingest(&[change("Account", "CREATE", 1, 0, json!({"Name": "A"}))]).await;
    annals.ingest(&[change("Account", "UPDATE", 1, 10, json!({"Name": "B"}))]).await;
    for (query, version, raw) in [("version=1", 1, "A"), ("as_of=2024-04-09T20:19:34Z", 1, "A"), ("version=2", 2, "B")]
    {
        let found = annals.get(&format!("/clients/{}?{query}&explain=true", record(1))).await;
        let name = &found.body["explain"]["name"];
        assert_eq!((&name["version"], &name["raw_value"]), (&json!(version), &json!(raw)), "{query}");
    }
}

#[tokio::test]
async fn an_object_without_a_definition_is_explained_by_its_own_fields() {
    let annals = Installation::new().await;
    annals.ingest(&[change("Invoice__c", "CREATE", 1, 1, json!({"Total__c": 12.50}))]).await;
    let found = annals.get(&format!("/invoice__c/{}?explain=true", record(1))).await;
    let total = &found.body["explain"]["Total__c"];
    assert_eq!((&total["operation"], &total["provider_field"]), (&json!("copy"), &json!("Total__c")));
    assert_eq!(total["raw_value"].to_string(), "12.5");
}
