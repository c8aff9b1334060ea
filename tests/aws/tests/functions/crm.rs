//! The backfill function reads an org over HTTP, with a secret of Secrets Manager, within its timeout.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use annals_application::system::SystemClock;
use annals_aws_tests::functions::payloads::{Caller, of_file, request};
use annals_aws_tests::functions::{Deployment, Function, Mapping, deliver};
use annals_fake_salesforce::demo::{ORG_ID, Sizes, objects, seed};
use annals_fake_salesforce::{FakeSalesforce, FakeSettings, Org, OrgClock};
use annals_lambda::telemetry::AUDIT_DIFFERENCES;
use annals_services::{Proxy, dynamodb_endpoint, moto_endpoint, sdk_config, unique_name};
use aws_sdk_secretsmanager::Client;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::{clients, get};

const ACCOUNTS: usize = 60;
/// Less than the template's, so that one invocation is not enough.
const TIMEOUT: Duration = Duration::from_secs(5);
/// A killed process keeps its lease until its deadline and five seconds more.
const LEASE: Duration = Duration::from_secs(9);

/// A record is read again half a minute after its event.
const REFETCH_DELAY: Duration = Duration::from_secs(31);

/// A deployment that reads an org of some accounts.
struct Connected {
    deployment: Deployment,
    org: FakeSalesforce,
    backfill: Function,
}

impl Connected {
    async fn new(variables: &[(&str, &str)]) -> Self {
        let (deployment, settings) = (Deployment::new().await, FakeSettings::default());
        let org = Org::new(ORG_ID, OrgClock::following(Arc::new(SystemClock)), objects());
        seed(&org, Sizes { accounts: ACCOUNTS }, 7);
        let org = FakeSalesforce::start(org, settings.clone()).await.unwrap();
        let secrets = Client::new(&sdk_config(&moto_endpoint()));
        let secret = secrets.create_secret().name(unique_name("crm")).secret_string(&settings.client_secret);
        let arn = secret.send().await.unwrap().arn.unwrap();
        let set = [
            ("ANNALS_SALESFORCE_URL", org.url()),
            ("ANNALS_SALESFORCE_CLIENT_ID", settings.client_id),
            ("ANNALS_SALESFORCE_CLIENT_SECRET", arn),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", moto_endpoint()),
        ];
        let backfill = set.iter().fold(deployment.backfill(), |function, (name, value)| function.with(name, value));
        let backfill = variables.iter().fold(backfill, |function, (name, value)| function.with(name, value));
        Self { deployment, org, backfill: backfill.within(TIMEOUT) }
    }

    /// The function as the schedule invokes it each minute.
    async fn minute(&self) -> Value {
        self.backfill.invoke(&of_file("backfill/schedule.json")).await.value()
    }

    async fn status(&self) -> Value {
        let status = request("GET", "/events/backfill/clients/status", Caller::Admin, None);
        self.backfill.invoke_with(&status).await.http().1
    }

    /// Invokes it until nothing is left to be read.
    async fn until_idle(&self) {
        while self.minute().await["crm"]["backfill"]
            != json!({"read": 0, "finished": 0, "unfinished": 0, "stopped": []})
        {}
    }

    /// Projects what is stored.
    async fn project(&self) {
        let records = self.deployment.stream().await.read().await;
        let delivered = deliver(&records, &self.deployment.projection(), Mapping::of(100)).await;
        assert_eq!(delivered.done, records.len());
    }

    /// The names of all clients, by their ids.
    async fn names(&self) -> BTreeMap<String, Value> {
        let shown = clients(&self.deployment, &self.deployment.query()).await;
        shown.into_iter().map(|(id, client)| (id, client["name"].clone())).collect()
    }

    /// Reads all clients in two pages.
    async fn read_all(&self) {
        let body = json!({ "page_size": ACCOUNTS / 2 }).to_string();
        let asked = request("POST", "/events/backfill/clients", Caller::Admin, Some(&body));
        assert_eq!(self.backfill.invoke_with(&asked).await.http().0, 202);
        self.until_idle().await;
    }

    fn expected(&self) -> BTreeMap<String, Value> {
        let org = self.org.org();
        let name = |id: &str| org.record("Account", id).unwrap()["Name"].clone();
        org.ids("Account").into_iter().map(|id| (id.clone(), name(&id))).collect()
    }

