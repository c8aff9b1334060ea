//! `audit` with `--target aws`.

use annals_fake_salesforce::FakeSettings;
use serde_json::{Value, json};

use super::installation::Installation;
use crate::connect::FakeOrg;

const HOUR_MS: i64 = 3_600_000;

/// An installation that reads an org of one account, an hour old. Also returns the account's id.
fn connected() -> (Installation, FakeOrg, String) {
    let (mut aws, org) = (Installation::new(), FakeOrg::start());
    let records = org.server.org();
    records.clock().advance(-HOUR_MS);
    let id = records.create("Account", json!({ "Name": "Halcyon Songs" }));
    records.clock().advance(HOUR_MS);
    let FakeSettings { client_id, client_secret, .. } = FakeSettings::default();
    aws.set("ANNALS_SALESFORCE_URL", &org.server.url());
    aws.set("ANNALS_SALESFORCE_CLIENT_ID", &client_id);
    aws.set("ANNALS_SALESFORCE_CLIENT_SECRET", &client_secret);
    (aws, org, id)
}

#[test]
fn an_audit_compares_the_org_with_the_tables_and_the_index_and_repairs() {
    let (aws, _org, id) = connected();
    let differences = || aws.json(&["audit", "clients", "--json"])[0]["different"].clone();
    let expected =
        |fields: Value, document: Value| json!([{ "external_id": id, "fields": fields, "document_fields": document }]);
    assert_eq!(differences(), expected(json!(["*"]), json!([])), "it is not known here");
    let repaired = aws.annals(&["audit", "clients", "--repair"]).exits(1);
    assert!(repaired.stdout.contains("1 differ, 1 repaired"), "{}", repaired.stdout);
    let stored = aws.json(&["history", "client", &id, "--json"]);
    assert_eq!(stored["results"][0]["source"], "backfill", "{stored}");
    assert_eq!(differences(), expected(json!([]), json!(["*"])), "no projection function runs here");
    aws.annals(&["rebuild", "clients", "--known-after", "0"]).exits(0);
    assert_eq!(differences(), json!([]));
    aws.annals(&["audit", "clients"]).exits(0);
}

#[test]
fn without_an_org_it_says_what_to_do() {
    let run = Installation::new().annals(&["audit", "clients"]).exits(2);
    assert!(run.stderr.contains("no CRM is connected"), "{}", run.stderr);
}
