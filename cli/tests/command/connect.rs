//! `connect salesforce`, and what `doctor` says of the org, against an org in memory.

use std::process::Command;
use std::sync::Arc;

use annals_application::system::SystemClock;
use annals_fake_salesforce::demo::{ORG_ID, objects};
use annals_fake_salesforce::{ApiQuotas, FakeSalesforce, FakeSettings, Org, OrgClock};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::changes::created;
use crate::folder::{Folder, Run};

pub(crate) struct FakeOrg {
    pub(crate) server: FakeSalesforce,
    _runtime: Runtime,
}

impl FakeOrg {
    pub(crate) fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let org = Org::new(ORG_ID, OrgClock::following(Arc::new(SystemClock)), objects());
        let server = runtime.block_on(FakeSalesforce::start(org, FakeSettings::default())).unwrap();
        Self { server, _runtime: runtime }
    }

    fn command(&self, folder: &Folder, arguments: &[&str], secret: &str) -> Command {
        let mut command = folder.command(arguments);
        command.env("ANNALS_SALESFORCE_URL", self.server.url());
        command.env("ANNALS_SALESFORCE_CLIENT_ID", FakeSettings::default().client_id);
        command.env("ANNALS_SALESFORCE_CLIENT_SECRET", secret);
        command
    }

    fn run(&self, folder: &Folder, arguments: &[&str]) -> Run {
        Run::of(self.command(folder, arguments, &FakeSettings::default().client_secret).output().unwrap())
    }
}

/// The verdict of each check that is not ok, with what was found.
fn not_ok(report: &Value) -> Vec<(String, String, String)> {
    let text = |check: &Value, key: &str| check[key].as_str().unwrap().to_owned();
    let checks = report["checks"].as_array().unwrap().iter().filter(|check| check["verdict"] != "ok");
    checks.map(|check| (text(check, "check"), text(check, "verdict"), text(check, "found"))).collect()
}

fn report(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap()
}

#[test]
fn a_well_prepared_org_passes_every_check() {
    let (folder, org) = (Folder::new(), FakeOrg::start());
    let run = org.run(&folder, &["connect", "salesforce", "--json"]).exits(0);
    let report = report(&run);
    assert_eq!(not_ok(&report), []);
    let names: Vec<_> = report["checks"].as_array().unwrap().iter().map(|it| it["check"].as_str().unwrap()).collect();
    assert_eq!(&names[..3], ["salesforce credentials", "salesforce API version", "salesforce quota"]);
    assert!(names.contains(&"Account fields") && names.contains(&"Platform__c changes"), "{names:?}");
    let table = org.run(&folder, &["connect", "salesforce"]).exits(0).stdout;
    assert!(table.contains("Account changes") && table.contains("captured"), "{table}");
}

#[test]
fn what_is_missing_is_named_with_what_to_do() {
    let (folder, org) = (Folder::new(), FakeOrg::start());
    org.server.org().set_readable("Account", "Account_Priority__c", false);
    org.server.org().remove_object("Platform__c");
    org.server.org().select_for_capture(&["Account", "Opportunity", "Contract", "Product2"]);
    org.server.set_quotas(ApiQuotas { calls_used: 60_000, ..ApiQuotas::default() });
    let run = org.run(&folder, &["connect", "salesforce", "--json"]).exits(1);
    let owned = |(name, verdict, found): (&str, &str, &str)| (name.to_owned(), verdict.to_owned(), found.to_owned());
    let found: Vec<_> = not_ok(&report(&run)).into_iter().filter(|(name, ..)| name != "salesforce quota").collect();
    assert_eq!(
        found,
        [
            ("Account fields", "warning", "not there, or hidden from this user: Account_Priority__c"),
            ("Platform__c fields", "wrong", "Platform__c does not exist, or this user may not read it"),
            ("Platform__c changes", "warning", "not captured"),
            ("OpportunityLineItem changes", "warning", "not captured"),
        ]
        .map(owned)
    );
    assert!(run.stdout.contains("ANNALS_SALESFORCE_QUOTA_SHARE is this share"), "{}", run.stdout);
}

#[test]
fn a_wrong_secret_is_a_check_of_its_own_in_connect_and_in_doctor() {
    let (folder, org) = (Folder::new(), FakeOrg::start());
    folder.file("in.json", created(1).to_string());
    folder.annals(&["ingest", "in.json"]).exits(0);
    for arguments in [&["connect", "salesforce", "--json"] as &[&str], &["doctor", "--json"]] {
        let run = Run::of(org.command(&folder, arguments, "not-the-secret").output().unwrap()).exits(1);
        let found = not_ok(&report(&run));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].0.as_str(), found[0].1.as_str()), ("salesforce credentials", "wrong"));
        assert!(found[0].2.contains("check ANNALS_SALESFORCE_CLIENT_SECRET"), "{found:?}");
        assert!(!run.stdout.contains("not-the-secret") && !run.stderr.contains("not-the-secret"));
    }
    assert!(org.run(&folder, &["doctor"]).exits(0).stdout.contains("grants a token"));
}

#[test]
fn an_org_that_is_not_configured_or_not_there_is_told() {
    let folder = Folder::new();
    folder
        .annals(&["connect", "salesforce"])
        .exits(2)
        .prints(&["ANNALS_SALESFORCE_URL is not set", "docs/salesforce.md"]);
    let mut command = folder.command(&["connect", "salesforce"]);
    command.env("ANNALS_SALESFORCE_URL", "http://example.com");
    Run::of(command.output().unwrap()).exits(2).prints(&[
        "plain http is allowed for loopback addresses only",
        "ANNALS_SALESFORCE_CLIENT_ID is not set",
        "no credentials",
    ]);
    folder.annals(&["connect", "hubspot"]).exits(2);
}
