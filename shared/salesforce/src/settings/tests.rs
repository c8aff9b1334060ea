//! Which environments are settings, and what is said of the others.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::*;

const ORG: &str = "https://example.my.salesforce.com";

struct OneSecret;

#[async_trait]
impl SecretSource for OneSecret {
    async fn secret(&self, arn: &str) -> Result<SecretString, String> {
        if arn.ends_with(":consumer") {
            Ok(" from-the-vault\n".to_owned().into())
        } else {
            Err("no such secret".to_owned())
        }
    }
}

/// No setting of these tests waits for anything.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("nothing to wait for"),
    }
}

fn read(values: &[(&str, &str)]) -> Result<Option<SalesforceSettings>, SettingsError> {
    let variable = |name: &str| values.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
    now(SalesforceSettings::read(variable, &OneSecret))
}

#[track_caller]
fn problems(values: &[(&str, &str)], expected: &[&str]) {
    assert_eq!(read(values).err().map(|error| error.0).unwrap_or_default(), expected, "{values:?}");
}

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut values = vec![(URL, ORG), (CLIENT_ID, "3MVG9"), (CLIENT_SECRET, "the-secret")];
    for (name, value) in more {
        values.retain(|(other, _)| other != name);
        values.push((name, value));
    }
    values
}

#[test]
fn without_any_setting_no_org_is_connected() {
    assert!(read(&[]).unwrap().is_none());
    assert!(read(&[(URL, " "), (CLIENT_SECRET, "")]).unwrap().is_none());
    assert!(read(&[(API_VERSION, "66.0"), (QUOTA_SHARE, "50")]).unwrap().is_none());
}

#[test]
fn the_defaults_are_a_pinned_version_and_half_of_the_quota() {
    let settings = read(&with(&[])).unwrap().unwrap();
    assert_eq!((settings.api_version.as_str(), settings.quota_share.percent()), ("62.0", 50));
    assert_eq!(settings.url.as_str(), ORG);
}

#[test]
fn all_problems_are_reported_at_once() {
    problems(
        &[(CLIENT_ID, "3MVG9"), (QUOTA_SHARE, "0"), (API_VERSION, "new")],
        &[
            "ANNALS_SALESFORCE_URL is not set",
            "invalid value `new` of ANNALS_SALESFORCE_API_VERSION: expected 50.0 or later, such as 62.0",
            "invalid value `0` of ANNALS_SALESFORCE_QUOTA_SHARE: expected a percentage, 1 to 100",
            "neither ANNALS_SALESFORCE_CLIENT_SECRET nor ANNALS_SALESFORCE_USERNAME and \
             ANNALS_SALESFORCE_PRIVATE_KEY_FILE are set: no credentials",
        ],
    );
}

#[test]
fn one_kind_of_credentials_is_expected_and_whole() {
    const BOTH: &str = "ANNALS_SALESFORCE_CLIENT_SECRET is set beside ANNALS_SALESFORCE_USERNAME or \
                        ANNALS_SALESFORCE_PRIVATE_KEY_FILE: expected one kind of credentials";
    problems(&with(&[(USERNAME, "u@example.com")]), &[BOTH]);
    let without_secret = |more: &'static [(&'static str, &'static str)]| {
        with(more).into_iter().filter(|(name, _)| *name != CLIENT_SECRET).collect::<Vec<_>>()
    };
    problems(
        &without_secret(&[(USERNAME, "u@example.com")]),
        &["ANNALS_SALESFORCE_PRIVATE_KEY_FILE is not set, and ANNALS_SALESFORCE_USERNAME is"],
    );
    problems(
        &without_secret(&[(PRIVATE_KEY_FILE, "key.pem")]),
        &["ANNALS_SALESFORCE_USERNAME is not set, and ANNALS_SALESFORCE_PRIVATE_KEY_FILE is"],
    );
}

#[track_caller]
fn url(text: &str, expected: Result<&str, &str>) {
    let parsed = OrgUrl::parse(text);
    assert_eq!(parsed.as_ref().map(OrgUrl::as_str).map_err(String::as_str), expected, "{text}");
}

#[test]
fn plain_http_is_for_loopback_only() {
    url("http://127.0.0.1:9000", Ok("http://127.0.0.1:9000"));
    url("http://[::1]:9000/", Ok("http://[::1]:9000"));
    url("http://localhost:9000", Ok("http://localhost:9000"));
    let plain = Err("plain http is allowed for loopback addresses only: use https");
    url("http://example.my.salesforce.com", plain);
    url("http://127.0.0.1.example.com", plain);
    url("http://10.0.0.1", plain);
}

#[test]
fn the_url_is_a_domain_and_nothing_else() {
    const EXPECTED: &str = "expected the org's domain, such as https://example.my.salesforce.com";
    url("https://example.my.salesforce.com/", Ok(ORG));
    url("ftp://example.my.salesforce.com", Err(EXPECTED));
    url("https://me:pass@example.my.salesforce.com", Err(EXPECTED));
    url("https://example.my.salesforce.com?x=1", Err(EXPECTED));
    url(
        "https://example.my.salesforce.com/services",
        Err("it has the path `/services`; expected the org's domain, such as https://example.my.salesforce.com"),
    );
}

#[test]
fn a_version_is_read_with_and_without_its_letter() {
    let version = |text: &str| ApiVersion::parse(text).map(|version| version.as_str().to_owned()).ok();
    assert_eq!(["v66.0", "66", "66.0"].map(version), [const { Some("66.0") }; 3].map(|it| it.map(str::to_owned)));
    assert_eq!(["49.0", "66.1", "", "v", "latest"].map(version), [const { None }; 5]);
}

#[test]
fn an_arn_stands_for_the_secret_it_names() {
    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:consumer";
    let settings = read(&with(&[(CLIENT_SECRET, ARN)])).unwrap().unwrap();
    let Credentials::ClientSecret(secret) = settings.credentials else { panic!("a client secret was given") };
    assert_eq!(secret.expose_secret(), "from-the-vault");
    problems(
        &with(&[(CLIENT_SECRET, "arn:aws:secretsmanager:eu-west-1:111122223333:secret:other")]),
        &["`arn:aws:secretsmanager:eu-west-1:111122223333:secret:other` of ANNALS_SALESFORCE_CLIENT_SECRET cannot be \
           read: no such secret"],
    );
}

#[test]
fn no_secret_is_ever_shown() {
    let settings = read(&with(&[])).unwrap().unwrap();
    assert!(!format!("{settings:?}").contains("the-secret"));
    let error = read(&with(&[(URL, "x")])).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("the-secret"));
}
