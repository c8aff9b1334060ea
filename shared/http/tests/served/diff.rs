//! What differs between two moments of an entity.

use serde_json::{Value, json};

use crate::installation::{Installation, change, record};

async fn changed() -> Installation {
    let annals = Installation::new().await;
    let first = json!({"Name": "Halcyon", "Account_Status__c": "Active", "Account_Priority__c": "High"});
    annals.ingest(&[change("Account", "CREATE", 1, 0, first)]).await;
    annals.ingest(&[change("Account", "UPDATE", 1, 20, json!({"Name": "Halcyon Music"}))]).await;
    annals
        .ingest(&[change("Account", "UPDATE", 1, 10, json!({"Name": "Halcyon Songs", "Account_Priority__c": null}))])
        .await;
    annals
}

fn path(query: &str) -> String {
    format!("/clients/{}/diff?{query}", record(1))
}

#[tokio::test]
async fn each_field_that_differs_has_both_values_and_the_event_that_set_the_later_one() {
    let annals = changed().await;
    let history = annals.get(&format!("/clients/{}/history", record(1))).await;
    let event = |version: usize, second: u32| {
        let event = &history.body["results"][version - 1];
        let timestamp = format!("2024-04-09T20:19:{}Z", 25 + second);
        json!({"event_id": event["event_id"], "version": version, "timestamp": timestamp, "user": "005Qz000001abcDIAQ", "source": "cdc"})
    };
    let found = annals.get(&path("from=2024-04-09T20:19:25Z")).await;
    let expected = json!({
        "from": "2024-04-09T20:19:25Z",
        "to": "version:3",
        "changes": {
            "name": {"from": "Halcyon", "to": "Halcyon Music", "set_by": event(2, 20)},
            "priority": {"from": "High", "to": null, "set_by": event(3, 10)},
        },
    });
    assert_eq!((found.status, &found.body), (200, &expected));
    let between = annals.get(&path("from=version:2&to=2024-04-09T20:19:35Z")).await;
    assert_eq!(between.body["changes"]["name"]["to"], "Halcyon Songs");
    assert_eq!(between.body["changes"]["name"]["set_by"], event(3, 10));
}

#[tokio::test]
async fn two_equal_moments_have_no_changes() {
    let annals = changed().await;
    for query in ["from=version:3", "from=2024-04-09T20:19:45Z", "from=version:2&to=version:2"] {
        assert_eq!(annals.get(&path(query)).await.body["changes"], json!({}), "{query}");
    }
}

#[tokio::test]
async fn before_the_first_event_every_field_is_null() {
    let annals = changed().await;
    let found = annals.get(&path("from=2024-04-08&to=version:1")).await;
    assert_eq!(found.body["changes"]["status"]["from"], Value::Null);
    assert_eq!(found.body["changes"]["status"]["to"], "Active");
    assert_eq!(found.body["changes"]["id"]["set_by"], Value::Null);
    let nothing = annals.get(&path("from=version:1&to=2024-04-08")).await;
    assert_eq!((nothing.status, &nothing.body["type"]), (404, &json!("/problems/not-found")));
    assert_eq!(annals.get(&path("from=version:4")).await.status, 404);
    assert_eq!(annals.get(&format!("/clients/{}/diff?from=version:1", record(2))).await.status, 404);
}
