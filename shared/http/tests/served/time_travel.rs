//! Entities at a moment, one and several.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::installation::{Installation, change, record};

/// Seconds after 20:19:25.
const NAMES: [(u32, &str); 3] = [(0, "Halcyon"), (10, "Halcyon Songs"), (20, "Halcyon Music")];

/// A client that was renamed twice; the second name arrived last.
async fn renamed() -> Installation {
    let annals = Installation::new().await;
    for (second, name) in [NAMES[0], NAMES[2], NAMES[1]] {
        let kind = if second == 0 { "CREATE" } else { "UPDATE" };
        annals.ingest(&[change("Account", kind, 1, second, json!({"Name": name}))]).await;
    }
    annals
}

fn at(second: u32) -> String {
    format!("2024-04-09T20:19:{}Z", 25 + second)
}

#[tokio::test]
async fn an_entity_is_seen_as_it_was_by_the_crms_clock_whatever_arrived_when() {
    let annals = renamed().await;
    for (as_of, name, version) in [
        (at(0), "Halcyon", 1),
        (at(9), "Halcyon", 1),
        (at(10), "Halcyon Songs", 3),
        (at(20), "Halcyon Music", 3),
        ("2024-04-09".to_owned(), "Halcyon Music", 3),
        ("2024-04-09T22:19:36%2B02:00".to_owned(), "Halcyon Songs", 3),
    ] {
        let found = annals.get(&format!("/clients/{}?as_of={as_of}", record(1))).await;
        assert_eq!(
            (found.status, &found.body["name"], &found.body["version"]),
            (200, &json!(name), &json!(version)),
            "{as_of}"
        );
    }
}

#[tokio::test]
async fn an_entity_is_seen_as_it_was_known_at_a_time_and_at_a_version() {
    let annals = renamed().await;
    let history = annals.get(&format!("/clients/{}/history", record(1))).await;
    let recorded = history.each("recorded_at");
    for (version, name) in [(1, "Halcyon"), (2, "Halcyon Music"), (3, "Halcyon Music")] {
        let found = annals.get(&format!("/clients/{}?version={version}", record(1))).await;
        assert_eq!((&found.body["name"], &found.body["version"]), (&json!(name), &json!(version)));
    }
    let known = annals.get(&format!("/clients/{}?known_at={}", record(1), recorded[2])).await;
    assert_eq!(known.body["version"], 3);
    // What was known before the late change arrived, of the time when it was committed.
    if recorded[1] < recorded[2] {
        let path = format!("/clients/{}?known_at={}&as_of={}", record(1), recorded[1], at(15));
        assert_eq!(annals.get(&path).await.body["name"], "Halcyon");
    }
}

#[tokio::test]
async fn before_its_first_event_an_entity_is_404() {
    let annals = renamed().await;
    for (query, reason) in [
        ("as_of=2024-04-09T20:19:24.999Z", "its first event is later"),
        ("known_at=2024-04-09", "its first event is later"),
        ("version=4", "it has no version 4, its newest is 3"),
    ] {
        let found = annals.get(&format!("/clients/{}?{query}", record(1))).await;
        assert_eq!((found.status, &found.body["type"]), (404, &json!("/problems/not-found")), "{query}");
        let detail = format!("no client `{}` at that moment: {reason}", record(1));
        assert_eq!(found.body["detail"], detail, "{query}");
    }
    let unknown = annals.get(&format!("/clients/{}?version=1", record(2))).await;
    assert_eq!((unknown.status, &unknown.body["detail"]), (404, &json!(format!("no client `{}`", record(2)))));
}

#[tokio::test]
async fn before_its_creation_an_entity_waits_for_its_base() {
    let annals = Installation::new().await;
    annals.ingest(&[change("Account", "UPDATE", 1, 5, json!({"Name": "Halcyon"}))]).await;
    annals.ingest(&[change("Account", "CREATE", 1, 10, json!({"Name": "Halcyon"}))]).await;
    let waiting = annals.get(&format!("/clients/{}?version=1", record(1))).await;
    assert_eq!((waiting.status, &waiting.body["type"]), (404, &json!("/problems/awaiting-base")));
    assert_eq!(annals.get(&format!("/clients/{}?version=2", record(1))).await.status, 200);
    let waiting = annals.get(&format!("/clients/{}?as_of={}", record(1), at(9))).await;
    assert_eq!(waiting.body["type"], "/problems/awaiting-base");
}