    async fn audits(&self) -> Value {
        get(&self.deployment.query(), "/health").await.1["audits"].clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_is_read_in_parts_survives_a_kill_and_is_what_the_org_has() {
    let connected = Connected::new(&[]).await;
    let body = json!({ "page_size": 2 }).to_string();
    let asked = request("POST", "/events/backfill/clients", Caller::Admin, Some(&body));
    let (status, job) = connected.backfill.invoke_with(&asked).await.http();
    assert_eq!((status, &job["state"]), (202, &json!("queued")), "{job}");
    // Killed while it reads.
    let killed = timeout(Duration::from_millis(400), connected.minute()).await;
    connected.backfill.stop().await;
    assert!(killed.is_err(), "it was to be killed in the middle: {killed:?}");
    sleep(LEASE).await;
    connected.until_idle().await;
    let done = connected.status().await;
    assert_eq!(done["reason"], format!("complete: {ACCOUNTS} records at the CRM, 0 here, 0 not stored"), "{done}");
    connected.project().await;
    assert_eq!(connected.names().await, connected.expected());
    let pages = connected.org.requests();
    assert!(pages.iter().filter(|it| it.contains("/query")).count() >= ACCOUNTS / 2, "pages of two: {pages:?}");
}

/// Of the events table, which also tells which ids of the CRM have no stream: one request for all of them.
#[tokio::test(flavor = "multi_thread")]
async fn only_a_first_backfill_asks_which_records_have_events() {
    let proxy = Proxy::start(&dynamodb_endpoint());
    let connected = Connected::new(&[("AWS_ENDPOINT_URL_DYNAMODB", &proxy.endpoint())]).await;
    let reads = |operation: &str| {
        let of_events = |body: &[u8]| String::from_utf8_lossy(body).contains(&connected.deployment.events_table);
        let requests = proxy.requests();
        requests.iter().filter(|it| it.operation() == Some(operation) && of_events(&it.body)).count()
    };
    connected.read_all().await;
    assert_eq!((reads("BatchGetItem"), reads("Query")), (2 + 1, 0));
    proxy.clear();
    connected.read_all().await;
    assert_eq!(reads("BatchGetItem"), 1);
    assert!(reads("Query") >= ACCOUNTS, "{}", reads("Query"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_is_read_again_by_the_next_minutes() {
    let mut connected = Connected::new(&[]).await;
    connected.backfill = connected.backfill.within(Duration::from_secs(60));
    let org = connected.org.org();
    let id = org.ids("Account").remove(0);
    org.raise_gaps(true);
    org.update("Account", &id, json!({ "Name": "Renamed in a gap" }));
    let ingest = connected.deployment.ingest();
    for event in org.take_events() {
        assert_eq!(ingest.invoke(&event).await.value(), Value::Null);
    }
    connected.project().await;
    assert_eq!(connected.minute().await["crm"]["refetch"]["finished"], 0, "the change itself may still come");
    sleep(REFETCH_DELAY).await;
    assert_eq!(connected.minute().await["crm"]["refetch"]["finished"], 1);
    connected.project().await;
    assert_eq!(connected.names().await[&id], "Renamed in a gap");
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_request_reads_and_audits_which_the_minutes_do() {
    let connected = Connected::new(&[("ANNALS_SYNC", "contracts=1h")]).await;
    let first = connected.minute().await;
    assert_eq!(first["crm"]["scheduled"], 1, "contracts have an interval: {first}");
    let requested = connected.backfill.invoke(r#"{"schedule":"refresh"}"#).await.value();
    // That of contracts may have ended already.
    assert!(requested["requested"].as_u64().is_some_and(|objects| (5..=6).contains(&objects)), "{requested}");
    connected.until_idle().await;
    connected.project().await;
    assert_eq!(connected.audits().await, json!([]));

    // A formula changes, which no event tells.
    let id = connected.org.org().ids("Account").remove(0);
    connected.org.org().recalculate("Account", &id, json!({ "Orfium_SSO_ID_Comp__c": "later" }));
    let requested = connected.backfill.invoke(r#"{"schedule":"audit","sample":0}"#).await.value();
    assert_eq!(requested, json!({ "requested": 6 }));
    let (mut ended, mut lines) = (0, Vec::new());
    while ended < 6 {
        let minute = connected.backfill.invoke(&of_file("backfill/schedule.json")).await;
        ended += minute.value()["crm"]["audit"]["finished"].as_u64().unwrap();
        lines = minute.lines;
    }
    sleep(Duration::from_secs(10)).await;
    let audits = connected.audits().await;
    let account = audits.as_array().unwrap().iter().find(|audit| audit["entity_name"] == "Account").unwrap();
    assert_eq!((&account["compared"], &account["different"]), (&json!(ACCOUNTS), &json!(1)), "{audits}");
    let metric = format!("\"{AUDIT_DIFFERENCES}\":1.0");
    assert!(lines.iter().any(|line| line.contains(&metric)), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_of_a_type_that_is_not_there_is_refused_at_the_start() {
    let connected = Connected::new(&[("ANNALS_SYNC", "leads=1h")]).await;
    let refused = connected.backfill.invoke("{}").await;
    assert!(refused.outcome.is_err());
    let message =
        "ANNALS_SYNC: invalid name `leads` in the sync: expected a connected CRM, or an entity type that it has";
    assert!(refused.errors.contains(message), "{}", refused.errors);
}