#[tokio::test]
async fn several_entities_are_seen_at_one_moment_in_the_order_of_their_ids() {
    let annals = renamed().await;
    annals.ingest(&[change("Account", "CREATE", 2, 5, json!({"Name": "Meridian"}))]).await;
    annals.ingest(&[change("Account", "DELETE", 2, 8, json!({}))]).await;
    annals.ingest(&[change("Account", "CREATE", 3, 15, json!({"Name": "Later"}))]).await;
    let ids = [3, 2, 1, 4].map(record).join(",");
    let page = annals.get(&format!("/clients?ids={ids},none&as_of={}", at(12))).await;
    assert_eq!((page.status, page.each("name")), (200, vec!["Meridian".to_owned(), "Halcyon Songs".to_owned()]));
    assert_eq!(page.each("is_deleted"), ["true", "false"]);
    let links = (&page.body["count"], &page.body["next"], &page.body["previous"]);
    assert_eq!(links, (&json!(2), &Value::Null, &Value::Null));
    let too_many = (0..101).map(record).collect::<Vec<_>>().join(",");
    let refused = annals.get(&format!("/clients?ids={too_many}&as_of={}", at(12))).await;
    assert_eq!((refused.status, &refused.body["detail"]), (400, &json!("ids: 101 ids: expected at most 100")));
    assert_eq!(annals.get(&format!("/nonsense?ids=1&as_of={}", at(12))).await.status, 404);
}

#[tokio::test]
async fn several_entities_at_a_moment_may_have_only_some_fields() {
    let annals = renamed().await;
    let path = format!("/clients?ids={}&as_of={}", record(1), at(12));
    let page = annals.get(&format!("{path}&fields=version,name")).await;
    assert_eq!(page.body["results"], json!([{"version": 3, "name": "Halcyon Songs"}]));
    for (fields, expected) in
        [("nonsense", "fields: nonsense: a client has no such field"), ("", "fields: invalid value")]
    {
        let refused = annals.get(&format!("{path}&fields={fields}")).await;
        assert_eq!(refused.status, 400);
        assert!(refused.body["detail"].as_str().unwrap().starts_with(expected), "{}", refused.body);
    }
}

#[tokio::test]
async fn a_moment_may_ask_for_a_version_that_must_be_stored_by_now() {
    let annals = renamed().await;
    let path = |query: &str| format!("/clients/{}?{query}", record(1));
    let at_moment = format!("as_of={}", at(12));
    for moment in [&*at_moment, "version=2", "known_at=2100-01-01", "explain=true"] {
        let plain = annals.get(&path(moment)).await;
        assert_eq!(plain.status, 200, "{moment}");
        assert_eq!(annals.get(&path(&format!("{moment}&min_version=3"))).await.body, plain.body, "{moment}");
        let later = annals.get(&path(&format!("{moment}&min_version=4"))).await;
        let detail = format!("no client `{}` at that moment: it has no version 4, its newest is 3", record(1));
        assert_eq!((later.status, &later.body["detail"]), (404, &json!(detail)), "{moment}");
    }
    let unknown = annals.get(&format!("/clients/{}?version=1&min_version=1", record(2))).await;
    assert_eq!((unknown.status, &unknown.body["detail"]), (404, &json!(format!("no client `{}`", record(2)))));
}

#[tokio::test]
async fn the_tag_of_a_moment_changes_only_if_a_late_event_does_change_it() {
    let annals = renamed().await;
    let path = format!("/clients/{}?as_of={}", record(1), at(12));
    let tag = annals.get(&path).await.header("etag").to_owned();
    let again = || Request::get(&path).header("if-none-match", &tag).body(Body::empty()).unwrap();
    annals.ingest(&[change("Account", "UPDATE", 1, 30, json!({"Name": "Newer"}))]).await;
    assert_eq!(annals.send(again()).await.status, 304);
    annals.ingest(&[change("Account", "UPDATE", 1, 11, json!({"Name": "Late"}))]).await;
    let changed = annals.send(again()).await;
    assert_eq!((changed.status, &changed.body["name"]), (200, &json!("Late")));
}
